#pragma once
// Names of torchvision's detectors.
//
// Beside the names:
//   order of colours    RGB in 0..1: a fact of the model, no weight changes
//   classes of R-CNNs   background first, with boxes and a mask of its own; see ValueRule
//   boxes' weights      (10, 10, 5, 5) are our standard deviations (0.1, 0.1, 0.2, 0.2)
//   first linear layer  reads channels, rows, columns, as ours
//   RetinaNet           91 channels a class and anchor, the category's number is the channel; anchors ratio by ratio, as mmdetection's
#include <regulus/converters/name_table.hpp>

namespace regulus {

namespace detail::names {

inline constexpr NameRule torchvision_body[] = {
    {"backbone.body.conv1.weight", "backbone.stem.weight"},
    {"backbone.body.bn1.*", "backbone.stem.norm.*"},
    {"backbone.body.layer{s}.{b}.conv1.weight", "backbone.s{s}.b{b+1}.a.weight"},
    {"backbone.body.layer{s}.{b}.bn1.*", "backbone.s{s}.b{b+1}.a.norm.*"},
    {"backbone.body.layer{s}.{b}.conv2.weight", "backbone.s{s}.b{b+1}.b.weight"},
    {"backbone.body.layer{s}.{b}.bn2.*", "backbone.s{s}.b{b+1}.b.norm.*"},
    {"backbone.body.layer{s}.{b}.conv3.weight", "backbone.s{s}.b{b+1}.c.weight"},
    {"backbone.body.layer{s}.{b}.bn3.*", "backbone.s{s}.b{b+1}.c.norm.*"},
    {"backbone.body.layer{s}.{b}.downsample.0.weight", "backbone.s{s}.b{b+1}.proj.weight"},
    {"backbone.body.layer{s}.{b}.downsample.1.*", "backbone.s{s}.b{b+1}.proj.norm.*"},
};

inline constexpr NameRule torchvision_rcnn_heads[] = {
    {"backbone.fpn.inner_blocks.{i}.0.*", "neck.lateral.c{i+2}.*"},  // from C2 on
    {"backbone.fpn.layer_blocks.{i}.0.*", "neck.output.p{i+2}.*"},
    {"rpn.head.conv.0.0.*", "rpn.conv.*"},
    {"rpn.head.cls_logits.*", "rpn.logits.*"},
    {"rpn.head.bbox_pred.*", "rpn.deltas.*"},
    {"roi_heads.box_head.fc6.*", "box_head.fc1.*"},
    {"roi_heads.box_head.fc7.*", "box_head.fc2.*"},
    {"roi_heads.box_predictor.cls_score.*", "box_head.logits.*", ValueRule::background_first},
    {"roi_heads.box_predictor.bbox_pred.*", "box_head.deltas.*", ValueRule::background_boxes_first},
    {"roi_heads.mask_head.{i}.0.*", "mask_head.conv{i+1}.*"},
    {"roi_heads.mask_predictor.conv5_mask.*", "mask_head.upsample.*"},
    {"roi_heads.mask_predictor.mask_fcn_logits.*", "mask_head.logits.*", ValueRule::background_mask_first},
    {"roi_heads.keypoint_head.0.*", "keypoint_head.conv1.*"},
    {"roi_heads.keypoint_head.2.*", "keypoint_head.conv2.*"},
    {"roi_heads.keypoint_head.4.*", "keypoint_head.conv3.*"},
    {"roi_heads.keypoint_head.6.*", "keypoint_head.conv4.*"},
    {"roi_heads.keypoint_head.8.*", "keypoint_head.conv5.*"},
    {"roi_heads.keypoint_head.10.*", "keypoint_head.conv6.*"},
    {"roi_heads.keypoint_head.12.*", "keypoint_head.conv7.*"},
    {"roi_heads.keypoint_head.14.*", "keypoint_head.conv8.*"},
    {"roi_heads.keypoint_predictor.kps_score_lowres.*", "keypoint_head.logits.*"},
    // Files before torchvision 0.13.
    {"backbone.fpn.inner_blocks.{i}.*", "neck.lateral.c{i+2}.*"},
    {"backbone.fpn.layer_blocks.{i}.*", "neck.output.p{i+2}.*"},
    {"rpn.head.conv.*", "rpn.conv.*"},
    {"roi_heads.mask_head.mask_fcn{i+1}.*", "mask_head.conv{i+1}.*"},
};

inline constexpr NameRule torchvision_retinanet_heads[] = {
    {"backbone.fpn.extra_blocks.p6.*", "neck.output.p6.*"},
    {"backbone.fpn.extra_blocks.p7.*", "neck.output.p7.*"},
    {"backbone.fpn.inner_blocks.{i}.0.*", "neck.lateral.c{i+3}.*"},  // from C3 on
    {"backbone.fpn.layer_blocks.{i}.0.*", "neck.output.p{i+3}.*"},
    {"head.classification_head.conv.{i}.0.*", "head.class_tower.{i+1}.*"},
    {"head.classification_head.cls_logits.*", "head.logits.*"},
    {"head.regression_head.conv.{i}.0.*", "head.box_tower.{i+1}.*"},
    {"head.regression_head.bbox_reg.*", "head.deltas.*"},
    // Files before torchvision 0.13.
    {"backbone.fpn.inner_blocks.{i}.*", "neck.lateral.c{i+3}.*"},
    {"backbone.fpn.layer_blocks.{i}.*", "neck.output.p{i+3}.*"},
    {"head.classification_head.conv.0.*", "head.class_tower.1.*"},
    {"head.classification_head.conv.2.*", "head.class_tower.2.*"},
    {"head.classification_head.conv.4.*", "head.class_tower.3.*"},
    {"head.classification_head.conv.6.*", "head.class_tower.4.*"},
    {"head.regression_head.conv.0.*", "head.box_tower.1.*"},
    {"head.regression_head.conv.2.*", "head.box_tower.2.*"},
    {"head.regression_head.conv.4.*", "head.box_tower.3.*"},
    {"head.regression_head.conv.6.*", "head.box_tower.4.*"},
};

// The second version of its networks: norms that count batches behind each convolution but the last ones.
inline constexpr NameRule torchvision_rcnn_v2_heads[] = {
    {"backbone.fpn.inner_blocks.{i}.1.*", "neck.lateral.c{i+2}.norm.*"},
    {"backbone.fpn.inner_blocks.{i}.0.*", "neck.lateral.c{i+2}.*"},
    {"backbone.fpn.layer_blocks.{i}.1.*", "neck.output.p{i+2}.norm.*"},
    {"backbone.fpn.layer_blocks.{i}.0.*", "neck.output.p{i+2}.*"},
    {"rpn.head.conv.{i}.0.*", "rpn.conv{i+1}.*"},
    {"rpn.head.cls_logits.*", "rpn.logits.*"},
    {"rpn.head.bbox_pred.*", "rpn.deltas.*"},
    {"roi_heads.box_head.{i}.1.*", "box_head.conv{i+1}.norm.*"},
    {"roi_heads.box_head.{i}.0.*", "box_head.conv{i+1}.*"},
    {"roi_heads.box_head.5.*", "box_head.fc1.*"},  // behind four convolutions and the flattening
    {"roi_heads.box_predictor.cls_score.*", "box_head.logits.*", ValueRule::background_first},
    {"roi_heads.box_predictor.bbox_pred.*", "box_head.deltas.*", ValueRule::background_boxes_first},
    {"roi_heads.mask_head.{i}.1.*", "mask_head.conv{i+1}.norm.*"},
    {"roi_heads.mask_head.{i}.0.*", "mask_head.conv{i+1}.*"},
    {"roi_heads.mask_predictor.conv5_mask.*", "mask_head.upsample.*"},
    {"roi_heads.mask_predictor.mask_fcn_logits.*", "mask_head.logits.*", ValueRule::background_mask_first},
};

inline constexpr NameRule torchvision_retinanet_v2_heads[] = {
    {"backbone.fpn.extra_blocks.p6.*", "neck.output.p6.*"},
    {"backbone.fpn.extra_blocks.p7.*", "neck.output.p7.*"},
    {"backbone.fpn.inner_blocks.{i}.0.*", "neck.lateral.c{i+3}.*"},
    {"backbone.fpn.layer_blocks.{i}.0.*", "neck.output.p{i+3}.*"},
    {"head.classification_head.conv.{i}.1.*", "head.class_tower.{i+1}.norm.*"},  // group norms
    {"head.classification_head.conv.{i}.0.*", "head.class_tower.{i+1}.*"},
    {"head.classification_head.cls_logits.*", "head.logits.*"},
    {"head.regression_head.conv.{i}.1.*", "head.box_tower.{i+1}.norm.*"},
    {"head.regression_head.conv.{i}.0.*", "head.box_tower.{i+1}.*"},
    {"head.regression_head.bbox_reg.*", "head.deltas.*"},
};

/// A table of networks that have the node, whose norms are not frozen.
template <std::size_t B>
NameTable torchvision_v2_table(const char* kind, const NameRule (&heads)[B], const char* node) {
    NameTable table = frozen_table("torchvision", kind, torchvision_body, heads, node);
    table.counts_batches = true;
    return table;
}

}  // namespace detail::names

inline NameTable torchvision_rcnn_names() { return detail::names::frozen_table("torchvision", "R-CNN", detail::names::torchvision_body, detail::names::torchvision_rcnn_heads); }
inline NameTable torchvision_retinanet_names() { return detail::names::frozen_table("torchvision", "RetinaNet", detail::names::torchvision_body, detail::names::torchvision_retinanet_heads); }
inline NameTable torchvision_rcnn_v2_names() { return detail::names::torchvision_v2_table("R-CNN, version 2", detail::names::torchvision_rcnn_v2_heads, "neck.lateral.c2.norm"); }
inline NameTable torchvision_retinanet_v2_names() { return detail::names::torchvision_v2_table("RetinaNet, version 2", detail::names::torchvision_retinanet_v2_heads, "head.class_tower.1.norm"); }

}  // namespace regulus
