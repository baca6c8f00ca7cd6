#pragma once
// Average precision on LVIS, whose pictures are annotated for some categories only; digit for digit what the package lvis computes.
#include <cstdint>
#include <span>

#include <regulus/core/config.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>
#include <regulus/evaluate/lvis_dataset.hpp>

namespace regulus {

struct LvisSettings {
    int max_dets = 300;                       ///< most detections of a picture, of all categories together: those of the best scores
    MaskArea mask_area = MaskArea::of_mask;   ///< as in CocoSettings; the package by itself takes the box's, detectron2 removes the boxes before
    int threads = 0;                          ///< 0: as many as OpenMP has; any number gives the same digits
};

/// Judges detections as evaluate_coco does, with LVIS's rules:
///  - a detection counts when its category is annotated on the picture or verified to be absent from it, else it is left out;
///  - a detection without an object is ignored when its category is not annotated exhaustively on the picture;
///  - `iscrowd` is not looked at; objects and detections without area are left out;
///  - at most max_dets detections of a picture are looked at, before anything else is left out.
/// The numbers are those of COCO with APr, APc, APf (rare, common, frequent categories) after AP_large and with AR_300 alone.
/// Throws as evaluate_coco, and ArgumentError when `pictures` or `frequencies` are not as long as their lists.
CocoEvaluation evaluate_lvis(const LvisDataset& dataset, std::span<const CocoDetection> results, CocoKind kind, const LvisSettings& settings = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/lvis_evaluation-impl.hpp>
#endif
