#pragma once
// Which truth a box is to find: assignment by overlap, as all detectors here share it.
#include <cstdint>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/tensor.hpp>
#include <regulus/train/assign_rules.hpp>

namespace regulus::train {

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
