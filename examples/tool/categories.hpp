#pragma once
// Categories of annotations by name.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>

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

}  // namespace tool
