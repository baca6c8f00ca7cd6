#pragma once
// One step of teaching a 2D detector: pictures and what is in them -> losses, and the gradients of all parameters.
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <regulus/train/coco_truths.hpp>
#include <regulus/train/dense_training.hpp>
#include <regulus/train/keypoint_loss.hpp>
#include <regulus/train/learner.hpp>
#include <regulus/train/semantic_loss.hpp>
#include <regulus/train/step_losses.hpp>
#include <regulus/train/two_stage.hpp>

namespace regulus::train {

/// How a detector is taught.
struct DetectorTraining {
    DenseTraining dense;                                    // RetinaNet's, or the region proposals'
    std::vector<BoxHeadTraining> boxes{BoxHeadTraining{}};  // two-stage detectors: one for each stage of a cascade
    MaskTargetRule masks = MaskTargetRule::mmdetection;
    std::vector<double> mask_weights{1};                    // how much the loss of each mask head counts
    ProposalRules proposals;                                // that the box head's sample is taken from; given ones are as they are given
    bool drops_empty_regions = false;                       // between two stages of a cascade
    double shared_gradient = 1;                             // what the box heads' gradients by the features that they share are multiplied by
    double keypoint_normaliser = 0;                         // the keypoints' loss is divided by as many points a picture; 0: by those that lie in their regions
    double semantic_weight = 0.5;                           // how much the loss of a semantic head counts
};

/// The published way of "mmdetection", "detectron2" or "torchvision" for a detector that one of them made. Throws ArgumentError for another code base, for a graph
/// that is no detector's, and for cascades by torchvision's rules, keypoints by mmdetection's and segments by either's, which have none.
DetectorTraining detector_training(const Graph& detector, const std::string& code_base);

/// Pictures that preprocess() made, and what is in them in their pixels.
struct TrainingBatch {
    Tensor input, image_info;
    std::vector<PictureTruth> truths;  // with masks where the detector makes masks, with keypoints or labels of pixels where it finds them
    std::vector<Tensor> proposals;     // of detectors that look into given boxes (Fast R-CNN): [p, 4] of each picture (CocoTruths::proposals)
};

/// RetinaNet, region proposal networks, Fast, Faster, Mask, Cascade and Keypoint R-CNN and Panoptic FPN that learn.
///
///     train::DetectorTeacher teacher(CpuLearning{}, recorded(model), weights, train::detector_training(recorded(model), "mmdetection"));
///     const train::StepLosses losses = teacher.step(batch, seed);
///     optimiser.step(teacher.learner().parameters(), rate);
///     teacher.learner().clear_gradients();
class DetectorTeacher {
public:
    /// `detector` as it was recorded. Throws ArgumentError for a training of other numbers of box and mask heads, and as Learner does.
    DetectorTeacher(std::shared_ptr<const LearningBackend> backend, const Graph& detector, const Weights& weights, const DetectorTraining& training, const LearnerOptions& options = {});
    template <std::derived_from<LearningBackend> Backend>
    DetectorTeacher(const Backend& backend, const Graph& detector, const Weights& weights, const DetectorTraining& training, const LearnerOptions& options = {})
        : DetectorTeacher(std::make_shared<const Backend>(backend), detector, weights, training, options) {}

    /// Goes forward and back; gradients are added. `seed` chooses the samples: another for each step. With `same_regions` the heads look at those of the step before, whatever
    /// is proposed now: the loss is a smooth function of the parameters then. Throws ArgumentError when there are not as many truths as pictures, or regions or given boxes of as
    /// many, and as the losses do; gradients are as they were then.
    StepLosses step(const TrainingBatch& batch, std::uint64_t seed, bool same_regions = false);

    /// Goes forward as step() does, and no further: norms see the batch, gradients stay. Throws as step() does.
    void look(const TrainingBatch& batch, std::uint64_t seed) { forward(batch, seed, false); }

    Learner& learner() noexcept { return learner_; }
    /// Of the last step: for each box head, for each picture, the regions that it learnt from.
    const std::vector<std::vector<RegionSample>>& regions() const noexcept { return regions_; }

    /// What the next step needs of those before it, beside parameters: Normaliser::moving_objects counts objects so. A run that goes on sets it again.
    double moving_average() const noexcept { return training_.dense.moving_average; }
    void set_moving_average(double objects) noexcept { training_.dense.moving_average = objects; }

private:
    Outputs forward(const TrainingBatch& batch, std::uint64_t seed, bool same_regions);
    void choose_regions(const Outputs& early, const TrainingBatch& batch, std::uint64_t seed);
    std::vector<Tensor> inputs_of_head(std::size_t head) const;
    void add_dense_losses(const Outputs& outputs, const TrainingBatch& batch, std::uint64_t seed, StepLosses& losses, std::vector<Tensor>& gradients);
    void add_box_losses(const Outputs& outputs, StepLosses& losses, std::vector<Tensor>& gradients) const;
    void add_mask_losses(const Outputs& outputs, const TrainingBatch& batch, StepLosses& losses, std::vector<Tensor>& gradients) const;
    void add_keypoint_losses(const Outputs& outputs, const TrainingBatch& batch, StepLosses& losses, std::vector<Tensor>& gradients) const;
    void add_semantic_losses(const Outputs& outputs, const TrainingBatch& batch, StepLosses& losses, std::vector<Tensor>& gradients) const;

    DetectorTraining training_;
    std::vector<ops::DecodeAnchors> levels_;  // none: boxes are given
    bool is_dense_ = false, has_semantics_ = false;
    std::vector<std::string> box_heads_, mask_heads_, keypoint_heads_;  // what their labels begin with
    int regions_a_picture_ = 0, objects_a_picture_ = 0;
    Learner learner_;
    std::vector<std::vector<RegionSample>> regions_;
};

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/detector_teacher-impl.hpp>
#endif
