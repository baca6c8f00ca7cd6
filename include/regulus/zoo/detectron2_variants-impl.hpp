#pragma once
#include <regulus/models/cascade_rcnn.hpp>
#include <regulus/zoo/detectron2_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

namespace detail::detectron2 {

/// The models of 2021: two convolutions in the region proposals as well.
inline constexpr RcnnSizes baseline_sizes{.rpn_convs = 2, .box_convs = 4, .box_linears = 1, .neck_norms = true, .head_norms = true};
inline constexpr RcnnSizes x152_sizes{
    .box_convs = 4, .box_linears = 1, .class_agnostic = true, .mask_convs = 8, .mask_head_per_stage = false, .head_norms = true, .norm_groups = 32};
inline constexpr ResNetStages resnext_152_dconv_c3_c5 = with_deformable(resnext_152_32x8d, Deformable::offsets);

template <class Backbone, const RcnnSizes& Sizes = detectron2_cascade_sizes>
struct CascadeMask : CascadeMaskRcnn<Backbone, 256, 80, Sizes> {
    static constexpr CascadeSettings settings = detectron2_cascade;
};

}  // namespace detail::detectron2

/// Synchronised batch norm is batch norm once it is trained.
REGULUS_INLINE std::vector<ModelSpec> detectron2_variants() {
    using namespace detail::detectron2;
    constexpr auto cascade_50 = [] { return recorded<CascadeMask<ResNet<resnet_50_caffe>>>(); };
    constexpr auto deformable_50 = [] { return recorded<Mask<ResNet<resnet_50_caffe_dconv_c3_c5>>>(); };
    constexpr auto baseline_50 = [] { return recorded<Mask<ResNet<resnet_50_caffe>, baseline_sizes>>(); };
    constexpr auto baseline_101 = [] { return recorded<Mask<ResNet<resnet_101_caffe>, baseline_sizes>>(); };
    constexpr auto baseline_x = [] { return recorded<Mask<RegNet<regnetx_4_0gf>, baseline_sizes>>(); };
    constexpr auto baseline_y = [] { return recorded<Mask<RegNet<regnety_4_0gf>, baseline_sizes>>(); };
    constexpr auto grouped_50 = [] { return recorded<Mask<ResNet<resnet_50>, group_normed_rcnn_sizes>>(); };
    const Row rows[] = {
        {"Misc/cascade_mask_rcnn_R_50_FPN_1x", "Cascade Mask R-CNN, ResNet-50, FPN", cascade_50, Input::caffe, 42.1, 36.4, "e9d89b"},
        {"Misc/cascade_mask_rcnn_R_50_FPN_3x", "Cascade Mask R-CNN, ResNet-50, FPN", cascade_50, Input::caffe, 44.3, 38.5, "480dd8"},
        {"Misc/mask_rcnn_R_50_FPN_1x_dconv_c3-c5", "Mask R-CNN, ResNet-50 with deformable convolutions in C3..C5, FPN", deformable_50, Input::caffe, 41.5, 37.5, "65c703"},
        {"Misc/mask_rcnn_R_50_FPN_3x_dconv_c3-c5", "Mask R-CNN, ResNet-50 with deformable convolutions in C3..C5, FPN", deformable_50, Input::caffe, 42.7, 38.5, "821d0b"},
        {"Misc/mask_rcnn_R_50_FPN_3x_gn", "Mask R-CNN, ResNet-50, FPN and heads with group norm", grouped_50, Input::caffe, 42.6, 38.6, "dc5d9e"},
        {"Misc/scratch_mask_rcnn_R_50_FPN_3x_gn", "Mask R-CNN, ResNet-50, FPN and heads with group norm", grouped_50, Input::caffe, 39.9, 36.6, "01ca85"},
        {"Misc/scratch_mask_rcnn_R_50_FPN_9x_gn", "Mask R-CNN, ResNet-50, FPN and heads with group norm", grouped_50, Input::divided, 43.7, 39.6, "da7b4c"},
        {"Misc/mask_rcnn_R_50_FPN_3x_syncbn", "Mask R-CNN, ResNet-50, FPN and heads with batch norm", [] { return recorded<Mask<ResNet<resnet_50_caffe>, normed_rcnn_sizes>>(); }, Input::caffe, 41.9, 37.8, "3b3c51"},
        {"Misc/scratch_mask_rcnn_R_50_FPN_9x_syncbn", "Mask R-CNN, ResNet-50, FPN and heads with batch norm", [] { return recorded<Mask<ResNet<resnet_50>, normed_rcnn_sizes>>(); }, Input::divided, 43.6, 39.3, "5ce33e"},
        {"new_baselines/mask_rcnn_R_50_FPN_100ep_LSJ", "Mask R-CNN, ResNet-50, FPN and heads with batch norm", baseline_50, Input::caffe, 44.6, 40.3, "bb69de"},
        {"new_baselines/mask_rcnn_R_50_FPN_200ep_LSJ", "Mask R-CNN, ResNet-50, FPN and heads with batch norm", baseline_50, Input::caffe, 46.3, 41.7, "89a8d3"},
        {"new_baselines/mask_rcnn_R_50_FPN_400ep_LSJ", "Mask R-CNN, ResNet-50, FPN and heads with batch norm", baseline_50, Input::caffe, 47.4, 42.5, "14d201"},
        {"new_baselines/mask_rcnn_R_101_FPN_100ep_LSJ", "Mask R-CNN, ResNet-101, FPN and heads with batch norm", baseline_101, Input::caffe, 46.4, 41.6, "4f7b58"},
        {"new_baselines/mask_rcnn_R_101_FPN_200ep_LSJ", "Mask R-CNN, ResNet-101, FPN and heads with batch norm", baseline_101, Input::caffe, 48.0, 43.1, "0bb7ae"},
        {"new_baselines/mask_rcnn_R_101_FPN_400ep_LSJ", "Mask R-CNN, ResNet-101, FPN and heads with batch norm", baseline_101, Input::caffe, 48.9, 43.7, "f96b26"},
        {"new_baselines/mask_rcnn_regnetx_4gf_dds_FPN_100ep_LSJ", "Mask R-CNN, RegNetX-4.0GF, FPN and heads with batch norm", baseline_x, Input::divided, 46.0, 41.3, "b7fbab"},
        {"new_baselines/mask_rcnn_regnetx_4gf_dds_FPN_200ep_LSJ", "Mask R-CNN, RegNetX-4.0GF, FPN and heads with batch norm", baseline_x, Input::divided, 48.1, 43.1, "5d87c1"},
        {"new_baselines/mask_rcnn_regnetx_4gf_dds_FPN_400ep_LSJ", "Mask R-CNN, RegNetX-4.0GF, FPN and heads with batch norm", baseline_x, Input::divided, 48.6, 43.5, "f1362d"},
        {"new_baselines/mask_rcnn_regnety_4gf_dds_FPN_100ep_LSJ", "Mask R-CNN, RegNetY-4.0GF, FPN and heads with batch norm", baseline_y, Input::divided, 46.1, 41.6, "6ba57e"},
        {"new_baselines/mask_rcnn_regnety_4gf_dds_FPN_200ep_LSJ", "Mask R-CNN, RegNetY-4.0GF, FPN and heads with batch norm", baseline_y, Input::divided, 47.8, 43.0, "27b9c1"},
        {"new_baselines/mask_rcnn_regnety_4gf_dds_FPN_400ep_LSJ", "Mask R-CNN, RegNetY-4.0GF, FPN and heads with batch norm", baseline_y, Input::divided, 48.2, 43.3, "ef3a80"},
    };
    std::vector<ModelSpec> models;
    for (const Row& row : rows) models.push_back(entry(row));
    models.push_back(entry({"Misc/cascade_mask_rcnn_X_152_32x8d_FPN_IN5k_gn_dconv", "Cascade Mask R-CNN, ResNeXt-152 32x8d with deformable convolutions in C3..C5, FPN, heads with group norm",
                            [] { return recorded<CascadeMask<ResNet<resnext_152_dconv_c3_c5>, x152_sizes>>(); }, Input::caffe, 50.2, 44.0, ""}));
    models.back().checkpoint = "model_0039999_e76410.pkl";
    return models;
}

}  // namespace regulus
