#pragma once
// The CPU backend beside the reference backend: seeded weights and pictures, both runs, the difference.
//
// Tolerances. One operation in float32 sums K products; the difference to the sum in double stays below sqrt(K) * 2^-24 of the sum of
// magnitudes in practice, which for the K <= 4,608 met here is 4e-6 of the greatest value of the map. `one_layer` = 1e-5 leaves room for
// another order of summation. Chains of layers add up and say their own limit.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cpu.hpp>
#include <regulus/graph/record.hpp>
#include <regulus/reference.hpp>

namespace regulus::testing {

inline constexpr double one_layer = 1e-5;

/// Numbers in [low, high), a fixed function of the seed.
inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, float low = -1.f, float high = 1.f) {
    Tensor tensor(shape, DType::f32);
    for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = low + (high - low) * float(seeded_uniform(fnv1a64("random"), seed, std::uint64_t(i)));
    return tensor;
}

/// Weights by name, as converters/seeded_weights.hpp defines them. So that deep random networks neither explode nor saturate, the last norm of
/// a residual branch counts a quarter, final scores a tenth and final deltas a twentieth.
inline Weights random_weights(const Graph& graph, std::uint64_t salt = 0) {
    Weights weights;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (weights.find(parameter.name) != nullptr) continue;
            Tensor tensor = seeded_tensor(parameter.name, parameter.shape, salt);
            const auto ends_with = [&](const std::string& end) { return parameter.name.size() >= end.size() && parameter.name.compare(parameter.name.size() - end.size(), end.size(), end) == 0; };
            const float factor = ends_with(".c.norm.weight") ? 0.25f : ends_with("logits.weight") ? 0.1f : ends_with("deltas.weight") ? 0.05f : 1.f;
            for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] *= factor;
            weights.add(parameter.name, tensor);
        }
    }
    return weights;
}

/// image_info of pictures that fill the batch's size, not resized.
inline Tensor full_pictures(const InputSize& size) {
    Tensor info(Shape{size.n, 4}, DType::f32);
    for (int image = 0; image < size.n; ++image) {
        const float row[4] = {float(size.height), float(size.width), 1.f, 1.f};
        std::memcpy(info.data<float>() + 4 * image, row, sizeof row);
    }
    return info;
}

/// Random pictures for all inputs of a graph.
inline std::vector<Tensor> random_inputs(const Graph& graph, const InputSize& size, std::uint64_t seed = 1) {
    std::vector<Tensor> inputs;
    for (const ValueId id : graph.inputs) {
        const auto& op = std::get<ops::Input>(graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)].operation);
        if (op.role == ops::Input::Role::image) inputs.push_back(random_tensor(Shape{size.n, op.channels, size.height, size.width}, seed, -2.f, 2.f));
        else inputs.push_back(full_pictures(size));
    }
    return inputs;
}

inline Outputs run_on(const Backend& backend, const Graph& graph, const Weights& weights, const std::vector<Tensor>& inputs, CompileOptions options = {.threads = 2}) {
    Context context;
    return compile(backend, graph, weights, options).run(context, inputs);
}

inline double greatest_magnitude(const Tensor& tensor) {
    double greatest = 0;
    for (std::int64_t i = 0; i < tensor.numel(); ++i) greatest = std::max(greatest, std::fabs(double(tensor.data<float>()[i])));
    return greatest;
}

/// Greatest |a - b| over the greatest |b|; infinite for unequal shapes, and where either is NaN.
inline double relative_difference(const Tensor& a, const Tensor& b) {
    if (!(a.shape() == b.shape())) return INFINITY;
    double difference = 0;
    for (std::int64_t i = 0; i < a.numel(); ++i) {
        const double distance = std::fabs(double(a.data<float>()[i]) - double(b.data<float>()[i]));
        if (!(distance <= difference)) difference = std::isnan(distance) ? INFINITY : distance;
    }
    return difference == 0 ? 0 : difference / std::max(greatest_magnitude(b), 1e-30);
}

inline bool same_bits(const Tensor& a, const Tensor& b) { return a.shape() == b.shape() && a.dtype() == b.dtype() && (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0); }

inline bool same_bits(const Outputs& a, const Outputs& b) {
    if (a.entries().size() != b.entries().size()) return false;
    for (std::size_t i = 0; i < a.entries().size(); ++i) {
        if (a.entries()[i].first != b.entries()[i].first || !same_bits(a.entries()[i].second, b.entries()[i].second)) return false;
    }
    return true;
}

/// Every output of the CPU backend against the reference in double: floats within the limit, integers equal. Entries of lists beyond their
/// count must be zero in both.
inline void check_outputs(const Outputs& cpu, const Outputs& reference, double limit = one_layer) {
    REQUIRE(cpu.entries().size() == reference.entries().size());
    for (std::size_t i = 0; i < cpu.entries().size(); ++i) {
        const std::string& name = cpu.entries()[i].first;
        const Tensor& actual = cpu.entries()[i].second;
        const Tensor& expected = reference.entries()[i].second;
        INFO("output " << name << " " << to_string(expected.shape()));
        REQUIRE(name == reference.entries()[i].first);
        REQUIRE(to_string(actual.shape()) == to_string(expected.shape()));
        REQUIRE(actual.dtype() == expected.dtype());
        if (actual.dtype() == DType::f32) CHECK(relative_difference(actual, expected) <= limit);
        else CHECK(same_bits(actual, expected));
    }
}

/// The kernels of a processor without AMX, and those of one with it, on every processor.
inline CpuBackend plain_backend() { return CpuBackend{{.bf16x3 = CpuBf16x3::off}}; }
inline CpuBackend split_backend() { return CpuBackend{{.bf16x3 = CpuBf16x3::anywhere}}; }

inline void check_equal_to_reference(const Graph& graph, const Weights& weights, const std::vector<Tensor>& inputs, double limit = one_layer, const CompileOptions& options = {.threads = 2}) {
    const Outputs expected = run_on(BasicReferenceBackend<double>{}, graph, weights, inputs, options);
    check_outputs(run_on(plain_backend(), graph, weights, inputs, options), expected, limit);
    check_outputs(run_on(split_backend(), graph, weights, inputs, options), expected, limit);
}

inline void check_equal_to_reference(const Graph& graph, const InputSize& size, double limit = one_layer, const CompileOptions& options = {.threads = 2}) {
    INFO("n " << size.n << " h " << size.height << " w " << size.width);
    check_equal_to_reference(graph, random_weights(graph), random_inputs(graph, size), limit, options);
}

/// A graph over one picture of `channels` channels; `body` records it and returns the output.
inline Graph graph_of(int channels, const std::function<ValueId(const Scope&, ValueId)>& body) {
    Graph graph;
    graph.name = "test";
    const ValueId image = record::image_input(graph, channels);
    const ValueId result = body(Scope(graph), image);
    graph.outputs.emplace_back("y", result);
    return graph;
}

/// A convolution of odd windows that keeps the size, but for its stride.
inline ops::Conv2d conv(int in, int out, int kernel, int stride = 1, int groups = 1, int dilation = 1) {
    ops::Conv2d op;
    op.in_channels = in;
    op.out_channels = out;
    op.kernel = kernel;
    op.stride = stride;
    op.groups = groups;
    op.dilation = dilation;
    op.padding = dilation * (kernel - 1) / 2;
    return op;
}

/// A transposed convolution whose windows lie side by side; with biases where it has an activation.
inline ops::ConvTranspose2d side_by_side(int in, int out, int kernel, Activation activation = Activation::none) {
    ops::ConvTranspose2d op;
    op.in_channels = in;
    op.out_channels = out;
    op.kernel = op.stride = kernel;
    op.bias = activation != Activation::none;
    op.activation = activation;
    return op;
}

inline Graph one_convolution(const ops::Conv2d& op) {
    return graph_of(op.in_channels, [&](const Scope& scope, ValueId image) { return record::conv2d(scope / "conv", op, image); });
}

}  // namespace regulus::testing
