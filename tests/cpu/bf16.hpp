#pragma once
// What tests of bfloat16 share: factors that it holds exactly, runs in an arena full of NaN.
//
// Where weights and inputs are exact in bfloat16 their products are exact in float32, so that one step differs from the reference by the order of
// float32 sums only: `one_layer`, as without bfloat16. A map kept between steps is rounded once more, by up to 2^-9 of each element, unless all its
// elements are small whole numbers: up to 256 bfloat16 holds those exactly, and chains of them must equal the reference exactly.
#include "compare.hpp"

#include <regulus/cpu/bf16-impl.hpp>
#include <regulus/graph/passes.hpp>

namespace regulus::testing {

/// All products in bfloat16.
inline CpuBackend bf16_backend() { return CpuBackend{{.winograd = false, .precision = CpuPrecision::bf16_anywhere}}; }

/// With Winograd in float32 where this processor gains by it.
inline CpuBackend fastest_bf16_backend() { return CpuBackend{{.precision = CpuPrecision::bf16_anywhere}}; }

/// The values cut to what bfloat16 holds exactly.
inline Tensor cut(const Tensor& tensor) {
    Tensor result = tensor.clone();
    for (std::int64_t i = 0; i < result.numel(); ++i) {
        float& value = result.data<float>()[i];
        value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & 0xFFFF0000u);
    }
    return result;
}

template <class Change>
Weights changed(const Weights& weights, const Change& change) {
    Weights result;
    for (const Weights::Entry& entry : weights.entries()) result.add(entry.name, change(entry.tensor));
    return result;
}

inline Weights cut_weights(const Graph& graph) { return changed(random_weights(graph), cut); }

inline std::vector<Tensor> cut_inputs(const Graph& graph, const InputSize& size) {
    std::vector<Tensor> inputs = random_inputs(graph, size);
    for (Tensor& input : inputs) input = cut(input);
    return inputs;
}

/// Whole numbers from -limit to limit.
inline Tensor whole_numbers(const Shape& shape, std::uint64_t seed, int limit) {
    Tensor tensor = random_tensor(shape, seed, float(-limit), float(limit + 1));
    for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = std::floor(tensor.data<float>()[i]);
    return tensor;
}

/// Weights of -1, 0 and 1.
inline Weights whole_weights(const Graph& graph) {
    std::uint64_t seed = 0;
    return changed(random_weights(graph), [&](const Tensor& tensor) { return whole_numbers(tensor.shape(), ++seed, 1); });
}

/// Pictures of whole numbers.
inline std::vector<Tensor> whole_inputs(const Graph& graph, const InputSize& size, int greatest) {
    std::vector<Tensor> inputs = random_inputs(graph, size);
    inputs[0] = whole_numbers(inputs[0].shape(), 7, greatest);
    return inputs;
}

/// A run in an arena full of NaN (in float32 as in bfloat16): what reads bytes that nobody wrote shows it.
inline Outputs run_in_nan(const Backend& backend, const Graph& graph, const Weights& weights, const std::vector<Tensor>& inputs, int threads = 2) {
    const Program program = compile(backend, graph, weights, {.threads = threads});
    const Shape& picture = inputs[0].shape();
    const std::size_t bytes = program.memory({int(picture[0]), int(picture[2]), int(picture[3])}).arena;
    Context context;
    std::memset(context.arena(bytes, 0), 0xFF, bytes);
    return program.run(context, inputs);
}

/// With exact factors, in bfloat16, against the reference.
inline void check_exact_factors(const Graph& graph, const InputSize& size, double limit = one_layer) {
    INFO("n " << size.n << " h " << size.height << " w " << size.width);
    const Weights weights = cut_weights(graph);
    const std::vector<Tensor> inputs = cut_inputs(graph, size);
    check_outputs(run_in_nan(bf16_backend(), graph, weights, inputs), run_on(BasicReferenceBackend<double>{}, graph, weights, inputs), limit);
}

/// The same bits with any number of threads.
inline void check_threads(const Graph& graph, const InputSize& size) {
    const Weights weights = random_weights(graph);
    const std::vector<Tensor> inputs = random_inputs(graph, size);
    const Outputs one = run_in_nan(bf16_backend(), graph, weights, inputs, 1);
    for (const int threads : {2, 3, 5}) {
        INFO(threads << " threads");
        CHECK(same_bits(run_in_nan(bf16_backend(), graph, weights, inputs, threads), one));
    }
}

/// Small whole numbers everywhere: equal to the reference, maps kept in bfloat16 included, whose elements must not exceed 256.
inline void check_whole_numbers(const Graph& graph, const InputSize& size, int greatest_input = 3) {
    INFO("n " << size.n << " h " << size.height << " w " << size.width);
    const Weights weights = whole_weights(graph);
    const std::vector<Tensor> inputs = whole_inputs(graph, size, greatest_input);
    check_outputs(run_in_nan(bf16_backend(), graph, weights, inputs), run_on(BasicReferenceBackend<double>{}, graph, weights, inputs), 0);
}

/// How many values are kept in bfloat16 when the graph is compiled.
inline std::int64_t kept_in_bf16(const Graph& graph) {
    const std::vector<bool> kept = cpu::bf16_maps(optimize(graph));
    return std::count(kept.begin(), kept.end(), true);
}

inline ops::Conv2d with_relu(ops::Conv2d op) {
    op.activation = Activation::relu;
    return op;
}

}  // namespace regulus::testing
