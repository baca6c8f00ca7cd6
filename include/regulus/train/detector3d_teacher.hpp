#pragma once
// One step of teaching a detector of point clouds: clouds and what is in them -> losses, and the gradients of all parameters.
#include <concepts>
#include <memory>
#include <utility>
#include <vector>

#include <regulus/train/anchor3d_loss.hpp>
#include <regulus/train/learner.hpp>
#include <regulus/train/step_losses.hpp>

namespace regulus::train {

/// How a detector of point clouds is taught.
struct Detector3dTraining {
    Anchor3dTraining targets;
    Anchor3dLossSettings losses;
    int max_pillars = 0;  // of a cloud while it teaches; 0: as many as the detector takes
};

/// The published way of mmdetection3d's nuScenes and Lyft models for a detector: classes, numbers a box and directions are those that the graph decodes with; velocities count a
/// fifth. Throws ArgumentError for a graph that decodes no 3D boxes.
Detector3dTraining detector3d_training(const Graph& detector);

/// Clouds as point_inputs() (pipeline/detector3d.hpp) packs them, and what is in them in metres of their frame.
struct CloudBatch {
    Tensor points, point_count;   // rows [p, features], [n] int32
    std::vector<Truth3d> truths;  // of each cloud
};

/// PointPillars that learns. mmdetection3d's norms move with LearnerOptions::norm_momentum 0.01.
///
///     train::Detector3dTeacher teacher(CpuLearning{}, recorded(model), weights, train::detector3d_training(recorded(model)));
///     const train::StepLosses losses = teacher.step(batch);
///     optimiser.step(teacher.learner().parameters(), rate);
///     teacher.learner().clear_gradients();
class Detector3dTeacher {
public:
    /// `detector` as it was recorded. Throws ArgumentError for a graph without class scores, deltas and directions of 3D anchors and for settings that do not fit it, and as Learner does.
    Detector3dTeacher(std::shared_ptr<const LearningBackend> backend, const Graph& detector, const Weights& weights, const Detector3dTraining& training, const LearnerOptions& options = {});
    template <std::derived_from<LearningBackend> Backend>
    Detector3dTeacher(const Backend& backend, const Graph& detector, const Weights& weights, const Detector3dTraining& training, const LearnerOptions& options = {})
        : Detector3dTeacher(std::make_shared<const Backend>(backend), detector, weights, training, options) {}

    /// Goes forward and back; gradients are added. Throws ArgumentError when there are not as many truths as clouds, and as the loss does; gradients are as they were then.
    StepLosses step(const CloudBatch& batch);

    Learner& learner() noexcept { return learner_; }

private:
    Detector3dTraining training_;
    std::vector<ops::AnchorGrid3d> grids_;  // of each level
    Learner learner_;
};

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/detector3d_teacher-impl.hpp>
#endif
