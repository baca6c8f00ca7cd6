#pragma once
// Appends single operations to a graph. Layers are written in terms of these; they fill in shapes of parameters and names.
#include <vector>

#include <regulus/graph/handles.hpp>

namespace regulus::record {

/// Parameters: NAME.weight, NAME.bias when op.bias.
ValueId conv2d(const Scope& scope, ops::Conv2d op, ValueId src);
ValueId deform_conv2d(const Scope& scope, const ops::DeformConv2d& op, ValueId src, ValueId offsets);
ValueId conv_transpose2d(const Scope& scope, ops::ConvTranspose2d op, ValueId src);
/// Parameters: NAME.weight, NAME.bias, NAME.running_mean, NAME.running_var.
ValueId batch_norm(const Scope& scope, ops::BatchNorm op, ValueId src);
/// Parameters: NAME.weight, NAME.bias.
ValueId group_norm(const Scope& scope, ops::GroupNorm op, ValueId src);
/// Parameters: NAME.weight, NAME.bias when op.bias.
ValueId linear(const Scope& scope, ops::Linear op, ValueId src);

ValueId activate(const Scope& scope, Activation activation, ValueId src);
ValueId add(const Scope& scope, ValueId left, ValueId right);
ValueId average(const Scope& scope, const std::vector<ValueId>& sources);
ValueId pool2d(const Scope& scope, ops::Pool2d op, ValueId src);
ValueId global_average_pool(const Scope& scope, ValueId src);
ValueId scale_channels(const Scope& scope, ValueId src, ValueId gate);
ValueId resize(const Scope& scope, ops::Resize op, ValueId src, ValueId like);
/// To `factor` times the height and width of src.
ValueId enlarge(const Scope& scope, ops::Resize::Mode mode, int factor, ValueId src);
ValueId softmax(const Scope& scope, ValueId src);

/// TopK over `logits` and the boxes of its choice: one list of candidates.
Candidates anchor_candidates(const Scope& scope, ops::TopK top_k, ops::DecodeAnchors decode, ValueId logits, ValueId deltas, ValueId info);
Candidates class_candidates(const Scope& scope, ops::ClassCandidates op, ValueId probabilities, ValueId deltas, ValueId boxes, ValueId count, ValueId info);

/// Outputs of Nms: boxes, scores, labels, count.
std::vector<ValueId> nms(const Scope& scope, ops::Nms op, const std::vector<Candidates>& lists);
ValueId roi_align(const Scope& scope, ops::RoiAlign op, const std::vector<ValueId>& maps, ValueId boxes, ValueId count);
ValueId refine_boxes(const Scope& scope, const ops::BoxCoder& coder, ValueId boxes, ValueId deltas, ValueId count, ValueId info);
ValueId scale_boxes(const Scope& scope, ValueId boxes, ValueId count, ValueId info);
ValueId select_channel(const Scope& scope, Activation activation, ValueId src, ValueId labels);

ValueId concat(const Scope& scope, const std::vector<ValueId>& maps);

/// Outputs of Voxelize: order, first, number, cells, count.
std::vector<ValueId> voxelize(const Scope& scope, const ops::Voxelize& op, ValueId points, ValueId point_count);
/// Cells of the points, rows.
ValueId dynamic_voxelize(const Scope& scope, const ops::DynamicVoxelize& op, ValueId points, ValueId point_count);
/// `voxels` as voxelize() gives them. Parameters: NAME.1.weight, NAME.1.norm.{weight, bias, running_mean, running_var}, NAME.2. ...
ValueId encode_pillars(const Scope& scope, const ops::EncodePillars& op, ValueId points, const std::vector<ValueId>& voxels);
ValueId scatter_pillars(const Scope& scope, const ops::ScatterPillars& op, ValueId pillars, ValueId cells, ValueId count);
/// TopK over `logits` and the oriented boxes of its choice: one list of candidates.
Candidates3d anchor_candidates3d(const Scope& scope, ops::TopK top_k, ops::DecodeBoxes3d decode, ValueId logits, ValueId deltas, ValueId directions);
/// Outputs of RotatedNms: boxes, scores, labels, count.
std::vector<ValueId> rotated_nms(const Scope& scope, ops::RotatedNms op, const std::vector<Candidates3d>& lists);
/// Outputs of CircleNms: boxes, scores, labels, count. Directions are not looked at.
std::vector<ValueId> circle_nms(const Scope& scope, ops::CircleNms op, const std::vector<Candidates3d>& lists);

/// The points and point_count inputs; records them as the graph's inputs.
std::vector<ValueId> points_input(Graph& graph, int features);
/// The proposals and proposal_count inputs, of at most `limit` boxes a picture; records them as the graph's inputs.
std::vector<ValueId> proposals_input(Graph& graph, int limit);
/// The image and image_info inputs; records them as the graph's inputs.
ValueId image_input(Graph& graph, int channels);
ValueId image_info_input(Graph& graph);

}  // namespace regulus::record

#if !defined(REGULUS_COMPILED)
#include <regulus/graph/record-impl.hpp>
#endif
