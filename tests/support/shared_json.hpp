#pragma once
// JSON files of the shared folder, and what tests take out of them.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>

#include "support/shared.hpp"

namespace regulus::testing {

inline Json shared_json(const std::string& relative) {
    const auto bytes = read_file(shared_path(relative), 1 << 28);
    return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, relative, {64, 1 << 26});
}

inline const Json& member(const Json& object, std::string_view name) {
    const Json* found = object.find(name);
    if (found == nullptr) throw FileError("golden: no member " + std::string(name));
    return *found;
}

inline double number(const Json& value) { return value.integer() != nullptr ? double(*value.integer()) : *value.real(); }
inline double number(const Json& one, const char* name, double otherwise) { return one.find(name) == nullptr ? otherwise : number(*one.find(name)); }
inline std::int64_t whole(const Json& value) { return *value.integer(); }
inline std::string text_of(const Json& value) { return *value.text(); }
inline const Json::Array& list(const Json& value) { return *value.array(); }

inline std::vector<double> numbers(const Json& value) {
    std::vector<double> result;
    for (const Json& item : list(value)) result.push_back(number(item));
    return result;
}

}  // namespace regulus::testing
