#pragma once
// Region proposals: the boxes of the RPN that survive suppression, or given ones.
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

/// Boxes that the caller gives beside the pictures, best first: the inputs proposals and proposal_count. They have no scores and no labels. Label: "proposals".
template <int Max>
Rois<Max> given_proposals(Graph& graph) {
    static_assert(Max >= 1, "given_proposals: give room for one box at least");
    const std::vector<ValueId> given = record::proposals_input(graph, Max);
    return {&graph, given[0], no_value, no_value, given[1]};
}

}  // namespace regulus
