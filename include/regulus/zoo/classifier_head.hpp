#pragma once
// Heads of another number of classes than a classifier's type states, and none at all.
#include <limits>
#include <string>
#include <utility>
#include <variant>

#include <regulus/graph/graph.hpp>
#include <regulus/graph/passes.hpp>

namespace regulus {

namespace detail {

/// The linear layer that makes the logits. Throws ArgumentError when there is none.
inline Node& classifier_head(Graph& graph) {
    const ValueId logits = graph.find_label("logits");
    if (logits != no_value) {
        Node& node = graph.nodes[std::size_t(graph.values[std::size_t(logits)].producer)];
        if (std::holds_alternative<ops::Linear>(node.operation)) return node;
    }
    throw ArgumentError("classifier: " + graph.name + " has no linear layer that gives \"logits\"");
}

}  // namespace detail

/// The classifier with a head of `classes` classes, all else as it was. Throws ArgumentError for a graph that is no classifier and for classes < 1.
inline Graph with_classes(Graph graph, std::int64_t classes) {
    if (classes < 1 || classes > std::numeric_limits<int>::max()) throw ArgumentError("classifier: " + graph.name + " cannot have " + std::to_string(classes) + " classes");
    Node& head = detail::classifier_head(graph);
    auto& linear = std::get<ops::Linear>(head.operation);
    linear.out_features = int(classes);
    for (Parameter& parameter : head.parameters) parameter.shape = parameter.shape.rank() == 2 ? Shape{classes, linear.in_features} : Shape{classes};
    return graph;
}

/// The classifier as a network of features: its only output is "pooled" [n, c, 1, 1], its labels but "logits" stay. For checkpoints that hold the backbone
/// alone. Throws ArgumentError for a graph that is no classifier.
inline Graph without_head(Graph graph) {
    detail::classifier_head(graph);
    const ValueId pooled = graph.find_label("pooled");
    if (pooled == no_value) throw ArgumentError("classifier: " + graph.name + " has no value \"pooled\"");
    graph.values[std::size_t(graph.find_label("logits"))].label.clear();
    graph.outputs = {{"pooled", pooled}};
    return remove_dead(std::move(graph));
}

}  // namespace regulus
