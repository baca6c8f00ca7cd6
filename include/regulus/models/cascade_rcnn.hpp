#pragma once
// Cascade R-CNN and Cascade Mask R-CNN with a feature pyramid.
#include <regulus/layers/cascade.hpp>
#include <regulus/models/rcnn.hpp>

namespace regulus {

inline constexpr int cascade_stages = 3;

/// The sizes of the published cascades: one box for all classes.
inline constexpr RcnnSizes cascade_sizes{.class_agnostic = true};
inline constexpr RcnnSizes detectron2_cascade_sizes{.class_agnostic = true, .mask_head_per_stage = false};

/// What is chosen at run time. The defaults are mmdetection 3's; `rcnn.box_coder` is not used, each stage has its own.
struct CascadeSettings {
    RcnnSettings rcnn{};
    std::array<ops::BoxCoder, cascade_stages> stage_coders{ops::BoxCoder{.stds = {0.1f, 0.1f, 0.2f, 0.2f}}, ops::BoxCoder{.stds = {0.05f, 0.05f, 0.1f, 0.1f}},
                                                           ops::BoxCoder{.stds = {0.033f, 0.033f, 0.067f, 0.067f}}};
    bool averages_probabilities = false;  // scores are the mean of the stages' softmax outputs (detectron2), not the softmax of their mean logits
};

/// Where detectron2 differs, besides its one mask head (detectron2_cascade_sizes).
inline constexpr CascadeSettings detectron2_cascade{
    .rcnn = detectron2_rcnn,
    .stage_coders = {ops::BoxCoder{.stds = {0.1f, 0.1f, 0.2f, 0.2f}, .clamp_both_sides = false}, ops::BoxCoder{.stds = {0.05f, 0.05f, 0.1f, 0.1f}, .clamp_both_sides = false},
                     ops::BoxCoder{.stds = {1 / 30.f, 1 / 30.f, 1 / 15.f, 1 / 15.f}, .clamp_both_sides = false}},
    .averages_probabilities = true};

/// The same detector as mmdetection 2 runs it.
constexpr CascadeSettings as_mmdetection2(CascadeSettings settings) {
    settings.rcnn = as_mmdetection2(settings.rcnn);
    return settings;
}

/// Backbone, pyramid P2..P6, region proposals, three box heads of which each refines the regions for the next, and with HasMasks three mask
/// heads on the final boxes (or one for all stages, as the sizes say).
///
/// image [n, 3, H, W], image_info [n, 4]  ->  boxes, scores, labels, count, and masks with HasMasks (models/names.hpp).
template <class Backbone, int FpnChannels, int Classes, const RcnnSizes& Sizes, bool HasMasks>
struct Cascade {
    static_assert(Sizes.class_agnostic, "Cascade: the regions of a next stage need one box for all classes; use sizes with class_agnostic, such as cascade_sizes");
    static constexpr bool needs_image_info = true;
    static constexpr bool has_masks = HasMasks;
    static constexpr int classes = Classes;
    static constexpr CascadeSettings settings{};

    /// Whether boxes leave the graph in pixels of the original picture.
    static constexpr bool rescales(const CascadeSettings& chosen) { return chosen.rcnn.rescales(HasMasks); }

    /// Gives the pyramid, for heads beside (models/panoptic_fpn.hpp).
    auto operator()(const Scope& scope, const ImageInput<3>& input, const CascadeSettings& chosen) const {
        const RcnnSettings& rcnn = chosen.rcnn;
        const auto [pyramid, proposals] = propose_regions<PyramidFeatures<Backbone, FpnChannels, Sizes>, Sizes>(scope, input, rcnn);
        const CascadeBoxHead<BoxHeadOf<FpnChannels, Classes, Sizes>, cascade_stages> head{rcnn.pooling(), chosen.stage_coders, chosen.averages_probabilities};
        const auto last = head(scope.with_group_norm(Sizes.norm_groups) / "box_head", pyramid, proposals, input.info);
        const Detections<Sizes.detections> select{rcnn.score_threshold, rcnn.iou_threshold, rcnn.min_size, chosen.stage_coders.back(), rescales(chosen)};
        const auto detections = select(scope / "detections", last.predictions, last.rois, input.info);
        detection_outputs(scope.graph(), detections);

        if constexpr (HasMasks) {
            const auto mask_regions = pool_mask_regions<Sizes, 4>(scope / "mask_head", pyramid, detections, rcnn.pooling(), rescales(chosen), input.info);
            const Scope own = scope.with_group_norm(Sizes.norm_groups) / "mask_head";
            ValueId masks = no_value;
            if constexpr (Sizes.mask_head_per_stage) masks = CascadeMaskHead<MaskHeadOf<FpnChannels, Classes, Sizes>, cascade_stages>{}(own, mask_regions, detections);
            else masks = select_masks(scope / "mask_head.select", MaskHeadOf<FpnChannels, Classes, Sizes>{}(own, mask_regions), detections);
            scope.graph().outputs.emplace_back("masks", masks);
        }
        return pyramid;
    }
};

/// Source: Cai and Vasconcelos, Cascade R-CNN, CVPR 2018; as mmdetection 3 builds it.
template <class Backbone, int FpnChannels = 256, int Classes = 80, const RcnnSizes& Sizes = cascade_sizes>
struct CascadeRcnn : Cascade<Backbone, FpnChannels, Classes, Sizes, false> {
    static constexpr const char* kind = "cascade_rcnn";
};

/// Source: Cai and Vasconcelos, Cascade R-CNN: High Quality Object Detection and Instance Segmentation, PAMI 2019; as mmdetection 3 builds it.
template <class Backbone, int FpnChannels = 256, int Classes = 80, const RcnnSizes& Sizes = cascade_sizes>
struct CascadeMaskRcnn : Cascade<Backbone, FpnChannels, Classes, Sizes, true> {
    static constexpr const char* kind = "cascade_mask_rcnn";
};

}  // namespace regulus
