#pragma once
// The keypoint head: in which cell of a region's map each point of its object lies, the loss of a batch and its gradient.
#include <string>
#include <vector>

#include <regulus/train/box_head_loss.hpp>

namespace regulus::train {

/// For each point the one that takes its place in a mirror: "left_eye" and "right_eye" change places, "nose" stays. Throws ArgumentError for a left one without a right one and
/// the other way round.
std::vector<int> mirrored_keypoints(const std::vector<std::string>& names);

/// Targets [positives, points] (int32) of the regions with an object, in their order: the cell y * side + x of a map of side x side cells that covers the region, -1 for a point
/// that is not labelled or not in the region. `keypoints` [truths, points, 3] holds x and y in network pixels and a third number above zero for labelled ones.
/// Throws ShapeError when keypoints and truths do not fit each other, ArgumentError for a side outside 1 .. 1024.
/// Source: detectron2's Keypoints.to_heatmap, which torchvision's keypoints_to_heatmap is too; in float32 as they.
Tensor keypoint_targets(const RegionSample& regions, const Tensor& keypoints, int side);

/// Softmax cross-entropy over the cells of the maps of all points that have a target, divided by their number, or by `normaliser` where that is above zero.
///
///     logits rows [r, points, side, side], targets [positives, points] of each picture  ->  loss, gradient of the logits' shape
///
/// Rows are the pictures' regions with an object one after the other (region_inputs with only_positives); what a graph gives behind the last has no part in the loss.
/// Throws ShapeError when they do not fit each other, ArgumentError for a target that is no cell.
/// Sources: detectron2's keypoint_rcnn_loss, torchvision's keypointrcnn_loss. (detectron2 leaves out regions without any of their points: these have no part here either.)
Loss keypoint_loss(const Tensor& logits, const std::vector<Tensor>& targets, double normaliser = 0);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/keypoint_loss-impl.hpp>
#endif
