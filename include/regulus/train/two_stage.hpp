#pragma once
// What a two-stage detector needs to learn from beside its losses: proposals from the maps of its first stage, and a graph whose second stage takes the chosen regions.
#include <string>
#include <vector>

#include <regulus/train/dense_loss.hpp>

namespace regulus::train {

/// Which proposals the second stage may learn from. The defaults are those of mmdetection's and detectron2's FPN models.
struct ProposalRules {
    int candidates = 2000;  // of a level, the best by score
    int limit = 1000;       // of a picture (torchvision: 2000)
    float iou_threshold = 0.7f;
    float min_size = 0.f;   // boxes must be wider and higher; < 0: any
};

/// Proposals [p, 4] of each picture, network pixels, falling score. `levels` are dense_levels(detector, "rpn_deltas"): their coder says whether boxes are clipped.
/// Throws as dense_loss.
std::vector<Tensor> dense_proposals(const std::vector<ops::DecodeAnchors>& levels, const std::vector<DenseMaps>& maps, const Tensor& image_info, const ProposalRules& rules = {});

/// What the labels of a recorded detector's heads begin with: "" of a single one, "stage0.", "stage1.", ... of a cascade's. `label` says which: "class_logits" for box heads,
/// "mask_logits" for mask heads, "keypoint_logits" for keypoint heads. Empty when there are none.
std::vector<std::string> head_prefixes(const Graph& detector, const std::string& label);

/// The part of a recorded two-stage detector that all its losses need. Inputs: the picture, proposals and proposal_count (region_inputs, at most `regions` a picture), the same for
/// each later stage of a cascade, and with `object_regions` > 0 the same for each mask head, then for the keypoint head (region_inputs with only_positives). Outputs:
/// rpn_logits.N, rpn_deltas.N (none of a detector that looks into given boxes), class_logits and box_regression, mask_logits, of each stage under its prefix, keypoint_logits, semantic_logits.
///
/// The regions come out of the first stage's maps, those of a cascade's later stages out of the boxes of the one before: a learner asks for them when it has these
/// (Learner::LaterInputs). DetectorTeacher (detector_teacher.hpp) does all of a step.
/// Throws ArgumentError for a graph that has not these parts.
Graph two_stage_graph(Graph detector, int regions, int object_regions = 0);

/// Puts the gradient of the output `name` into its place among `gradients`, which are in the order of `outputs`. Throws ArgumentError for an unknown name.
void put_gradient(std::vector<Tensor>& gradients, const Outputs& outputs, const std::string& name, const Tensor& gradient);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/two_stage-impl.hpp>
#endif
