// regulus explain NAME: which kernel runs each node, why, and what share of the time it takes.
#include <memory>
#include <string>

#include <regulus/converters/convert.hpp>

#include "command.hpp"
#include "models.hpp"
#include "noise.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string model;
    std::string weights = "balanced";
    std::string size;
    std::string device = "cpu";
    int batch = 1;
    int threads = 0;
    bool plan_only = false;
};

void explain(const Options& options) {
    const regulus::ModelSpec& model = model_named(options.model);
    regulus::InputSize size;
    default_size(model, size.height, size.width);
    if (!options.size.empty()) parse_size(options.size, size.height, size.width);
    size.n = options.batch;
    const regulus::Graph graph = regulus::recorded(model);
    regulus::CompileOptions compile;
    compile.threads = options.threads;
    const regulus::Program program(*make_backend(options.device), graph, regulus::to_regulus(load_weights(model, options.weights), graph), compile);
    if (options.plan_only) {
        print(program.explain(size));
        return;
    }
    regulus::Context context;
    regulus::Profile profile;
    const std::vector<regulus::Tensor> inputs = noise_inputs(graph, size);
    program.run(context, inputs);  // warms the caches
    program.run(context, inputs, &profile);
    print(program.explain(size, &profile));
}

}  // namespace

void add_explain(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("explain", "Prints for each step of a compiled model: kernel, why it was chosen, memory, share of the time of one run\n"
                                                      "on a picture of noise. Example: regulus explain retinanet_r50_fpn_1x_coco --size 640x640 --threads 2");
    command->add_option("NAME", options->model, "Model: a zoo name or an unambiguous tail of one")->required();
    command->add_option("--weights", options->weights, "File, seeded[:SALT], or balanced: seeded and kept of order one")->capture_default_str();
    command->add_option("--size", options->size, "Padded picture, HEIGHTxWIDTH (default: the model's largest)");
    command->add_option("--batch", options->batch, "Pictures in a batch")->check(CLI::Range(1, 4096))->capture_default_str();
    command->add_option("--device", options->device, "Backend")->check(CLI::IsMember({"cpu", "reference"}))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
    command->add_flag("--plan", options->plan_only, "Do not run: kernels and memory without times");
    command->callback([options] { explain(*options); });
}

}  // namespace tool
