// regulus bench NAME: how fast is a model here?
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

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
    double seconds = 3;
    bool json = false;
};

void bench(const Options& options) {
    const regulus::ModelSpec& model = model_named(options.model);
    regulus::InputSize size;
    default_size(model, size.height, size.width);
    if (!options.size.empty()) parse_size(options.size, size.height, size.width);
    size.n = options.batch;
    const regulus::Graph graph = regulus::recorded(model);
    regulus::CompileOptions compile;
    compile.threads = options.threads;
    const regulus::Program program(*make_backend(options.device), graph, regulus::to_regulus(load_weights(model, options.weights), graph), compile);
    const std::vector<regulus::Tensor> inputs = noise_inputs(graph, size);
    regulus::Context context;

    using clock = std::chrono::steady_clock;
    const auto run_once = [&] {
        const auto start = clock::now();
        program.run(context, inputs);
        return std::chrono::duration<double, std::milli>(clock::now() - start).count();
    };
    const double first = run_once();  // plans, touches memory
    std::vector<double> times;
    double sum = 0;
    while (times.size() < 3 || (sum < 1000 * options.seconds && times.size() < 100000)) {
        times.push_back(run_once());
        sum += times.back();
    }
    std::sort(times.begin(), times.end());
    const double median = times[times.size() / 2];

    std::int64_t macs = 0;
    const std::vector<regulus::Shape> shapes = regulus::infer_shapes(graph, size);
    for (const regulus::Node& node : graph.nodes) macs += regulus::cost_of(graph, node, shapes).macs;
    const regulus::MemoryReport memory = program.memory(size);
    char text[1024];
    if (options.json) {
        std::snprintf(text, sizeof text,
                      "{\"model\": \"%s\", \"device\": \"%s\", \"batch\": %d, \"height\": %d, \"width\": %d, \"threads\": %d, \"runs\": %zu, \"first_ms\": %.3f, \"min_ms\": %.3f, "
                      "\"median_ms\": %.3f, \"max_ms\": %.3f, \"pictures_per_s\": %.3f, \"macs\": %lld, \"arena_bytes\": %zu, \"weight_bytes\": %zu}\n",
                      model.name.c_str(), options.device.c_str(), size.n, size.height, size.width, options.threads, times.size(), first, times.front(), median, times.back(), 1000 * size.n / median,
                      static_cast<long long>(macs), memory.arena, memory.weights);
    } else {
        std::snprintf(text, sizeof text,
                      "%s on %s, %d x %d x %d, %s threads\n  first run  %10.2f ms (plans and touches memory)\n  best       %10.2f ms\n  median     %10.2f ms  of %zu runs\n  worst      %10.2f ms\n"
                      "  %10.2f pictures/s, %.1f GFLOP/s (2 x %s multiply-adds, bounded counts taken as full)\n  arena %.1f MiB, weights %.1f MiB\n",
                      model.name.c_str(), options.device.c_str(), size.n, size.height, size.width, options.threads == 0 ? "all" : std::to_string(options.threads).c_str(), first, times.front(), median,
                      times.size(), times.back(), 1000 * size.n / median, 2e-6 * double(macs) / median, thousands(macs).c_str(), double(memory.arena) / 1048576, double(memory.weights) / 1048576);
    }
    print(text);
}

}  // namespace

void add_bench(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("bench", "Measures whole runs of a model on a picture of noise, without decoding and preprocessing.\n"
                                                    "Example: regulus bench mask_rcnn_regnetx-3.2GF_fpn_1x_coco --size 800x1344 --threads 2");
    command->add_option("NAME", options->model, "Model: a zoo name or an unambiguous tail of one")->required();
    command->add_option("--weights", options->weights, "File, seeded[:SALT], or balanced: seeded and kept of order one")->capture_default_str();
    command->add_option("--size", options->size, "Padded picture, HEIGHTxWIDTH (default: the model's largest)");
    command->add_option("--batch", options->batch, "Pictures in a batch")->check(CLI::Range(1, 4096))->capture_default_str();
    command->add_option("--device", options->device, "Backend")->check(CLI::IsMember({"cpu", "reference"}))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
    command->add_option("--seconds", options->seconds, "Least time to measure")->check(CLI::Range(0.0, 3600.0))->capture_default_str();
    command->add_flag("--json", options->json, "One JSON object instead of text");
    command->callback([options] { bench(*options); });
}

}  // namespace tool
