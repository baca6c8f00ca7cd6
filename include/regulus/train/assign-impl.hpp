#pragma once
#include <cmath>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/train/assign.hpp>
#include <regulus/train/assign_by_overlap.hpp>

namespace regulus::train {

namespace detail {

/// Rows of four finite numbers; with `of_area`, boxes with width and height. A tensor without elements is no boxes.
inline void need_flat_boxes(const char* who, const char* what, const Tensor& boxes, bool of_area) {
    const Shape& shape = boxes.shape();
    if (boxes.empty()) return;
    if (shape.rank() != 2 || shape[1] != 4 || boxes.dtype() != DType::f32) throw ShapeError(std::string(who) + ": " + what + " must be float32 [boxes, 4], got " + name_of(boxes.dtype()) + " " + to_string(shape));
    for (std::int64_t i = 0; i < shape[0]; ++i) {
        const float* const box = boxes.data<float>() + 4 * i;
        const bool finite = std::isfinite(box[0]) && std::isfinite(box[1]) && std::isfinite(box[2]) && std::isfinite(box[3]);
        if (finite && (!of_area || (box[2] > box[0] && box[3] > box[1]))) continue;
        const std::string numbers = std::to_string(box[0]) + " " + std::to_string(box[1]) + " " + std::to_string(box[2]) + " " + std::to_string(box[3]);
        throw ArgumentError(std::string(who) + ": box " + std::to_string(i) + " of " + what + " is " + numbers + "; it must be finite" + (of_area ? " and have x1 < x2, y1 < y2" : ""));
    }
}

inline std::int64_t count_of(const Tensor& boxes) { return boxes.empty() ? 0 : boxes.shape()[0]; }

/// Truths whose labels are in 0 .. classes - 1.
inline void need_truth(const char* who, const Truth2d& truth, std::int64_t classes) {
    need_flat_boxes(who, "the truth", truth.boxes, true);
    const std::int64_t count = count_of(truth.boxes);
    if (truth.labels.numel() != count || (count > 0 && truth.labels.dtype() != DType::i32)) {
        throw ShapeError(std::string(who) + ": there are " + std::to_string(count) + " truths, their labels are " + name_of(truth.labels.dtype()) + " " + to_string(truth.labels.shape()));
    }
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int32_t label = truth.labels.data<std::int32_t>()[i];
        if (label < 0 || label >= classes) throw ArgumentError(std::string(who) + ": truth " + std::to_string(i) + " has the label " + std::to_string(label) + ", there are " + std::to_string(classes) + " classes");
    }
}

/// For each box whether it may be assigned: it takes part and lies in no ignored region.
inline std::vector<std::uint8_t> boxes_to_assign(const Tensor& boxes, const Tensor& regions, float limit, const std::vector<std::uint8_t>& takes_part) {
    std::vector<std::uint8_t> free = takes_part.empty() ? std::vector<std::uint8_t>(std::size_t(count_of(boxes)), 1) : takes_part;
    for (std::int64_t r = 0; limit >= 0 && r < count_of(regions); ++r) {
        const float* const region = regions.data<float>() + 4 * r;
        for (std::size_t i = 0; i < free.size(); ++i) {
            const float* const box = boxes.data<float>() + 4 * i;
            const float width = std::fmin(box[2], region[2]) - std::fmax(box[0], region[0]), height = std::fmin(box[3], region[3]) - std::fmax(box[1], region[1]);
            const float area = (box[2] - box[0]) * (box[3] - box[1]);
            if (width > 0 && height > 0 && width * height / std::fmax(area, 1e-6f) > limit) free[i] = 0;
        }
    }
    return free;
}

}  // namespace detail

REGULUS_INLINE std::vector<std::int32_t> assign_boxes(const Tensor& boxes, const Truth2d& truth, const AssignRules& rules, const std::vector<std::uint8_t>& takes_part) {
    constexpr const char* who = "assign_boxes";
    detail::need_flat_boxes(who, "the boxes", boxes, false);
    detail::need_flat_boxes(who, "the truth", truth.boxes, true);
    detail::need_flat_boxes(who, "the ignored regions", truth.ignored, false);
    const std::int64_t count = detail::count_of(boxes), truths = detail::count_of(truth.boxes);
    if (!takes_part.empty() && std::int64_t(takes_part.size()) != count) {
        throw ShapeError(std::string(who) + ": there are " + std::to_string(count) + " boxes and " + std::to_string(takes_part.size()) + " marks whether they take part");
    }
    const std::vector<std::uint8_t> free = detail::boxes_to_assign(boxes, truth.ignored, rules.ignored, takes_part);
    const auto overlap = [&](std::int64_t box, std::int64_t which) {
        return free[std::size_t(box)] == 0 ? -1.f : detail::flat_overlap(truth.boxes.data<float>() + 4 * which, boxes.data<float>() + 4 * box);
    };
    std::vector<std::int32_t> assigned = detail::assign_by_overlap(count, truths, rules, overlap);
    for (std::size_t i = 0; i < takes_part.size(); ++i) {
        if (takes_part[i] == 0) assigned[i] = ignored_box;
    }
    return assigned;
}

}  // namespace regulus::train
