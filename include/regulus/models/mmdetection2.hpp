#pragma once
// Any recorded detector of mmdetection as version 2 of that program runs it: for models that are chosen by name. A model that is a type has
// AsMmdetection2<Model> (models/recorded.hpp), which gives the same graph.
#include <utility>
#include <vector>

#include <regulus/graph/graph.hpp>

namespace regulus {

namespace detail {

/// Puts `node`, which makes one float32 value of rows, before the node `at`; returns the value.
inline ValueId insert_rows_node(Graph& graph, NodeId at, Node node, ValueId count) {
    const ValueId made = ValueId(graph.values.size());
    node.outputs = {made};
    for (Value& value : graph.values) {
        if (value.producer >= at) ++value.producer;
    }
    graph.values.push_back(Value{at, DType::f32, count, true, {}});
    graph.nodes.insert(graph.nodes.begin() + at, std::move(node));
    return made;
}

}  // namespace detail

/// The graph with mmdetection 2's steps after the network; parameters, inputs and outputs stay.
///   - RetinaNet: of each level the anchors with the best class, whatever its score, then all their classes above the threshold
///   - boxes without width or height stay, among proposals and detections
///   - with masks too, boxes are suppressed and given in pixels of the original picture; the mask head pools them scaled back
/// Published numbers of 2020 and 2021 were made so: AnyDetector(backend, as_mmdetection2(recorded(model)), weights, model.facts).
inline Graph as_mmdetection2(Graph graph) {
    ValueId boxes = no_value, count = no_value, info = no_value;
    bool has_masks = false;
    for (const auto& [name, value] : graph.outputs) {
        if (name == "boxes") boxes = value;
        if (name == "count") count = value;
        has_masks = has_masks || name == "masks";
    }
    for (Node& node : graph.nodes) {
        if (auto* nms = std::get_if<ops::Nms>(&node.operation)) nms->min_size = -1.f;
        if (const auto* decode = std::get_if<ops::DecodeAnchors>(&node.operation); decode != nullptr && decode->classes > 1) {
            const NodeId chooser = graph.values[std::size_t(node.inputs[1])].producer;
            if (auto* top_k = std::get_if<ops::TopK>(&graph.nodes[std::size_t(chooser)].operation)) top_k->classes = decode->classes;
        }
        if (auto* classes = std::get_if<ops::ClassCandidates>(&node.operation); classes != nullptr && has_masks && !classes->rescale) {
            classes->rescale = true;
            info = node.inputs[4];
        }
    }
    if (info == no_value) return graph;  // without masks, or in original pixels already
    for (NodeId id = 0; id < NodeId(graph.nodes.size()); ++id) {
        if (!std::holds_alternative<ops::RoiAlign>(graph.nodes[std::size_t(id)].operation)) continue;
        const std::size_t of_boxes = graph.nodes[std::size_t(id)].inputs.size() - 2;
        if (graph.nodes[std::size_t(id)].inputs[of_boxes] != boxes) continue;
        const ValueId scaled = detail::insert_rows_node(graph, id, Node{ops::ScaleBoxes{}, "mask_head.scale_boxes", {boxes, count, info}, {}, {}}, count);
        graph.nodes[std::size_t(++id)].inputs[of_boxes] = scaled;
    }
    return graph;
}

}  // namespace regulus
