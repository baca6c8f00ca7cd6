#pragma once
#include <cmath>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/convert-impl.hpp>
#include <regulus/converters/seeded_weights.hpp>

namespace regulus {

REGULUS_INLINE Tensor seeded_tensor(std::string_view peer_name, const Shape& shape, std::uint64_t salt) {
    if (detail::names::ends_with(peer_name, "num_batches_tracked")) return Tensor::zeros(shape, DType::i64);
    double scale = 0, offset = 0;  // value = offset + scale * u
    if (shape.rank() >= 2) {
        double fan_in = 1;
        for (int axis = 1; axis < shape.rank(); ++axis) fan_in *= double(shape[axis]);
        scale = std::sqrt(6.0 / fan_in);
    } else if (shape.rank() == 1 && (detail::names::ends_with(peer_name, "weight") || detail::names::ends_with(peer_name, "running_var"))) {
        offset = 0.5;
    } else if (shape.rank() == 1 && (detail::names::ends_with(peer_name, "bias") || detail::names::ends_with(peer_name, "running_mean"))) {
        scale = 0.1;
    } else {
        throw ArgumentError("seeded weights: there is no rule for \"" + std::string(peer_name) + "\" " + to_string(shape));
    }
    Tensor tensor(shape, DType::f32);
    float* values = tensor.data<float>();
    const std::uint64_t hash = fnv1a64(peer_name);
    for (std::int64_t i = 0, count = tensor.numel(); i < count; ++i) {
        const double u = seeded_uniform(hash, salt, std::uint64_t(i));
        values[i] = float(offset != 0 ? offset + u : (2 * u - 1) * scale);
    }
    return tensor;
}

REGULUS_INLINE Weights seeded_weights(const Graph& graph, const std::string& code_base, std::uint64_t salt) {
    const NameTable& table = names_of(code_base, graph);
    Weights weights;
    weights.source = salt == 0 ? "seeded" : "seeded:" + std::to_string(salt);
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (weights.find(parameter.name) != nullptr) continue;  // a head shared by several levels
            const std::optional<Renamed> foreign = table.renamed_to_foreign(parameter.name);
            if (!foreign) throw WeightError("seeded weights: " + code_base + " has no name for \"" + parameter.name + "\" of " + graph.name);
            weights.add(parameter.name, to_our_values(seeded_tensor(foreign->name, to_foreign_shape(parameter.shape, foreign->values), salt), foreign->values, graph));
        }
    }
    return weights;
}

}  // namespace regulus
