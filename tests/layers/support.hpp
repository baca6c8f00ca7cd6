#pragma once
// A graph under record with one input, and looks at what a layer appended.
#include <map>

#include <doctest/doctest.h>

#include <regulus/graph/describe.hpp>
#include <regulus/graph/record.hpp>

namespace regulus::testing {

/// Declares inputs and records layers; the scope is "net".
struct Recording {
    Graph graph;
    Scope scope = Scope(graph) / "net";

    /// A map of any channels and stride: an input of its own.
    template <int Channels, int Stride>
    Feature<Channels, Stride> feature() {
        const NodeId node = graph.add_node(ops::Input{ops::Input::Role::image, Channels}, "image", {}, {Value{}});
        return {&graph, graph.nodes[std::size_t(node)].outputs[0]};
    }

    ValueId info() { return record::image_info_input(graph); }

    /// Shape of a value when all inputs are n x h x w.
    Shape shape(ValueId id, int n, int h, int w) const { return infer_shapes(graph, InputSize{n, h, w})[std::size_t(id)]; }

    /// Name and shape of every parameter.
    std::map<std::string, std::string> parameters() const {
        std::map<std::string, std::string> all;
        for (const Node& node : graph.nodes) {
            for (const Parameter& parameter : node.parameters) all[parameter.name] = to_string(parameter.shape);
        }
        return all;
    }

    const Node& producer(ValueId id) const { return graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)]; }

    template <class Op>
    const Op& op(ValueId id) const {
        REQUIRE(std::holds_alternative<Op>(producer(id).operation));
        return std::get<Op>(producer(id).operation);
    }

    Recording() = default;
    Recording(const Recording&) = delete;  // the scope points at the graph
};

using Parameters = std::map<std::string, std::string>;

}  // namespace regulus::testing
