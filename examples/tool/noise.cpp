#include "noise.hpp"

#include <variant>

#include <regulus/converters/seeded_weights.hpp>

namespace tool {

std::vector<regulus::Tensor> noise_inputs(const regulus::Graph& graph, const regulus::InputSize& size) {
    std::vector<regulus::Tensor> inputs;
    for (const regulus::ValueId id : graph.inputs) {
        const regulus::Node& node = graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)];
        regulus::Tensor tensor(regulus::infer_outputs(node, {}, size)[0], regulus::DType::f32);
        float* values = tensor.data<float>();
        const bool is_image = std::get<regulus::ops::Input>(node.operation).role == regulus::ops::Input::Role::image;
        for (std::int64_t i = 0; i < tensor.numel(); ++i) {
            if (is_image) values[i] = float(4 * regulus::seeded_uniform(regulus::fnv1a64("noise"), 0, std::uint64_t(i)) - 2);
            else values[i] = i % 4 == 0 ? float(size.height) : i % 4 == 1 ? float(size.width) : 1.0f;
        }
        inputs.push_back(std::move(tensor));
    }
    return inputs;
}

regulus::Weights balanced_weights(const regulus::Graph& graph, const std::string& code_base) {
    const regulus::Weights seeded = regulus::seeded_weights(graph, code_base);
    const auto ends_with = [](const std::string& text, const std::string& end) { return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0; };
    regulus::Weights balanced;
    balanced.source = "balanced weights";
    for (const regulus::Weights::Entry& entry : seeded.entries()) {
        const bool last_norm = ends_with(entry.name, ".c.norm.weight");  // of a residual block
        const bool is_delta = ends_with(entry.name, ".deltas.weight");
        const bool unit = ends_with(entry.name, ".norm.weight") || ends_with(entry.name, ".running_var");
        const bool zero = ends_with(entry.name, ".running_mean");
        regulus::Tensor tensor = entry.tensor.clone();
        for (std::int64_t i = 0; tensor.dtype() == regulus::DType::f32 && i < tensor.numel(); ++i) {
            float& value = tensor.data<float>()[i];
            if (unit) value = last_norm ? 0.25f : 1.0f;
            else if (zero) value = 0.0f;
            else if (is_delta) value *= 0.1f;
        }
        balanced.add(entry.name, std::move(tensor));
    }
    return balanced;
}

}  // namespace tool
