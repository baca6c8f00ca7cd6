#pragma once
#include <algorithm>

#include <regulus/train/detector_teacher.hpp>

namespace regulus::train {

namespace detail {

inline bool has_label(const Graph& graph, const char* label) { return graph.find_label(label) != no_value; }

/// What of the detector has losses.
inline Graph teachable_graph(const Graph& detector, int regions, int mask_regions) {
    for (const char* label : {"stage0.class_logits", "keypoint_logits", "semantic_logits"}) {
        if (has_label(detector, label)) {
            throw ArgumentError("detector_teacher: " + detector.name + " has \"" + label + "\", for which there is no loss; RetinaNet, region proposals, box heads and mask heads are taught");
        }
    }
    if (has_label(detector, "cls_logits.0")) return dense_graph(detector, "cls_logits", "box_deltas");
    return regions > 0 ? two_stage_graph(detector, regions, mask_regions) : dense_graph(detector, "rpn_logits", "rpn_deltas");
}

}  // namespace detail

REGULUS_INLINE DetectorTraining detector_training(const Graph& detector, const std::string& code_base) {
    const bool dense = detail::has_label(detector, "cls_logits.0"), masks = detail::has_label(detector, "mask_logits");
    if (!dense && !detail::has_label(detector, "rpn_logits.0")) throw ArgumentError("detector_training: " + detector.name + " has neither RetinaNet's maps nor a region proposal network's");
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
        training.boxes = masks ? mmdetection_mask_rcnn_training(classes) : mmdetection_box_training(classes);
        training.masks = MaskTargetRule::mmdetection;
    } else if (code_base == "detectron2") {
        training.dense = dense ? detectron2_retina_training() : detectron2_rpn_training();
        training.boxes = detectron2_box_training(classes);
        training.masks = MaskTargetRule::detectron2;
        if (detail::has_label(detector, "roi_res5")) training.proposals.candidates = 12000, training.proposals.limit = 2000;  // one map
    } else if (code_base == "torchvision") {
        training.dense = dense ? torchvision_retina_training() : torchvision_rpn_training();
        training.boxes = torchvision_box_training(classes);
        training.masks = MaskTargetRule::torchvision;
        training.proposals.limit = 2000;
    } else {
        throw ArgumentError("detector_training: detectors are taught as by mmdetection, detectron2 or torchvision, not \"" + code_base + "\"");
    }
    return training;
}

REGULUS_INLINE DetectorTeacher::DetectorTeacher(std::shared_ptr<const LearningBackend> backend, const Graph& detector, const Weights& weights, const DetectorTraining& training,
                                                const LearnerOptions& options)
    : training_(training),
      is_dense_(detail::has_label(detector, "cls_logits.0")),
      has_boxes_(detail::has_label(detector, "class_logits")),
      has_masks_(detail::has_label(detector, "mask_logits")),
      regions_a_picture_(has_boxes_ ? int(training.boxes.sampling.count) : 0),
      masks_a_picture_(has_masks_ ? std::max(1, int(double(regions_a_picture_) * training.boxes.sampling.positive_share)) : 0),
      learner_(std::move(backend), detail::teachable_graph(detector, regions_a_picture_, masks_a_picture_), weights, options) {
    if (has_boxes_ && training.boxes.sampling.count < 1) throw ArgumentError("detector_teacher: a box head learns from a sample of regions, its count must be at least 1");
    levels_ = dense_levels(detector, is_dense_ ? "box_deltas" : "rpn_deltas");
}

/// The inputs that the heads wait for: regions of the proposals' sample, then those with an object for the masks.
REGULUS_INLINE std::vector<Tensor> DetectorTeacher::sampled_regions(const Outputs& early, const TrainingBatch& batch, std::uint64_t seed) {
    const std::vector<Tensor> proposed = dense_proposals(levels_, dense_maps(early, "rpn_logits", "rpn_deltas"), batch.image_info, training_.proposals);
    regions_.clear();
    for (std::size_t picture = 0; picture < proposed.size(); ++picture) regions_.push_back(sample_regions(proposed[picture], batch.truths[picture].truth, training_.boxes, seed, picture));
    std::vector<Tensor> inputs;
    for (const bool only_positives : {false, true}) {
        if (only_positives && !has_masks_) continue;
        for (Tensor& tensor : region_inputs(regions_, only_positives ? masks_a_picture_ : regions_a_picture_, only_positives)) inputs.push_back(std::move(tensor));
    }
    return inputs;
}

REGULUS_INLINE StepLosses DetectorTeacher::step(const TrainingBatch& batch, std::uint64_t seed) {
    const std::int64_t pictures = batch.input.shape().rank() == 4 ? batch.input.shape()[0] : 0;
    if (std::int64_t(batch.truths.size()) != pictures) {
        throw ArgumentError("detector_teacher: there are " + std::to_string(pictures) + " pictures and the truths of " + std::to_string(batch.truths.size()));
    }
    std::vector<Truth2d> truths;
    for (const PictureTruth& picture : batch.truths) truths.push_back(picture.truth);

    Learner::LaterInputs later;
    if (has_boxes_) later = [&](const Outputs& early) { return sampled_regions(early, batch, seed); };
    const Outputs outputs = learner_.forward({batch.input}, later);

    StepLosses losses;
    const std::string logits = is_dense_ ? "cls_logits" : "rpn_logits", deltas = is_dense_ ? "box_deltas" : "rpn_deltas";
    const DenseLoss dense = dense_loss(levels_, dense_maps(outputs, logits, deltas), batch.image_info, truths, training_.dense, seed);
    losses.parts = {{is_dense_ ? "loss_cls" : "rpn_cls", dense.classification}, {is_dense_ ? "loss_bbox" : "rpn_bbox", dense.boxes}};
    std::vector<Tensor> gradients = in_order_of(outputs, dense.gradient, logits, deltas);
    if (has_boxes_) {
        const BoxHeadLoss boxes = box_head_loss(outputs["class_logits"], outputs["box_regression"], regions_, training_.boxes);
        losses.parts.insert(losses.parts.end(), {{"loss_cls", boxes.classification}, {"loss_bbox", boxes.boxes}});
        put_gradient(gradients, outputs, "class_logits", boxes.by_logits);
        put_gradient(gradients, outputs, "box_regression", boxes.by_deltas);
    }
    if (has_masks_) {
        std::vector<Tensor> targets;
        const int size = int(outputs["mask_logits"].shape()[2]);
        for (std::size_t picture = 0; picture < regions_.size(); ++picture) targets.push_back(mask_targets(regions_[picture], batch.truths[picture].masks, size, training_.masks));
        const Loss masks = mask_loss(outputs["mask_logits"], regions_, targets);
        losses.parts.emplace_back("loss_mask", masks.value);
        put_gradient(gradients, outputs, "mask_logits", masks.gradient);
    }
    training_.dense.moving_average = dense.normaliser;  // of interest to Normaliser::moving_objects only
    learner_.backward(gradients);
    return losses;
}

}  // namespace regulus::train
