#pragma once
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/zoo/mmdetection_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

REGULUS_INLINE std::vector<ModelSpec> mmdetection_faster_rcnn() {
    using detail::MmdetectionInput;
    constexpr auto bgr = MmdetectionInput::pycls_bgr;
    constexpr auto rgb = MmdetectionInput::imagenet_rgb;
    const detail::MmdetectionRow rows[] = {
        {"faster_rcnn_r50_fpn_1x_coco", "Faster R-CNN, ResNet-50, FPN", [] { return recorded<FasterRcnn<ResNet<resnet_50>>>(); }, rgb, 37.4, 0, "20200130-047c8118"},
        {"faster_rcnn_r101_fpn_1x_coco", "Faster R-CNN, ResNet-101, FPN", [] { return recorded<FasterRcnn<ResNet<resnet_101>>>(); }, rgb, 0, 0, ""},
        {"faster_rcnn_regnetx-3.2GF_fpn_1x_coco", "Faster R-CNN, RegNetX-3.2GF, FPN", [] { return recorded<FasterRcnn<RegNet<regnetx_3_2gf>>>(); }, bgr, 39.9, 0, "20200517_175927-126fd9bf"},
        {"faster_rcnn_regnetx-3.2GF_fpn_2x_coco", "Faster R-CNN, RegNetX-3.2GF, FPN", [] { return recorded<FasterRcnn<RegNet<regnetx_3_2gf>>>(); }, bgr, 41.1, 0, "20200520_223955-e2081918"},
        {"faster_rcnn_regnetx-400MF_fpn_mstrain_3x_coco", "Faster R-CNN, RegNetX-400MF, FPN", [] { return recorded<FasterRcnn<RegNet<regnetx_400mf>>>(); }, bgr, 37.1, 0, "20210526_095112-e1967c37"},
        {"faster_rcnn_regnetx-800MF_fpn_mstrain_3x_coco", "Faster R-CNN, RegNetX-800MF, FPN", [] { return recorded<FasterRcnn<RegNet<regnetx_800mf>>>(); }, bgr, 38.8, 0, "20210526_095118-a2c70b20"},
        {"faster_rcnn_regnetx-1.6GF_fpn_mstrain_3x_coco", "Faster R-CNN, RegNetX-1.6GF, FPN", [] { return recorded<FasterRcnn<RegNet<regnetx_1_6gf>>>(); }, bgr, 40.5, 0, ""},
        {"faster_rcnn_regnetx-3.2GF_fpn_mstrain_3x_coco", "Faster R-CNN, RegNetX-3.2GF, FPN", [] { return recorded<FasterRcnn<RegNet<regnetx_3_2gf>>>(); }, bgr, 42.2, 0, "20200520_224253-bf85ae3e"},
        {"faster_rcnn_regnetx-4GF_fpn_mstrain_3x_coco", "Faster R-CNN, RegNetX-4.0GF, FPN", [] { return recorded<FasterRcnn<RegNet<regnetx_4_0gf>>>(); }, bgr, 42.8, 0, "20210526_095201-65eaf841"},
    };
    std::vector<ModelSpec> models;
    for (const auto& row : rows) models.push_back(detail::mmdetection_entry(row));
    return models;
}

}  // namespace regulus
