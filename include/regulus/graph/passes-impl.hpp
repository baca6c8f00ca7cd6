#pragma once
#include <algorithm>

#include <regulus/graph/passes.hpp>

namespace regulus {

namespace detail {

/// Who uses each value: nodes, and the graph's outputs.
struct Uses {
    std::vector<int> by_nodes;
    std::vector<bool> is_output;

    explicit Uses(const Graph& graph) : by_nodes(graph.values.size()), is_output(graph.values.size()) {
        for (const Node& node : graph.nodes) {
            for (const ValueId id : node.inputs) ++by_nodes[std::size_t(id)];
        }
        for (const auto& [name, id] : graph.outputs) is_output[std::size_t(id)] = true;
    }

    /// Only one node needs the value, so it may disappear into that node.
    bool only_link(ValueId id) const { return by_nodes[std::size_t(id)] == 1 && !is_output[std::size_t(id)]; }
};

/// Node `into` takes over the single output of node `from`, which is left empty for drop_empty().
inline void take_output(Graph& graph, NodeId into, NodeId from) {
    Node& target = graph.nodes[std::size_t(into)];
    Node& source = graph.nodes[std::size_t(from)];
    target.outputs = source.outputs;
    for (const ValueId id : target.outputs) graph.values[std::size_t(id)].producer = into;
    source.outputs.clear();
    source.inputs.clear();
}

/// Removes the nodes for which `drop` holds and renumbers producers.
template <class Predicate>
Graph without_nodes(Graph graph, const Predicate& drop) {
    std::vector<Node> kept;
    for (Node& node : graph.nodes) {
        if (drop(node)) continue;
        for (const ValueId id : node.outputs) graph.values[std::size_t(id)].producer = NodeId(kept.size());
        kept.push_back(std::move(node));
    }
    graph.nodes = std::move(kept);
    return graph;
}

inline Graph drop_empty(Graph graph) {
    return without_nodes(std::move(graph), [](const Node& node) { return node.outputs.empty(); });
}

/// The convolution that a node is or holds; null for others.
inline ops::Conv2d* convolution_of(Operation& operation) {
    if (auto* deform = std::get_if<ops::DeformConv2d>(&operation)) return &deform->conv;
    return std::get_if<ops::Conv2d>(&operation);
}

template <class Convolution>
bool take_norm(Convolution& convolution, const ops::BatchNorm& norm) {
    if (convolution.norm || convolution.activation != Activation::none) return false;
    convolution.norm = true;
    convolution.norm_eps = norm.eps;
    convolution.activation = norm.activation;
    return true;
}
inline bool take_norm(ops::Conv2d* conv, const ops::BatchNorm& norm) { return conv != nullptr && !conv->residual && take_norm(*conv, norm); }

inline Activation* activation_of(Operation& operation) {
    if (ops::Conv2d* conv = convolution_of(operation)) return &conv->activation;
    if (auto* deconv = std::get_if<ops::ConvTranspose2d>(&operation)) return &deconv->activation;
    if (auto* linear = std::get_if<ops::Linear>(&operation)) return &linear->activation;
    if (auto* norm = std::get_if<ops::BatchNorm>(&operation)) return &norm->activation;
    if (auto* norm = std::get_if<ops::GroupNorm>(&operation)) return &norm->activation;
    if (auto* add = std::get_if<ops::Add>(&operation)) return &add->activation;
    return nullptr;
}

}  // namespace detail

REGULUS_INLINE Graph with_outputs(Graph graph, const std::vector<std::string>& labels) {
    for (const std::string& label : labels) {
        const ValueId id = graph.find_label(label);
        if (id == no_value) throw ArgumentError("outputs: \"" + graph.name + "\" has no value labelled \"" + label + "\"");
        graph.outputs.emplace_back(label, id);
    }
    return graph;
}

REGULUS_INLINE Graph fold_batch_norm(Graph graph) {
    const detail::Uses uses(graph);
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        Node& node = graph.nodes[id];
        const auto* norm = std::get_if<ops::BatchNorm>(&node.operation);
        if (norm == nullptr || !uses.only_link(node.inputs[0])) continue;
        const NodeId producer = graph.values[std::size_t(node.inputs[0])].producer;
        Node& before = graph.nodes[std::size_t(producer)];
        auto* deconv = std::get_if<ops::ConvTranspose2d>(&before.operation);
        if (!(deconv != nullptr ? detail::take_norm(*deconv, *norm) : detail::take_norm(detail::convolution_of(before.operation), *norm))) continue;
        before.parameters.insert(before.parameters.end(), node.parameters.begin(), node.parameters.end());
        detail::take_output(graph, producer, NodeId(id));
    }
    return detail::drop_empty(std::move(graph));
}

REGULUS_INLINE Graph fuse_activation(Graph graph) {
    const detail::Uses uses(graph);
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        Node& node = graph.nodes[id];
        const auto* activate = std::get_if<ops::Activate>(&node.operation);
        if (activate == nullptr || !uses.only_link(node.inputs[0])) continue;
        const NodeId producer = graph.values[std::size_t(node.inputs[0])].producer;
        Activation* slot = detail::activation_of(graph.nodes[std::size_t(producer)].operation);
        if (slot == nullptr || *slot != Activation::none) continue;
        *slot = activate->activation;
        detail::take_output(graph, producer, NodeId(id));
    }
    return detail::drop_empty(std::move(graph));
}

REGULUS_INLINE Graph fuse_resize_add(Graph graph) {
    const detail::Uses uses(graph);
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        Node& node = graph.nodes[id];
        const auto* add = std::get_if<ops::Add>(&node.operation);
        if (add == nullptr || add->activation != Activation::none) continue;
        for (int side = 0; side < 2; ++side) {
            const ValueId resized = node.inputs[std::size_t(side)];
            const ValueId other = node.inputs[std::size_t(1 - side)];
            const NodeId producer = graph.values[std::size_t(resized)].producer;
            Node& before = graph.nodes[std::size_t(producer)];
            auto* resize = std::get_if<ops::Resize>(&before.operation);
            if (resize == nullptr || resize->adds || resize->factor != 0 || before.inputs[1] != other || !uses.only_link(resized)) continue;
            resize->adds = true;
            detail::take_output(graph, producer, NodeId(id));
            break;
        }
    }
    return detail::drop_empty(std::move(graph));
}

REGULUS_INLINE Graph fuse_residual(Graph graph) {
    const detail::Uses uses(graph);
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        Node& node = graph.nodes[id];
        const auto* add = std::get_if<ops::Add>(&node.operation);
        if (add == nullptr || node.inputs[0] == node.inputs[1]) continue;
        const auto producer_of = [&](int side) { return graph.values[std::size_t(node.inputs[std::size_t(side)])].producer; };
        const int side = producer_of(0) > producer_of(1) ? 0 : 1;  // the later operand: the other one is ready when it runs
        const NodeId producer = producer_of(side);
        Node& before = graph.nodes[std::size_t(producer)];
        auto* conv = std::get_if<ops::Conv2d>(&before.operation);
        if (conv == nullptr || conv->residual || conv->activation != Activation::none || !uses.only_link(node.inputs[std::size_t(side)])) continue;
        conv->residual = true;
        conv->activation = add->activation;
        before.inputs.push_back(node.inputs[std::size_t(1 - side)]);
        detail::take_output(graph, producer, NodeId(id));
    }
    return detail::drop_empty(std::move(graph));
}

REGULUS_INLINE Graph remove_dead(Graph graph) {
    std::vector<bool> needed(graph.values.size());
    const auto need = [&](ValueId id) {
        needed[std::size_t(id)] = true;
        if (const ValueId count = graph.values[std::size_t(id)].count; count != no_value) needed[std::size_t(count)] = true;
    };
    for (const auto& [name, id] : graph.outputs) need(id);
    std::vector<bool> keep(graph.nodes.size());
    for (std::size_t id = graph.nodes.size(); id-- > 0;) {
        const Node& node = graph.nodes[id];
        const bool wanted = std::holds_alternative<ops::Input>(node.operation) || std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId out) { return needed[std::size_t(out)]; });
        if (!wanted) continue;
        keep[id] = true;
        for (const ValueId in : node.inputs) need(in);
    }
    std::size_t at = 0;
    return detail::without_nodes(std::move(graph), [&](const Node&) { return !keep[at++]; });
}

REGULUS_INLINE Graph remove_idle_inputs(Graph graph) {
    const detail::Uses uses(graph);
    const auto is_needed = [&](ValueId id) { return uses.by_nodes[std::size_t(id)] != 0 || uses.is_output[std::size_t(id)]; };
    const std::vector<ValueId> inputs = graph.inputs;
    const auto is_idle = [&](ValueId id) {
        const auto counts = [&](ValueId other) { return is_needed(other) && graph.values[std::size_t(other)].count == id; };
        return !is_needed(id) && std::none_of(inputs.begin(), inputs.end(), counts);
    };
    graph.inputs.erase(std::remove_if(graph.inputs.begin(), graph.inputs.end(), is_idle), graph.inputs.end());
    const std::vector<ValueId> kept = graph.inputs;
    return detail::without_nodes(std::move(graph), [&](const Node& node) { return std::holds_alternative<ops::Input>(node.operation) && std::find(kept.begin(), kept.end(), node.outputs[0]) == kept.end(); });
}

REGULUS_INLINE Graph starting_at(Graph graph, const std::string& label, int channels) {
    const ValueId map = graph.find_label(label);
    if (map == no_value) throw ArgumentError("from: \"" + graph.name + "\" has no value labelled \"" + label + "\"");
    const Value& value = graph.values[std::size_t(map)];
    Node& source = graph.nodes[std::size_t(value.producer)];
    if (value.is_rows || value.dtype != DType::f32 || value.count != no_value || source.outputs.size() != 1) throw ArgumentError("from: \"" + label + "\" of \"" + graph.name + "\" is no map");
    source = Node{ops::Input{ops::Input::Role::image, channels}, label, {}, {map}, {}};
    if (std::find(graph.inputs.begin(), graph.inputs.end(), map) == graph.inputs.end()) graph.inputs.insert(graph.inputs.begin(), map);
    graph = remove_idle_inputs(remove_dead(std::move(graph)));
    for (const ValueId id : graph.inputs) {
        const auto role = std::get<ops::Input>(graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)].operation).role;
        if (id != map && role != ops::Input::Role::image_info) throw ArgumentError("from: what \"" + graph.name + "\" does behind \"" + label + "\" needs more than that map; ask for other outputs");
    }
    return graph;
}

namespace detail {

/// Inputs in the place of the values `found`, of which the last counts the rows of the others; they come behind the graph's own inputs. False when no node reads the values.
inline bool give(Graph& graph, const std::vector<ValueId>& found, const std::vector<std::pair<const char*, ops::Input>>& inputs) {
    const ValueId first_given = ValueId(graph.values.size()), count = first_given + ValueId(inputs.size()) - 1;
    const NodeId finder = graph.values[std::size_t(found[0])].producer;
    bool used = false;
    for (Node& node : graph.nodes) {
        for (ValueId& in : node.inputs) {
            const auto at = std::find(found.begin(), found.end(), in);
            if (at == found.end()) continue;
            in = first_given + ValueId(at - found.begin());
            used = true;
        }
    }
    if (!used) return false;
    for (Value& value : graph.values) {
        if (value.count == found.back() && value.producer != finder) value.count = count;
    }

    // The new inputs stand behind the old ones, before all that works.
    const auto first = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) { return !std::holds_alternative<ops::Input>(node.operation); });
    const NodeId at = NodeId(first - graph.nodes.begin()), more = NodeId(inputs.size());
    for (Value& value : graph.values) value.producer += value.producer >= at ? more : 0;
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const ValueId id = first_given + ValueId(i);
        const DType dtype = inputs[i].second.role == ops::Input::Role::proposals ? DType::f32 : DType::i32;
        nodes.push_back({inputs[i].second, inputs[i].first, {}, {id}, {}});
        graph.values.push_back({at + NodeId(i), dtype, id == count ? no_value : count, id != count, inputs[i].first});
        graph.inputs.push_back(id);
    }
    graph.nodes.insert(first, nodes.begin(), nodes.end());
    return true;
}

}  // namespace detail

REGULUS_INLINE Graph with_given_boxes(Graph graph, int limit) {
    const auto output = [&](const char* name) {
        const auto found = std::find_if(graph.outputs.begin(), graph.outputs.end(), [&](const auto& entry) { return entry.first == name; });
        if (found == graph.outputs.end()) throw ArgumentError("given boxes: \"" + graph.name + "\" is no detector: it has no output \"" + name + "\"");
        return found->second;
    };
    int classes = 0;
    for (const Node& node : graph.nodes) {
        if (const auto* candidates = std::get_if<ops::ClassCandidates>(&node.operation)) classes = candidates->classes;
    }
    using Role = ops::Input::Role;
    const bool used = detail::give(graph, {output("boxes"), output("labels"), output("count")},
                                   {{"given_boxes", {Role::proposals, 4, limit}}, {"given_labels", {Role::proposal_labels, classes, limit}}, {"given_count", {Role::proposal_count, 1, limit}}});
    if (!used) throw ArgumentError("given boxes: \"" + graph.name + "\" makes neither masks nor keypoints of its boxes");
    return graph;
}

REGULUS_INLINE Graph with_given_proposals(Graph graph, int limit) {
    const ValueId proposals = graph.find_label("proposals");
    if (proposals == no_value) throw ArgumentError("given proposals: \"" + graph.name + "\" is no two-stage detector: it has no value labelled \"proposals\"");
    using Role = ops::Input::Role;
    graph.values[std::size_t(proposals)].label = "own_proposals";
    const bool used = detail::give(graph, {proposals, graph.values[std::size_t(proposals)].count}, {{"proposals", {Role::proposals, 4, limit}}, {"proposal_count", {Role::proposal_count, 1, limit}}});
    if (!used) throw ArgumentError("given proposals: \"" + graph.name + "\" makes nothing of its proposals");
    return graph;
}

REGULUS_INLINE Graph optimize(Graph graph) {
    return fuse_residual(fuse_resize_add(fuse_activation(fold_batch_norm(remove_dead(std::move(graph))))));
}

}  // namespace regulus
