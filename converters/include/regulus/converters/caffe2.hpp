#pragma once
// Blobs of Caffe2's Detectron: ResNets, feature pyramids, R-CNNs, also on one map (C4) and with group norms, RetinaNets.
//
// Beside the names:
//   norms               folded into a scale and a shift; see NameTable::affine_norms. Group norms (_gn_) have no more than these anyway
//   C4                  the last stage is the head that boxes share, under the names that it has in other nets' backbones
//   order of colours    BGR: a fact of the model, no weight changes
//   classes             background first, with boxes and a mask of its own; see ValueRule
//   boxes' weights      (10, 10, 5, 5) are our standard deviations (0.1, 0.1, 0.2, 0.2)
//   first linear layer  reads channels, rows, columns, as ours
//   RetinaNet           towers are shared by all levels and named after the finest, P3; no background; nine anchors scale by scale; see ValueRule
#include <initializer_list>
#include <span>

#include <regulus/converters/name_table.hpp>

namespace regulus {

namespace detail::names {

inline constexpr NameRule caffe2_backbone[] = {
    {"conv1_w", "backbone.stem.weight"},
    {"res_conv1_bn_s", "backbone.stem.norm.weight"},
    {"res_conv1_bn_b", "backbone.stem.norm.bias"},
    {"res_conv1_bn_rm", "backbone.stem.norm.running_mean"},
    {"res_conv1_bn_riv", "backbone.stem.norm.running_var"},
    {"res{s+1}_{b}_branch2a_w", "backbone.s{s}.b{b+1}.a.weight"},
    {"res{s+1}_{b}_branch2a_bn_s", "backbone.s{s}.b{b+1}.a.norm.weight"},
    {"res{s+1}_{b}_branch2a_bn_b", "backbone.s{s}.b{b+1}.a.norm.bias"},
    {"res{s+1}_{b}_branch2a_bn_rm", "backbone.s{s}.b{b+1}.a.norm.running_mean"},
    {"res{s+1}_{b}_branch2a_bn_riv", "backbone.s{s}.b{b+1}.a.norm.running_var"},
    {"res{s+1}_{b}_branch2b_w", "backbone.s{s}.b{b+1}.b.weight"},
    {"res{s+1}_{b}_branch2b_bn_s", "backbone.s{s}.b{b+1}.b.norm.weight"},
    {"res{s+1}_{b}_branch2b_bn_b", "backbone.s{s}.b{b+1}.b.norm.bias"},
    {"res{s+1}_{b}_branch2b_bn_rm", "backbone.s{s}.b{b+1}.b.norm.running_mean"},
    {"res{s+1}_{b}_branch2b_bn_riv", "backbone.s{s}.b{b+1}.b.norm.running_var"},
    {"res{s+1}_{b}_branch2c_w", "backbone.s{s}.b{b+1}.c.weight"},
    {"res{s+1}_{b}_branch2c_bn_s", "backbone.s{s}.b{b+1}.c.norm.weight"},
    {"res{s+1}_{b}_branch2c_bn_b", "backbone.s{s}.b{b+1}.c.norm.bias"},
    {"res{s+1}_{b}_branch2c_bn_rm", "backbone.s{s}.b{b+1}.c.norm.running_mean"},
    {"res{s+1}_{b}_branch2c_bn_riv", "backbone.s{s}.b{b+1}.c.norm.running_var"},
    {"res{s+1}_{b}_branch1_w", "backbone.s{s}.b{b+1}.proj.weight"},
    {"res{s+1}_{b}_branch1_bn_s", "backbone.s{s}.b{b+1}.proj.norm.weight"},
    {"res{s+1}_{b}_branch1_bn_b", "backbone.s{s}.b{b+1}.proj.norm.bias"},
    {"res{s+1}_{b}_branch1_bn_rm", "backbone.s{s}.b{b+1}.proj.norm.running_mean"},
    {"res{s+1}_{b}_branch1_bn_riv", "backbone.s{s}.b{b+1}.proj.norm.running_var"},
};
inline constexpr NameRule caffe2_group_backbone[] = {
    {"conv1_w", "backbone.stem.weight"},
    {"conv1_gn_s", "backbone.stem.norm.weight"},
    {"conv1_gn_b", "backbone.stem.norm.bias"},
    {"res{s+1}_{b}_branch2a_w", "backbone.s{s}.b{b+1}.a.weight"},
    {"res{s+1}_{b}_branch2a_gn_s", "backbone.s{s}.b{b+1}.a.norm.weight"},
    {"res{s+1}_{b}_branch2a_gn_b", "backbone.s{s}.b{b+1}.a.norm.bias"},
    {"res{s+1}_{b}_branch2b_w", "backbone.s{s}.b{b+1}.b.weight"},
    {"res{s+1}_{b}_branch2b_gn_s", "backbone.s{s}.b{b+1}.b.norm.weight"},
    {"res{s+1}_{b}_branch2b_gn_b", "backbone.s{s}.b{b+1}.b.norm.bias"},
    {"res{s+1}_{b}_branch2c_w", "backbone.s{s}.b{b+1}.c.weight"},
    {"res{s+1}_{b}_branch2c_gn_s", "backbone.s{s}.b{b+1}.c.norm.weight"},
    {"res{s+1}_{b}_branch2c_gn_b", "backbone.s{s}.b{b+1}.c.norm.bias"},
    {"res{s+1}_{b}_branch1_w", "backbone.s{s}.b{b+1}.proj.weight"},
    {"res{s+1}_{b}_branch1_gn_s", "backbone.s{s}.b{b+1}.proj.norm.weight"},
    {"res{s+1}_{b}_branch1_gn_b", "backbone.s{s}.b{b+1}.proj.norm.bias"},
};
/// C4's last stage.
inline constexpr NameRule caffe2_shared_head[] = {
    {"res5_{b}_branch2a_w", "shared_head.s4.b{b+1}.a.weight"},
    {"res5_{b}_branch2a_bn_s", "shared_head.s4.b{b+1}.a.norm.weight"},
    {"res5_{b}_branch2a_bn_b", "shared_head.s4.b{b+1}.a.norm.bias"},
    {"res5_{b}_branch2a_bn_rm", "shared_head.s4.b{b+1}.a.norm.running_mean"},
    {"res5_{b}_branch2a_bn_riv", "shared_head.s4.b{b+1}.a.norm.running_var"},
    {"res5_{b}_branch2b_w", "shared_head.s4.b{b+1}.b.weight"},
    {"res5_{b}_branch2b_bn_s", "shared_head.s4.b{b+1}.b.norm.weight"},
    {"res5_{b}_branch2b_bn_b", "shared_head.s4.b{b+1}.b.norm.bias"},
    {"res5_{b}_branch2b_bn_rm", "shared_head.s4.b{b+1}.b.norm.running_mean"},
    {"res5_{b}_branch2b_bn_riv", "shared_head.s4.b{b+1}.b.norm.running_var"},
    {"res5_{b}_branch2c_w", "shared_head.s4.b{b+1}.c.weight"},
    {"res5_{b}_branch2c_bn_s", "shared_head.s4.b{b+1}.c.norm.weight"},
    {"res5_{b}_branch2c_bn_b", "shared_head.s4.b{b+1}.c.norm.bias"},
    {"res5_{b}_branch2c_bn_rm", "shared_head.s4.b{b+1}.c.norm.running_mean"},
    {"res5_{b}_branch2c_bn_riv", "shared_head.s4.b{b+1}.c.norm.running_var"},
    {"res5_{b}_branch1_w", "shared_head.s4.b{b+1}.proj.weight"},
    {"res5_{b}_branch1_bn_s", "shared_head.s4.b{b+1}.proj.norm.weight"},
    {"res5_{b}_branch1_bn_b", "shared_head.s4.b{b+1}.proj.norm.bias"},
    {"res5_{b}_branch1_bn_rm", "shared_head.s4.b{b+1}.proj.norm.running_mean"},
    {"res5_{b}_branch1_bn_riv", "shared_head.s4.b{b+1}.proj.norm.running_var"},
};

/// The region proposals of a net on one map.
inline constexpr NameRule caffe2_one_map_proposals[] = {
    {"conv_rpn_w", "rpn.conv.weight"},
    {"conv_rpn_b", "rpn.conv.bias"},
    {"rpn_cls_logits_w", "rpn.logits.weight"},
    {"rpn_cls_logits_b", "rpn.logits.bias"},
    {"rpn_bbox_pred_w", "rpn.deltas.weight"},
    {"rpn_bbox_pred_b", "rpn.deltas.bias"},
};

inline constexpr NameRule caffe2_heads[] = {
    {"pred_w", "classifier.weight"},
    {"pred_b", "classifier.bias"},
    {"conv_rpn_fpn2_w", "rpn.conv.weight"},
    {"conv_rpn_fpn2_b", "rpn.conv.bias"},
    {"rpn_cls_logits_fpn2_w", "rpn.logits.weight"},
    {"rpn_cls_logits_fpn2_b", "rpn.logits.bias"},
    {"rpn_bbox_pred_fpn2_w", "rpn.deltas.weight"},
    {"rpn_bbox_pred_fpn2_b", "rpn.deltas.bias"},
    {"head_conv{i}_w", "box_head.conv{i}.weight"},
    {"head_conv{i}_gn_s", "box_head.conv{i}.norm.weight"},
    {"head_conv{i}_gn_b", "box_head.conv{i}.norm.bias"},
    {"fc6_w", "box_head.fc1.weight"},
    {"fc6_b", "box_head.fc1.bias"},
    {"fc7_w", "box_head.fc2.weight"},
    {"fc7_b", "box_head.fc2.bias"},
    {"cls_score_w", "box_head.logits.weight", ValueRule::background_first},
    {"cls_score_b", "box_head.logits.bias", ValueRule::background_first},
    {"bbox_pred_w", "box_head.deltas.weight", ValueRule::background_boxes_first},
    {"bbox_pred_b", "box_head.deltas.bias", ValueRule::background_boxes_first},
    {"_[mask]_fcn{i}_w", "mask_head.conv{i}.weight"},
    {"_[mask]_fcn{i}_b", "mask_head.conv{i}.bias"},
    {"_[mask]_fcn{i}_gn_s", "mask_head.conv{i}.norm.weight"},
    {"_[mask]_fcn{i}_gn_b", "mask_head.conv{i}.norm.bias"},
    {"conv5_mask_w", "mask_head.upsample.weight"},
    {"conv5_mask_b", "mask_head.upsample.bias"},
    {"mask_fcn_logits_w", "mask_head.logits.weight", ValueRule::background_mask_first},
    {"mask_fcn_logits_b", "mask_head.logits.bias", ValueRule::background_mask_first},
    {"conv_fcn{i}_w", "keypoint_head.conv{i}.weight"},
    {"conv_fcn{i}_b", "keypoint_head.conv{i}.bias"},
    {"kps_score_lowres_w", "keypoint_head.logits.weight"},
    {"kps_score_lowres_b", "keypoint_head.logits.bias"},
    {"kps_score_w", ""},  // bilinear, never trained
    {"kps_score_b", ""},
    {"retnet_cls_conv_n{i}_fpn3_w", "head.class_tower.{i+1}.weight"},
    {"retnet_cls_conv_n{i}_fpn3_b", "head.class_tower.{i+1}.bias"},
    {"retnet_bbox_conv_n{i}_fpn3_w", "head.box_tower.{i+1}.weight"},
    {"retnet_bbox_conv_n{i}_fpn3_b", "head.box_tower.{i+1}.bias"},
    {"retnet_cls_pred_fpn3_w", "head.logits.weight", ValueRule::anchors_by_scale},
    {"retnet_cls_pred_fpn3_b", "head.logits.bias", ValueRule::anchors_by_scale},
    {"retnet_bbox_pred_fpn3_w", "head.deltas.weight", ValueRule::anchors_by_scale},
    {"retnet_bbox_pred_fpn3_b", "head.deltas.bias", ValueRule::anchors_by_scale},
    {"fpn_6_w", "neck.output.p6.weight"},
    {"fpn_6_b", "neck.output.p6.bias"},
    {"fpn_7_w", "neck.output.p7.weight"},
    {"fpn_7_b", "neck.output.p7.bias"},
};

/// A pyramid's blobs say the last block of each stage, so they differ with depth. Its convolutions may have group norms.
inline constexpr NameRule caffe2_pyramid_50[] = {
    {"fpn_inner_res2_2_sum_lateral_w", "neck.lateral.c2.weight"}, {"fpn_inner_res2_2_sum_lateral_b", "neck.lateral.c2.bias"},
    {"fpn_inner_res2_2_sum_lateral_gn_s", "neck.lateral.c2.norm.weight"}, {"fpn_inner_res2_2_sum_lateral_gn_b", "neck.lateral.c2.norm.bias"},
    {"fpn_res2_2_sum_w", "neck.output.p2.weight"},                {"fpn_res2_2_sum_b", "neck.output.p2.bias"},
    {"fpn_res2_2_sum_gn_s", "neck.output.p2.norm.weight"},                {"fpn_res2_2_sum_gn_b", "neck.output.p2.norm.bias"},
    {"fpn_inner_res3_3_sum_lateral_w", "neck.lateral.c3.weight"}, {"fpn_inner_res3_3_sum_lateral_b", "neck.lateral.c3.bias"},
    {"fpn_inner_res3_3_sum_lateral_gn_s", "neck.lateral.c3.norm.weight"}, {"fpn_inner_res3_3_sum_lateral_gn_b", "neck.lateral.c3.norm.bias"},
    {"fpn_res3_3_sum_w", "neck.output.p3.weight"},                {"fpn_res3_3_sum_b", "neck.output.p3.bias"},
    {"fpn_res3_3_sum_gn_s", "neck.output.p3.norm.weight"},                {"fpn_res3_3_sum_gn_b", "neck.output.p3.norm.bias"},
    {"fpn_inner_res4_5_sum_lateral_w", "neck.lateral.c4.weight"}, {"fpn_inner_res4_5_sum_lateral_b", "neck.lateral.c4.bias"},
    {"fpn_inner_res4_5_sum_lateral_gn_s", "neck.lateral.c4.norm.weight"}, {"fpn_inner_res4_5_sum_lateral_gn_b", "neck.lateral.c4.norm.bias"},
    {"fpn_res4_5_sum_w", "neck.output.p4.weight"},                {"fpn_res4_5_sum_b", "neck.output.p4.bias"},
    {"fpn_res4_5_sum_gn_s", "neck.output.p4.norm.weight"},                {"fpn_res4_5_sum_gn_b", "neck.output.p4.norm.bias"},
    {"fpn_inner_res5_2_sum_w", "neck.lateral.c5.weight"},         {"fpn_inner_res5_2_sum_b", "neck.lateral.c5.bias"},
    {"fpn_inner_res5_2_sum_gn_s", "neck.lateral.c5.norm.weight"},         {"fpn_inner_res5_2_sum_gn_b", "neck.lateral.c5.norm.bias"},
    {"fpn_res5_2_sum_w", "neck.output.p5.weight"},                {"fpn_res5_2_sum_b", "neck.output.p5.bias"},
    {"fpn_res5_2_sum_gn_s", "neck.output.p5.norm.weight"},                {"fpn_res5_2_sum_gn_b", "neck.output.p5.norm.bias"},
};
inline constexpr NameRule caffe2_pyramid_101[] = {
    {"fpn_inner_res2_2_sum_lateral_w", "neck.lateral.c2.weight"},  {"fpn_inner_res2_2_sum_lateral_b", "neck.lateral.c2.bias"},
    {"fpn_inner_res2_2_sum_lateral_gn_s", "neck.lateral.c2.norm.weight"},  {"fpn_inner_res2_2_sum_lateral_gn_b", "neck.lateral.c2.norm.bias"},
    {"fpn_res2_2_sum_w", "neck.output.p2.weight"},                 {"fpn_res2_2_sum_b", "neck.output.p2.bias"},
    {"fpn_res2_2_sum_gn_s", "neck.output.p2.norm.weight"},                 {"fpn_res2_2_sum_gn_b", "neck.output.p2.norm.bias"},
    {"fpn_inner_res3_3_sum_lateral_w", "neck.lateral.c3.weight"},  {"fpn_inner_res3_3_sum_lateral_b", "neck.lateral.c3.bias"},
    {"fpn_inner_res3_3_sum_lateral_gn_s", "neck.lateral.c3.norm.weight"},  {"fpn_inner_res3_3_sum_lateral_gn_b", "neck.lateral.c3.norm.bias"},
    {"fpn_res3_3_sum_w", "neck.output.p3.weight"},                 {"fpn_res3_3_sum_b", "neck.output.p3.bias"},
    {"fpn_res3_3_sum_gn_s", "neck.output.p3.norm.weight"},                 {"fpn_res3_3_sum_gn_b", "neck.output.p3.norm.bias"},
    {"fpn_inner_res4_22_sum_lateral_w", "neck.lateral.c4.weight"}, {"fpn_inner_res4_22_sum_lateral_b", "neck.lateral.c4.bias"},
    {"fpn_inner_res4_22_sum_lateral_gn_s", "neck.lateral.c4.norm.weight"}, {"fpn_inner_res4_22_sum_lateral_gn_b", "neck.lateral.c4.norm.bias"},
    {"fpn_res4_22_sum_w", "neck.output.p4.weight"},                {"fpn_res4_22_sum_b", "neck.output.p4.bias"},
    {"fpn_res4_22_sum_gn_s", "neck.output.p4.norm.weight"},                {"fpn_res4_22_sum_gn_b", "neck.output.p4.norm.bias"},
    {"fpn_inner_res5_2_sum_w", "neck.lateral.c5.weight"},          {"fpn_inner_res5_2_sum_b", "neck.lateral.c5.bias"},
    {"fpn_inner_res5_2_sum_gn_s", "neck.lateral.c5.norm.weight"},          {"fpn_inner_res5_2_sum_gn_b", "neck.lateral.c5.norm.bias"},
    {"fpn_res5_2_sum_w", "neck.output.p5.weight"},                 {"fpn_res5_2_sum_b", "neck.output.p5.bias"},
    {"fpn_res5_2_sum_gn_s", "neck.output.p5.norm.weight"},                 {"fpn_res5_2_sum_gn_b", "neck.output.p5.norm.bias"},
};
inline constexpr NameRule caffe2_pyramid_152[] = {
    {"fpn_inner_res2_2_sum_lateral_w", "neck.lateral.c2.weight"},  {"fpn_inner_res2_2_sum_lateral_b", "neck.lateral.c2.bias"},
    {"fpn_inner_res2_2_sum_lateral_gn_s", "neck.lateral.c2.norm.weight"},  {"fpn_inner_res2_2_sum_lateral_gn_b", "neck.lateral.c2.norm.bias"},
    {"fpn_res2_2_sum_w", "neck.output.p2.weight"},                 {"fpn_res2_2_sum_b", "neck.output.p2.bias"},
    {"fpn_res2_2_sum_gn_s", "neck.output.p2.norm.weight"},                 {"fpn_res2_2_sum_gn_b", "neck.output.p2.norm.bias"},
    {"fpn_inner_res3_7_sum_lateral_w", "neck.lateral.c3.weight"},  {"fpn_inner_res3_7_sum_lateral_b", "neck.lateral.c3.bias"},
    {"fpn_inner_res3_7_sum_lateral_gn_s", "neck.lateral.c3.norm.weight"},  {"fpn_inner_res3_7_sum_lateral_gn_b", "neck.lateral.c3.norm.bias"},
    {"fpn_res3_7_sum_w", "neck.output.p3.weight"},                 {"fpn_res3_7_sum_b", "neck.output.p3.bias"},
    {"fpn_res3_7_sum_gn_s", "neck.output.p3.norm.weight"},                 {"fpn_res3_7_sum_gn_b", "neck.output.p3.norm.bias"},
    {"fpn_inner_res4_35_sum_lateral_w", "neck.lateral.c4.weight"}, {"fpn_inner_res4_35_sum_lateral_b", "neck.lateral.c4.bias"},
    {"fpn_inner_res4_35_sum_lateral_gn_s", "neck.lateral.c4.norm.weight"}, {"fpn_inner_res4_35_sum_lateral_gn_b", "neck.lateral.c4.norm.bias"},
    {"fpn_res4_35_sum_w", "neck.output.p4.weight"},                {"fpn_res4_35_sum_b", "neck.output.p4.bias"},
    {"fpn_res4_35_sum_gn_s", "neck.output.p4.norm.weight"},                {"fpn_res4_35_sum_gn_b", "neck.output.p4.norm.bias"},
    {"fpn_inner_res5_2_sum_w", "neck.lateral.c5.weight"},          {"fpn_inner_res5_2_sum_b", "neck.lateral.c5.bias"},
    {"fpn_inner_res5_2_sum_gn_s", "neck.lateral.c5.norm.weight"},          {"fpn_inner_res5_2_sum_gn_b", "neck.lateral.c5.norm.bias"},
    {"fpn_res5_2_sum_w", "neck.output.p5.weight"},                 {"fpn_res5_2_sum_b", "neck.output.p5.bias"},
    {"fpn_res5_2_sum_gn_s", "neck.output.p5.norm.weight"},                 {"fpn_res5_2_sum_gn_b", "neck.output.p5.norm.bias"},
};

inline NameTable caffe2_table(const char* kind, const char* node, std::initializer_list<std::span<const NameRule>> parts) {
    NameTable table{"caffe2", kind, {}, node};
    for (const std::span<const NameRule> part : parts) table.rules.insert(table.rules.end(), part.begin(), part.end());
    table.counts_batches = false;
    table.affine_norms = true;
    return table;
}

}  // namespace detail::names

// A net's blocks tell its depth, so the deepest comes first among the tables.
inline NameTable caffe2_152_names() {
    using namespace detail::names;
    return caffe2_table("ResNet-152", "backbone.s3.b36.c", {caffe2_backbone, caffe2_heads, caffe2_pyramid_152});
}
inline NameTable caffe2_101_names() {
    using namespace detail::names;
    return caffe2_table("ResNet-101", "backbone.s3.b23.c", {caffe2_backbone, caffe2_heads, caffe2_pyramid_101});
}
inline NameTable caffe2_50_names() {
    using namespace detail::names;
    return caffe2_table("ResNet-50", "backbone.stem.pool", {caffe2_backbone, caffe2_heads, caffe2_pyramid_50});
}
inline NameTable caffe2_group_101_names() {
    using namespace detail::names;
    return caffe2_table("ResNet-101, group norms", "backbone.s3.b23.c", {caffe2_group_backbone, caffe2_heads, caffe2_pyramid_101});
}
inline NameTable caffe2_group_50_names() {
    using namespace detail::names;
    return caffe2_table("ResNet-50, group norms", "backbone.stem.pool", {caffe2_group_backbone, caffe2_heads, caffe2_pyramid_50});
}
/// Of any depth.
inline NameTable caffe2_one_map_names() {
    using namespace detail::names;
    return caffe2_table("ResNet, one map", "backbone.stem.pool", {caffe2_shared_head, caffe2_backbone, caffe2_one_map_proposals, caffe2_heads});
}

}  // namespace regulus
