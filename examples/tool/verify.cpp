// regulus verify CASE_DIR...: does Regulus compute what another program computed?
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/pipeline/golden.hpp>
#include <regulus/pipeline/golden_classification.hpp>
#include <regulus/pipeline/golden_points.hpp>
#include <regulus/zoo/classifiers.hpp>

#include "command.hpp"
#include "models.hpp"
#include "picture_detector.hpp"
#include "point_models.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::vector<std::string> folders;
    std::string device = "cpu";
    int threads = 0;
};

int verify(const Options& options) {
    const std::unique_ptr<regulus::Backend> backend = make_backend(options.device);
    regulus::CompileOptions compile;
    compile.threads = options.threads;
    std::size_t failed = 0;
    for (const std::string& folder : options.folders) {
        regulus::GoldenReport report = regulus::is_classification_case(folder) ? regulus::verify_golden_classification(folder, regulus::classifier_models(), *backend, compile)
                                             : regulus::is_point_case(folder)         ? regulus::verify_golden_points(folder, point_models(), *backend, compile)
                                                                                      : regulus::verify_golden_case(folder, models(), *backend, compile);
        if (!regulus::is_classification_case(folder) && !regulus::is_point_case(folder)) {
            if (const std::optional<regulus::GoldenCheck> ways = compare_ways(folder, *backend, compile)) report.checks.push_back(*ways);
        }
        print(coloured(1, report.passed() ? Colour::green : Colour::red, regulus::to_string(report)));
        failed += report.passed() ? 0 : 1;
    }
    if (options.folders.size() > 1) print(std::to_string(options.folders.size() - failed) + " of " + std::to_string(options.folders.size()) + " cases passed on " + options.device + "\n");
    return failed == 0 ? 0 : 1;
}

}  // namespace

void add_verify(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("verify", "Compares Regulus with recorded results of another program, node by node.\n"
                                                     "A case folder holds case.json (model, salt, state dict, pictures), overrides.safetensors and\n"
                                                     "expected.safetensors; write one with your own program to check Regulus against it.\n"
                                                     "For each node: the largest error over the node's standard deviation, and its limit.\n"
                                                     "Example: regulus verify cases/mm_mask_rcnn_r50 --device reference");
    command->add_option("CASE_DIR", options->folders, "Folders of cases")->required();
    command->add_option("--device", options->device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
    command->footer("Exit codes: 0 every case within its limits, 1 a limit is passed, 2 a case cannot be read.");
    command->callback([options, &outcome] { outcome.exit_code = verify(*options); });
}

}  // namespace tool
