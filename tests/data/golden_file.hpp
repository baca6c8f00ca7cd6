#pragma once
// Golden files in the tests of pictures: a json and the tensors beside it.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>
#include <regulus/weights/read_weights.hpp>

#include "support/shared.hpp"

namespace regulus::testing {

/// `name` without suffix, relative to the shared folder.
struct GoldenFile {
    Json facts;
    Weights tensors;

    GoldenFile(const std::string& json, const std::string& safetensors) : tensors(read_weights(shared_path(safetensors))) {
        const auto bytes = read_file(shared_path(json), 1 << 26);
        facts = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, json);
    }
    explicit GoldenFile(const std::string& name) : GoldenFile(name + ".json", name + ".safetensors") {}

    const Tensor& tensor(const std::string& name) const {
        const Tensor* found = tensors.find(name);
        if (found == nullptr) throw WeightError("golden: no tensor " + name);
        return *found;
    }
};

inline const Json& member(const Json& object, std::string_view name) {
    const Json* found = object.find(name);
    if (found == nullptr) throw FileError("golden: no member " + std::string(name));
    return *found;
}

inline double number(const Json& value) { return value.integer() != nullptr ? double(*value.integer()) : *value.real(); }
inline std::int64_t whole(const Json& value) { return *value.integer(); }
inline std::string text(const Json& value) { return *value.text(); }
inline const Json::Array& list(const Json& value) { return *value.array(); }

inline std::vector<double> numbers(const Json& value) {
    std::vector<double> result;
    for (const Json& item : list(value)) result.push_back(number(item));
    return result;
}

}  // namespace regulus::testing
