#pragma once
// What each anchor of a dense 3D head is to find: the truth it is assigned to, and the numbers that its head should give.
#include <cstdint>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/tensor.hpp>
#include <regulus/graph/operations.hpp>
#include <regulus/train/assign.hpp>

namespace regulus::train {

/// Overlaps that decide whether an anchor belongs to a truth. All of them are IoUs seen from above, boxes turned to the nearest axis.
struct Anchor3dAssigner {
    float positive = 0.6f;        // an anchor with this overlap or more belongs to the truth it overlaps most
    float negative = 0.3f;        // one whose every overlap is less is background; those between are left out
    float least_positive = 0.3f;  // a truth takes the anchors that overlap it most, unless even they overlap less than this
};

/// How a dense 3D head is trained. The defaults are those of mmdetection3d's nuScenes and Lyft models.
struct Anchor3dTraining {
    int classes = 10;
    int code = 9;                         // numbers a box: 7, or 9 with velocities
    Anchor3dAssigner assigner;
    std::vector<Anchor3dAssigner> by_class{};  // not empty, one a class: a cell's anchors of size i belong to truths of class i alone, by these overlaps in place of `assigner`
    int rotations = 2;                         // anchors of each size in a cell, for by_class
    float direction_offset = -0.7854f;    // radians
    float direction_limit_offset = 0.f;
    std::vector<float> code_weights{};    // of each of a box's numbers; empty: all 1
    int threads = 0;                      // 0: as many as the machine has; the result is the same
};

/// Truths of one cloud: boxes [t, code] as ops::DecodeBoxes3d gives them, labels [t] int32 in 0 .. classes - 1.
struct Truth3d {
    Tensor boxes;
    Tensor labels;
};

/// Targets of the anchors of one cloud.
struct Anchor3dTargets {
    Tensor labels;             // [a] int32; `classes` where there is no object
    Tensor label_weights;      // [a]; 0 for anchors that are left out
    Tensor deltas;             // [a, code]; zero where there is no object
    Tensor delta_weights;      // [a, code]; 1 where there is one
    Tensor directions;         // [a] int32, 0 or 1
    Tensor direction_weights;  // [a]
    std::int64_t positives = 0, negatives = 0;
};

/// The anchors of a map of height x width cells, rows [height * width * per_cell, code] in the order (y, x, size, rotation); velocities are zero.
Tensor anchors3d(const ops::AnchorGrid3d& grid, std::int64_t height, std::int64_t width, int code);

/// For each anchor [a, code] the truth [t, code] that it belongs to, background_box or ignored_box. First every anchor by its own best overlap, then every
/// truth takes its best anchors, later truths from earlier ones. `threads` as Anchor3dTraining's. Throws ShapeError for rows of fewer than 7 numbers.
/// Source: mmdetection's MaxIoUAssigner with mmdetection3d's nearest overlaps from above.
std::vector<std::int32_t> assign_anchors3d(const Tensor& anchors, const Tensor& truth, const Anchor3dAssigner& assigner = {}, int threads = 0);

/// Targets of `anchors` [a, code], of all levels one after the other, for the truths of one cloud; none are fine.
/// A direction is which half turn the truth's yaw lies in, counted from direction_offset.
/// Throws ShapeError for tensors of other shapes, ArgumentError for a label that is no class and for assigners by class that are not one a class or do not fit the anchors.
/// Source: mmdetection3d's Anchor3DHead.
Anchor3dTargets anchor3d_targets(const Tensor& anchors, const Truth3d& truth, const Anchor3dTraining& training);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/anchor3d_targets-impl.hpp>
#endif
