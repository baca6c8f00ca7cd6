#pragma once
// Shapes of a model's parameters, and those of the state dicts in golden/detection2d/inventory.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <regulus/graph/graph.hpp>

#include "support/shared_json.hpp"

namespace regulus::testing {

/// All shapes of a model's parameters, norm statistics included, each parameter once, sorted.
inline std::vector<std::string> shapes_of(const Graph& graph) {
    std::map<std::string, std::string> by_name;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) by_name[parameter.name] = to_string(parameter.shape);
    }
    std::vector<std::string> shapes;
    for (const auto& [name, shape] : by_name) shapes.push_back(shape);
    std::sort(shapes.begin(), shapes.end());
    return shapes;
}

inline Json mmdetection_inventory(const std::string& config) { return shared_json("golden/detection2d/inventory/mmdet/" + config + ".json"); }

/// The same of an inventory's state dict; counters of batches left out.
inline std::vector<std::string> stored_shapes(const Json& inventory) {
    std::vector<std::string> shapes;
    for (const Json& entry : list(member(inventory, "state_dict"))) {
        if (text_of(list(entry)[0]).ends_with("num_batches_tracked")) continue;
        Shape shape;
        for (const Json& size : list(list(entry)[1])) shape.push_back(whole(size));
        shapes.push_back(to_string(shape));
    }
    std::sort(shapes.begin(), shapes.end());
    return shapes;
}

}  // namespace regulus::testing
