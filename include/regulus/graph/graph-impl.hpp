#pragma once
#include <set>

#include <regulus/graph/graph.hpp>

namespace regulus {

REGULUS_INLINE NodeId Graph::add_node(Operation operation, std::string name, std::vector<ValueId> inputs, std::vector<Value> outputs,
                                      std::vector<Parameter> parameters) {
    const NodeId id = NodeId(nodes.size());
    Node node{std::move(operation), std::move(name), std::move(inputs), {}, std::move(parameters)};
    for (Value& value : outputs) {
        value.producer = id;
        node.outputs.push_back(ValueId(values.size()));
        values.push_back(std::move(value));
    }
    nodes.push_back(std::move(node));
    return id;
}

REGULUS_INLINE ValueId Graph::find_label(const std::string& label) const {
    for (std::size_t id = 0; id < values.size(); ++id) {
        if (values[id].label == label) return ValueId(id);
    }
    return no_value;
}

REGULUS_INLINE std::int64_t Graph::parameter_count() const {
    std::int64_t count = 0;
    std::set<std::string> counted;  // heads share their parameters between levels
    for (const Node& node : nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (parameter.name.find(".running_") == std::string::npos && counted.insert(parameter.name).second) count += parameter.shape.numel();
        }
    }
    return count;
}

}  // namespace regulus
