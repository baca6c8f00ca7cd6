#pragma once
// The files of golden/detection3d/ops: parameters of each case and its arrays.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/core/json.hpp>
#include <regulus/weights/read_weights.hpp>

#include "support/shared_json.hpp"

namespace regulus::testing {

inline std::string golden_op_path(const std::string& op) { return "golden/detection3d/ops/" + op; }

/// A number of either kind.
inline double number_of(const Json& json) { return json.integer() != nullptr ? double(*json.integer()) : (json.real() != nullptr ? *json.real() : double(json.boolean() != nullptr && *json.boolean())); }

inline std::vector<float> floats_of(const Json* list) {
    std::vector<float> values;
    if (list != nullptr && list->array() != nullptr) {
        for (const Json& value : *list->array()) values.push_back(float(number_of(value)));
    }
    return values;
}

/// One case of an operator file.
class GoldenOpCase {
public:
    GoldenOpCase(std::string name, const Json& json, const Weights& arrays) : name_(std::move(name)), json_(&json), arrays_(&arrays) {}

    const std::string& name() const { return name_; }
    const Json* find(const char* key) const { return json_->find(key); }
    double number(const char* key, double absent = 0) const { return find(key) == nullptr ? absent : number_of(*find(key)); }
    std::vector<float> floats(const char* key) const { return floats_of(find(key)); }
    const Tensor* find_array(const std::string& array) const { return arrays_->find(name_ + "." + array); }
    const Tensor& array(const std::string& array) const {
        const Tensor* tensor = find_array(array);
        REQUIRE_MESSAGE(tensor != nullptr, name_, " lacks the array ", array);
        return *tensor;
    }
    const float* floats_at(const std::string& array_name) const { return array(array_name).data<float>(); }
    /// Elements of an int32 or int16 array.
    std::vector<std::int32_t> integers(const std::string& array_name) const {
        const Tensor& tensor = array(array_name);
        std::vector<std::int32_t> values(std::size_t(tensor.numel()), 0);
        for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] = tensor.dtype() == DType::i32 ? tensor.data<std::int32_t>()[i] : (tensor.dtype() == DType::i16 ? std::int32_t(tensor.data<std::int16_t>()[i]) : std::int32_t(tensor.data<float>()[i]));
        }
        return values;
    }

private:
    std::string name_;
    const Json* json_;
    const Weights* arrays_;
};

/// An operator file of the reference programs.
class GoldenOp {
public:
    explicit GoldenOp(const std::string& op) : arrays_(read_weights(shared_path(golden_op_path(op + ".safetensors")))), json_(shared_json(golden_op_path(op + ".json"))) {
        for (const auto& [name, value] : *json_.find("cases")->object()) cases_.emplace_back(name, value, arrays_);
    }
    GoldenOp(const GoldenOp&) = delete;
    GoldenOp& operator=(const GoldenOp&) = delete;

    const std::vector<GoldenOpCase>& cases() const { return cases_; }

private:
    Weights arrays_;
    Json json_;
    std::vector<GoldenOpCase> cases_;
};

/// The largest difference of two arrays; a NaN on one side alone counts as infinite, equal infinities as none.
template <class A, class B>
inline double largest_difference(const A* a, const B* b, std::int64_t count) {
    double largest = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const double x = double(a[i]), y = double(b[i]);
        if (x == y || (x != x && y != y)) continue;
        const double difference = x > y ? x - y : y - x;
        if (!(difference <= largest)) largest = difference == difference ? difference : std::numeric_limits<double>::infinity();
    }
    return largest;
}

}  // namespace regulus::testing
