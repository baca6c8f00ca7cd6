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

/// The part of a recorded two-stage detector that all its losses need. Inputs: the picture, proposals and proposal_count (region_inputs, at most `regions` a picture), and with
/// `mask_regions` > 0 the same for the mask head (region_inputs with only_positives). Outputs: rpn_logits.N, rpn_deltas.N, class_logits, box_regression, mask_logits.
///
/// A step takes two forward passes, as the regions come out of the first one's maps:
///     Outputs outputs = learner.forward({pictures, no_boxes, no_counts});
///     const auto proposals = dense_proposals(levels, dense_maps(outputs, "rpn_logits", "rpn_deltas"), info);
///     for (picture) regions.push_back(sample_regions(proposals[picture], truths[picture], training, step, picture));
///     const auto given = region_inputs(regions, limit);
///     outputs = learner.forward({pictures, given[0], given[1]});
///     const DenseLoss first = dense_loss(levels, dense_maps(...), info, truths, rpn_training, step);
///     const BoxHeadLoss second = box_head_loss(outputs["class_logits"], outputs["box_regression"], regions, training);
///     auto gradients = in_order_of(outputs, first.gradient, "rpn_logits", "rpn_deltas");
///     put_gradient(gradients, outputs, "class_logits", second.by_logits);
///     put_gradient(gradients, outputs, "box_regression", second.by_deltas);
///     learner.backward(gradients);
///
/// Throws ArgumentError for a graph that has not these parts.
Graph two_stage_graph(Graph detector, int regions, int mask_regions = 0);

/// Puts the gradient of the output `name` into its place among `gradients`, which are in the order of `outputs`. Throws ArgumentError for an unknown name.
void put_gradient(std::vector<Tensor>& gradients, const Outputs& outputs, const std::string& name, const Tensor& gradient);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/two_stage-impl.hpp>
#endif
