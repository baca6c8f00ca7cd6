#pragma once
// Made by detectron2_detectors.py: detectron2's losses, and the norms of the gradients by part of its model.
#include <string>
#include <utility>
#include <vector>

struct Detectron2Detector {
    const char* model;
    std::vector<std::pair<std::string, double>> losses;
    std::vector<std::pair<std::string, double>> norms;
};

inline const Detectron2Detector detectron2_detectors[] = {
    {"COCO-Detection/retinanet_R_50_FPN_1x",
     {{"loss_box_reg", 3.14761747}, {"loss_cls", 1151.67542}},
     {{"backbone.bottom_up", 20914.135}, {"backbone.fpn", 2277.44605}, {"head.bbox_pred", 131.714486}, {"head.bbox_subnet", 20.8188857}, {"head.cls_score", 12876.9405}, {"head.cls_subnet", 3750.89813}}},
    {"COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x",
     {{"loss_box_reg", 0.383587371}, {"loss_cls", 5.13430931}, {"loss_mask", 0.729268849}, {"loss_rpn_cls", 0.00322354469}, {"loss_rpn_loc", 5.077268e-05}},
     {{"backbone.bottom_up", 219.633544}, {"backbone.fpn", 17.2163181}, {"proposal_generator.rpn_head", 0.0989827841}, {"roi_heads.box_head", 35.446591}, {"roi_heads.box_predictor", 150.10368}, {"roi_heads.mask_head", 5.51617226}}},
    {"COCO-Detection/faster_rcnn_R_50_C4_1x",
     {{"loss_box_reg", 0.294931983}, {"loss_cls", 4.25348937}, {"loss_rpn_cls", 0.000685167091}, {"loss_rpn_loc", 8.95880998e-06}},
     {{"backbone.res2", 8.88327073}, {"backbone.res3", 4.5237111}, {"backbone.res4", 1.91512381}, {"backbone.stem", 8.63613783}, {"proposal_generator.rpn_head", 0.00702053189}, {"roi_heads.box_predictor", 42.6596708}, {"roi_heads.res5", 0.533008713}}},
    {"Misc/cascade_mask_rcnn_R_50_FPN_1x",
     {{"loss_box_reg_stage0", 0.479791725}, {"loss_box_reg_stage1", 0.437195131}, {"loss_box_reg_stage2", 0.182817806}, {"loss_cls_stage0", 5.07602662}, {"loss_cls_stage1", 3.96764927}, {"loss_cls_stage2", 5.21992108}, {"loss_mask", 0.729268849}, {"loss_rpn_cls", 0.00322354469}, {"loss_rpn_loc", 5.077268e-05}},
     {{"backbone.bottom_up", 139.305395}, {"backbone.fpn", 11.5016777}, {"proposal_generator.rpn_head", 0.0989827841}, {"roi_heads.box_head.0", 38.3602517}, {"roi_heads.box_head.1", 39.1123434}, {"roi_heads.box_head.2", 41.0783913}, {"roi_heads.box_predictor.0", 151.421166}, {"roi_heads.box_predictor.1", 167.893238}, {"roi_heads.box_predictor.2", 166.256779}, {"roi_heads.mask_head", 5.51617226}}},
    {"COCO-Keypoints/keypoint_rcnn_R_50_FPN_1x",
     {{"loss_box_reg", 0.268766891}, {"loss_cls", 0.572494048}, {"loss_keypoint", 8.74901759}, {"loss_rpn_cls", 0.00322354469}, {"loss_rpn_loc", 5.077268e-05}},
     {{"backbone.bottom_up", 290.900499}, {"backbone.fpn", 11.3811861}, {"proposal_generator.rpn_head", 0.0989827841}, {"roi_heads.box_head", 17.6411777}, {"roi_heads.box_predictor", 69.6753245}, {"roi_heads.keypoint_head", 35.9876424}}},
    {"COCO-PanopticSegmentation/panoptic_fpn_R_50_1x",
     {{"loss_box_reg", 0.383587371}, {"loss_cls", 5.13430931}, {"loss_mask", 0.729268849}, {"loss_rpn_cls", 0.00322354469}, {"loss_rpn_loc", 5.077268e-05}, {"loss_sem_seg", 2.01625228}},
     {{"backbone.bottom_up", 219.805494}, {"backbone.fpn", 17.2150917}, {"proposal_generator.rpn_head", 0.0989827841}, {"roi_heads.box_head", 35.446591}, {"roi_heads.box_predictor", 150.10368}, {"roi_heads.mask_head", 5.51617226}, {"sem_seg_head.p2", 0.0548473258}, {"sem_seg_head.p3", 0.0505854603}, {"sem_seg_head.p4", 0.0796804885}, {"sem_seg_head.p5", 0.107889932}, {"sem_seg_head.predictor", 0.432926347}}},
    {"COCO-Detection/fast_rcnn_R_50_FPN_1x",
     {{"loss_box_reg", 0.202092092}, {"loss_cls", 5.12009314}},
     {{"backbone.bottom_up", 256.159187}, {"backbone.fpn", 18.931274}, {"roi_heads.box_head", 39.0343201}, {"roi_heads.box_predictor", 168.524876}}},
};
