#pragma once
// What a box of Lyft must fulfil before it is judged or written.
#include <cmath>
#include <string>

#include <regulus/evaluate/lyft_boxes.hpp>

namespace regulus::evaluate_detail {

/// In words what is wrong with a box; empty when all is well.
inline std::string lyft_box_problem(const LyftBox& box) {
    const auto within = [](double v) { return std::fabs(v) <= 1e12; };  // false for NaN
    if (box.name.empty()) return "the class name is empty";
    for (const double v : box.translation) {
        if (!within(v)) return "the translation must be finite and not beyond 1e12";
    }
    for (const double v : box.size) {
        if (!within(v) || !(v > 0)) return "sizes must be above 0 and not beyond 1e12";
    }
    for (const double v : box.rotation) {
        if (!within(v)) return "the rotation must be finite and not beyond 1e12";
    }
    if (!std::isfinite(box.score)) return "the score must be finite";
    return {};
}

}  // namespace regulus::evaluate_detail
