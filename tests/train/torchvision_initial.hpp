#pragma once
// Made by torchvision_initial.py: mean, deviation and greatest size of parameters that torchvision has initialised.

namespace torchvision_initial {

struct Row {
    const char* model;
    const char* name;
    double mean, deviation, greatest;
};

inline constexpr Row rows[] = {
    {"torchvision/regnet_y_400mf", "stem.0.weight", -0.000588213, 0.0823902, 0.301902},
    {"torchvision/regnet_y_400mf", "trunk_output.block3.block3-1.f.b.0.weight", 0.000484608, 0.0324976, 0.145476},
    {"torchvision/regnet_y_400mf", "trunk_output.block4.block4-2.f.a.0.weight", -6.59773e-05, 0.0673826, 0.300043},
    {"torchvision/regnet_y_400mf", "trunk_output.block4.block4-2.f.c.1.weight", 1, 0, 1},
    {"torchvision/regnet_y_400mf", "trunk_output.block4.block4-2.f.se.fc1.weight", -0.000827396, 0.134704, 0.564754},
    {"torchvision/regnet_y_400mf", "trunk_output.block4.block4-2.f.se.fc1.bias", -0.00218402, 0.0265756, 0.0476474},
    {"torchvision/regnet_y_400mf", "trunk_output.block4.block4-2.f.se.fc2.bias", -0.00155172, 0.054961, 0.0951922},
    {"torchvision/regnet_y_400mf", "trunk_output.block4.block4-0.proj.0.weight", -0.000526671, 0.0672254, 0.285709},
    {"torchvision/regnet_y_400mf", "fc.weight", 2.65534e-05, 0.0099791, 0.0461183},
    {"torchvision/regnet_y_400mf", "fc.bias", 0, 0, 0},
    {"torchvision/resnet50", "conv1.weight", 0.000344494, 0.0253378, 0.101841},
    {"torchvision/resnet50", "layer3.1.conv2.weight", 5.27727e-05, 0.0294736, 0.146518},
    {"torchvision/resnet50", "layer3.1.bn3.weight", 1, 0, 1},
    {"torchvision/resnet50", "fc.weight", 1.11007e-05, 0.0127573, 0.0220971},
    {"torchvision/resnet50", "fc.bias", -0.000576577, 0.012716, 0.0220792},
    {"torchvision/maskrcnn_resnet50_fpn", "backbone.fpn.inner_blocks.1.0.weight", -6.82159e-05, 0.0441707, 0.0765464},
    {"torchvision/maskrcnn_resnet50_fpn", "backbone.fpn.layer_blocks.2.0.weight", -4.01206e-05, 0.0208332, 0.0360843},
    {"torchvision/maskrcnn_resnet50_fpn", "backbone.fpn.layer_blocks.2.0.bias", 0, 0, 0},
    {"torchvision/maskrcnn_resnet50_fpn", "rpn.head.conv.0.0.weight", 1.13385e-05, 0.00999744, 0.0465797},
    {"torchvision/maskrcnn_resnet50_fpn", "rpn.head.cls_logits.weight", 0.000469067, 0.0098842, 0.0355983},
    {"torchvision/maskrcnn_resnet50_fpn", "rpn.head.bbox_pred.bias", 0, 0, 0},
    {"torchvision/maskrcnn_resnet50_fpn", "roi_heads.box_head.fc6.weight", 4.44736e-07, 0.00515439, 0.00892857},
    {"torchvision/maskrcnn_resnet50_fpn", "roi_heads.box_head.fc6.bias", 0.000135054, 0.00516907, 0.00892172},
    {"torchvision/maskrcnn_resnet50_fpn", "roi_heads.box_predictor.bbox_pred.weight", -2.56858e-06, 0.0180429, 0.0312499},
    {"torchvision/maskrcnn_resnet50_fpn", "roi_heads.mask_head.2.0.weight", 2.64936e-05, 0.029467, 0.145478},
    {"torchvision/maskrcnn_resnet50_fpn", "roi_heads.mask_predictor.conv5_mask.weight", 5.69357e-05, 0.0443128, 0.225407},
    {"torchvision/maskrcnn_resnet50_fpn", "roi_heads.mask_predictor.mask_fcn_logits.weight", 0.000331277, 0.147957, 0.620905},
    {"torchvision/maskrcnn_resnet50_fpn", "roi_heads.mask_head.2.0.bias", 0, 0, 0},
    {"torchvision/maskrcnn_resnet50_fpn", "roi_heads.mask_predictor.conv5_mask.bias", 0.00146798, 0.0183596, 0.031185},
    {"torchvision/maskrcnn_resnet50_fpn", "roi_heads.mask_predictor.mask_fcn_logits.bias", -0.000907267, 0.036442, 0.0624979},
    {"torchvision/keypointrcnn_resnet50_fpn", "roi_heads.keypoint_head.4.weight", 6.79804e-07, 0.0208477, 0.100549},
    {"torchvision/keypointrcnn_resnet50_fpn", "roi_heads.keypoint_head.4.bias", 0, 0, 0},
    {"torchvision/keypointrcnn_resnet50_fpn", "roi_heads.keypoint_predictor.kps_score_lowres.weight", -3.75189e-05, 0.0156326, 0.0749025},
    {"torchvision/keypointrcnn_resnet50_fpn", "roi_heads.keypoint_predictor.kps_score_lowres.bias", 0, 0, 0},
    {"torchvision/retinanet_resnet50_fpn", "backbone.fpn.extra_blocks.p6.weight", -9.42047e-06, 0.0208171, 0.0360844},
    {"torchvision/retinanet_resnet50_fpn", "head.classification_head.conv.1.0.weight", 3.05696e-05, 0.0100029, 0.0509018},
    {"torchvision/retinanet_resnet50_fpn", "head.classification_head.cls_logits.weight", -1.49255e-06, 0.0100022, 0.0517368},
    {"torchvision/retinanet_resnet50_fpn", "head.classification_head.cls_logits.bias", -4.59512, 0, 4.59512},
    {"torchvision/retinanet_resnet50_fpn", "head.regression_head.bbox_reg.weight", -1.872e-05, 0.0100121, 0.0459551},
    {"torchvision/retinanet_resnet50_fpn", "head.regression_head.bbox_reg.bias", 0, 0, 0},
};

}  // namespace torchvision_initial
