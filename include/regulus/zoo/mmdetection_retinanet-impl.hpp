#pragma once
#include <regulus/models/retina_net.hpp>
#include <regulus/zoo/mmdetection_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

REGULUS_INLINE std::vector<ModelSpec> mmdetection_retinanet() {
    using detail::MmdetectionInput;
    constexpr auto bgr = MmdetectionInput::pycls_bgr;
    constexpr auto rgb = MmdetectionInput::imagenet_rgb;
    const detail::MmdetectionRow rows[] = {
        {"retinanet_r50_fpn_1x_coco", "RetinaNet, ResNet-50, FPN", [] { return recorded<RetinaNet<ResNet<resnet_50>>>(); }, rgb, 36.5, 0, "20200130-c2398f9e"},
        {"retinanet_r101_fpn_1x_coco", "RetinaNet, ResNet-101, FPN", [] { return recorded<RetinaNet<ResNet<resnet_101>>>(); }, rgb, 0, 0, ""},
        {"retinanet_regnetx-800MF_fpn_1x_coco", "RetinaNet, RegNetX-800MF, FPN", [] { return recorded<RetinaNet<RegNet<regnetx_800mf>>>(); }, bgr, 35.6, 0, "20200517_191403-f6f91d10"},
        {"retinanet_regnetx-1.6GF_fpn_1x_coco", "RetinaNet, RegNetX-1.6GF, FPN", [] { return recorded<RetinaNet<RegNet<regnetx_1_6gf>>>(); }, bgr, 37.3, 0, "20200517_191403-37009a9d"},
        {"retinanet_regnetx-3.2GF_fpn_1x_coco", "RetinaNet, RegNetX-3.2GF, FPN", [] { return recorded<RetinaNet<RegNet<regnetx_3_2gf>>>(); }, bgr, 39.1, 0, "20200520_163141-cb1509e8"},
    };
    std::vector<ModelSpec> models;
    for (const auto& row : rows) models.push_back(detail::mmdetection_entry(row));
    return models;
}

}  // namespace regulus
