#pragma once
// Made by torch_detectors.py: losses in the order of StepLosses, and the norms of the gradients by part of torchvision's model.
#include <string>
#include <utility>
#include <vector>

struct TorchDetector {
    const char* model;
    std::vector<double> losses;
    std::vector<std::pair<std::string, double>> norms;
};

inline const TorchDetector torch_detectors[] = {
    {"torchvision/retinanet_resnet50_fpn",
     {765.862114, 2.45404094},
     {{"backbone.body", 12418.218}, {"backbone.fpn", 1182.52235}, {"head.classification_head", 7379.11653}, {"head.regression_head", 111.321505}}},
    {"torchvision/fasterrcnn_resnet50_fpn",
     {1.11630082, 0.0109261246, 5.81556272, 0.250436841},
     {{"backbone.body", 142.457396}, {"backbone.fpn", 19.9026189}, {"roi_heads.box_head", 39.0376185}, {"roi_heads.box_predictor", 171.353939}, {"rpn.head", 30.5060591}}},
    {"torchvision/maskrcnn_resnet50_fpn",
     {1.11630082, 0.0109261246, 5.81556272, 0.250436841, 0.746973103},
     {{"backbone.body", 144.663622}, {"backbone.fpn", 19.9246427}, {"roi_heads.box_head", 39.0376185}, {"roi_heads.box_predictor", 171.353939}, {"roi_heads.mask_head", 1.25246881}, {"roi_heads.mask_predictor", 4.89063948}, {"rpn.head", 30.5060591}}},
};
