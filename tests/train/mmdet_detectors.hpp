#pragma once
// Made by mmdet_detectors.py: mmdetection's losses, and the norms of the gradients by part of its model.
#include <string>
#include <utility>
#include <vector>

struct MmdetDetector {
    const char* model;
    std::vector<std::pair<std::string, double>> losses;
    std::vector<std::pair<std::string, double>> norms;
};

inline const MmdetDetector mmdet_detectors[] = {
    {"retinanet_regnetx-800MF_fpn_1x_coco",
     {{"loss_bbox", 3.44533557}, {"loss_cls", 905.788655}},
     {{"backbone", 9148.19769}, {"bbox_head.cls_convs", 3866.66315}, {"bbox_head.reg_convs", 30.209752}, {"bbox_head.retina_cls", 11041.3432}, {"bbox_head.retina_reg", 181.655314}, {"neck", 2311.65981}}},
    {"faster-rcnn_regnetx-400MF_fpn_ms-3x_coco",
     {{"loss_bbox", 0.332000778}, {"loss_cls", 4.09517713}, {"loss_rpn_bbox", 0.0205902359}, {"loss_rpn_cls", 0.493958324}},
     {{"backbone", 331.52529}, {"neck", 19.8075523}, {"roi_head.bbox_head", 207.705084}, {"rpn_head", 22.4482119}}},
    {"mask-rcnn_regnetx-400MF_fpn_ms-poly-3x_coco",
     {{"loss_bbox", 0.332000778}, {"loss_cls", 4.09517713}, {"loss_mask", 0.7512573}, {"loss_rpn_bbox", 0.0205902359}, {"loss_rpn_cls", 0.493958324}},
     {{"backbone", 329.694817}, {"neck", 19.8142891}, {"roi_head.bbox_head", 207.705084}, {"roi_head.mask_head", 7.28715852}, {"rpn_head", 22.4482119}}},
    {"cascade-mask-rcnn_regnetx-400MF_fpn_ms-3x_coco",
     {{"loss_rpn_bbox", 0.0399140766}, {"loss_rpn_cls", 0.492502809}, {"s0.loss_bbox", 0.13600892}, {"s0.loss_cls", 5.53361594}, {"s0.loss_mask", 0.620048463}, {"s1.loss_bbox", 0.119663255}, {"s1.loss_cls", 2.46276996}, {"s1.loss_mask", 0.412313432}, {"s2.loss_bbox", 0.0383332516}, {"s2.loss_cls", 1.58927557}, {"s2.loss_mask", 0.181112736}},
     {{"backbone", 347.830538}, {"neck", 22.990696}, {"roi_head.bbox_head.0", 228.149843}, {"roi_head.bbox_head.1", 108.023614}, {"roi_head.bbox_head.2", 48.9556371}, {"roi_head.mask_head.0", 4.62766081}, {"roi_head.mask_head.1", 4.44888619}, {"roi_head.mask_head.2", 1.66831055}, {"rpn_head", 27.3207856}}},
    {"mask-rcnn_regnetx-3.2GF-mdconv-c3-c5_fpn_1x_coco",
     {{"loss_bbox", 0.455978647}, {"loss_cls", 6.31407981}, {"loss_mask", 0.721306384}, {"loss_rpn_bbox", 0.0107582591}, {"loss_rpn_cls", 0.807083011}},
     {{"backbone", 916.014735}, {"neck", 25.7165947}, {"roi_head.bbox_head", 223.292201}, {"roi_head.mask_head", 5.56585322}, {"rpn_head", 31.7849431}}},
};
