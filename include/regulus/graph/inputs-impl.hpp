#pragma once
#include <algorithm>
#include <cmath>

#include <regulus/graph/inputs.hpp>

namespace regulus {

namespace detail {

/// What the shapes of the first input that has them say: pictures, or points and clouds.
inline InputSize size_of_inputs(const Graph& graph, const std::vector<Tensor>& inputs) {
    constexpr std::int64_t longest = 1 << 20, most_points = 1 << 28;
    InputSize size;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const Shape& shape = inputs[i].shape();
        switch (std::get<ops::Input>(graph.nodes[std::size_t(graph.values[std::size_t(graph.inputs[i])].producer)].operation).role) {
            case ops::Input::Role::image:
                if (shape.rank() != 4) throw ShapeError("run: the pictures must be [n, channels, height, width], got " + to_string(shape));
                if (shape[0] > longest || shape[2] > longest || shape[3] > longest) throw ShapeError("run: pictures of shape " + to_string(shape) + " are too large");
                size.n = int(shape[0]);
                size.height = int(shape[2]);
                size.width = int(shape[3]);
                break;
            case ops::Input::Role::points:
                if (shape.rank() != 2 || shape[0] > most_points) throw ShapeError("run: the points must be [points, features], at most " + std::to_string(most_points) + " of them, got " + to_string(shape));
                size.points = int(shape[0]);
                break;
            case ops::Input::Role::point_count:
                if (shape.rank() != 1 || shape[0] > longest) throw ShapeError("run: the point counts must be [clouds], got " + to_string(shape));
                size.n = int(shape[0]);
                break;
            case ops::Input::Role::image_info:
            case ops::Input::Role::proposals:
            case ops::Input::Role::proposal_labels:
            case ops::Input::Role::proposal_count: break;
        }
    }
    return size;
}

inline void check_point_counts(const Tensor& counts, std::int64_t points) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < counts.numel(); ++i) {
        const std::int32_t count = counts.data<std::int32_t>()[i];
        if (count < 0 || (sum += count) > points) throw ArgumentError("run: the clouds' point counts must not be negative, and their sum at most the " + std::to_string(points) + " points given");
    }
}

/// Input `which` holds how many proposals each picture has; the boxes themselves, and their classes if there are some, are the inputs that it counts.
inline void check_proposals(const Graph& graph, const std::vector<Tensor>& inputs, std::size_t which, int limit) {
    std::int64_t rows = 0;
    for (std::int64_t i = 0; i < inputs[which].numel(); ++i) {
        const std::int32_t count = inputs[which].data<std::int32_t>()[i];
        if (count < 0 || count > limit) throw ArgumentError("run: a picture has 0 .. " + std::to_string(limit) + " proposals, picture " + std::to_string(i) + " has " + std::to_string(count));
        rows += count;
    }
    for (std::size_t counted = 0; counted < inputs.size(); ++counted) {
        const Value& value = graph.values[std::size_t(graph.inputs[counted])];
        if (value.count != graph.inputs[which]) continue;
        const ops::Input& input = std::get<ops::Input>(graph.nodes[std::size_t(value.producer)].operation);
        if (input.role == ops::Input::Role::proposal_labels) {
            const std::int32_t* const labels = inputs[counted].data<std::int32_t>();
            const auto* const other = std::find_if(labels, labels + rows, [&](std::int32_t label) { return label < 0 || label >= input.channels; });
            if (other != labels + rows) throw ArgumentError("run: classes of proposals are 0 .. " + std::to_string(input.channels - 1) + ", proposal " + std::to_string(other - labels) + " has " + std::to_string(*other));
            continue;
        }
        for (std::int64_t i = 0; i < 4 * rows; ++i) {
            if (!std::isfinite(inputs[counted].data<float>()[i])) throw ArgumentError("run: a coordinate of proposal " + std::to_string(i / 4) + " is not finite");
        }
    }
}

}  // namespace detail

REGULUS_INLINE InputSize checked_size(const Graph& graph, const std::vector<Tensor>& inputs, bool last_may_lack) {
    if (inputs.size() > graph.inputs.size() || (inputs.size() < graph.inputs.size() && !last_may_lack)) {
        throw ShapeError("run: " + graph.name + " takes " + std::to_string(graph.inputs.size()) + " inputs, got " + std::to_string(inputs.size()));
    }
    const InputSize size = detail::size_of_inputs(graph, inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const ValueId id = graph.inputs[i];
        const Node& node = graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)];
        const DType dtype = graph.values[std::size_t(id)].dtype;
        const Shape expected = infer_outputs(node, {}, size)[0];
        if (!(inputs[i].shape() == expected) || inputs[i].dtype() != dtype) {
            throw ShapeError("run: input \"" + node.name + "\" must be " + name_of(dtype) + " " + to_string(expected) + ", got " + name_of(inputs[i].dtype()) + " " + to_string(inputs[i].shape()));
        }
        if (std::get<ops::Input>(node.operation).role == ops::Input::Role::point_count) detail::check_point_counts(inputs[i], size.points);
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const auto& input = std::get<ops::Input>(graph.nodes[std::size_t(graph.values[std::size_t(graph.inputs[i])].producer)].operation);
        if (input.role == ops::Input::Role::proposal_count) detail::check_proposals(graph, inputs, i, input.limit);
    }
    return size;
}

}  // namespace regulus
