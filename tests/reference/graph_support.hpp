#pragma once
// What the tests of graph/ and of the reference backend share: numbers without <random>, weights for any graph, runs, golden
// operator files.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <regulus/core/json.hpp>
#include <regulus/graph/record.hpp>
#include <regulus/reference.hpp>
#include <regulus/weights/read_weights.hpp>

#include "support/shared_json.hpp"

namespace regulus::testing {

/// RandomNumbers in [0, 1), the same on every machine.
class RandomNumbers {
public:
    explicit RandomNumbers(std::uint64_t seed) : state_(seed * 2654435761u + 88172645463325252u) {}
    double next() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return double(state_ >> 11) / 9007199254740992.0;
    }
    int below(int bound) { return int(next() * bound); }
    float between(double low, double high) { return float(low + (high - low) * next()); }

private:
    std::uint64_t state_;
};

inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, double low = -1, double high = 1) {
    RandomNumbers numbers(seed);
    Tensor tensor(shape, DType::f32);
    for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = numbers.between(low, high);
    return tensor;
}

inline Tensor tensor_of(const Shape& shape, const std::vector<float>& values) {
    Tensor tensor(shape, DType::f32);
    REQUIRE(std::size_t(tensor.numel()) == values.size());
    std::copy(values.begin(), values.end(), tensor.data<float>());
    return tensor;
}

/// image_info of pictures that fill their padding and were not resized.
inline Tensor whole_pictures(int n, int height, int width) {
    Tensor info(Shape{n, 4}, DType::f32);
    for (int i = 0; i < n; ++i) {
        const float row[] = {float(height), float(width), 1.f, 1.f};
        std::copy(row, row + 4, info.data<float>() + 4 * i);
    }
    return info;
}

/// Random weights that keep activations in bounds: uniform with variance 2 / fan_in, norms near the identity.
inline Weights random_weights(const Graph& graph, std::uint64_t seed) {
    Weights weights;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (weights.find(parameter.name) != nullptr) continue;
            double fan_in = 1;
            for (int axis = 1; axis < parameter.shape.rank(); ++axis) fan_in *= double(parameter.shape[axis]);
            const double bound = std::sqrt(6.0 / fan_in);
            const bool is_scale = parameter.shape.rank() == 1 && parameter.name.find("bias") == std::string::npos && parameter.name.find("mean") == std::string::npos;
            const bool is_vector = parameter.shape.rank() == 1;
            weights.add(parameter.name, is_scale ? random_tensor(parameter.shape, ++seed, 0.5, 1.5) : random_tensor(parameter.shape, ++seed, is_vector ? -0.1 : -bound, is_vector ? 0.1 : bound));
        }
    }
    return weights;
}

template <class T = float>
Outputs run(const Graph& graph, const Weights& weights, const std::vector<Tensor>& inputs, const ReferenceOptions& options = {}, const CompileOptions& compile_options = {}) {
    const Program program(BasicReferenceBackend<T>(options), graph, weights, compile_options);
    Context context;
    return program.run(context, inputs);
}

/// A graph with one image input whose only output, "y", is what `body(graph, image)` returns.
template <class Body>
Graph graph_of(int channels, const Body& body) {
    Graph graph;
    graph.name = "test";
    const ValueId image = record::image_input(graph, channels);
    graph.outputs.emplace_back("y", body(graph, image));
    return graph;
}

inline double greatest(const Tensor& tensor) {
    double result = 0;
    for (std::int64_t i = 0; i < tensor.numel(); ++i) result = std::max(result, std::abs(double(tensor.data<float>()[i])));
    return result;
}

/// The largest difference divided by the greatest value of `expected`; infinite for unequal shapes and NaN.
inline double relative_error(const Tensor& got, const Tensor& expected) {
    if (!(got.shape() == expected.shape())) return INFINITY;
    double worst = 0;
    for (std::int64_t i = 0; i < got.numel(); ++i) {
        const double difference = std::abs(double(got.data<float>()[i]) - double(expected.data<float>()[i]));
        if (!(difference <= worst)) worst = difference == difference ? difference : INFINITY;
    }
    const double scale = greatest(expected);
    return worst == 0 ? 0 : worst / (scale == 0 ? 1 : scale);
}

inline bool equal(const Tensor& a, const Tensor& b) {
    return a.shape() == b.shape() && a.dtype() == b.dtype() && (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

/// detection2d/ops/<op>.json and .safetensors of the golden files.
struct OperatorFile {
    Json json;
    Weights tensors;

    explicit OperatorFile(const std::string& op)
        : json(shared_json("golden/detection2d/ops/" + op + ".json")), tensors(read_weights(shared_path("golden/detection2d/ops/" + op + ".safetensors"))) {}

    const Json::Array& cases() const { return *json.find("cases")->array(); }
    const Tensor& input(const Json& one, const std::string& name) const { return tensor(*one.find("inputs"), name); }
    const Tensor& output(const Json& one, const std::string& name) const { return tensor(*one.find("outputs"), name); }
    static bool has(const Json& one, const char* part, const std::string& name) { return one.find(part)->find(name) != nullptr; }

private:
    const Tensor& tensor(const Json& part, const std::string& name) const {
        const Tensor* found = tensors.find(*part.find(name)->text());
        REQUIRE(found != nullptr);
        return *found;
    }
};

inline std::string name_of_case(const Json& one) { return *one.find("name")->text(); }

}  // namespace regulus::testing

/// As REGULUS_REQUIRE_SHARED, for a golden operator.
#define REGULUS_REQUIRE_OPERATOR(op) REGULUS_REQUIRE_SHARED("golden/detection2d/ops/" op ".json")
