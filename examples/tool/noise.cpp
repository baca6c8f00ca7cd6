#include "noise.hpp"

#include <algorithm>
#include <variant>

#include <regulus/converters/seeded_weights.hpp>

namespace tool {

namespace {

/// Boxes of all sizes, the same everywhere.
float proposal_side(const regulus::InputSize& size, std::int64_t box, int which) {
    const auto uniform = [&](std::uint64_t part) { return regulus::seeded_uniform(regulus::fnv1a64("proposals"), part, std::uint64_t(box)); };
    const int axis = which % 2;
    const double length = axis == 0 ? size.width : size.height, centre = length * uniform(std::uint64_t(axis)), half = 0.25 * length * uniform(std::uint64_t(2 + axis));
    return float(std::clamp(which < 2 ? centre - half : centre + half, 0.0, length));
}

}  // namespace

std::vector<regulus::Tensor> noise_inputs(const regulus::Graph& graph, const regulus::InputSize& size, const std::vector<float>& cloud) {
    using Role = regulus::ops::Input::Role;
    std::vector<regulus::Tensor> inputs;
    for (const regulus::ValueId id : graph.inputs) {
        const regulus::Node& node = graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)];
        const Role role = std::get<regulus::ops::Input>(node.operation).role;
        regulus::Tensor tensor(regulus::infer_outputs(node, {}, size)[0], role == Role::point_count || role == Role::proposal_count || role == Role::proposal_labels ? regulus::DType::i32 : regulus::DType::f32);
        for (std::int64_t i = 0; i < tensor.numel(); ++i) {
            switch (role) {
                case Role::image: tensor.data<float>()[i] = float(4 * regulus::seeded_uniform(regulus::fnv1a64("noise"), 0, std::uint64_t(i)) - 2); break;
                case Role::image_info: tensor.data<float>()[i] = i % 4 == 0 ? float(size.height) : i % 4 == 1 ? float(size.width) : 1.0f; break;
                case Role::points: tensor.data<float>()[i] = cloud[std::size_t(i) % cloud.size()]; break;
                case Role::proposals: tensor.data<float>()[i] = proposal_side(size, i / 4, int(i % 4)); break;
                case Role::proposal_labels: tensor.data<std::int32_t>()[i] = 0; break;
                case Role::proposal_count: tensor.data<std::int32_t>()[i] = std::get<regulus::ops::Input>(node.operation).limit; break;
                case Role::point_count: tensor.data<std::int32_t>()[i] = std::int32_t(size.points / size.n); break;
            }
        }
        inputs.push_back(std::move(tensor));
    }
    return inputs;
}

regulus::Weights balanced_weights(const regulus::Graph& graph, const std::string& code_base) {
    const regulus::Weights seeded = regulus::seeded_weights(graph, code_base);
    const auto ends_with = [](const std::string& text, const std::string& end) { return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0; };
    const bool oriented = std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const regulus::Node& node) { return std::holds_alternative<regulus::ops::DecodeBoxes3d>(node.operation); });
    regulus::Weights balanced;
    balanced.source = "balanced weights";
    for (const regulus::Weights::Entry& entry : seeded.entries()) {
        const bool last_norm = ends_with(entry.name, ".c.norm.weight");  // of a residual block
        const bool is_delta = ends_with(entry.name, ".deltas.weight");
        const bool unit = ends_with(entry.name, ".norm.weight") || ends_with(entry.name, ".running_var");
        const bool zero = ends_with(entry.name, ".running_mean");
        const bool of_metres = ends_with(entry.name, "pillar_net.1.norm.running_var");  // points lie tens of metres away
        const float start = oriented && ends_with(entry.name, "head.logits.bias") ? -4.59512f : 0.0f;  // -ln(99)
        regulus::Tensor tensor = entry.tensor.clone();
        for (std::int64_t i = 0; tensor.dtype() == regulus::DType::f32 && i < tensor.numel(); ++i) {
            float& value = tensor.data<float>()[i];
            if (of_metres) value = 400.0f;
            else if (unit) value = last_norm ? 0.25f : 1.0f;
            else if (zero) value = 0.0f;
            else if (is_delta) value *= 0.1f;
            value += start;
        }
        balanced.add(entry.name, std::move(tensor));
    }
    return balanced;
}

}  // namespace tool
