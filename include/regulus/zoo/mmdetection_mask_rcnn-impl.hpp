#pragma once
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/zoo/mmdetection_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

REGULUS_INLINE std::vector<ModelSpec> mmdetection_mask_rcnn() {
    using detail::MmdetectionInput;
    constexpr auto bgr = MmdetectionInput::pycls_bgr;
    constexpr auto rgb = MmdetectionInput::imagenet_rgb;
    const detail::MmdetectionRow rows[] = {
        {"mask_rcnn_r50_fpn_1x_coco", "Mask R-CNN, ResNet-50, FPN", [] { return recorded<MaskRcnn<ResNet<resnet_50>>>(); }, rgb, 38.2, 34.7, "20200205-d4b0c5d6"},
        {"mask_rcnn_r101_fpn_1x_coco", "Mask R-CNN, ResNet-101, FPN", [] { return recorded<MaskRcnn<ResNet<resnet_101>>>(); }, rgb, 40.0, 36.1, "20200204-1efe0ed5"},
        {"mask_rcnn_x101_32x4d_fpn_1x_coco", "Mask R-CNN, ResNeXt-101 32x4d, FPN", [] { return recorded<MaskRcnn<ResNet<resnext_101_32x4d>>>(); }, rgb, 41.9, 37.5, "20200205-478d0b67"},
        {"mask_rcnn_regnetx-3.2GF_fpn_1x_coco", "Mask R-CNN, RegNetX-3.2GF, FPN", [] { return recorded<MaskRcnn<RegNet<regnetx_3_2gf>>>(); }, bgr, 40.3, 36.6, "20200520_163141-2a9d1814"},
        {"mask_rcnn_regnetx-4GF_fpn_1x_coco", "Mask R-CNN, RegNetX-4.0GF, FPN", [] { return recorded<MaskRcnn<RegNet<regnetx_4_0gf>>>(); }, bgr, 41.5, 37.4, "20200517_180217-32e9c92d"},
        {"mask_rcnn_regnetx-6.4GF_fpn_1x_coco", "Mask R-CNN, RegNetX-6.4GF, FPN", [] { return recorded<MaskRcnn<RegNet<regnetx_6_4gf>>>(); }, bgr, 41.0, 37.1, "20200517_180439-3a7aae83"},
        {"mask_rcnn_regnetx-8GF_fpn_1x_coco", "Mask R-CNN, RegNetX-8.0GF, FPN", [] { return recorded<MaskRcnn<RegNet<regnetx_8_0gf>>>(); }, bgr, 41.7, 37.5, "20200517_180515-09daa87e"},
        {"mask_rcnn_regnetx-12GF_fpn_1x_coco", "Mask R-CNN, RegNetX-12GF, FPN", [] { return recorded<MaskRcnn<RegNet<regnetx_12gf>>>(); }, bgr, 42.2, 38.0, "20200517_180552-b538bd8b"},
        {"mask_rcnn_regnetx-3.2GF_fpn_mstrain_3x_coco", "Mask R-CNN, RegNetX-3.2GF, FPN", [] { return recorded<MaskRcnn<RegNet<regnetx_3_2gf>>>(); }, bgr, 43.1, 38.7, "20200521_202221-99879813"},
        // Added by mmdetection 2.12; these four see RGB with the ImageNet statistics, unlike every other RegNet config.
        {"mask_rcnn_regnetx-400MF_fpn_mstrain-poly_3x_coco", "Mask R-CNN, RegNetX-400MF, FPN", [] { return recorded<MaskRcnn<RegNet<regnetx_400mf>>>(); }, rgb, 37.6, 34.4, "20210601_235443-8aac57a4"},
        {"mask_rcnn_regnetx-800MF_fpn_mstrain-poly_3x_coco", "Mask R-CNN, RegNetX-800MF, FPN", [] { return recorded<MaskRcnn<RegNet<regnetx_800mf>>>(); }, rgb, 39.5, 36.1, "20210602_210641-715d51f5"},
        {"mask_rcnn_regnetx-1.6GF_fpn_mstrain-poly_3x_coco", "Mask R-CNN, RegNetX-1.6GF, FPN", [] { return recorded<MaskRcnn<RegNet<regnetx_1_6gf>>>(); }, rgb, 40.9, 37.5, ""},
        {"mask_rcnn_regnetx-4GF_fpn_mstrain-poly_3x_coco", "Mask R-CNN, RegNetX-4.0GF, FPN", [] { return recorded<MaskRcnn<RegNet<regnetx_4_0gf>>>(); }, rgb, 43.4, 39.2, "20210602_032621-00f0331c"},
    };
    std::vector<ModelSpec> models;
    for (const auto& row : rows) models.push_back(detail::mmdetection_entry(row));
    return models;
}

}  // namespace regulus
