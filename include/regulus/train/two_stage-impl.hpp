#pragma once
#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

#include <regulus/core/error.hpp>
#include <regulus/graph/kernels/nms.hpp>
#include <regulus/graph/kernels/proposals.hpp>
#include <regulus/graph/passes.hpp>
#include <regulus/train/dense_loss-impl.hpp>
#include <regulus/train/two_stage.hpp>

namespace regulus::train {

namespace detail {

inline ValueId need_label(const Graph& graph, const std::string& label) {
    const ValueId id = graph.find_label(label);
    if (id == no_value) throw ArgumentError("two_stage_graph: " + graph.name + " has no value labelled " + label);
    return id;
}

/// Puts nodes in front of node `at`; the values that they give are there already.
inline void insert_nodes(Graph& graph, NodeId at, const std::vector<Node>& nodes) {
    for (Value& value : graph.values) value.producer += value.producer >= at ? NodeId(nodes.size()) : 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        for (const ValueId output : nodes[i].outputs) graph.values[std::size_t(output)].producer = at + NodeId(i);
    }
    graph.nodes.insert(graph.nodes.begin() + at, nodes.begin(), nodes.end());
}

/// What leads from `pooled`, which RoIAlign gives, to the values labelled `ends` works on regions of its own, at most `limit` a picture: two more inputs, NAME_regions and NAME_count.
inline void give_regions(Graph& graph, ValueId pooled, const std::vector<std::string>& ends, const std::string& name, int limit) {
    const ValueId boxes = ValueId(graph.values.size()), count = boxes + 1, own = boxes + 2;
    const NodeId align = graph.values[std::size_t(pooled)].producer;
    const ValueId old_count = graph.values[std::size_t(pooled)].count;
    std::vector<bool> leads(graph.values.size());
    for (const std::string& end : ends) leads[std::size_t(need_label(graph, end))] = true;
    for (NodeId id = NodeId(graph.nodes.size()) - 1; id > align; --id) {
        Node& node = graph.nodes[std::size_t(id)];
        if (std::none_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) { return leads[std::size_t(output)]; })) continue;
        for (const ValueId output : node.outputs) {
            if (ValueId& counted = graph.values[std::size_t(output)].count; counted == old_count) counted = count;
        }
        for (ValueId& input : node.inputs) {
            leads[std::size_t(input)] = true;
            if (input == pooled) input = own;
        }
    }

    Node again = graph.nodes[std::size_t(align)];
    *(again.inputs.end() - 2) = boxes;
    again.inputs.back() = count;
    again.outputs = {own};
    graph.values.push_back({no_value, DType::f32, count, true, name + "_regions"});
    graph.values.push_back({no_value, DType::i32, no_value, false, name + "_count"});
    graph.values.push_back({no_value, DType::f32, count, true, std::exchange(graph.values[std::size_t(pooled)].label, {})});
    insert_nodes(graph, align + 1, {again});
    using Role = ops::Input::Role;
    const auto first = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) { return !std::holds_alternative<ops::Input>(node.operation); });
    insert_nodes(graph, NodeId(first - graph.nodes.begin()),
                 {{ops::Input{Role::proposals, 4, limit}, name + "_regions", {}, {boxes}, {}}, {ops::Input{Role::proposal_count, 1, limit}, name + "_count", {}, {count}, {}}});
    graph.inputs.insert(graph.inputs.end(), {boxes, count});
}

}  // namespace detail

REGULUS_INLINE std::vector<Tensor> dense_proposals(const std::vector<ops::DecodeAnchors>& levels, const std::vector<DenseMaps>& maps, const Tensor& image_info, const ProposalRules& rules) {
    constexpr const char* who = "dense_proposals";
    const std::int64_t pictures = image_info.shape().rank() == 2 ? image_info.shape()[0] : 0;
    detail::need_dense(who, levels, maps, pictures);
    detail::need_shape(who, "image_info", image_info, Shape{pictures, 4}, DType::f32);
    if (rules.candidates < 1 || rules.limit < 1) {
        throw ArgumentError(std::string(who) + ": " + std::to_string(rules.limit) + " proposals of " + std::to_string(rules.candidates) + " candidates a level; both must be positive");
    }
    ops::Nms suppress;
    suppress.lists = int(levels.size());
    suppress.iou_threshold = rules.iou_threshold;
    suppress.limit = rules.limit;
    suppress.min_size = rules.min_size;

    struct Found {
        std::vector<float> boxes, scores;
        std::vector<std::int32_t> labels;
    };
    std::vector<Tensor> proposals;
    for (std::int64_t picture = 0; picture < pictures; ++picture) {
        const kernels::Picture<float> info = kernels::load_picture(image_info.data<float>() + 4 * picture);
        std::vector<Found> found(levels.size());
        std::vector<kernels::CandidateList<float>> lists;
        std::int64_t candidates = 0;
        for (std::size_t level = 0; level < levels.size(); ++level) {
            const Shape& shape = maps[level].logits.shape();
            const std::int64_t total = shape[1] * shape[2] * shape[3], most = std::min<std::int64_t>(rules.candidates, total);
            const ops::TopK best{rules.candidates};
            std::vector<kernels::Scored<float>> pool(kernels::top_k_scratch(total, rules.candidates));
            std::vector<std::int32_t> index(std::size_t(most), 0);
            found[level] = {std::vector<float>(std::size_t(4 * most)), std::vector<float>(std::size_t(most)), std::vector<std::int32_t>(std::size_t(most))};
            const std::int32_t count = kernels::top_k(best, maps[level].logits.data<float>() + picture * total, shape[1], shape[2], shape[3], pool.data(), found[level].scores.data(), index.data());
            const std::int64_t area = shape[2] * shape[3];
            kernels::decode_anchors(levels[level], maps[level].deltas.data<float>() + picture * maps[level].deltas.shape()[1] * area, area, 1, shape[3], index.data(), count, info, found[level].boxes.data(),
                                    found[level].labels.data());
            std::fill(found[level].labels.begin(), found[level].labels.end(), std::int32_t(level));  // suppression keeps levels apart
            lists.push_back({found[level].boxes.data(), found[level].scores.data(), found[level].labels.data(), count});
            candidates += count;
        }
        std::vector<std::byte> scratch(kernels::NmsScratch<float>::bytes(candidates, rules.limit));
        Found kept{std::vector<float>(std::size_t(4 * std::int64_t(rules.limit))), std::vector<float>(std::size_t(rules.limit)), std::vector<std::int32_t>(std::size_t(rules.limit))};
        const std::int32_t count = kernels::nms(suppress, lists.data(), lists.size(), kernels::NmsScratch<float>(scratch.data(), candidates), kept.boxes.data(), kept.scores.data(), kept.labels.data());
        Tensor& boxes = proposals.emplace_back(Shape{count, 4}, DType::f32);
        std::copy_n(kept.boxes.data(), 4 * std::ptrdiff_t(count), boxes.data<float>());
    }
    return proposals;
}

REGULUS_INLINE std::vector<std::string> head_prefixes(const Graph& detector, const std::string& label) {
    std::vector<std::string> prefixes;
    const auto prefix = [&] { return "stage" + std::to_string(prefixes.size()) + "."; };
    while (detector.find_label(prefix() + label) != no_value) prefixes.push_back(prefix());
    if (prefixes.empty() && detector.find_label(label) != no_value) prefixes.emplace_back();
    return prefixes;
}

REGULUS_INLINE Graph two_stage_graph(Graph detector, int regions, int object_regions) {
    std::vector<std::string> outputs;
    if (detector.find_label("rpn_logits.0") != no_value) {
        for (const auto& entry : dense_graph(detector, "rpn_logits", "rpn_deltas").outputs) outputs.push_back(entry.first);
    }
    Graph graph = with_given_proposals(std::move(detector), regions);
    for (const std::string& stage : head_prefixes(graph, "class_logits")) {
        const std::vector<std::string> ends{stage + "class_logits", stage + "box_regression"};
        if (!stage.empty() && stage != "stage0.") detail::give_regions(graph, detail::need_label(graph, stage + "roi_feats"), ends, stage + "given", regions);
        outputs.insert(outputs.end(), ends.begin(), ends.end());
    }
    std::size_t heads = 0;
    for (const std::string what : {"mask", "keypoint"}) {
        const ValueId pooled = graph.find_label(what + "_roi_feats");  // of all stages' heads
        for (const std::string& stage : object_regions > 0 ? head_prefixes(graph, what + "_logits") : std::vector<std::string>{}) {
            detail::give_regions(graph, pooled, {stage + what + "_logits"}, stage + what, object_regions);
            outputs.push_back(stage + what + "_logits");
            ++heads;
        }
    }
    if (object_regions > 0 && heads == 0) throw ArgumentError("two_stage_graph: " + graph.name + " makes neither masks nor keypoints of its boxes");
    if (graph.find_label("semantic_logits") != no_value) outputs.emplace_back("semantic_logits");
    graph.outputs.clear();
    return remove_idle_inputs(remove_dead(with_outputs(std::move(graph), outputs)));
}

REGULUS_INLINE void put_gradient(std::vector<Tensor>& gradients, const Outputs& outputs, const std::string& name, const Tensor& gradient) {
    for (std::size_t i = 0; i < outputs.entries().size() && i < gradients.size(); ++i) {
        if (outputs.entries()[i].first != name) continue;
        gradients[i] = gradient;
        return;
    }
    throw ArgumentError("put_gradient: there is no output " + name);
}

}  // namespace regulus::train
