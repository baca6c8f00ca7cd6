#pragma once
// Measuring how far two sets of numbers, boxes or masks lie apart. Used by the comparison with golden cases.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <regulus/pipeline/golden_case.hpp>
#include <regulus/pipeline/golden_report.hpp>

namespace regulus::detail::golden {

/// Element i of a float32, int32 or uint8 tensor.
inline double element(const Tensor& tensor, std::int64_t i) {
    switch (tensor.dtype()) {
        case DType::f32: return double(static_cast<const float*>(tensor.raw())[i]);
        case DType::i32: return double(static_cast<const std::int32_t*>(tensor.raw())[i]);
        case DType::u8: return double(static_cast<const std::uint8_t*>(tensor.raw())[i]);
        case DType::f64: return static_cast<const double*>(tensor.raw())[i];
        default: throw FileError(std::string("golden case: elements of type ") + name_of(tensor.dtype()) + " cannot be compared; store float32");
    }
}

/// Largest and mean square difference; a NaN on one side only makes it infinite.
struct Difference {
    double largest = 0;
    double squares = 0;
    std::int64_t count = 0;

    double add(double ours, double theirs) {
        double difference = std::abs(ours - theirs);
        if (ours == theirs) difference = 0;
        if (std::isnan(difference)) difference = std::numeric_limits<double>::infinity();
        largest = std::max(largest, difference);
        squares += difference * difference;
        ++count;
        return difference;
    }
    double rms() const { return count == 0 ? 0 : std::sqrt(squares / double(count)); }
};

/// Standard deviation of a tensor's elements, for cases that do not state it.
inline double deviation(const Tensor& tensor) {
    double sum = 0, squares = 0;
    const std::int64_t count = tensor.numel();
    for (std::int64_t i = 0; i < count; ++i) sum += element(tensor, i);
    const double mean = count == 0 ? 0 : sum / double(count);
    for (std::int64_t i = 0; i < count; ++i) squares += (element(tensor, i) - mean) * (element(tensor, i) - mean);
    return count == 0 ? 0 : std::sqrt(squares / double(count));
}

/// Largest error over the standard deviation that a node may show: what golden cases of four peers were measured to allow.
inline double limit_of(const std::string& node) {
    const std::string base = node.substr(0, node.find('.'));
    if (base == "input") return 1e-6;
    if (base == "stem" || base == "stem_conv" || base == "stem_pool" || base == "C2") return 1e-4;
    if (base == "C3") return 2e-4;
    if (base == "C5") return 8e-4;
    return 4e-4;
}

inline std::string in_words(std::int64_t count, std::int64_t total) { return std::to_string(count) + " of " + std::to_string(total) + " values"; }

/// Finishes a check of a map or of rows from the differences collected.
inline GoldenCheck map_check(const GoldenTensor& expected, const Difference& difference, std::int64_t total) {
    const double std = expected.std > 0 ? expected.std : deviation(expected.value);
    const double unit = std > 0 ? std : 1;
    return {expected.name, std > 0 ? "of std" : "absolute", difference.largest / unit, limit_of(expected.name), difference.rms() / unit, in_words(difference.count, total)};
}

/// A whole array, or its sample, against ours of the same C order.
inline GoldenCheck compare_map(const GoldenTensor& expected, const Tensor& ours) {
    const std::int64_t total = ours.numel();
    const bool sampled = !expected.index.empty();
    if (!sampled && expected.value.numel() != total) throw FileError("golden case: \"" + expected.name + "\" has " + std::to_string(expected.value.numel()) + " elements, the model gives " + to_string(ours.shape()));
    Difference difference;
    for (std::int64_t k = 0; k < expected.value.numel(); ++k) {
        const std::int64_t at = sampled ? expected.index[std::size_t(k)] : k;
        if (at < 0 || at >= total) throw FileError("golden case: \"" + expected.name + "\" has position " + std::to_string(at) + ", the model gives " + to_string(ours.shape()));
        difference.add(element(ours, at), element(expected.value, k));
    }
    return map_check(expected, difference, total);
}

/// Our row for a row of the peer, and how far its box lies from the peer's.
struct Partner {
    std::int64_t row = -1;  ///< -1: none
    double pixels = 0;      ///< of the network's input, largest difference of a side
};

/// What a region's values may move by when its box moves by a pixel of the network's input, in standard deviations: the finest level has a cell
/// for four pixels, and of some thousand pairs of neighbouring cells the most unlike differ by four deviations. (Seen: 1.1, by detectron2's Mask R-CNN,
/// region 11, column 88 of box_regression: the reference backend's box lies 1.6e-4 pixels off and its value 1.7e-4 deviations, the CPU's with Winograd
/// 7.3e-4 and 8.2e-4.)
inline constexpr double region_slope = 1;

/// Rows of the peer against their partners among ours (none: left out). A whole array may hold the first rows only. The regions are pooled from
/// our own boxes, so a row's limit grows with its box's distance; reported are error and limit of the value that comes nearest to its limit.
inline GoldenCheck compare_rows(const GoldenTensor& expected, const Tensor& ours, const std::vector<Partner>& partner) {
    const std::int64_t rows = ours.shape()[0];
    const std::int64_t row_size = rows == 0 ? 1 : ours.numel() / rows;
    const bool sampled = !expected.index.empty();
    Difference difference;
    const double base = limit_of(expected.name);
    double allowance = 1, worst = 0;
    for (std::int64_t k = 0; k < expected.value.numel(); ++k) {
        const std::int64_t at = sampled ? expected.index[std::size_t(k)] : k;
        const std::int64_t row = at / row_size;
        if (at < 0 || row >= std::int64_t(partner.size())) throw FileError("golden case: \"" + expected.name + "\" has position " + std::to_string(at) + " beyond the peer's rows");
        const Partner& mine = partner[std::size_t(row)];
        if (mine.row < 0 || mine.row >= rows) continue;
        const double here = 1 + region_slope * mine.pixels / base;
        const double error = difference.add(element(ours, mine.row * row_size + at % row_size), element(expected.value, k));
        if (error / here >= worst) worst = error / here, allowance = here;
    }
    difference.largest = worst * allowance;
    GoldenCheck check = map_check(expected, difference, ours.numel());
    check.limit *= allowance;
    return check;
}

inline double box_distance(const float* a, const float* b) {
    double largest = 0;
    for (int i = 0; i < 4; ++i) largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
    return std::isnan(largest) ? std::numeric_limits<double>::infinity() : largest;
}

}  // namespace regulus::detail::golden
