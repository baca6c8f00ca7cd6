#pragma once
// Names of detectron2: all of its zoo.
//
// Beside the names:
//   order of colours    detectron2's own backbones take BGR, torchvision's and FAIR's of new_baselines RGB: a fact of the model, no weight changes
//   classes             background last, four box rows a class, as ours
//   boxes' weights      (10, 10, 5, 5) are our standard deviations (0.1, 0.1, 0.2, 0.2); a cascade's (20, 20, 10, 10) and (30, 30, 15, 15) likewise
//   first linear layer  reads channels, rows, columns, as ours
//   RetinaNet           its nine anchors come scale by scale; see ValueRule::anchors_by_scale
#include <iterator>

#include <regulus/converters/name_table.hpp>

namespace regulus {

namespace detail::names {

inline constexpr NameRule detectron2_resnet[] = {
    {"backbone.bottom_up.stem.conv1.weight", "backbone.stem.weight"},
    {"backbone.bottom_up.stem.conv1.norm.*", "backbone.stem.norm.*"},
    {"backbone.bottom_up.res{s+1}.{b}.conv1.weight", "backbone.s{s}.b{b+1}.a.weight"},
    {"backbone.bottom_up.res{s+1}.{b}.conv1.norm.*", "backbone.s{s}.b{b+1}.a.norm.*"},
    {"backbone.bottom_up.res{s+1}.{b}.conv2.weight", "backbone.s{s}.b{b+1}.b.weight"},
    {"backbone.bottom_up.res{s+1}.{b}.conv2_offset.*", "backbone.s{s}.b{b+1}.b.offset.*"},  // deformable
    {"backbone.bottom_up.res{s+1}.{b}.conv2.norm.*", "backbone.s{s}.b{b+1}.b.norm.*"},
    {"backbone.bottom_up.res{s+1}.{b}.conv3.weight", "backbone.s{s}.b{b+1}.c.weight"},
    {"backbone.bottom_up.res{s+1}.{b}.conv3.norm.*", "backbone.s{s}.b{b+1}.c.norm.*"},
    {"backbone.bottom_up.res{s+1}.{b}.shortcut.weight", "backbone.s{s}.b{b+1}.proj.weight"},
    {"backbone.bottom_up.res{s+1}.{b}.shortcut.norm.*", "backbone.s{s}.b{b+1}.proj.norm.*"},
};

/// Detectors on one map: the ResNet is the whole backbone, or all of it but the last stage, which then is the head that boxes share (C4).
inline constexpr NameRule detectron2_one_map[] = {
    {"backbone.stem.conv1.weight", "backbone.stem.weight"},
    {"backbone.stem.conv1.norm.*", "backbone.stem.norm.*"},
    {"backbone.res{s+1}.{b}.conv1.weight", "backbone.s{s}.b{b+1}.a.weight"},
    {"backbone.res{s+1}.{b}.conv1.norm.*", "backbone.s{s}.b{b+1}.a.norm.*"},
    {"backbone.res{s+1}.{b}.conv2.weight", "backbone.s{s}.b{b+1}.b.weight"},
    {"backbone.res{s+1}.{b}.conv2.norm.*", "backbone.s{s}.b{b+1}.b.norm.*"},
    {"backbone.res{s+1}.{b}.conv3.weight", "backbone.s{s}.b{b+1}.c.weight"},
    {"backbone.res{s+1}.{b}.conv3.norm.*", "backbone.s{s}.b{b+1}.c.norm.*"},
    {"backbone.res{s+1}.{b}.shortcut.weight", "backbone.s{s}.b{b+1}.proj.weight"},
    {"backbone.res{s+1}.{b}.shortcut.norm.*", "backbone.s{s}.b{b+1}.proj.norm.*"},
    {"roi_heads.res{s+1}.{b}.conv1.weight", "shared_head.s{s}.b{b+1}.a.weight"},
    {"roi_heads.res{s+1}.{b}.conv1.norm.*", "shared_head.s{s}.b{b+1}.a.norm.*"},
    {"roi_heads.res{s+1}.{b}.conv2.weight", "shared_head.s{s}.b{b+1}.b.weight"},
    {"roi_heads.res{s+1}.{b}.conv2.norm.*", "shared_head.s{s}.b{b+1}.b.norm.*"},
    {"roi_heads.res{s+1}.{b}.conv3.weight", "shared_head.s{s}.b{b+1}.c.weight"},
    {"roi_heads.res{s+1}.{b}.conv3.norm.*", "shared_head.s{s}.b{b+1}.c.norm.*"},
    {"roi_heads.res{s+1}.{b}.shortcut.weight", "shared_head.s{s}.b{b+1}.proj.weight"},
    {"roi_heads.res{s+1}.{b}.shortcut.norm.*", "shared_head.s{s}.b{b+1}.proj.norm.*"},
};

/// pycls's names behind the prefix.
inline constexpr NameRule detectron2_regnet[] = {
    {"backbone.bottom_up.stem.conv.weight", "backbone.stem.weight"},
    {"backbone.bottom_up.stem.bn.*", "backbone.stem.norm.*"},
    {"backbone.bottom_up.s{s}.b{b}.f.a.weight", "backbone.s{s}.b{b}.a.weight"},
    {"backbone.bottom_up.s{s}.b{b}.f.a_bn.*", "backbone.s{s}.b{b}.a.norm.*"},
    {"backbone.bottom_up.s{s}.b{b}.f.b.weight", "backbone.s{s}.b{b}.b.weight"},
    {"backbone.bottom_up.s{s}.b{b}.f.b_bn.*", "backbone.s{s}.b{b}.b.norm.*"},
    {"backbone.bottom_up.s{s}.b{b}.f.se.f_ex.0.*", "backbone.s{s}.b{b}.se.reduce.*"},
    {"backbone.bottom_up.s{s}.b{b}.f.se.f_ex.2.*", "backbone.s{s}.b{b}.se.expand.*"},
    {"backbone.bottom_up.s{s}.b{b}.f.c.weight", "backbone.s{s}.b{b}.c.weight"},
    {"backbone.bottom_up.s{s}.b{b}.f.c_bn.*", "backbone.s{s}.b{b}.c.norm.*"},
    {"backbone.bottom_up.s{s}.b{b}.proj.weight", "backbone.s{s}.b{b}.proj.weight"},
    {"backbone.bottom_up.s{s}.b{b}.bn.*", "backbone.s{s}.b{b}.proj.norm.*"},
};

/// A norm of a layer follows its name (fpn_lateral4.norm.weight).
inline constexpr NameRule detectron2_neck[] = {
    {"backbone.fpn_lateral{i}.*", "neck.lateral.c{i}.*"},
    {"backbone.fpn_output{i}.*", "neck.output.p{i}.*"},
};

/// All heads, with norms alike.
inline constexpr NameRule detectron2_heads[] = {
    {"proposal_generator.rpn_head.conv.conv{i}.*", "rpn.conv{i+1}.*"},  // more than one
    {"proposal_generator.rpn_head.conv.*", "rpn.conv.*"},
    {"proposal_generator.rpn_head.objectness_logits.*", "rpn.logits.*"},
    {"proposal_generator.rpn_head.anchor_deltas.*", "rpn.deltas.*"},
    {"roi_heads.box_head.conv{i}.*", "box_head.conv{i}.*"},
    {"roi_heads.box_head.fc{i}.*", "box_head.fc{i}.*"},
    {"roi_heads.box_predictor.cls_score.*", "box_head.logits.*"},
    {"roi_heads.box_predictor.bbox_pred.*", "box_head.deltas.*"},
    {"roi_heads.mask_head.mask_fcn{i}.*", "mask_head.conv{i}.*"},
    {"roi_heads.mask_head.deconv.*", "mask_head.upsample.*"},
    {"roi_heads.mask_head.predictor.*", "mask_head.logits.*"},
    {"roi_heads.keypoint_head.conv_fcn{i}.*", "keypoint_head.conv{i}.*"},
    {"roi_heads.keypoint_head.score_lowres.*", "keypoint_head.logits.*"},  // transposed convolution
    {"sem_seg_head.p{i}.0.*", "semantic_head.p{i}.conv1.*"},               // behind each but P2's only one: twice the size
    {"sem_seg_head.p{i}.2.*", "semantic_head.p{i}.conv2.*"},
    {"sem_seg_head.p{i}.4.*", "semantic_head.p{i}.conv3.*"},
    {"sem_seg_head.predictor.*", "semantic_head.logits.*"},
    // The three stages of a cascade.
    {"roi_heads.box_head.{k}.conv{i}.*", "box_head.{k+1}.conv{i}.*"},
    {"roi_heads.box_head.{k}.fc{i}.*", "box_head.{k+1}.fc{i}.*"},
    {"roi_heads.box_predictor.{k}.cls_score.*", "box_head.{k+1}.logits.*"},
    {"roi_heads.box_predictor.{k}.bbox_pred.*", "box_head.{k+1}.deltas.*"},
    // Kept in the files, but no parameters.
    {"pixel_mean", ""},
    {"pixel_std", ""},
    {"proposal_generator.anchor_generator.cell_anchors.{i}", ""},
};

inline constexpr NameRule detectron2_retinanet_heads[] = {
    {"backbone.top_block.p6.*", "neck.output.p6.*"},
    {"backbone.top_block.p7.*", "neck.output.p7.*"},
    {"backbone.fpn_lateral{i}.*", "neck.lateral.c{i}.*"},
    {"backbone.fpn_output{i}.*", "neck.output.p{i}.*"},  // P3 to P5
    {"head.cls_subnet.0.*", "head.class_tower.1.*"},
    {"head.cls_subnet.2.*", "head.class_tower.2.*"},
    {"head.cls_subnet.4.*", "head.class_tower.3.*"},
    {"head.cls_subnet.6.*", "head.class_tower.4.*"},
    {"head.bbox_subnet.0.*", "head.box_tower.1.*"},
    {"head.bbox_subnet.2.*", "head.box_tower.2.*"},
    {"head.bbox_subnet.4.*", "head.box_tower.3.*"},
    {"head.bbox_subnet.6.*", "head.box_tower.4.*"},
    {"head.cls_score.*", "head.logits.*", ValueRule::anchors_by_scale},
    {"head.bbox_pred.*", "head.deltas.*", ValueRule::anchors_by_scale},
    {"pixel_mean", ""},
    {"pixel_std", ""},
    {"anchor_generator.cell_anchors.{i}", ""},
};

/// The table with the rules of a pyramid.
inline NameTable with_neck(NameTable table) {
    table.rules.insert(table.rules.begin(), std::begin(detectron2_neck), std::end(detectron2_neck));
    return table;
}

}  // namespace detail::names

inline NameTable detectron2_resnet_rcnn_names() { return detail::names::with_neck(detail::names::frozen_table("detectron2", "R-CNN, ResNet", detail::names::detectron2_resnet, detail::names::detectron2_heads, "backbone.stem.pool")); }
inline NameTable detectron2_one_map_rcnn_names() { return detail::names::frozen_table("detectron2", "R-CNN on one map", detail::names::detectron2_one_map, detail::names::detectron2_heads, "backbone.stem.pool"); }
inline NameTable detectron2_resnet_retinanet_names() { return detail::names::frozen_table("detectron2", "RetinaNet, ResNet", detail::names::detectron2_resnet, detail::names::detectron2_retinanet_heads, "backbone.stem.pool"); }
inline NameTable detectron2_regnet_rcnn_names() { return detail::names::with_neck(detail::names::frozen_table("detectron2", "R-CNN, RegNet", detail::names::detectron2_regnet, detail::names::detectron2_heads)); }
inline NameTable detectron2_regnet_retinanet_names() { return detail::names::frozen_table("detectron2", "RetinaNet, RegNet", detail::names::detectron2_regnet, detail::names::detectron2_retinanet_heads); }

}  // namespace regulus
