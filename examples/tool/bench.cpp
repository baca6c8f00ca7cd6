// regulus bench NAME: how fast is a model here?
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/cpu/parallel.hpp>
#include <regulus/data/mask.hpp>
#include <regulus/graph/passes.hpp>

#include "command.hpp"
#include "models.hpp"
#include "network.hpp"
#include "noise.hpp"
#include "picture_detector.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    NetworkOptions network;
    double seconds = 3;
    std::vector<std::string> outputs;
    std::string from;
    std::vector<std::string> steps;
    bool paste = false;
    bool whole = false;
    bool on_request = false;
    bool json = false;
};

/// The graph that gives the labelled values and nothing else.
regulus::Graph cut_to(regulus::Graph graph, const std::vector<std::string>& labels) {
    const std::size_t own = graph.outputs.size();
    graph = regulus::with_outputs(std::move(graph), labels);
    graph.outputs.erase(graph.outputs.begin(), graph.outputs.begin() + std::ptrdiff_t(own));
    return graph;
}

/// What is measured: the network, or the part of it that the options name, at its size.
struct Subject {
    regulus::Graph graph;
    regulus::InputSize size;
};

Subject subject_of(const Network& network, const Options& options) {
    Subject subject{options.outputs.empty() ? network.graph : cut_to(network.graph, options.outputs), network.size};
    if (options.from.empty()) return subject;
    const regulus::ValueId map = network.graph.find_label(options.from);
    const regulus::Shape shape = map == regulus::no_value ? regulus::Shape{} : regulus::infer_shapes(network.graph, network.size)[std::size_t(map)];
    const bool is_map = shape.rank() == 4;
    subject.graph = regulus::starting_at(std::move(subject.graph), options.from, is_map ? int(shape[1]) : 0);
    if (is_map) {
        subject.size.height = int(shape[2]);
        subject.size.width = int(shape[3]);
        subject.size.points = 0;
    }
    return subject;
}

/// For each step whether its name begins with one of `prefixes`. Throws regulus::ArgumentError for a prefix that begins none.
std::vector<bool> chosen_steps(const std::vector<regulus::Step>& steps, const std::vector<std::string>& prefixes, const std::string& network) {
    std::vector<bool> chosen(steps.size());
    for (const std::string& prefix : prefixes) {
        bool found = false;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            if (steps[i].node.rfind(prefix, 0) == 0) chosen[i] = found = true;
        }
        if (!found) throw regulus::ArgumentError("bench --steps: no step's name begins with \"" + prefix + "\" (regulus explain " + network + " shows all)");
    }
    return chosen;
}

std::string size_text(const regulus::InputSize& size) {
    return std::to_string(size.n) + " x " + (size.points > 0 ? std::to_string(size.points / size.n) + " points" : std::to_string(size.height) + " x " + std::to_string(size.width));
}

bool has_masks(const regulus::Graph& graph) {
    return std::any_of(graph.outputs.begin(), graph.outputs.end(), [](const auto& output) { return output.first == "masks"; });
}

/// Pastes all masks of a run, each as a bitmap of the network's picture, which a thread looks at before it makes the next one.
void paste_all(const regulus::Outputs& outputs, const regulus::InputSize& size, int threads) {
    const regulus::Tensor& maps = outputs["masks"];
    const regulus::Tensor& boxes = outputs["boxes"];
    const int side = int(maps.shape()[1]);
    const std::size_t numbers = std::size_t(side) * std::size_t(side);
    const regulus::cpu::ThreadScope scope(regulus::cpu::thread_count(threads));
    regulus::cpu::parallel_for_dynamic(maps.shape()[0], [&](std::int64_t i) {
        static thread_local regulus::BitMask mask;
        const float* box = boxes.data<float>() + 4 * i;
        mask = regulus::paste_mask({maps.data<float>() + std::size_t(i) * numbers, numbers}, side, {box[0], box[1], box[2], box[3]}, {size.height, size.width}, 0.5f, std::move(mask));
    });
}

/// One run for each line on stdin, so that another program can take turns with this one; a line on stdout for each: a JSON object with the
/// milliseconds, the sum of all outputs' magnitudes and, of a detector, how many boxes it found and the sum of their scores.
void run_on_request(const regulus::Outputs& outputs, const std::function<double()>& run_once) {
    char line[256];
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
        const double ms = run_once();
        double scores = 0, sum = 0;
        std::int64_t found = 0;
        for (const auto& [name, tensor] : outputs.entries()) {
            if (tensor.dtype() != regulus::DType::f32) continue;
            for (std::int64_t i = 0; i < tensor.numel(); ++i) sum += std::fabs(double(tensor.data<float>()[i]));
            if (name != "scores") continue;
            found = tensor.numel();
            for (std::int64_t i = 0; i < found; ++i) scores += double(tensor.data<float>()[i]);
        }
        std::snprintf(line, sizeof line, "{\"ms\": %.4f, \"detections\": %lld, \"score_sum\": %.6f, \"output_sum\": %.9g}\n", ms, static_cast<long long>(found), scores, sum);
        print(line);
    }
}

/// The milliseconds of at least three runs, and of as many as the seconds hold, rising.
std::vector<double> sorted_times(const std::function<double()>& run_once, double seconds) {
    std::vector<double> times;
    double sum = 0;
    while (times.size() < 3 || (sum < 1000 * seconds && times.size() < 100000)) {
        times.push_back(run_once());
        sum += times.back();
    }
    std::sort(times.begin(), times.end());
    return times;
}

/// From a decoded picture of noise to boxes and masks, one picture a call.
void bench_whole(const Options& options) {
    if (!options.outputs.empty() || !options.from.empty() || !options.steps.empty() || options.paste || options.on_request || options.network.batch != 1) {
        throw regulus::ArgumentError("bench --whole measures all of a call: leave out --outputs, --from, --steps, --paste, --on-request and --batch");
    }
    const Entry entry = entry_named(options.network.model);
    if (entry.detector == nullptr) throw regulus::ArgumentError("bench --whole is for detectors of pictures, " + options.network.model + " is none");
    const regulus::ModelSpec& model = *entry.detector;
    const regulus::Graph graph = regulus::recorded(model);
    regulus::CompileOptions compile;
    compile.threads = options.network.threads;
    const PictureDetector detector(*make_backend(options.network.device, options.network.precision), graph, load_weights(graph, model.code_base, options.network.weights), model.facts, compile);
    int height = int(model.facts.preprocessing.short_side), width = int(model.facts.preprocessing.long_side);
    if (!options.network.size.empty()) parse_size(options.network.size, height, width);
    regulus::Image picture(height, width);
    std::uint32_t state = 1;
    for (std::uint8_t& byte : picture.pixels) byte = std::uint8_t((state = state * 1664525u + 1013904223u) >> 24);

    using clock = std::chrono::steady_clock;
    std::size_t found = 0;
    const auto run_once = [&] {
        const auto start = clock::now();
        found = detector(picture).size();
        return std::chrono::duration<double, std::milli>(clock::now() - start).count();
    };
    const double first = run_once();
    run_once();  // a GPU's second run captures
    const std::vector<double> times = sorted_times(run_once, options.seconds);
    const double median = times[times.size() / 2];
    char text[512];
    std::snprintf(text, sizeof text,
                  options.json ? "{\"model\": \"%s\", \"device\": \"%s\", \"precision\": \"%s\", \"whole\": true, \"height\": %d, \"width\": %d, \"objects\": %zu, \"runs\": %zu, \"first_ms\": %.3f, "
                                 "\"min_ms\": %.3f, \"median_ms\": %.3f, \"max_ms\": %.3f}\n"
                               : "%s on %s, %s, from a decoded picture of %dx%d to %zu objects, %zu runs\n  first run  %10.2f ms (plans and touches memory)\n  best       %10.2f ms\n  median     %10.2f ms\n"
                                 "  worst      %10.2f ms\n",
                  model.name.c_str(), options.network.device.c_str(), options.network.precision.c_str(), height, width, found, times.size(), first, times.front(), median, times.back());
    print(text);
}

void bench(const Options& options) {
    if (options.whole) return bench_whole(options);
    const Network network = network_of(options.network);
    const Subject subject = subject_of(network, options);
    const regulus::Graph& graph = subject.graph;
    const regulus::InputSize& size = subject.size;
    if (options.paste && !has_masks(graph)) throw regulus::ArgumentError("bench --paste: " + network.name + " gives no masks" + (options.outputs.empty() ? "" : " with --outputs"));
    const regulus::Program program = program_of(network, graph, options.network);
    const std::vector<regulus::Tensor> inputs = noise_inputs(graph, size, network.cloud);
    const std::vector<bool> chosen = options.steps.empty() ? std::vector<bool>{} : chosen_steps(program.steps(size), options.steps, network.name);
    regulus::Context context;
    regulus::Profile profile;

    using clock = std::chrono::steady_clock;
    regulus::Outputs outputs;
    const auto run_once = [&] {
        const auto start = clock::now();
        outputs = program.run(context, inputs, chosen.empty() ? nullptr : &profile);
        if (options.paste) paste_all(outputs, size, options.network.threads);
        double ms = std::chrono::duration<double, std::milli>(clock::now() - start).count();
        if (!chosen.empty()) ms = 0;
        for (std::size_t i = 0; i < chosen.size(); ++i) ms += chosen[i] ? profile.nanoseconds[i] * 1e-6 : 0.0;
        return ms;
    };
    if (options.on_request) return run_on_request(outputs, run_once);
    const double first = run_once();  // plans, touches memory
    const std::vector<double> times = sorted_times(run_once, options.seconds);
    const double median = times[times.size() / 2];

    std::int64_t macs = 0;
    const std::vector<regulus::Shape> shapes = regulus::infer_shapes(graph, size);
    for (const regulus::Node& node : graph.nodes) macs += regulus::cost_of(graph, node, shapes).macs;
    const regulus::MemoryReport memory = program.memory(size);
    char text[1024];
    if (options.json) {
        std::snprintf(text, sizeof text,
                      "{\"model\": \"%s\", \"device\": \"%s\", \"batch\": %d, \"height\": %d, \"width\": %d, \"points\": %d, \"threads\": %d, \"runs\": %zu, \"first_ms\": %.3f, \"min_ms\": %.3f, "
                      "\"median_ms\": %.3f, \"max_ms\": %.3f, \"pictures_per_s\": %.3f, \"macs\": %lld, \"arena_bytes\": %zu, \"weight_bytes\": %zu}\n",
                      network.name.c_str(), options.network.device.c_str(), size.n, size.height, size.width, size.points, options.network.threads, times.size(), first, times.front(), median, times.back(), 1000 * size.n / median,
                      static_cast<long long>(macs), memory.arena, memory.weights);
    } else {
        std::snprintf(text, sizeof text,
                      "%s on %s, %s, %s threads\n  first run  %10.2f ms (plans and touches memory)\n  best       %10.2f ms\n  median     %10.2f ms  of %zu runs\n  worst      %10.2f ms\n"
                      "  %10.2f %s/s, %.1f GFLOP/s (2 x %s multiply-adds, bounded counts taken as full)\n  arena %.1f MiB, weights %.1f MiB\n",
                      network.name.c_str(), options.network.device.c_str(), size_text(size).c_str(), options.network.threads == 0 ? "all" : std::to_string(options.network.threads).c_str(), first, times.front(), median,
                      times.size(), times.back(), 1000 * size.n / median, size.points > 0 ? "clouds" : "pictures", 2e-6 * double(macs) / median, thousands(macs).c_str(), double(memory.arena) / 1048576, double(memory.weights) / 1048576);
    }
    print(text);
}

}  // namespace

void add_bench(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("bench", "Measures whole runs of a model on a picture of noise or a made-up street, without decoding and preprocessing.\n"
                                                    "Example: regulus bench mask_rcnn_regnetx-3.2GF_fpn_1x_coco --size 800x1344 --threads 2");
    add_program_options(*command, options->network);
    command->add_option("--seconds", options->seconds, "Least time to measure")->check(CLI::Range(0.0, 3600.0))->capture_default_str();
    command->add_option("--outputs", options->outputs, "Only as far as these labelled values, as C5 or rpn_logits.0,...")->delimiter(',');
    command->add_option("--from", options->from, "Only from this labelled map on, which is fed noise, as canvas");
    command->add_option("--steps", options->steps, "Time of the steps alone whose names begin so, as voxelizer,pillar_net")->delimiter(',');
    command->add_flag("--whole", options->whole, "All of a call, from a decoded picture (of --size, not padded) to boxes and masks");
    command->add_flag("--paste", options->paste, "Masks are pasted into the picture");
    command->add_flag("--on-request", options->on_request, "One run for each line on stdin, its milliseconds on stdout (bench/peers.py)");
    command->add_flag("--json", options->json, "One JSON object instead of text");
    command->callback([options] { bench(*options); });
}

}  // namespace tool
