#pragma once
// Which truth a box is to find: assignment by overlap, as all detectors here share it.
#include <cstdint>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/tensor.hpp>

namespace regulus::train {

/// What stands in the place of a truth's number.
inline constexpr std::int32_t background_box = -1;  // there is nothing to find
inline constexpr std::int32_t ignored_box = -2;     // left out of training

/// What becomes of the boxes that overlap a truth more than all others do, yet less than `positive`. All that overlap it equally count.
enum class ForcedMatches : std::uint8_t {
    none,
    to_truth,  // they belong to this truth, later truths take from earlier ones (mmdetection)
    to_own,    // each belongs to the truth that it overlaps most itself (detectron2, torchvision)
};

/// Overlaps that decide whether a box belongs to a truth.
struct AssignRules {
    float positive = 0.5f;                           // a box with this overlap or more belongs to the truth that it overlaps most, the first of equals
    float negative = 0.4f;                           // one whose every overlap is less is background; those between are left out
    ForcedMatches forced = ForcedMatches::to_truth;
    float least_forced = 0.f;                        // a truth whose greatest overlap is less forces nothing. At 0 a truth that overlaps no box forces all of those, as in the peers
    float ignored = -1.f;                            // a box that lies in an ignored region with more than this share of its area is left out; < 0: regions do nothing
};

/// What is to be found in one picture, network pixels.
struct Truth2d {
    Tensor boxes;      // [t, 4] float32, x1 y1 x2 y2, of positive width and height
    Tensor labels;     // [t] int32
    Tensor ignored{};  // [i, 4] float32: regions, as crowds, where nothing is right or wrong; an empty tensor: none
};

/// For each box [b, 4] (float32, x1 y1 x2 y2) the truth that it belongs to, background_box or ignored_box. First every box by its own greatest overlap, then the
/// forced ones. Boxes whose byte in `takes_part` is 0 are left out and overlap nothing; empty: all take part. Without truths all boxes that take part are
/// background, those in ignored regions too, as in mmdetection.
/// Throws ShapeError for tensors of other shapes, ArgumentError for a box that is not finite and for a truth without area.
/// Source: mmdetection's MaxIoUAssigner, detectron2's Matcher.
std::vector<std::int32_t> assign_boxes(const Tensor& boxes, const Truth2d& truth, const AssignRules& rules, const std::vector<std::uint8_t>& takes_part = {});

namespace detail {

/// IoU of two boxes x1, y1, x2, y2, in float32 as the peers compute it, because equal overlaps must come out equal.
inline float flat_overlap(const float* a, const float* b) {
    const float left = a[0] > b[0] ? a[0] : b[0], right = a[2] < b[2] ? a[2] : b[2], top = a[1] > b[1] ? a[1] : b[1], bottom = a[3] < b[3] ? a[3] : b[3];
    const float width = right - left, height = bottom - top;
    const float shared = (width > 0 ? width : 0.f) * (height > 0 ? height : 0.f);
    const float both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared;
    return shared / (both > 1e-6f ? both : 1e-6f);
}

/// The assignment of `boxes` boxes to `truths` truths: overlap(box, truth) is called once for each pair; less than 0: the box is left out.
template <class Overlap>
std::vector<std::int32_t> assign_by_overlap(std::int64_t boxes, std::int64_t truths, const AssignRules& rules, const Overlap& overlap) {
    std::vector<std::int32_t> assigned(std::size_t(boxes), background_box);
    if (truths == 0) return assigned;

    const bool forces = rules.forced != ForcedMatches::none;
    struct Best {
        float overlap = 0.f;
        bool any = false;                 // a box that is not left out
        std::vector<std::int32_t> boxes;  // which overlap the truth so; not listed while `overlap` is 0
    };
    std::vector<Best> best_of(forces ? std::size_t(truths) : 0);
    std::vector<std::int32_t> own(forces ? std::size_t(boxes) : 0, ignored_box);
    for (std::int64_t box = 0; box < boxes; ++box) {
        float best = -1.f;
        std::int32_t whose = ignored_box;
        for (std::int64_t truth = 0; truth < truths; ++truth) {
            const float shared = overlap(box, truth);
            if (shared > best) best = shared, whose = std::int32_t(truth);
            if (!forces || !(shared >= 0)) continue;
            Best& most = best_of[std::size_t(truth)];
            most.any = true;
            if (shared > most.overlap) {
                most.overlap = shared;
                most.boxes.clear();
            }
            if (shared > 0 && shared == most.overlap) most.boxes.push_back(std::int32_t(box));
        }
        if (forces && best >= 0) own[std::size_t(box)] = whose;
        assigned[std::size_t(box)] = best >= rules.positive ? whose : best >= 0 && best < rules.negative ? background_box : ignored_box;
    }
    for (std::size_t truth = 0; truth < best_of.size(); ++truth) {
        const Best& most = best_of[truth];
        if (!most.any || !(most.overlap >= rules.least_forced)) continue;
        const auto take = [&](std::size_t box) { assigned[box] = rules.forced == ForcedMatches::to_own ? own[box] : std::int32_t(truth); };
        for (const std::int32_t box : most.boxes) take(std::size_t(box));
        for (std::size_t box = 0; box < own.size() && most.overlap == 0; ++box) {
            if (own[box] != ignored_box) take(box);
        }
    }
    return assigned;
}

}  // namespace detail

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/assign-impl.hpp>
#endif
