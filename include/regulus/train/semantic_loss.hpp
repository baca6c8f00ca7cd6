#pragma once
// The semantic head of Panoptic FPN: which label each pixel of a picture has, the loss of a batch and its gradient.
#include <cstdint>
#include <vector>

#include <regulus/data/picture_change.hpp>
#include <regulus/data/segment_map.hpp>
#include <regulus/evaluate/coco_panoptic.hpp>
#include <regulus/train/losses.hpp>

namespace regulus::train {

/// The label of pixels that are not learnt from.
inline constexpr std::uint8_t unlabelled_pixel = 255;

/// The label of each pixel [height, width] (u8) of a picture resized to the nearest pixel as Pillow does, then mirrored left to right when it is flipped.
/// `stuff_ids[label]` is the category of a label from 1 on (ModelFacts::stuff_category_ids); segments of other categories are things, label 0. Pixels of no segment of the
/// annotation are not labelled.
/// Throws ShapeError for a map that contradicts itself, ArgumentError for a size without pixels, a cut and 255 labels or more.
/// Source: detectron2's prepare_panoptic_fpn and ResizeTransform.apply_segmentation.
Tensor semantic_truth(const SegmentMap& segments, const PanopticAnnotation& annotation, const std::vector<std::int64_t>& stuff_ids, const PictureChange& change);

/// Softmax cross-entropy of the logits enlarged bilinearly to `scale` times their size: the mean over all labelled pixels of the batch, times `weight`.
///
///     logits [n, labels, h, w], targets [up to scale * h, up to scale * w] (u8) of each picture  ->  loss, gradient of the logits' shape
///
/// What is beyond a picture's targets is padding and has no part. `threads` 0: as many as the machine has; the result is the same. Memory: labels * w * scale * h floats.
/// Throws ShapeError when they do not fit each other, ArgumentError for a target that is no label and for a scale below 1.
/// Source: detectron2's SemSegFPNHead.
Loss semantic_loss(const Tensor& logits, const std::vector<Tensor>& targets, double weight = 0.5, int scale = 4, int threads = 0);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/semantic_loss-impl.hpp>
#endif
