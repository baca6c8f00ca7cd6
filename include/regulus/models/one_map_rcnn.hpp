#pragma once
// Two-stage detectors on one map: C4 and DC5.
#include <regulus/layers/pool.hpp>
#include <regulus/models/rcnn.hpp>

namespace regulus {

/// The sizes of detectron2's published models. C4: regions of 14 x 14, of which the ResNet's last stage makes 7 x 7; masks twice that.
inline constexpr RcnnSizes c4_sizes{.anchors = 15, .rpn_candidates = 6000, .box_size = 14, .mask_convs = 0};
inline constexpr RcnnSizes dc5_sizes{.anchors = 15, .rpn_candidates = 6000};

/// detectron2's settings with five sizes of anchors on the one level, sides of 32 to 512 pixels at stride 16.
constexpr RcnnSettings on_one_map(RcnnSettings settings) {
    settings.anchor_scale = 2;
    settings.anchor_octaves = 5;
    return settings;
}
inline constexpr RcnnSettings detectron2_one_map = on_one_map(detectron2_rcnn);

/// The last map of a ResNetTrunk as a pyramid of one level.
template <class Trunk>
struct OneMapFeatures {
    static constexpr int channels = Trunk::channels;
    static constexpr int roi_levels = 1;

    Pyramid<channels, Trunk::stride, 1> operator()(const Scope& scope, const ImageInput<3>& input) const {
        const auto map = Trunk{}(scope / "backbone", input.image);
        return {map.graph, {map.id}};
    }
};

/// Region proposals on C4; the ResNet's last stage on every region; its mean gives class and box, and with HasMasks the same stage on the final boxes a mask.
///
/// image [n, 3, H, W], image_info [n, 4]  ->  boxes, scores, labels, count, and masks with HasMasks (models/names.hpp).
/// Parameters beside those of other R-CNNs: shared_head.s4.* instead of backbone.s4.*. Label: "roi_res5".
/// Sources: Ren et al., Faster R-CNN, NeurIPS 2015; He et al., Mask R-CNN, ICCV 2017 (the C4 head); as detectron2 builds them.
template <const ResNetStages& Net, int Classes, const RcnnSizes& Sizes, bool HasMasks>
struct C4Rcnn {
    static constexpr bool needs_image_info = true;
    static constexpr bool has_masks = HasMasks;
    static constexpr int classes = Classes;
    static constexpr RcnnSettings settings = detectron2_one_map;

    /// Whether boxes leave the graph in pixels of the original picture.
    static constexpr bool rescales(const RcnnSettings& chosen) { return chosen.rescales(HasMasks); }

    void operator()(const Scope& scope, const ImageInput<3>& input, const RcnnSettings& chosen) const {
        using Shared = ResNetRoiStage<Net>;
        const auto [map, proposals] = propose_regions<OneMapFeatures<ResNetTrunk<Net, 3>>, Sizes>(scope, input, chosen);
        const auto regions = labelled(RoiExtractor<Sizes.box_size, 1>{chosen.pooling()}(scope / "box_head.roi_align", map, proposals), "roi_feats");
        const auto shared = labelled(Shared{}(scope / "shared_head", regions), "roi_res5");
        const auto predictions = predict_boxes<Classes, Sizes.class_agnostic>(scope / "box_head", GlobalAveragePool{}(scope / "box_head.pool", shared));
        const Detections<Sizes.detections> select{chosen.score_threshold, chosen.iou_threshold, chosen.min_size, chosen.box_coder, rescales(chosen)};
        const auto detections = select(scope / "detections", predictions, proposals, input.info);
        detection_outputs(scope.graph(), detections);

        if constexpr (HasMasks) {
            const auto mask_regions = pool_mask_regions<Sizes, 1>(scope / "mask_head", map, detections, chosen.pooling(), rescales(chosen), input.info);
            const auto logits = MaskHeadOf<Shared::channels, Classes, Sizes>{}(scope / "mask_head", Shared{}(scope / "shared_head", mask_regions));
            scope.graph().outputs.emplace_back("masks", select_masks(scope / "mask_head.select", logits, detections));
        }
    }
};

template <const ResNetStages& Net, int Classes = 80, const RcnnSizes& Sizes = c4_sizes>
struct C4FasterRcnn : C4Rcnn<Net, Classes, Sizes, false> {
    static constexpr const char* kind = "faster_rcnn_c4";
};
template <const ResNetStages& Net, int Classes = 80, const RcnnSizes& Sizes = c4_sizes>
struct C4MaskRcnn : C4Rcnn<Net, Classes, Sizes, true> {
    static constexpr const char* kind = "mask_rcnn_c4";
};

/// Everything on C5 of a ResNet with a dilated last stage (resnet_50_caffe_dc5), which is as fine as C4.
/// Source: Dai et al., Deformable Convolutional Networks, ICCV 2017 (the baseline with dilation); as detectron2 builds it.
template <const ResNetStages& Net, int Classes = 80, const RcnnSizes& Sizes = dc5_sizes>
struct Dc5FasterRcnn : Rcnn<OneMapFeatures<ResNetTrunk<Net, 4>>, Classes, Sizes, false> {
    static_assert(Net.dilates_last, "Dc5FasterRcnn: give a network with a dilated last stage, such as resnet_50_caffe_dc5");
    static constexpr const char* kind = "faster_rcnn_dc5";
    static constexpr RcnnSettings settings = detectron2_one_map;
};
template <const ResNetStages& Net, int Classes = 80, const RcnnSizes& Sizes = dc5_sizes>
struct Dc5MaskRcnn : Rcnn<OneMapFeatures<ResNetTrunk<Net, 4>>, Classes, Sizes, true> {
    static_assert(Net.dilates_last, "Dc5MaskRcnn: give a network with a dilated last stage, such as resnet_50_caffe_dc5");
    static constexpr const char* kind = "mask_rcnn_dc5";
    static constexpr RcnnSettings settings = detectron2_one_map;
};

}  // namespace regulus
