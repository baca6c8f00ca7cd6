"""Prints torchvision_initial.hpp: how torchvision's networks begin, for the test of initialise.hpp.

    python3 torchvision_initial.py > torchvision_initial.hpp          (made with torchvision 0.29)
"""
import torch
import torchvision

MODELS = (
    ("torchvision/regnet_y_400mf", lambda: torchvision.models.regnet_y_400mf(), (
        "stem.0.weight", "trunk_output.block3.block3-1.f.b.0.weight", "trunk_output.block4.block4-2.f.a.0.weight", "trunk_output.block4.block4-2.f.c.1.weight",
        "trunk_output.block4.block4-2.f.se.fc1.weight", "trunk_output.block4.block4-2.f.se.fc1.bias", "trunk_output.block4.block4-2.f.se.fc2.bias",
        "trunk_output.block4.block4-0.proj.0.weight", "fc.weight", "fc.bias")),
    ("torchvision/resnet50", lambda: torchvision.models.resnet50(), ("conv1.weight", "layer3.1.conv2.weight", "layer3.1.bn3.weight", "fc.weight", "fc.bias")),
    ("torchvision/maskrcnn_resnet50_fpn", lambda: torchvision.models.detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None), (
        "backbone.fpn.inner_blocks.1.0.weight", "backbone.fpn.layer_blocks.2.0.weight", "backbone.fpn.layer_blocks.2.0.bias", "rpn.head.conv.0.0.weight", "rpn.head.cls_logits.weight",
        "rpn.head.bbox_pred.bias", "roi_heads.box_head.fc6.weight", "roi_heads.box_head.fc6.bias", "roi_heads.box_predictor.bbox_pred.weight",
        "roi_heads.mask_head.2.0.weight", "roi_heads.mask_predictor.conv5_mask.weight", "roi_heads.mask_predictor.mask_fcn_logits.weight",
        "roi_heads.mask_head.2.0.bias", "roi_heads.mask_predictor.conv5_mask.bias", "roi_heads.mask_predictor.mask_fcn_logits.bias")),
    ("torchvision/keypointrcnn_resnet50_fpn", lambda: torchvision.models.detection.keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None), (
        "roi_heads.keypoint_head.4.weight", "roi_heads.keypoint_head.4.bias", "roi_heads.keypoint_predictor.kps_score_lowres.weight", "roi_heads.keypoint_predictor.kps_score_lowres.bias")),
    ("torchvision/retinanet_resnet50_fpn", lambda: torchvision.models.detection.retinanet_resnet50_fpn(weights=None, weights_backbone=None), (
        "backbone.fpn.extra_blocks.p6.weight", "head.classification_head.conv.1.0.weight", "head.classification_head.cls_logits.weight", "head.classification_head.cls_logits.bias",
        "head.regression_head.bbox_reg.weight", "head.regression_head.bbox_reg.bias")),
)

torch.manual_seed(1)
print("#pragma once\n// Made by torchvision_initial.py: mean, deviation and greatest size of parameters that torchvision has initialised.\n")
print("namespace torchvision_initial {\n\nstruct Row {\n    const char* model;\n    const char* name;\n    double mean, deviation, greatest;\n};\n\ninline constexpr Row rows[] = {")
for model, make, names in MODELS:
    parameters = dict(make().named_parameters())
    for name in names:
        values = parameters[name].detach().double()
        print('    {"%s", "%s", %.6g, %.6g, %.6g},' % (model, name, values.mean(), values.std(unbiased=False), values.abs().max()))
print("};\n\n}  // namespace torchvision_initial")
