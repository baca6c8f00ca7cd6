#pragma once
// Region proposals: the boxes of the RPN that survive suppression.
#include <regulus/layers/dense_candidates.hpp>

namespace regulus {

/// The best boxes of each level, suppressed within their level, the Max best of all levels together.
///
///     logits, deltas of all levels, image_info  ->  at most Max boxes a picture, network pixels, falling score
///
/// Boxes whose width or height is not > min_size are dropped before suppression (mmdetection 3 and detectron2: 0).
/// Labels: "proposals", "proposal_scores".
template <int Max>
struct Proposals {
    CandidateSettings candidates;
    float iou_threshold = 0.7f;
    float min_size = 0.f;

    template <int Anchors, int FinestStride, int Levels>
    Rois<Max> operator()(const Scope& scope, const DenseHeadMaps<Anchors, FinestStride, Levels>& maps, ValueId info) const {
        CandidateSettings settings = candidates;
        settings.level_is_label = true;
        const Rois<Max> rois = suppress<Max>(scope / "nms", dense_candidates(scope, maps, info, settings), iou_threshold, min_size);
        rois.graph->values[std::size_t(rois.boxes)].label = "proposals";
        rois.graph->values[std::size_t(rois.scores)].label = "proposal_scores";
        return rois;
    }
};

}  // namespace regulus
