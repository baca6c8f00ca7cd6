#pragma once
#include <algorithm>

#include <regulus/core/random_numbers.hpp>
#include <regulus/train/detector_teacher.hpp>

namespace regulus::train {

namespace detail {

inline bool has_label(const Graph& graph, const char* label) { return graph.find_label(label) != no_value; }

/// What of the detector has losses.
inline Graph teachable_graph(const Graph& detector, int regions, int object_regions) {
    if (has_label(detector, "cls_logits.0")) return dense_graph(detector, "cls_logits", "box_deltas");
    return regions > 0 ? two_stage_graph(detector, regions, object_regions) : dense_graph(detector, "rpn_logits", "rpn_deltas");
}

/// How many regions of a picture a box head learns from at most; a stage that takes all takes those of the stage before it.
inline int greatest_sample(const DetectorTraining& training) {
    std::int64_t most = 0;
    for (const BoxHeadTraining& stage : training.boxes) most = std::max(most, stage.sampling.count);
    return int(most);
}

inline int greatest_share(const DetectorTraining& training) {
    int most = 1;
    for (const BoxHeadTraining& stage : training.boxes) most = std::max(most, int(double(stage.sampling.count) * stage.sampling.positive_share));
    return most;
}

/// The features that a cascade's box heads pool are shared; each head's part in their gradient is multiplied.
inline LearnerOptions with_shared_gradient(LearnerOptions options, const std::vector<std::string>& box_heads, double factor) {
    for (const std::string& head : box_heads) {
        if (factor != 1) options.gradient_factors.emplace_back(head + "roi_feats", factor);
    }
    return options;
}

inline const DetectorTraining& checked_training(const Graph& detector, const DetectorTraining& training) {
    const auto need = [&](const char* what, std::size_t heads, std::size_t trainings) {
        if (heads == 0 || heads == trainings) return;
        throw ArgumentError("detector_teacher: " + detector.name + " has " + std::to_string(heads) + " " + what + " heads, the training is for " + std::to_string(trainings) + "; detector_training() makes one");
    };
    const std::size_t boxes = head_prefixes(detector, "class_logits").size();
    need("box", boxes, training.boxes.size());
    need("mask", head_prefixes(detector, "mask_logits").size(), training.mask_weights.size());
    if (boxes > 0 && training.boxes[0].sampling.count < 1) throw ArgumentError("detector_teacher: a box head learns from a sample of regions, its count must be at least 1");
    return training;
}

inline void set_cascade_training(DetectorTraining& training, const std::string& code_base, int classes, int stages, std::size_t mask_heads) {
    training.boxes.clear();
    for (int stage = 0; stage < stages; ++stage) training.boxes.push_back(code_base == "mmdetection" ? mmdetection_cascade_training(classes, stage) : detectron2_cascade_training(classes, stage));
    training.proposals.limit = 2000;
    if (code_base == "mmdetection") {
        training.dense = mmdetection_cascade_rpn_training();
        for (std::size_t stage = 0; stage < mask_heads; ++stage) training.mask_weights[stage] = training.boxes[stage].classification;
    } else if (code_base == "detectron2") {
        training.drops_empty_regions = true;
        training.shared_gradient = 1.0 / stages;
    } else {
        throw ArgumentError("detector_training: " + code_base + " has no cascades; teach them as mmdetection or detectron2 does");
    }
}

}  // namespace detail

REGULUS_INLINE DetectorTraining detector_training(const Graph& detector, const std::string& code_base) {
    const bool dense = detail::has_label(detector, "cls_logits.0"), proposes = detail::has_label(detector, "rpn_logits.0");
    const std::size_t stages = head_prefixes(detector, "class_logits").size(), masks = head_prefixes(detector, "mask_logits").size();
    if (!dense && !proposes && stages == 0) throw ArgumentError("detector_training: " + detector.name + " has neither RetinaNet's maps nor a region proposal network's nor a head for given boxes");
    int classes = 1;
    DetectorTraining training;
    for (const Node& node : detector.nodes) {
        if (const auto* candidates = std::get_if<ops::ClassCandidates>(&node.operation)) classes = candidates->classes;
        if (const auto* nms = std::get_if<ops::Nms>(&node.operation); nms != nullptr && detector.values[std::size_t(node.outputs[0])].label == "proposals") {
            training.proposals.iou_threshold = nms->iou_threshold;
            training.proposals.min_size = nms->min_size;
        }
    }
    if (code_base == "mmdetection") {
        training.dense = dense ? mmdetection_retina_training() : mmdetection_rpn_training();
        training.boxes = {masks > 0 ? mmdetection_mask_rcnn_training(classes) : mmdetection_box_training(classes)};
        training.masks = MaskTargetRule::mmdetection;
    } else if (code_base == "detectron2") {
        training.dense = dense ? detectron2_retina_training() : detectron2_rpn_training();
        training.boxes = {detectron2_box_training(classes)};
        training.masks = MaskTargetRule::detectron2;
        if (proposes && !detail::has_label(detector, "rpn_logits.1")) training.proposals.candidates = 12000, training.proposals.limit = 2000;  // one map: C4, DC5
    } else if (code_base == "torchvision") {
        training.dense = dense ? torchvision_retina_training() : torchvision_rpn_training();
        training.boxes = {torchvision_box_training(classes)};
        training.masks = MaskTargetRule::torchvision;
        training.proposals.limit = 2000;
    } else {
        throw ArgumentError("detector_training: detectors are taught as by mmdetection, detectron2 or torchvision, not \"" + code_base + "\"");
    }
    if (!dense && !proposes) training.proposals.limit = 2000;  // detectron2's PRECOMPUTED_PROPOSAL_TOPK_TRAIN
    training.mask_weights.assign(masks, 1);
    if (detail::has_label(detector, "semantic_logits") && code_base != "detectron2") throw ArgumentError("detector_training: " + code_base + " has no semantic heads; teach them as detectron2 does");
    if (detail::has_label(detector, "keypoint_logits")) {
        if (code_base == "mmdetection") throw ArgumentError("detector_training: mmdetection has no keypoints; teach them as detectron2 or torchvision does");
        if (code_base == "detectron2") training.boxes[0].beta = 0.5, training.proposals.limit = 1500;
    }
    if (stages > 1) detail::set_cascade_training(training, code_base, classes, int(stages), masks);
    return training;
}

REGULUS_INLINE DetectorTeacher::DetectorTeacher(std::shared_ptr<const LearningBackend> backend, const Graph& detector, const Weights& weights, const DetectorTraining& training,
                                                const LearnerOptions& options)
    : training_(detail::checked_training(detector, training)),
      is_dense_(detail::has_label(detector, "cls_logits.0")),
      has_semantics_(detail::has_label(detector, "semantic_logits")),
      box_heads_(head_prefixes(detector, "class_logits")),
      mask_heads_(head_prefixes(detector, "mask_logits")),
      keypoint_heads_(head_prefixes(detector, "keypoint_logits")),
      regions_a_picture_(box_heads_.empty() ? 0 : detail::greatest_sample(training)),
      objects_a_picture_(mask_heads_.empty() && keypoint_heads_.empty() ? 0 : detail::greatest_share(training)),
      learner_(std::move(backend), detail::teachable_graph(detector, regions_a_picture_, objects_a_picture_), weights,
               detail::with_shared_gradient(options, box_heads_, training.shared_gradient)) {
    if (is_dense_ || detail::has_label(detector, "rpn_logits.0")) levels_ = dense_levels(detector, is_dense_ ? "box_deltas" : "rpn_deltas");
}

/// For the next box head: a sample of the proposals, its own or given ones, or of what the head before made of its regions.
REGULUS_INLINE void DetectorTeacher::choose_regions(const Outputs& early, const TrainingBatch& batch, std::uint64_t seed) {
    const std::size_t stage = regions_.size();
    std::vector<Tensor> found;
    if (stage == 0 && levels_.empty()) found = batch.proposals;
    else if (stage == 0) found = dense_proposals(levels_, dense_maps(early, "rpn_logits", "rpn_deltas"), batch.image_info, training_.proposals);
    else found = refined_regions(regions_.back(), early[box_heads_[stage - 1] + "box_regression"], training_.boxes[stage - 1].coder, batch.image_info, true, training_.drops_empty_regions);
    const std::uint64_t key = stage == 0 ? seed : random_key(seed, stage);
    std::vector<RegionSample>& regions = regions_.emplace_back();
    for (std::size_t picture = 0; picture < found.size(); ++picture) regions.push_back(sample_regions(found[picture], batch.truths[picture].truth, training_.boxes[stage], key, picture));
}

/// The inputs that a box head waits for; behind the last one's come those with an object for the mask heads and the keypoint head.
REGULUS_INLINE std::vector<Tensor> DetectorTeacher::inputs_of_head(std::size_t head) const {
    std::vector<Tensor> inputs;
    const auto add = [&](const std::vector<RegionSample>& of, int limit, bool only_positives) {
        for (Tensor& tensor : region_inputs(of, limit, only_positives)) inputs.push_back(std::move(tensor));
    };
    add(regions_[head], regions_a_picture_, false);
    if (head + 1 < box_heads_.size()) return inputs;
    for (std::size_t mask = 0; mask < mask_heads_.size(); ++mask) add(regions_[mask], objects_a_picture_, true);
    if (!keypoint_heads_.empty()) add(regions_[0], objects_a_picture_, true);
    return inputs;
}

REGULUS_INLINE void DetectorTeacher::add_dense_losses(const Outputs& outputs, const TrainingBatch& batch, std::uint64_t seed, StepLosses& losses, std::vector<Tensor>& gradients) {
    if (levels_.empty()) return;
    std::vector<Truth2d> truths;
    for (const PictureTruth& picture : batch.truths) truths.push_back(picture.truth);
    const std::string logits = is_dense_ ? "cls_logits" : "rpn_logits", deltas = is_dense_ ? "box_deltas" : "rpn_deltas";
    const DenseLoss dense = dense_loss(levels_, dense_maps(outputs, logits, deltas), batch.image_info, truths, training_.dense, seed);
    losses.parts = {{is_dense_ ? "loss_cls" : "rpn_cls", dense.classification}, {is_dense_ ? "loss_bbox" : "rpn_bbox", dense.boxes}};
    gradients = in_order_of(outputs, dense.gradient, logits, deltas);
    training_.dense.moving_average = dense.normaliser;  // of interest to Normaliser::moving_objects only
}

REGULUS_INLINE void DetectorTeacher::add_box_losses(const Outputs& outputs, StepLosses& losses, std::vector<Tensor>& gradients) const {
    for (std::size_t stage = 0; stage < box_heads_.size(); ++stage) {
        const std::string logits = box_heads_[stage] + "class_logits", deltas = box_heads_[stage] + "box_regression";
        const BoxHeadLoss boxes = box_head_loss(outputs[logits], outputs[deltas], regions_[stage], training_.boxes[stage]);
        losses.parts.insert(losses.parts.end(), {{box_heads_[stage] + "loss_cls", boxes.classification}, {box_heads_[stage] + "loss_bbox", boxes.boxes}});
        put_gradient(gradients, outputs, logits, boxes.by_logits);
        put_gradient(gradients, outputs, deltas, boxes.by_deltas);
    }
}

REGULUS_INLINE void DetectorTeacher::add_mask_losses(const Outputs& outputs, const TrainingBatch& batch, StepLosses& losses, std::vector<Tensor>& gradients) const {
    for (std::size_t head = 0; head < mask_heads_.size(); ++head) {
        const Tensor& logits = outputs[mask_heads_[head] + "mask_logits"];
        std::vector<Tensor> targets;
        for (std::size_t picture = 0; picture < batch.truths.size(); ++picture) targets.push_back(mask_targets(regions_[head][picture], batch.truths[picture].masks, int(logits.shape()[2]), training_.masks));
        const Loss masks = mask_loss(logits, regions_[head], targets, training_.mask_weights[head]);
        losses.parts.emplace_back(mask_heads_[head] + "loss_mask", masks.value);
        put_gradient(gradients, outputs, mask_heads_[head] + "mask_logits", masks.gradient);
    }
}

REGULUS_INLINE void DetectorTeacher::add_keypoint_losses(const Outputs& outputs, const TrainingBatch& batch, StepLosses& losses, std::vector<Tensor>& gradients) const {
    if (keypoint_heads_.empty()) return;
    const Tensor& logits = outputs["keypoint_logits"];
    std::vector<Tensor> targets;
    for (std::size_t picture = 0; picture < batch.truths.size(); ++picture) targets.push_back(keypoint_targets(regions_[0][picture], batch.truths[picture].keypoints, int(logits.shape()[2])));
    const Loss keypoints = keypoint_loss(logits, targets, training_.keypoint_normaliser * double(targets.size()));
    losses.parts.emplace_back("loss_keypoint", keypoints.value);
    put_gradient(gradients, outputs, "keypoint_logits", keypoints.gradient);
}

REGULUS_INLINE void DetectorTeacher::add_semantic_losses(const Outputs& outputs, const TrainingBatch& batch, StepLosses& losses, std::vector<Tensor>& gradients) const {
    if (!has_semantics_) return;
    std::vector<Tensor> targets;
    for (const PictureTruth& picture : batch.truths) targets.push_back(picture.semantic);
    const Loss pixels = semantic_loss(outputs["semantic_logits"], targets, training_.semantic_weight, int(batch.input.shape()[2] / outputs["semantic_logits"].shape()[2]), training_.dense.threads);
    losses.parts.emplace_back("loss_semantic", pixels.value);
    put_gradient(gradients, outputs, "semantic_logits", pixels.gradient);
}

REGULUS_INLINE Outputs DetectorTeacher::forward(const TrainingBatch& batch, std::uint64_t seed, bool same_regions) {
    const std::int64_t pictures = batch.input.shape().rank() == 4 ? batch.input.shape()[0] : 0;
    if (std::int64_t(batch.truths.size()) != pictures) {
        throw ArgumentError("detector_teacher: there are " + std::to_string(pictures) + " pictures and the truths of " + std::to_string(batch.truths.size()));
    }
    if (levels_.empty() && batch.proposals.size() != batch.truths.size()) {
        throw ArgumentError("detector_teacher: " + learner_.graph().name + " looks into given boxes: there are " + std::to_string(pictures) + " pictures and the boxes of " + std::to_string(batch.proposals.size()));
    }
    if (!same_regions) regions_.clear();
    for (const std::vector<RegionSample>& regions : regions_) {
        if (regions.size() != batch.truths.size()) {
            throw ArgumentError("detector_teacher: the step before had regions of " + std::to_string(regions.size()) + " pictures, this one has " + std::to_string(batch.truths.size()));
        }
    }
    Learner::LaterInputs later;
    std::size_t head = 0;
    if (!box_heads_.empty()) {
        later = [&](const Outputs& early) {
            if (head == regions_.size()) choose_regions(early, batch, seed);
            return inputs_of_head(head++);
        };
    }
    return learner_.forward({batch.input}, later);
}

REGULUS_INLINE StepLosses DetectorTeacher::step(const TrainingBatch& batch, std::uint64_t seed, bool same_regions) {
    const Outputs outputs = forward(batch, seed, same_regions);
    StepLosses losses;
    std::vector<Tensor> gradients(outputs.entries().size());
    add_dense_losses(outputs, batch, seed, losses, gradients);
    add_box_losses(outputs, losses, gradients);
    add_mask_losses(outputs, batch, losses, gradients);
    add_keypoint_losses(outputs, batch, losses, gradients);
    add_semantic_losses(outputs, batch, losses, gradients);
    learner_.backward(gradients);
    return losses;
}

}  // namespace regulus::train
