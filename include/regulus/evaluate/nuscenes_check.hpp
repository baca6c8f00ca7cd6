#pragma once
// What a box of nuScenes must fulfil before it is judged or written.
#include <cmath>
#include <string>

#include <regulus/evaluate/nuscenes_boxes.hpp>

namespace regulus::evaluate_detail {

/// In words what is wrong with a box; empty when all is well.
inline std::string nuscenes_box_problem(const NuScenesBox& box) {
    const auto within = [](double v) { return std::fabs(v) <= 1e12; };  // false for NaN
    if (box.label < 0 || box.label >= 10) return "the label " + std::to_string(box.label) + " is none of 0 .. 9";
    if (box.attribute < -1 || box.attribute >= int(nuscenes_attribute_names.size())) return "the attribute " + std::to_string(box.attribute) + " is none of -1 .. 7";
    for (const double v : box.translation) {
        if (!within(v)) return "the translation must be finite and not beyond 1e12";
    }
    for (const double v : box.size) {
        if (!within(v) || !(v > 0)) return "sizes must be above 0 and not beyond 1e12";
    }
    for (const double v : box.rotation) {
        if (!within(v)) return "the rotation must be finite and not beyond 1e12";
    }
    for (const double v : box.velocity) {
        if (!std::isnan(v) && !within(v)) return "the velocity must be NaN or not beyond 1e12";
    }
    if (!std::isfinite(box.score)) return "the score must be finite";
    return {};
}

}  // namespace regulus::evaluate_detail
