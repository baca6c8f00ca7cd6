#pragma once
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/zoo/mmdetection_entry.hpp>
#include <regulus/zoo/zoo.hpp>

namespace regulus {

/// The page gives this model the AP of the one without deformable convolutions, probably by a slip of copying.
REGULUS_INLINE std::vector<ModelSpec> mmdetection_mdconv() {
    ModelSpec model = detail::mmdetection_entry({"mask_rcnn_regnetx-3.2GF_fpn_mdconv_c3-c5_1x_coco", "Mask R-CNN, RegNetX-3.2GF with deformable convolutions in C3..C5, FPN",
                                                 [] { return recorded<MaskRcnn<RegNet<regnetx_3_2gf_mdconv_c3_c5>>>(); }, detail::MmdetectionInput::pycls_bgr, 40.3, 36.6,
                                                 "20200520_172726-75f40794"});
    model.aliases = {"mask-rcnn_regnetx-3.2GF-mdconv-c3-c5_fpn_1x_coco"};  // mmdetection 3 moved a word
    return {model};
}

}  // namespace regulus
