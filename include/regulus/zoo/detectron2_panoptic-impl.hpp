#pragma once
#include <regulus/models/cascade_rcnn.hpp>
#include <regulus/models/panoptic_fpn.hpp>
#include <regulus/zoo/detectron2_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

namespace detail::detectron2 {

template <class Backbone>
struct Panoptic : PanopticFpn<Backbone> {
    static constexpr RcnnSettings settings = detectron2_rcnn;
};

inline constexpr ResNetStages resnet_101_dconv_c3_c5 = with_deformable(resnet_101, Deformable::offsets);
inline constexpr RcnnSizes panoptic_cascade_sizes{
    .class_agnostic = true, .mask_head_per_stage = false, .neck_norms = true, .head_norms = true, .norm_groups = 32, .backbone_norm_groups = 32};

struct PanopticCascade : WithSemanticHead<CascadeMaskRcnn<ResNet<resnet_101_dconv_c3_c5>, 256, 80, panoptic_cascade_sizes>> {
    static constexpr CascadeSettings settings = detectron2_cascade;
};

}  // namespace detail::detectron2

REGULUS_INLINE std::vector<ModelSpec> detectron2_panoptic() {
    using namespace detail::detectron2;
    constexpr auto panoptic_50 = [] { return recorded<Panoptic<ResNet<resnet_50_caffe>>>(); };
    constexpr auto panoptic_101 = [] { return recorded<Panoptic<ResNet<resnet_101_caffe>>>(); };
    constexpr auto cascade_101 = [] { return recorded<PanopticCascade>(); };
    const struct {
        Row row;
        double quality;  // published, percent
    } rows[] = {
        {{"COCO-PanopticSegmentation/panoptic_fpn_R_50_1x", "Panoptic FPN, ResNet-50", panoptic_50, Input::caffe, 37.6, 34.7, "dbfeb4"}, 39.4},
        {{"COCO-PanopticSegmentation/panoptic_fpn_R_50_3x", "Panoptic FPN, ResNet-50", panoptic_50, Input::caffe, 40.0, 36.5, "c10459"}, 41.5},
        {{"COCO-PanopticSegmentation/panoptic_fpn_R_101_3x", "Panoptic FPN, ResNet-101", panoptic_101, Input::caffe, 42.4, 38.5, "cafdb1"}, 43.0},
        {{"Misc/panoptic_fpn_R_101_dconv_cascade_gn_3x", "Panoptic FPN with a cascade, ResNet-101 with deformable convolutions in C3..C5, group norm", cascade_101, Input::caffe, 47.4, 41.3, "be35db"}, 46.1},
    };
    std::vector<ModelSpec> models;
    for (const auto& [row, quality] : rows) {
        models.push_back(entry(row));
        models.back().facts.stuff_names = coco_stuff_classes();
        models.back().facts.stuff_ids = coco_stuff_ids();
        models.back().panoptic_quality = quality;
    }
    return models;
}

}  // namespace regulus
