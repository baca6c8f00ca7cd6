#pragma once
#include <regulus/graph/record.hpp>

namespace regulus::record {

namespace detail {

/// A value that flows like its source: the same element type, rows and count.
inline Value like(const Graph& graph, ValueId source) {
    Value value = graph.values[std::size_t(source)];
    value.label.clear();
    return value;
}

inline ValueId single(const Scope& scope, Operation operation, std::vector<ValueId> inputs, std::vector<Parameter> parameters = {}) {
    Graph& graph = scope.graph();
    Value output = like(graph, inputs.front());
    const NodeId node = graph.add_node(std::move(operation), scope.name(), std::move(inputs), {std::move(output)}, std::move(parameters));
    return graph.nodes[std::size_t(node)].outputs.front();
}

}  // namespace detail

REGULUS_INLINE ValueId conv2d(const Scope& scope, ops::Conv2d op, ValueId src) {
    std::vector<Parameter> parameters{{scope.name() + ".weight", Shape{op.out_channels, op.in_channels / op.groups, op.kernel, op.kernel}}};
    if (op.bias) parameters.push_back({scope.name() + ".bias", Shape{op.out_channels}});
    return detail::single(scope, op, {src}, std::move(parameters));
}

REGULUS_INLINE ValueId deform_conv2d(const Scope& scope, const ops::DeformConv2d& op, ValueId src, ValueId offsets) {
    std::vector<Parameter> parameters{{scope.name() + ".weight", Shape{op.conv.out_channels, op.conv.in_channels / op.conv.groups, op.conv.kernel, op.conv.kernel}}};
    if (op.conv.bias) parameters.push_back({scope.name() + ".bias", Shape{op.conv.out_channels}});
    return detail::single(scope, op, {src, offsets}, std::move(parameters));
}

REGULUS_INLINE ValueId conv_transpose2d(const Scope& scope, ops::ConvTranspose2d op, ValueId src) {
    std::vector<Parameter> parameters{{scope.name() + ".weight", Shape{op.in_channels, op.out_channels, op.kernel, op.kernel}}};
    if (op.bias) parameters.push_back({scope.name() + ".bias", Shape{op.out_channels}});
    return detail::single(scope, op, {src}, std::move(parameters));
}

REGULUS_INLINE ValueId batch_norm(const Scope& scope, ops::BatchNorm op, ValueId src) {
    std::vector<Parameter> parameters;
    for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) parameters.push_back({scope.name() + part, Shape{op.channels}});
    return detail::single(scope, op, {src}, std::move(parameters));
}

REGULUS_INLINE ValueId group_norm(const Scope& scope, ops::GroupNorm op, ValueId src) {
    return detail::single(scope, op, {src}, {{scope.name() + ".weight", Shape{op.channels}}, {scope.name() + ".bias", Shape{op.channels}}});
}

REGULUS_INLINE ValueId linear(const Scope& scope, ops::Linear op, ValueId src) {
    std::vector<Parameter> parameters{{scope.name() + ".weight", Shape{op.out_features, op.in_features}}};
    if (op.bias) parameters.push_back({scope.name() + ".bias", Shape{op.out_features}});
    return detail::single(scope, op, {src}, std::move(parameters));
}

REGULUS_INLINE ValueId activate(const Scope& scope, Activation activation, ValueId src) { return detail::single(scope, ops::Activate{activation}, {src}); }
REGULUS_INLINE ValueId add(const Scope& scope, ValueId left, ValueId right) { return detail::single(scope, ops::Add{}, {left, right}); }
REGULUS_INLINE ValueId average(const Scope& scope, const std::vector<ValueId>& sources) { return detail::single(scope, ops::Average{}, sources); }
REGULUS_INLINE ValueId pool2d(const Scope& scope, ops::Pool2d op, ValueId src) { return detail::single(scope, op, {src}); }
REGULUS_INLINE ValueId global_average_pool(const Scope& scope, ValueId src) { return detail::single(scope, ops::GlobalAveragePool{}, {src}); }
REGULUS_INLINE ValueId scale_channels(const Scope& scope, ValueId src, ValueId gate) { return detail::single(scope, ops::ScaleChannels{}, {src, gate}); }
REGULUS_INLINE ValueId resize(const Scope& scope, ops::Resize op, ValueId src, ValueId like) { return detail::single(scope, op, {src, like}); }
REGULUS_INLINE ValueId enlarge(const Scope& scope, ops::Resize::Mode mode, int factor, ValueId src) { return detail::single(scope, ops::Resize{mode, false, factor}, {src}); }
REGULUS_INLINE ValueId softmax(const Scope& scope, ValueId src) { return detail::single(scope, ops::Softmax{}, {src}); }

REGULUS_INLINE Candidates anchor_candidates(const Scope& scope, ops::TopK top_k, ops::DecodeAnchors decode, ValueId logits, ValueId deltas, ValueId info) {
    Graph& graph = scope.graph();
    const ValueId count = ValueId(graph.values.size()) + 2;  // the third output of the node about to be added
    graph.add_node(top_k, scope.name() + ".top_k", {logits}, {Value{-1, DType::f32, count, false, {}}, Value{-1, DType::i32, count, false, {}}, Value{-1, DType::i32, no_value, false, {}}});
    const ValueId scores = count - 2;
    const ValueId index = count - 1;
    const NodeId node = graph.add_node(std::move(decode), scope.name() + ".decode", {deltas, index, count, info},
                                       {Value{-1, DType::f32, count, false, {}}, Value{-1, DType::i32, count, false, {}}});
    const std::vector<ValueId>& outputs = graph.nodes[std::size_t(node)].outputs;
    return {&graph, outputs[0], scores, outputs[1], count};
}

REGULUS_INLINE Candidates class_candidates(const Scope& scope, ops::ClassCandidates op, ValueId probabilities, ValueId deltas, ValueId boxes, ValueId count,
                                           ValueId info) {
    Graph& graph = scope.graph();
    const ValueId first = ValueId(graph.values.size());
    const ValueId kept = first + 3;
    graph.add_node(op, scope.name(), {probabilities, deltas, boxes, count, info},
                   {Value{-1, DType::f32, kept, false, {}}, Value{-1, DType::f32, kept, false, {}}, Value{-1, DType::i32, kept, false, {}}, Value{-1, DType::i32, no_value, false, {}}});
    return {&graph, first, first + 1, first + 2, kept};
}

REGULUS_INLINE std::vector<ValueId> nms(const Scope& scope, ops::Nms op, const std::vector<Candidates>& lists) {
    Graph& graph = scope.graph();
    std::vector<ValueId> inputs;
    for (const Candidates& list : lists) inputs.insert(inputs.end(), {list.boxes, list.scores, list.labels, list.count});
    op.lists = int(lists.size());
    const ValueId count = ValueId(graph.values.size()) + 3;
    const NodeId node = graph.add_node(op, scope.name(), std::move(inputs),
                                       {Value{-1, DType::f32, count, true, {}}, Value{-1, DType::f32, count, true, {}}, Value{-1, DType::i32, count, true, {}}, Value{-1, DType::i32, no_value, false, {}}});
    return graph.nodes[std::size_t(node)].outputs;
}

REGULUS_INLINE ValueId roi_align(const Scope& scope, ops::RoiAlign op, const std::vector<ValueId>& maps, ValueId boxes, ValueId count) {
    Graph& graph = scope.graph();
    std::vector<ValueId> inputs = maps;
    inputs.insert(inputs.end(), {boxes, count});
    const NodeId node = graph.add_node(std::move(op), scope.name(), std::move(inputs), {Value{-1, DType::f32, count, true, {}}});
    return graph.nodes[std::size_t(node)].outputs.front();
}

REGULUS_INLINE ValueId refine_boxes(const Scope& scope, const ops::BoxCoder& coder, ValueId boxes, ValueId deltas, ValueId count, ValueId info) {
    return detail::single(scope, ops::RefineBoxes{coder}, {boxes, deltas, count, info});
}

REGULUS_INLINE ValueId scale_boxes(const Scope& scope, ValueId boxes, ValueId count, ValueId info) { return detail::single(scope, ops::ScaleBoxes{}, {boxes, count, info}); }

REGULUS_INLINE ValueId select_channel(const Scope& scope, Activation activation, ValueId src, ValueId labels) {
    return detail::single(scope, ops::SelectChannel{activation}, {src, labels});
}

REGULUS_INLINE ValueId concat(const Scope& scope, const std::vector<ValueId>& maps) { return detail::single(scope, ops::Concat{}, maps); }

REGULUS_INLINE std::vector<ValueId> voxelize(const Scope& scope, const ops::Voxelize& op, ValueId points, ValueId point_count) {
    Graph& graph = scope.graph();
    const ValueId count = ValueId(graph.values.size()) + 4;
    const Value integers{-1, DType::i32, no_value, false, {}}, rows{-1, DType::i32, count, true, {}};
    const NodeId node = graph.add_node(op, scope.name(), {points, point_count}, {integers, rows, rows, rows, integers});
    return graph.nodes[std::size_t(node)].outputs;
}

REGULUS_INLINE ValueId dynamic_voxelize(const Scope& scope, const ops::DynamicVoxelize& op, ValueId points, ValueId point_count) {
    Graph& graph = scope.graph();
    const NodeId node = graph.add_node(op, scope.name(), {points, point_count}, {Value{-1, DType::i32, point_count, true, {}}});
    return graph.nodes[std::size_t(node)].outputs.front();
}

REGULUS_INLINE ValueId encode_pillars(const Scope& scope, const ops::EncodePillars& op, ValueId points, const std::vector<ValueId>& voxels) {
    Graph& graph = scope.graph();
    std::vector<Parameter> parameters;
    int in = op.decorated();
    for (std::size_t layer = 0; layer < op.units.size(); ++layer) {
        const std::string name = scope.name() + "." + std::to_string(layer + 1);
        parameters.push_back({name + ".weight", Shape{op.units[layer], in}});
        for (const char* part : {".norm.weight", ".norm.bias", ".norm.running_mean", ".norm.running_var"}) parameters.push_back({name + part, Shape{op.units[layer]}});
        in = 2 * op.units[layer];
    }
    std::vector<ValueId> inputs{points};
    inputs.insert(inputs.end(), voxels.begin(), voxels.end());
    const NodeId node = graph.add_node(op, scope.name(), std::move(inputs), {Value{-1, DType::f32, voxels.back(), true, {}}}, std::move(parameters));
    return graph.nodes[std::size_t(node)].outputs.front();
}

REGULUS_INLINE ValueId scatter_pillars(const Scope& scope, const ops::ScatterPillars& op, ValueId pillars, ValueId cells, ValueId count) {
    Graph& graph = scope.graph();
    const NodeId node = graph.add_node(op, scope.name(), {pillars, cells, count}, {Value{-1, DType::f32, no_value, false, {}}});
    return graph.nodes[std::size_t(node)].outputs.front();
}

REGULUS_INLINE Candidates3d anchor_candidates3d(const Scope& scope, ops::TopK top_k, ops::DecodeBoxes3d decode, ValueId logits, ValueId deltas, ValueId directions) {
    Graph& graph = scope.graph();
    const ValueId count = ValueId(graph.values.size()) + 2;
    const Value floats{-1, DType::f32, count, false, {}}, integers{-1, DType::i32, count, false, {}};
    graph.add_node(top_k, scope.name() + ".top_k", {logits}, {floats, integers, Value{-1, DType::i32, no_value, false, {}}});
    const NodeId node = graph.add_node(std::move(decode), scope.name() + ".decode", {deltas, directions, count - 1, count}, {floats, integers, integers});
    const std::vector<ValueId>& outputs = graph.nodes[std::size_t(node)].outputs;
    return {&graph, outputs[0], count - 2, outputs[1], outputs[2], count};
}

REGULUS_INLINE std::vector<ValueId> rotated_nms(const Scope& scope, ops::RotatedNms op, const std::vector<Candidates3d>& lists) {
    Graph& graph = scope.graph();
    std::vector<ValueId> inputs;
    for (const Candidates3d& list : lists) inputs.insert(inputs.end(), {list.boxes, list.scores, list.labels, list.directions, list.count});
    op.lists = int(lists.size());
    const ValueId count = ValueId(graph.values.size()) + 3;
    const Value floats{-1, DType::f32, count, true, {}};
    const NodeId node = graph.add_node(op, scope.name(), std::move(inputs), {floats, floats, Value{-1, DType::i32, count, true, {}}, Value{-1, DType::i32, no_value, false, {}}});
    return graph.nodes[std::size_t(node)].outputs;
}

REGULUS_INLINE std::vector<ValueId> circle_nms(const Scope& scope, ops::CircleNms op, const std::vector<Candidates3d>& lists) {
    Graph& graph = scope.graph();
    std::vector<ValueId> inputs;
    for (const Candidates3d& list : lists) inputs.insert(inputs.end(), {list.boxes, list.scores, list.labels, list.count});
    op.lists = int(lists.size());
    const ValueId count = ValueId(graph.values.size()) + 3;
    const Value floats{-1, DType::f32, count, true, {}};
    const NodeId node = graph.add_node(op, scope.name(), std::move(inputs), {floats, floats, Value{-1, DType::i32, count, true, {}}, Value{-1, DType::i32, no_value, false, {}}});
    return graph.nodes[std::size_t(node)].outputs;
}

REGULUS_INLINE std::vector<ValueId> points_input(Graph& graph, int features) {
    const ValueId count = ValueId(graph.values.size()) + 1;
    graph.add_node(ops::Input{ops::Input::Role::points, features}, "points", {}, {Value{-1, DType::f32, count, true, "points"}});
    graph.add_node(ops::Input{ops::Input::Role::point_count, 1}, "point_count", {}, {Value{-1, DType::i32, no_value, false, "point_count"}});
    graph.inputs.insert(graph.inputs.end(), {count - 1, count});
    return {count - 1, count};
}

REGULUS_INLINE std::vector<ValueId> proposals_input(Graph& graph, int limit) {
    const ValueId count = ValueId(graph.values.size()) + 1;
    graph.add_node(ops::Input{ops::Input::Role::proposals, 4, limit}, "proposals", {}, {Value{-1, DType::f32, count, true, "proposals"}});
    graph.add_node(ops::Input{ops::Input::Role::proposal_count, 1, limit}, "proposal_count", {}, {Value{-1, DType::i32, no_value, false, "proposal_count"}});
    graph.inputs.insert(graph.inputs.end(), {count - 1, count});
    return {count - 1, count};
}

REGULUS_INLINE ValueId image_input(Graph& graph, int channels) {
    const NodeId node = graph.add_node(ops::Input{ops::Input::Role::image, channels}, "image", {}, {Value{-1, DType::f32, no_value, false, "image"}});
    graph.inputs.push_back(graph.nodes[std::size_t(node)].outputs.front());
    return graph.inputs.back();
}

REGULUS_INLINE ValueId image_info_input(Graph& graph) {
    const NodeId node = graph.add_node(ops::Input{ops::Input::Role::image_info, 4}, "image_info", {}, {Value{-1, DType::f32, no_value, false, "image_info"}});
    graph.inputs.push_back(graph.nodes[std::size_t(node)].outputs.front());
    return graph.inputs.back();
}

}  // namespace regulus::record
