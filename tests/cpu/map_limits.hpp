#pragma once
// How far maps of whole networks may differ. Limits are those of float32 measured on the golden cases, in units of the map's standard
// deviation: stem 5e-5, C2 1e-4, C3 3e-4, C4 2.5e-3, C5 6e-3; what is made of C5 inherits its limit.
#include "compare.hpp"

namespace regulus::testing {

inline double standard_deviation(const Tensor& tensor) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
        const double value = tensor.data<float>()[i];
        sum += value;
        squares += value * value;
    }
    const double count = double(std::max<std::int64_t>(1, tensor.numel()));
    return std::sqrt(std::max(0.0, squares / count - sum / count * (sum / count)));
}

inline double limit_of(const std::string& node) {
    if (node == "stem" || node == "stem_pool") return 5e-5;
    if (node == "C2" || node == "s1") return 1e-4;
    if (node == "C3" || node == "s2") return 3e-4;
    if (node == "C4" || node == "s3") return 2.5e-3;
    return 6e-3;
}

/// Greatest difference over the map's standard deviation (over its greatest value where it is constant).
inline void check_map(const Outputs& cpu, const Outputs& reference, const std::string& node) {
    const Tensor &actual = cpu[node], &expected = reference[node];
    const double deviation = standard_deviation(expected), greatest = greatest_magnitude(expected);
    INFO("node " << node << " " << to_string(expected.shape()));
    CHECK(relative_difference(actual, expected) * greatest <= limit_of(node) * (deviation > 1e-3 * greatest ? deviation : greatest));
}

}  // namespace regulus::testing
