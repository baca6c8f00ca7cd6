#pragma once
#include <regulus/models/cascade_rcnn.hpp>
#include <regulus/zoo/mmdetection_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

REGULUS_INLINE std::vector<ModelSpec> mmdetection_cascade() {
    struct Row {
        detail::MmdetectionRow row;
        const char* checkpoint;  // where names have a point, the publishing script cut them at it
    };
    constexpr auto bgr = detail::MmdetectionInput::pycls_bgr;
    const Row rows[] = {
        {{"cascade_mask_rcnn_regnetx-400MF_fpn_mstrain_3x_coco", "Cascade Mask R-CNN, RegNetX-400MF, FPN", [] { return recorded<CascadeMaskRcnn<RegNet<regnetx_400mf>>>(); }, bgr, 41.6, 36.4, ""},
         "cascade_mask_rcnn_regnetx-400MF_fpn_mstrain_3x_coco_20210715_211619-5142f449.pth"},
        {{"cascade_mask_rcnn_regnetx-800MF_fpn_mstrain_3x_coco", "Cascade Mask R-CNN, RegNetX-800MF, FPN", [] { return recorded<CascadeMaskRcnn<RegNet<regnetx_800mf>>>(); }, bgr, 42.8, 37.6, ""},
         "cascade_mask_rcnn_regnetx-800MF_fpn_mstrain_3x_coco_20210715_211616-dcbd13f4.pth"},
        {{"cascade_mask_rcnn_regnetx-1.6GF_fpn_mstrain_3x_coco", "Cascade Mask R-CNN, RegNetX-1.6GF, FPN", [] { return recorded<CascadeMaskRcnn<RegNet<regnetx_1_6gf>>>(); }, bgr, 44.5, 39.0, ""},
         "cascade_mask_rcnn_regnetx-1_20210715_211616-75f29a61.pth"},
        {{"cascade_mask_rcnn_regnetx-3.2GF_fpn_mstrain_3x_coco", "Cascade Mask R-CNN, RegNetX-3.2GF, FPN", [] { return recorded<CascadeMaskRcnn<RegNet<regnetx_3_2gf>>>(); }, bgr, 45.8, 40.0, ""},
         "cascade_mask_rcnn_regnetx-3_20210715_211616-b9c2c58b.pth"},
        {{"cascade_mask_rcnn_regnetx-4GF_fpn_mstrain_3x_coco", "Cascade Mask R-CNN, RegNetX-4.0GF, FPN", [] { return recorded<CascadeMaskRcnn<RegNet<regnetx_4_0gf>>>(); }, bgr, 45.8, 40.0, ""},
         "cascade_mask_rcnn_regnetx-4GF_fpn_mstrain_3x_coco_20210715_212034-cbb1be4c.pth"},
    };
    std::vector<ModelSpec> models;
    for (const Row& row : rows) {
        models.push_back(detail::mmdetection_entry(row.row));
        models.back().checkpoint = row.checkpoint;
    }
    return models;
}

}  // namespace regulus
