#pragma once
// The recorded network: nodes in order of execution, values between them, parameters by name.
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/dtype.hpp>
#include <regulus/core/shape.hpp>
#include <regulus/graph/operations.hpp>

namespace regulus {

using ValueId = int;
using NodeId = int;
inline constexpr int no_value = -1;

/// A tensor that the weights must supply, float32.
struct Parameter {
    std::string name;  // dotted: "backbone.s2.b1.b.weight"
    Shape shape;
};

struct Node {
    Operation operation;
    std::string name;  // the scope it was recorded in
    std::vector<ValueId> inputs;
    std::vector<ValueId> outputs;
    std::vector<Parameter> parameters;
};

/// What flows along an edge.
struct Value {
    NodeId producer = -1;
    DType dtype = DType::f32;
    ValueId count = no_value;  // for rows and lists: the value [n] that says how many entries are valid per image
    bool is_rows = false;      // the first axis is packed rows bounded by `count`
    std::string label;         // a name that users may ask for: "C2", "proposals"; empty for most
};

/// Nodes are in topological order: each uses only values of earlier ones.
struct Graph {
    std::string name;
    std::vector<Node> nodes;
    std::vector<Value> values;
    std::vector<ValueId> inputs;                            // in the order in which run() takes them
    std::vector<std::pair<std::string, ValueId>> outputs;  // in the order in which run() gives them

    /// Appends a node with fresh outputs (their producer is set here) and returns the node's id.
    NodeId add_node(Operation operation, std::string name, std::vector<ValueId> inputs, std::vector<Value> outputs,
                    std::vector<Parameter> parameters = {});

    /// The value with this label, or no_value.
    ValueId find_label(const std::string& label) const;

    /// Number of parameter elements, norm statistics not counted (as PyTorch counts parameters).
    std::int64_t parameter_count() const;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/graph/graph-impl.hpp>
#endif
