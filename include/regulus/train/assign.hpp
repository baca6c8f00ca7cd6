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

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/assign-impl.hpp>
#endif
