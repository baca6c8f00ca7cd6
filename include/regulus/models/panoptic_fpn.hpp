#pragma once
// Panoptic FPN: a detector with masks, and a semantic head on the same pyramid.
#include <regulus/layers/semantic_head.hpp>
#include <regulus/models/mask_rcnn.hpp>

namespace regulus {

/// A detector on a pyramid with a semantic head beside its own, 128 channels wide, with group norms of 32 groups.
///
///     outputs of the detector, and semantic_logits [n, SemanticLabels, H / 4, W / 4]
///
/// Label 0 of the semantic head is any thing. Height and width of the input must be multiples of 32.
template <class Detector, int SemanticLabels = 54>
struct WithSemanticHead : Detector {
    static constexpr int semantic_labels = SemanticLabels;

    template <class Settings>
    void operator()(const Scope& scope, const ImageInput<3>& input, const Settings& chosen) const {
        const auto pyramid = Detector::operator()(scope, input, chosen);
        const auto logits = SemanticFpnHead<decltype(pyramid)::channels, 128, SemanticLabels>{}(scope.with_group_norm(32) / "semantic_head", pyramid);
        scope.graph().outputs.emplace_back("semantic_logits", logits.id);
    }
};

/// image [n, 3, H, W], image_info [n, 4]  ->  boxes, scores, labels, count, masks, semantic_logits (models/names.hpp).
///
/// Source: Kirillov et al., Panoptic Feature Pyramid Networks, CVPR 2019.
template <class Backbone, int FpnChannels = 256, int Classes = 80, int SemanticLabels = 54, const RcnnSizes& Sizes = rcnn_sizes>
struct PanopticFpn : WithSemanticHead<MaskRcnn<Backbone, FpnChannels, Classes, Sizes>, SemanticLabels> {
    static constexpr const char* kind = "panoptic_fpn";
};

}  // namespace regulus
