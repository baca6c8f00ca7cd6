#pragma once
// The published models by name. With REGULUS_COMPILED they are built once in the library; header-only, including this file instantiates all
// of them (seconds): a program that uses one model includes that model's header instead.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <regulus/models/recorded.hpp>
#include <regulus/zoo/model_spec.hpp>

namespace regulus {

/// The models of mmdetection's RegNet page with their ResNet baselines.
std::vector<ModelSpec> mmdetection_mask_rcnn();
std::vector<ModelSpec> mmdetection_faster_rcnn();
std::vector<ModelSpec> mmdetection_retinanet();
std::vector<ModelSpec> mmdetection_mdconv();   // with deformable convolutions
std::vector<ModelSpec> mmdetection_cascade();

/// detectron2's Fast R-CNN, Faster R-CNN, Mask R-CNN and RetinaNet on COCO with a feature pyramid on ResNets, ResNeXt and RegNets.
std::vector<ModelSpec> detectron2_pyramid_detectors();
/// Its Faster and Mask R-CNNs on one map: C4 and DC5, on COCO and Pascal VOC.
std::vector<ModelSpec> detectron2_one_map_detectors();
/// Its cascades, deformable convolutions, norms in all heads, and the Mask R-CNNs of 2021 (new_baselines), on COCO.
std::vector<ModelSpec> detectron2_variants();
/// Its Panoptic FPNs, on COCO.
std::vector<ModelSpec> detectron2_panoptic();
/// Its Keypoint R-CNNs on the persons of COCO.
std::vector<ModelSpec> detectron2_keypoint_detectors();
/// Its networks that propose regions only.
std::vector<ModelSpec> detectron2_proposal_networks();
/// Its Mask R-CNNs on LVIS 0.5 and Cityscapes.
std::vector<ModelSpec> detectron2_other_data();

/// torchvision's Faster R-CNN, Mask R-CNN and RetinaNet with a feature pyramid on ResNet-50, in both versions of its weights, and its Keypoint R-CNN.
std::vector<ModelSpec> torchvision_detectors();

/// All of the above.
const std::vector<ModelSpec>& zoo_models();

/// The model that `name` names: in full ("mmdetection/mask_rcnn_regnetx-3.2GF_fpn_1x_coco"), by an alias, or by a tail of either that
/// begins after one of / _ - and fits one model only ("retinanet_r50_fpn_1x_coco"). Letters count without case; mmdetection 3's spelling
/// is accepted everywhere. Throws ArgumentError listing the candidates when several models fit, and the nearest names when none does.
const ModelSpec& find_model(const std::vector<ModelSpec>& models, std::string_view name);

/// A user's model as an entry beside the zoo's.
template <class Model>
ModelSpec model_spec(std::string name, std::string code_base, std::string architecture) {
    ModelSpec spec;
    spec.name = std::move(name);
    spec.code_base = std::move(code_base);
    spec.architecture = std::move(architecture);
    spec.record = [] { return recorded<Model>(); };
    spec.facts = facts_of<Model>();
    return spec;
}

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/zoo/detectron2-impl.hpp>
#include <regulus/zoo/detectron2_keypoints-impl.hpp>
#include <regulus/zoo/detectron2_one_map-impl.hpp>
#include <regulus/zoo/detectron2_other_data-impl.hpp>
#include <regulus/zoo/detectron2_panoptic-impl.hpp>
#include <regulus/zoo/detectron2_proposals-impl.hpp>
#include <regulus/zoo/detectron2_variants-impl.hpp>
#include <regulus/zoo/mmdetection_cascade-impl.hpp>
#include <regulus/zoo/mmdetection_faster_rcnn-impl.hpp>
#include <regulus/zoo/mmdetection_mask_rcnn-impl.hpp>
#include <regulus/zoo/mmdetection_mdconv-impl.hpp>
#include <regulus/zoo/mmdetection_retinanet-impl.hpp>
#include <regulus/zoo/torchvision_detectors-impl.hpp>
#include <regulus/zoo/zoo-impl.hpp>
#endif
