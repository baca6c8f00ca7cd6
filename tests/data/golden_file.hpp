#pragma once
// Golden files in the tests of pictures: a json and the tensors beside it.
#include <string>

#include <regulus/weights/read_weights.hpp>

#include "support/shared_json.hpp"

namespace regulus::testing {

/// `name` without suffix, relative to the shared folder.
struct GoldenFile {
    Json facts;
    Weights tensors;

    GoldenFile(const std::string& json, const std::string& safetensors) : facts(shared_json(json)), tensors(read_weights(shared_path(safetensors))) {}
    explicit GoldenFile(const std::string& name) : GoldenFile(name + ".json", name + ".safetensors") {}

    const Tensor& tensor(const std::string& name) const {
        const Tensor* found = tensors.find(name);
        if (found == nullptr) throw WeightError("golden: no tensor " + name);
        return *found;
    }
};

}  // namespace regulus::testing
