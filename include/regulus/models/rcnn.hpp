#pragma once
// Two-stage detectors: what Faster R-CNN, Mask R-CNN and Keypoint R-CNN share.
#include <utility>

#include <regulus/layers/box_head.hpp>
#include <regulus/layers/detections.hpp>
#include <regulus/layers/fpn.hpp>
#include <regulus/layers/keypoint_head.hpp>
#include <regulus/layers/mask_head.hpp>
#include <regulus/layers/proposals.hpp>
#include <regulus/layers/roi_extractor.hpp>
#include <regulus/models/names.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/models/regnet.hpp>
#include <regulus/models/resnet.hpp>

namespace regulus {

/// What is fixed at compile time, with the defaults of the published COCO models.
struct RcnnSizes {
    int anchors = 3;              // a cell
    int rpn_convs = 1;            // 3x3 convolutions of the region proposals
    int rpn_candidates = 1000;    // kept per level before suppression
    int proposals = 1000;         // per picture
    int box_size = 7;             // side of a region's map
    int box_convs = 0;            // 3x3 convolutions before the fully connected layers
    int box_linears = 2;          // fully connected layers
    int box_features = 1024;      // of each
    bool class_agnostic = false;  // one box for all classes
    int mask_size = 14;           // side of a region's map in the mask head; masks are twice as large
    int mask_convs = 4;
    int mask_channels = 256;
    int keypoints = 17;        // points of an object
    int keypoint_size = 14;    // side of a region's map in the keypoint head; the points' maps are four times as large
    int keypoint_convs = 8;
    int keypoint_channels = 512;
    bool mask_head_per_stage = true;  // of a cascade; false: one for all (detectron2)
    bool neck_norms = false;          // convolutions of the pyramid have a norm instead of a bias
    bool head_norms = false;          // those of box and mask heads
    int norm_groups = 0;              // these norms are group norms; 0: batch norms
    int backbone_norm_groups = 0;     // the backbone's are
    int detections = 100;             // per picture
};

inline constexpr RcnnSizes rcnn_sizes{};

/// The heads of detectron2's models that are normalised throughout: four convolutions and one linear layer for boxes.
inline constexpr RcnnSizes normed_rcnn_sizes{.box_convs = 4, .box_linears = 1, .neck_norms = true, .head_norms = true};
inline constexpr RcnnSizes group_normed_rcnn_sizes{
    .box_convs = 4, .box_linears = 1, .neck_norms = true, .head_norms = true, .norm_groups = 32, .backbone_norm_groups = 32};

/// The second version of torchvision's: batch norms throughout, two convolutions before the proposals.
inline constexpr RcnnSizes torchvision_rcnn_v2_sizes{.rpn_convs = 2, .box_convs = 4, .box_linears = 1, .neck_norms = true, .head_norms = true};

/// What is chosen at run time. The defaults are mmdetection 3's.
struct RcnnSettings {
    AnchorRule anchor_rule = AnchorRule::mmdetection;
    double anchor_scale = 8;  // an anchor's side is about stride * scale
    int anchor_octaves = 1;   // and twice, four times, ... that: how many sizes a level has
    Numbers anchor_ratios{0.5, 1, 2};
    ops::BoxCoder rpn_coder{};
    float rpn_iou_threshold = 0.7f;
    float rpn_min_size = 0.f;  // proposals must be wider and higher than this

    ops::LevelRule level_rule = ops::LevelRule::mmdetection;
    float finest_scale = 56.f;  // a box of twice this side or more leaves the finest level
    int sampling_ratio = 0;     // RoIAlign samples per bin and axis; 0: ceil(bin size)
    bool aligned = true;        // RoIAlign's half-pixel shift

    ops::BoxCoder box_coder{.stds = {0.1f, 0.1f, 0.2f, 0.2f}};
    float score_threshold = 0.05f;
    float iou_threshold = 0.5f;
    float min_size = -1.f;              // detections must be wider and higher than this; < 0: any
    bool rescale_without_masks = true;  // a detector without masks suppresses in pixels of the original picture (mmdetection)
    bool rescale_with_masks = false;    // one with masks or keypoints as well, and pools them from its boxes scaled back (mmdetection 2)

    /// Whether a detector's boxes are suppressed, and leave, in pixels of the original picture.
    constexpr bool rescales(bool has_masks) const { return has_masks ? rescale_with_masks : rescale_without_masks; }
    RoiSettings pooling() const { return {sampling_ratio, aligned, finest_scale, level_rule}; }
};

/// The same detector as mmdetection 2 (2.11, spec B.7) runs it: proposals without width or height stay, and suppression is in original pixels
/// with masks too. Weights and everything else are those of mmdetection 3.
constexpr RcnnSettings as_mmdetection2(RcnnSettings settings) {
    settings.rpn_min_size = -1.f;
    settings.rescale_with_masks = true;
    return settings;
}

/// Where detectron2 differs: anchors in double, deltas clamped above only, its rule of levels, suppression in network pixels.
inline constexpr RcnnSettings detectron2_rcnn{.anchor_rule = AnchorRule::detectron2,
                                              .rpn_coder = {.clamp_both_sides = false},
                                              .level_rule = ops::LevelRule::detectron2,
                                              .box_coder = {.stds = {0.1f, 0.1f, 0.2f, 0.2f}, .clamp_both_sides = false},
                                              .rescale_without_masks = false};

/// Where torchvision differs: rounded anchors, RoIAlign without the half-pixel shift and with two samples, small boxes dropped
/// (sides of 1e-3 and 1e-2 still pass, so the bounds are the floats just below).
inline constexpr RcnnSettings torchvision_rcnn{.anchor_rule = AnchorRule::torchvision,
                                               .rpn_coder = {.clamp_both_sides = false},
                                               .rpn_min_size = 0.000999999931f,
                                               .level_rule = ops::LevelRule::torchvision,
                                               .sampling_ratio = 2,
                                               .aligned = false,
                                               .box_coder = {.stds = {0.1f, 0.1f, 0.2f, 0.2f}, .clamp_both_sides = false},
                                               .min_size = 0.00999999885f,
                                               .rescale_without_masks = false};

/// Backbone and pyramid P2..P6, of which the first four serve regions.
template <class Backbone, int Channels, const RcnnSizes& Sizes>
struct PyramidFeatures {
    static constexpr int channels = Channels;
    static constexpr int roi_levels = 4;

    auto operator()(const Scope& scope, const ImageInput<3>& input) const {
        const auto maps = labelled_levels(Backbone{}(scope.with_group_norm(Sizes.backbone_norm_groups) / "backbone", input.image));
        return Fpn<typename Backbone::Widths, Channels, FpnExtra::pool, 0, Sizes.neck_norms ? FpnConv::norm : FpnConv::bias>{}(scope.with_group_norm(Sizes.norm_groups) / "neck", maps);
    }
};

/// The features and the region proposals on them: (Pyramid, Rois). Labels as models/names.hpp lists them.
template <class Features, const RcnnSizes& Sizes>
auto propose_regions(const Scope& scope, const ImageInput<3>& input, const RcnnSettings& chosen) {
    const auto pyramid = Features{}(scope, input);
    const CandidateSettings candidates{.anchors = {chosen.anchor_rule, chosen.anchor_scale, 1, chosen.anchor_ratios, chosen.anchor_octaves},
                                       .limit = Sizes.rpn_candidates,
                                       .coder = chosen.rpn_coder};
    const auto dense = RpnHead<Features::channels, Sizes.anchors, Sizes.rpn_convs>{}(scope / "rpn", pyramid);
    const auto proposals = Proposals<Sizes.proposals>{candidates, chosen.rpn_iou_threshold, chosen.rpn_min_size}(scope / "rpn", dense, input.info);
    return std::pair{pyramid, proposals};
}

/// The box head that the sizes describe.
template <int Channels, int Classes, const RcnnSizes& Sizes>
using BoxHeadOf = BoxHead<Channels, Sizes.box_size, Sizes.box_features, Classes, Sizes.class_agnostic, Sizes.box_convs, Sizes.box_linears, Sizes.head_norms>;

/// The mask head that the sizes describe.
template <int Channels, int Classes, const RcnnSizes& Sizes>
using MaskHeadOf = MaskHead<Channels, Sizes.mask_channels, Sizes.mask_convs, Classes, Sizes.head_norms>;

/// The maps, Size x Size, of the final boxes for one more head; `original_pixels` says what the boxes are in.
template <int Size, int Levels, class Pyramid, int Max>
auto pool_final_regions(const Scope& scope, const Pyramid& pyramid, Rois<Max> detections, const RoiSettings& pooling, bool original_pixels, ValueId info) {
    if (original_pixels) detections.boxes = record::scale_boxes(scope / "scale_boxes", detections.boxes, detections.count, info);
    return RoiExtractor<Size, Levels>{pooling}(scope / "roi_align", pyramid, detections);
}

/// Those for a mask head. Label: "mask_roi_feats".
template <const RcnnSizes& Sizes, int Levels, class Pyramid, int Max>
auto pool_mask_regions(const Scope& scope, const Pyramid& pyramid, const Rois<Max>& detections, const RoiSettings& pooling, bool original_pixels, ValueId info) {
    return labelled(pool_final_regions<Sizes.mask_size, Levels>(scope, pyramid, detections, pooling, original_pixels, info), "mask_roi_feats");
}

/// What is in the regions: box head, then on the final boxes the mask head with HasMasks, the keypoint head with HasKeypoints. Sets the graph's outputs.
template <class Features, int Classes, const RcnnSizes& Sizes, bool HasMasks, bool HasKeypoints, class Pyramid>
void look_into_regions(const Scope& scope, const Pyramid& pyramid, const Rois<Sizes.proposals>& proposals, ValueId info, const RcnnSettings& chosen) {
    const bool rescales = chosen.rescales(HasMasks || HasKeypoints);
    const auto regions = labelled(RoiExtractor<Sizes.box_size, Features::roi_levels>{chosen.pooling()}(scope / "box_head.roi_align", pyramid, proposals), "roi_feats");
    const auto predictions = BoxHeadOf<Features::channels, Classes, Sizes>{}(scope.with_group_norm(Sizes.norm_groups) / "box_head", regions);
    const Detections<Sizes.detections> select{chosen.score_threshold, chosen.iou_threshold, chosen.min_size, chosen.box_coder, rescales};
    const auto detections = select(scope / "detections", predictions, proposals, info);
    detection_outputs(scope.graph(), detections);

    if constexpr (HasMasks) {
        const auto mask_regions = pool_mask_regions<Sizes, Features::roi_levels>(scope / "mask_head", pyramid, detections, chosen.pooling(), rescales, info);
        const auto logits = MaskHeadOf<Features::channels, Classes, Sizes>{}(scope.with_group_norm(Sizes.norm_groups) / "mask_head", mask_regions);
        scope.graph().outputs.emplace_back("masks", select_masks(scope / "mask_head.select", logits, detections));
    }
    if constexpr (HasKeypoints) {
        const Scope head = scope / "keypoint_head";
        const auto point_regions = pool_final_regions<Sizes.keypoint_size, Features::roi_levels>(head, pyramid, detections, chosen.pooling(), rescales, info);
        const KeypointHead<Features::channels, Sizes.keypoint_channels, Sizes.keypoint_convs, Sizes.keypoints> points;
        scope.graph().outputs.emplace_back("keypoints", points(head, labelled(point_regions, "keypoint_roi_feats")).id);
    }
}

/// Features (PyramidFeatures, or those of models/one_map_rcnn.hpp), region proposals, and what is in them.
template <class Features, int Classes, const RcnnSizes& Sizes, bool HasMasks, bool HasKeypoints = false>
struct Rcnn {
    static constexpr bool needs_image_info = true;
    static constexpr bool has_masks = HasMasks;
    static constexpr bool has_keypoints = HasKeypoints;
    static constexpr int classes = Classes;
    static constexpr RcnnSettings settings{};

    /// Whether boxes leave the graph in pixels of the original picture.
    static constexpr bool rescales(const RcnnSettings& chosen) { return chosen.rescales(HasMasks || HasKeypoints); }

    /// Gives the features, for heads beside (models/panoptic_fpn.hpp).
    auto operator()(const Scope& scope, const ImageInput<3>& input, const RcnnSettings& chosen) const {
        const auto [pyramid, proposals] = propose_regions<Features, Sizes>(scope, input, chosen);
        look_into_regions<Features, Classes, Sizes, HasMasks, HasKeypoints>(scope, pyramid, proposals, input.info, chosen);
        return pyramid;
    }
};

}  // namespace regulus
