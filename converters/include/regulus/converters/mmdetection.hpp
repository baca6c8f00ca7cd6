#pragma once
// Names of mmdetection 1.x, 2.x and 3.x.
#include <regulus/converters/name_table.hpp>

namespace regulus {

namespace detail::names {

/// ResNet, ResNeXt and RegNet: mmdetection names RegNet's blocks as ResNet's.
inline constexpr NameRule mmdetection_backbone[] = {
    {"backbone.conv1.weight", "backbone.stem.weight"},
    {"backbone.bn1.*", "backbone.stem.norm.*"},
    {"backbone.layer{s}.{b}.conv1.weight", "backbone.s{s}.b{b+1}.a.weight"},
    {"backbone.layer{s}.{b}.bn1.*", "backbone.s{s}.b{b+1}.a.norm.*"},
    {"backbone.layer{s}.{b}.conv2.weight", "backbone.s{s}.b{b+1}.b.weight"},
    {"backbone.layer{s}.{b}.conv2.conv_offset.*", "backbone.s{s}.b{b+1}.b.offset.*"},  // deformable
    {"backbone.layer{s}.{b}.conv2_offset.*", "backbone.s{s}.b{b+1}.b.offset.*"},       // the same before mmcv 0.3
    {"backbone.layer{s}.{b}.bn2.*", "backbone.s{s}.b{b+1}.b.norm.*"},
    {"backbone.layer{s}.{b}.conv3.weight", "backbone.s{s}.b{b+1}.c.weight"},
    {"backbone.layer{s}.{b}.bn3.*", "backbone.s{s}.b{b+1}.c.norm.*"},
    {"backbone.layer{s}.{b}.downsample.0.weight", "backbone.s{s}.b{b+1}.proj.weight"},
    {"backbone.layer{s}.{b}.downsample.1.*", "backbone.s{s}.b{b+1}.proj.norm.*"},
};

inline constexpr NameRule mmdetection_rcnn_heads[] = {
    {"neck.lateral_convs.{i}.conv.*", "neck.lateral.c{i+2}.*"},  // from C2 on
    {"neck.fpn_convs.{i}.conv.*", "neck.output.p{i+2}.*"},
    {"rpn_head.rpn_conv.*", "rpn.conv.*"},
    {"rpn_head.rpn_cls.*", "rpn.logits.*"},
    {"rpn_head.rpn_reg.*", "rpn.deltas.*"},
    {"roi_head.bbox_head.shared_fcs.{i}.*", "box_head.fc{i+1}.*"},
    {"roi_head.bbox_head.fc_cls.*", "box_head.logits.*"},
    {"roi_head.bbox_head.fc_reg.*", "box_head.deltas.*"},
    {"roi_head.mask_head.convs.{i}.conv.*", "mask_head.conv{i+1}.*"},
    {"roi_head.mask_head.upsample.*", "mask_head.upsample.*"},
    {"roi_head.mask_head.conv_logits.*", "mask_head.logits.*"},
    // The three stages of a cascade.
    {"roi_head.bbox_head.{k}.shared_fcs.{i}.*", "box_head.{k+1}.fc{i+1}.*"},
    {"roi_head.bbox_head.{k}.fc_cls.*", "box_head.{k+1}.logits.*"},
    {"roi_head.bbox_head.{k}.fc_reg.*", "box_head.{k+1}.deltas.*"},
    {"roi_head.mask_head.{k}.convs.{i}.conv.*", "mask_head.{k+1}.conv{i+1}.*"},
    {"roi_head.mask_head.{k}.upsample.*", "mask_head.{k+1}.upsample.*"},
    {"roi_head.mask_head.{k}.conv_logits.*", "mask_head.{k+1}.logits.*"},
    // mmdetection 1.x: the same heads without roi_head.
    {"bbox_head.shared_fcs.{i}.*", "box_head.fc{i+1}.*"},
    {"bbox_head.fc_cls.*", "box_head.logits.*"},
    {"bbox_head.fc_reg.*", "box_head.deltas.*"},
    {"mask_head.convs.{i}.conv.*", "mask_head.conv{i+1}.*"},
    {"mask_head.upsample.*", "mask_head.upsample.*"},
    {"mask_head.conv_logits.*", "mask_head.logits.*"},
};

inline constexpr NameRule mmdetection_retinanet_heads[] = {
    {"neck.lateral_convs.{i}.conv.*", "neck.lateral.c{i+3}.*"},  // from C3 on
    {"neck.fpn_convs.{i}.conv.*", "neck.output.p{i+3}.*"},
    {"bbox_head.cls_convs.{i}.conv.*", "head.class_tower.{i+1}.*"},
    {"bbox_head.reg_convs.{i}.conv.*", "head.box_tower.{i+1}.*"},
    {"bbox_head.retina_cls.*", "head.logits.*"},
    {"bbox_head.retina_reg.*", "head.deltas.*"},
};

template <std::size_t A, std::size_t B>
NameTable joined(const char* code_base, const char* kind, const NameRule (&first)[A], const NameRule (&second)[B]) {
    NameTable table{code_base, kind, {first, first + A}};
    table.rules.insert(table.rules.end(), second, second + B);
    return table;
}

}  // namespace detail::names

/// Faster and Mask R-CNN, and their cascades.
inline NameTable mmdetection_rcnn_names() { return detail::names::joined("mmdetection", "R-CNN", detail::names::mmdetection_backbone, detail::names::mmdetection_rcnn_heads); }
inline NameTable mmdetection_retinanet_names() { return detail::names::joined("mmdetection", "RetinaNet", detail::names::mmdetection_backbone, detail::names::mmdetection_retinanet_heads); }

}  // namespace regulus
