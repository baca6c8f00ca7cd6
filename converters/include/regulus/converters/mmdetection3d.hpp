#pragma once
// Names of mmdetection3d 0.x and 1.x, and what its boxes meant before version 1.0.
#include <string_view>

#include <regulus/converters/name_table.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus {

namespace detail::names {

/// PointPillars inside an MVXFasterRCNN (nuScenes, Lyft).
inline constexpr NameRule mmdetection3d_pillars[] = {
    {"pts_voxel_encoder.vfe_layers.{i}.linear.weight", "pillar_net.{i+1}.weight"},
    {"pts_voxel_encoder.vfe_layers.{i}.norm.*", "pillar_net.{i+1}.norm.*"},
    {"pts_backbone.layer{s}.{b}.conv1.weight", "backbone.s{s}.b{b+1}.a.weight"},
    {"pts_backbone.layer{s}.{b}.bn1.*", "backbone.s{s}.b{b+1}.a.norm.*"},
    {"pts_backbone.layer{s}.{b}.conv2.weight", "backbone.s{s}.b{b+1}.b.weight"},
    {"pts_backbone.layer{s}.{b}.bn2.*", "backbone.s{s}.b{b+1}.b.norm.*"},
    {"pts_backbone.layer{s}.{b}.conv3.weight", "backbone.s{s}.b{b+1}.c.weight"},
    {"pts_backbone.layer{s}.{b}.bn3.*", "backbone.s{s}.b{b+1}.c.norm.*"},
    {"pts_backbone.layer{s}.{b}.downsample.0.weight", "backbone.s{s}.b{b+1}.proj.weight"},
    {"pts_backbone.layer{s}.{b}.downsample.1.*", "backbone.s{s}.b{b+1}.proj.norm.*"},
    {"pts_backbone.blocks.{s}.0.weight", "backbone.s{s+1}.conv1.weight"},  // SECOND: convolution, norm and ReLU count three
    {"pts_backbone.blocks.{s}.1.*", "backbone.s{s+1}.conv1.norm.*"},
    {"pts_backbone.blocks.{s}.3.weight", "backbone.s{s+1}.conv2.weight"},
    {"pts_backbone.blocks.{s}.4.*", "backbone.s{s+1}.conv2.norm.*"},
    {"pts_backbone.blocks.{s}.6.weight", "backbone.s{s+1}.conv3.weight"},
    {"pts_backbone.blocks.{s}.7.*", "backbone.s{s+1}.conv3.norm.*"},
    {"pts_backbone.blocks.{s}.9.weight", "backbone.s{s+1}.conv4.weight"},
    {"pts_backbone.blocks.{s}.10.*", "backbone.s{s+1}.conv4.norm.*"},
    {"pts_backbone.blocks.{s}.12.weight", "backbone.s{s+1}.conv5.weight"},
    {"pts_backbone.blocks.{s}.13.*", "backbone.s{s+1}.conv5.norm.*"},
    {"pts_backbone.blocks.{s}.15.weight", "backbone.s{s+1}.conv6.weight"},
    {"pts_backbone.blocks.{s}.16.*", "backbone.s{s+1}.conv6.norm.*"},
    {"pts_neck.lateral_convs.{i}.conv.weight", "neck.lateral.c{i+1}.weight"},
    {"pts_neck.lateral_convs.{i}.bn.*", "neck.lateral.c{i+1}.norm.*"},
    {"pts_neck.fpn_convs.{i}.conv.weight", "neck.output.p{i+1}.weight"},
    {"pts_neck.fpn_convs.{i}.bn.*", "neck.output.p{i+1}.norm.*"},
    {"pts_neck.deblocks.{i}.0.weight", "neck.upsample.c{i+1}.weight"},
    {"pts_neck.deblocks.{i}.1.*", "neck.upsample.c{i+1}.norm.*"},
    {"pts_bbox_head.conv_cls.*", "head.logits.*"},
    {"pts_bbox_head.conv_reg.*", "head.deltas.*"},
    {"pts_bbox_head.conv_dir_cls.*", "head.directions.*"},
};

/// The pillar net inside a VoxelNet (KITTI). All else is called as in an MVXFasterRCNN, but for the first four letters.
inline constexpr NameRule mmdetection3d_voxelnet_pillars[] = {
    {"voxel_encoder.pfn_layers.{i}.linear.weight", "pillar_net.{i+1}.weight"},
    {"voxel_encoder.pfn_layers.{i}.norm.*", "pillar_net.{i+1}.norm.*"},
};

template <std::size_t Count>
NameTable point_pillars_table(const char* code_base, const NameRule (&rules)[Count]) {
    return NameTable{code_base, "PointPillars", {rules, rules + Count}, "pillar_net"};
}

}  // namespace detail::names

inline NameTable mmdetection3d_names() { return detail::names::point_pillars_table("mmdetection3d", detail::names::mmdetection3d_pillars); }
inline NameTable mmdetection3d_voxelnet_names() {
    constexpr std::string_view prefix = "pts_";
    NameTable table = detail::names::point_pillars_table("mmdetection3d-voxelnet", detail::names::mmdetection3d_voxelnet_pillars);
    for (NameRule rule : detail::names::mmdetection3d_pillars) {
        if (rule.ours.starts_with("pillar_net.")) continue;
        rule.foreign.remove_prefix(prefix.size());
        table.rules.push_back(rule);
    }
    return table;
}

/// The head of a PointPillars trained by mmdetection3d before version 1.0 (boxes width first, yaw clockwise from -y), rewritten for boxes length first, yaw
/// counter-clockwise from +x: the two rotations of every anchor change places in all three layers, the deltas of the first two sizes change places, and
/// yaw's delta changes its sign and gains pi / 2 - 1.57, the published rotation not being pi / 2. `ours` has our names; `per_cell` anchors a cell, two of
/// each size one after the other. Directions keep the offset that they were trained with (+0.7854): see BeforeVersion1 in the zoo.
/// Throws WeightError when the head's tensors are missing or do not fit `per_cell`.
/// Source: spec of mmdetection3d's coordinate change, version 1.0.
Weights rewrite_width_first_head(const Weights& ours, int per_cell, int classes, int code);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/converters/mmdetection3d-impl.hpp>
#endif
