#pragma once
// How things are called in recorded models. One name per thing, the same for every code base that weights come from.
//
// Parameters (a norm holds weight, bias, running_mean, running_var, a group norm the first two; "(w b)" stands for .weight and .bias)
//   backbone.stem.weight, backbone.stem.norm.*
//   backbone.sI.bJ.{a, b, c}.weight, .norm.*        stage I = 1..4, block J = 1..depth: 1x1, 3x3, 1x1
//   backbone.sI.bJ.b.offset (w b)                   deformable 3x3: where its taps read
//   backbone.sI.b1.proj.weight, .norm.*             shortcut, where stride or channels change
//   backbone.sI.bJ.se.{reduce, expand} (w b)        squeeze-excite of RegNetY
//   classifier (w b)
//   neck.lateral.cL (w b), neck.output.pL (w b)     pyramid level L = log2(stride); neck.output.{p6, p7} of RetinaNet
//   rpn.{conv, logits, deltas} (w b)                shared by all levels; conv1 .. convN where there are several
//   box_head.{fc1, fc2, logits, deltas} (w b)       background is the last logit; deltas: four per class; conv1 .. convN where there are some
//   mask_head.conv1 .. convN, .upsample, .logits (w b)
//   keypoint_head.conv1 .. convN, .logits (w b)     logits: transposed, a channel a point
//   semantic_head.pL.conv1 .. convN.weight, .norm.*, semantic_head.logits (w b)       Panoptic FPN, level L = 2..5
//   NAME.weight, NAME.norm.*                        where a convolution of neck, box_head, mask_head or a tower has a norm instead of a bias
//   shared_head.s4.*                                the ResNet's last stage on regions (C4), named as in a backbone
//   box_head.K.*, mask_head.K.*                     the same of a cascade's stage K = 1..3
//   head.class_tower.1 .. N, head.box_tower.1 .. N, head.logits, head.deltas (w b)      RetinaNet, shared by all levels
//
// Labels of values
//   stem (after ReLU), stem_pool (ResNet), sI.b1 (where depth > 1), sI, pooled, logits          classifiers
//   stem, stem_pool, C2 .. C5, P2 .. P7                                                        detectors
//   rpn_logits.L, rpn_deltas.L, cls_logits.L, box_deltas.L                                     L = 0 for the finest level
//   stageK.{roi_feats, class_logits, box_regression, mask_logits}                              cascades, K = 0..2
//   stageK.regions                                                                             the same, K = 1, 2
//   roi_res5                                                                                   C4: the shared head's maps of the proposals
//   proposals, proposal_scores, roi_feats, class_logits, box_regression, mask_roi_feats, mask_logits
//   keypoint_roi_feats, keypoint_logits_lowres, keypoint_logits
//   semantic_logits                                                                            Panoptic FPN
//
// Inputs of a graph
//   image, image_info                                      pictures
//   points, point_count                                    clouds
//   proposals, proposal_count                              Fast R-CNN, beside the pictures
//
// Outputs of a graph
//   logits                                                 [n, classes]                         classifiers
//   boxes, scores, labels, count                           rows [r, 4], [r], [r] int32, [n] int32   detectors
//   masks                                                  rows [r, 28, 28] probabilities           Mask R-CNN
//   keypoints                                              rows [r, 17, 56, 56] logits              Keypoint R-CNN
//   semantic_logits                                        [n, labels, H / 4, W / 4]            Panoptic FPN; label 0 is any thing
#include <regulus/graph/handles.hpp>

namespace regulus {

/// Renames the maps of a backbone "C2", "C3", ... as detectors call them.
template <class StageMaps>
StageMaps labelled_levels(StageMaps maps) {
    for (int i = 0; i < StageMaps::count; ++i) maps.graph->values[std::size_t(maps.ids[std::size_t(i)])].label = indexed("C", i + 2);
    return maps;
}

/// Detections as outputs of the graph.
template <int Max>
void detection_outputs(Graph& graph, const Rois<Max>& detections) {
    graph.outputs = {{"boxes", detections.boxes}, {"scores", detections.scores}, {"labels", detections.labels}, {"count", detections.count}};
}

}  // namespace regulus
