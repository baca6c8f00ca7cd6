#pragma once
// What the benchmarks share: seeded weights and pictures, and two ways of timing a graph on the CPU backend.
//
//   bench_layer   the steps of one scope alone. What feeds the layer is recorded under the scope "feed" and is neither timed nor counted, nor is
//                 the copying of outputs; the time is the sum of the layer's steps on the wall clock.
//   bench_model   whole calls of Program::run, layout changes and outputs included.
//
// Threads: all that OpenMP offers; set OMP_NUM_THREADS for another number.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cpu.hpp>
#include <regulus/graph/record.hpp>

namespace regulus::bench {

/// Numbers in [low, high), a fixed function of the seed.
inline Tensor random_tensor(const Shape& shape, std::uint64_t seed = 1, float low = -1.f, float high = 1.f) {
    Tensor tensor(shape, DType::f32);
    for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = low + (high - low) * float(seeded_uniform(fnv1a64("bench"), seed, std::uint64_t(i)));
    return tensor;
}

/// Weights by name; the last norm of a residual branch counts a quarter, so that deep random networks stay in range.
inline Weights random_weights(const Graph& graph) {
    Weights weights;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (weights.find(parameter.name) != nullptr) continue;
            Tensor tensor = seeded_tensor(parameter.name, parameter.shape, 0);
            const bool damped = parameter.name.size() > 14 && parameter.name.compare(parameter.name.size() - 14, 14, ".c.norm.weight") == 0;
            for (std::int64_t i = 0; damped && i < tensor.numel(); ++i) tensor.data<float>()[i] *= 0.25f;
            weights.add(parameter.name, std::move(tensor));
        }
    }
    return weights;
}

/// Pictures for all inputs of a graph; image_info says that they fill the batch.
inline std::vector<Tensor> random_inputs(const Graph& graph, const InputSize& size) {
    std::vector<Tensor> inputs;
    for (const ValueId id : graph.inputs) {
        const auto& op = std::get<ops::Input>(graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)].operation);
        if (op.role == ops::Input::Role::image) {
            inputs.push_back(random_tensor(Shape{size.n, op.channels, size.height, size.width}, 1, -2.f, 2.f));
            continue;
        }
        Tensor info(Shape{size.n, 4}, DType::f32);
        for (std::int64_t i = 0; i < info.numel(); i += 4) {
            info.data<float>()[i] = float(size.height);
            info.data<float>()[i + 1] = float(size.width);
            info.data<float>()[i + 2] = info.data<float>()[i + 3] = 1.f;
        }
        inputs.push_back(info);
    }
    return inputs;
}

/// Whether a node belongs to the layer under test, not to what feeds it.
inline bool is_timed(const std::string& node) { return node.compare(0, 4, "feed") != 0 && node != "image" && node != "image_info"; }

/// Registers the steps of `graph` outside the scope "feed" under `name`. The graph is compiled when the benchmark first runs.
inline void bench_layer(const std::string& name, Graph graph, const InputSize& size) {
    benchmark::RegisterBenchmark(name.c_str(), [graph = std::move(graph), size](benchmark::State& state) {
        const Program program = compile(CpuBackend{}, graph, random_weights(graph));
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        const std::vector<Step> steps = program.steps(size);
        Context context;
        Profile profile;
        program.run(context, inputs);  // first touch of the arena
        double macs = 0;
        for (const Step& step : steps) macs += is_timed(step.node) ? double(step.macs) : 0;
        for (auto _ : state) {
            program.run(context, inputs, &profile);
            double nanoseconds = 0;
            for (std::size_t i = 0; i < steps.size(); ++i) nanoseconds += is_timed(steps[i].node) ? profile.nanoseconds[i] : 0;
            state.SetIterationTime(nanoseconds * 1e-9);
        }
        if (macs > 0) state.counters["FLOP/s"] = benchmark::Counter(2 * macs, benchmark::Counter::kIsIterationInvariantRate);
    })->UseManualTime()->Unit(benchmark::kMillisecond);
}

/// Registers whole calls of Program::run under `name`.
inline void bench_model(const std::string& name, Graph (*record_graph)(), const InputSize& size) {
    benchmark::RegisterBenchmark(name.c_str(), [record_graph, size](benchmark::State& state) {
        const Graph graph = record_graph();
        const Program program = compile(CpuBackend{}, graph, random_weights(graph));
        const std::vector<Tensor> inputs = random_inputs(graph, size);
        Context context;
        program.run(context, inputs);
        double macs = 0;
        for (const Step& step : program.steps(size)) macs += double(step.macs);
        for (auto _ : state) benchmark::DoNotOptimize(program.run(context, inputs));
        const MemoryReport memory = program.memory(size);
        state.counters["FLOP/s"] = benchmark::Counter(2 * macs, benchmark::Counter::kIsIterationInvariantRate);
        state.counters["arena_MiB"] = double(memory.arena) / 1048576;
        state.counters["values_MiB"] = double(memory.sum_of_values) / 1048576;
    })->UseRealTime()->Unit(benchmark::kMillisecond);
}

/// "PREFIX/h:100/w:168".
inline std::string sized(const std::string& prefix, std::int64_t height, std::int64_t width) { return prefix + "/h:" + std::to_string(height) + "/w:" + std::to_string(width); }

/// The padded size of a 4:3 photograph that is resized to 1333 x 800.
inline constexpr InputSize photograph{1, 800, 1344};

}  // namespace regulus::bench
