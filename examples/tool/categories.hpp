#pragma once
// Categories of annotations by name, of panoptic ones too.
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>
#include <regulus/evaluate/coco_panoptic.hpp>
#include <regulus/zoo/model_spec.hpp>

namespace tool {

/// The id of each name. Throws regulus::ArgumentError, said by `command`, when two categories have one name.
inline std::map<std::string, std::int64_t> categories_by_name(const std::vector<regulus::CocoCategory>& categories, const std::string& command) {
    std::map<std::string, std::int64_t> ids;
    for (const regulus::CocoCategory& category : categories) {
        if (ids.emplace(category.name, category.id).second) continue;
        throw regulus::ArgumentError(command + ": the annotations have two categories \"" + category.name + "\", so classes cannot be told by name");
    }
    return ids;
}

/// The id of each name of a panoptic data set. Throws regulus::ArgumentError, said by `command`, when two categories have one name, and for names that the model does not know.
inline std::map<std::string, std::int64_t> categories_by_name(const std::vector<regulus::PanopticCategory>& categories, const regulus::ModelFacts& facts, const std::string& model, const std::string& command) {
    std::map<std::string, std::int64_t> ids;
    std::string missing;
    std::size_t unknown = 0;
    for (const regulus::PanopticCategory& category : categories) {
        if (!ids.emplace(category.name, category.id).second) throw regulus::ArgumentError(command + ": the annotations have two categories \"" + category.name + "\", so classes cannot be told by name");
        const auto& names = category.isthing ? facts.class_names : facts.stuff_names;
        const bool known = std::find(names.begin(), names.end(), category.name) != names.end();
        if (!known && unknown++ < 8) missing += (missing.empty() ? "\"" : ", \"") + category.name + "\"";
    }
    if (unknown > 8) missing += ", ...";
    if (unknown > 0) {
        throw regulus::ArgumentError(command + ": " + model + " has no class for " + std::to_string(unknown) + " of the " + std::to_string(ids.size()) + " categories of the annotations (" + missing +
                                     "); use the model's own data set");
    }
    return ids;
}

}  // namespace tool
