#pragma once
// The mask head: what each region's small picture should show, the loss of a batch and its gradient.
#include <cstdint>
#include <vector>

#include <regulus/data/rle.hpp>
#include <regulus/train/box_head_loss.hpp>

namespace regulus::train {

/// One truth's mask in network pixels: rings x0 y0 x1 y1 ..., or where there are none a bitmap of the picture's size.
struct TruthMask {
    std::vector<std::vector<double>> polygons{};
    Rle bitmap{};
};

/// Whose rule.
enum class MaskTargetRule : std::uint8_t {
    mmdetection,  // bitmaps, cut out by RoIAlign with the half-pixel shift; 1 where that is 0.5 or more. Truths of rings alone as detectron2, in regions of one pixel at least
    detectron2,   // rings are moved and scaled into the region and filled by COCO's rule; truths of bitmaps alone as mmdetection
    torchvision,  // bitmaps, cut out by RoIAlign without the shift; targets are what comes out, 0 .. 1
};

/// Targets [positives, size, size] (float32, 0 .. 1) of the regions with an object, in their order. `masks` has one entry a truth.
/// Throws ShapeError when masks and truths do not fit each other, ArgumentError for a truth without a bitmap where the rule needs one, for a ring that cannot be
/// filled, and for a size outside 1 .. 1024.
/// Sources: crop_and_resize of mmdetection's BitmapMasks and PolygonMasks, detectron2's PolygonMasks.crop_and_resize, torchvision's project_masks_on_boxes.
Tensor mask_targets(const RegionSample& regions, const std::vector<TruthMask>& masks, int size, MaskTargetRule rule);

/// The mean over all regions with an object and all pixels of the binary cross-entropy of the channel that the region's label names, times `weight`.
///
///     logits rows [r, classes, size, size] (or [r, 1, size, size]: one mask for all classes), targets [positives, size, size] of each picture  ->  loss, gradient of the logits' shape
///
/// Rows are the pictures' regions with an object one after the other (region_inputs with only_positives); what a graph gives behind the last has no part in the loss.
/// Throws ShapeError when they do not fit each other.
Loss mask_loss(const Tensor& logits, const std::vector<RegionSample>& regions, const std::vector<Tensor>& targets, double weight = 1);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/mask_loss-impl.hpp>
#endif
