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

}  // namespace tool
