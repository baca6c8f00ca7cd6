#pragma once
#include <algorithm>
#include <string>

#include <regulus/train/dense_loss-impl.hpp>
#include <regulus/train/detector3d_teacher.hpp>
#include <regulus/train/two_stage.hpp>

namespace regulus::train {

namespace detail {

/// The oriented boxes of each level of a dense 3D head.
inline std::vector<ops::DecodeBoxes3d> levels3d(const Graph& detector) {
    std::vector<ops::DecodeBoxes3d> levels;
    for (const Node& node : detector.nodes) {
        const auto* decode = std::get_if<ops::DecodeBoxes3d>(&node.operation);
        if (decode != nullptr && detector.values[std::size_t(node.inputs[0])].label == "box_deltas." + std::to_string(levels.size())) levels.push_back(*decode);
    }
    if (levels.empty()) throw ArgumentError("detector3d_teacher: " + detector.name + " decodes no 3D boxes by values labelled box_deltas.0, box_deltas.1, ...");
    return levels;
}

/// What of the detector has a loss, with room for `max_pillars` in a cloud.
inline Graph teachable_graph3d(Graph detector, int max_pillars) {
    if (max_pillars < 0) throw ArgumentError("detector3d_teacher: a cloud has room for one pillar or more, got " + std::to_string(max_pillars));
    for (Node& node : detector.nodes) {
        if (max_pillars == 0) break;
        if (auto* voxelize = std::get_if<ops::Voxelize>(&node.operation)) voxelize->max_voxels = max_pillars;
        if (auto* net = std::get_if<ops::EncodePillars>(&node.operation)) net->voxels.max_voxels = max_pillars;
    }
    return graph_of_levels(std::move(detector), {"cls_logits", "box_deltas", "directions"});
}

}  // namespace detail

REGULUS_INLINE Detector3dTraining detector3d_training(const Graph& detector) {
    Detector3dTraining training;
    const ops::DecodeBoxes3d level = detail::levels3d(detector).front();
    training.targets.classes = level.classes;
    training.targets.code = level.code;
    if (level.code > 7) {
        training.targets.code_weights.assign(std::size_t(level.code), 1.f);
        std::fill(training.targets.code_weights.begin() + 7, training.targets.code_weights.end(), 0.2f);
    }
    for (const Node& node : detector.nodes) {
        const auto* nms = std::get_if<ops::RotatedNms>(&node.operation);
        if (nms == nullptr) continue;
        training.targets.direction_offset = nms->direction_offset;
        training.targets.direction_limit_offset = nms->direction_limit_offset;
    }
    return training;
}

REGULUS_INLINE Detector3dTeacher::Detector3dTeacher(std::shared_ptr<const LearningBackend> backend, const Graph& detector, const Weights& weights, const Detector3dTraining& training,
                                                    const LearnerOptions& options)
    : training_(training), learner_(std::move(backend), detail::teachable_graph3d(detector, training.max_pillars), weights, options) {
    for (const ops::DecodeBoxes3d& level : detail::levels3d(detector)) {
        if (training.targets.classes != level.classes || training.targets.code != level.code) {
            throw ArgumentError("detector3d_teacher: " + detector.name + " has " + std::to_string(level.classes) + " classes and boxes of " + std::to_string(level.code) + " numbers, the training " +
                                std::to_string(training.targets.classes) + " and " + std::to_string(training.targets.code));
        }
        grids_.push_back(level.anchors);
    }
}

REGULUS_INLINE StepLosses Detector3dTeacher::step(const CloudBatch& batch) {
    if (std::int64_t(batch.truths.size()) != batch.point_count.numel() || batch.truths.empty()) {
        throw ArgumentError("detector3d_teacher: there are " + std::to_string(batch.point_count.numel()) + " clouds and the truths of " + std::to_string(batch.truths.size()));
    }
    const Outputs outputs = learner_.forward({batch.points, batch.point_count});
    const auto level_name = [](const char* what, std::size_t level) { return std::string(what) + "." + std::to_string(level); };
    std::vector<Anchor3dMaps> maps;
    for (std::size_t level = 0; level < grids_.size(); ++level) maps.push_back({outputs[level_name("cls_logits", level)], outputs[level_name("box_deltas", level)], outputs[level_name("directions", level)]});

    const std::vector<Anchor3dLoss> losses = anchor3d_loss(grids_, maps, batch.truths, training_.targets, training_.losses);
    StepLosses sums{{{"loss_cls", 0}, {"loss_bbox", 0}, {"loss_dir", 0}}};
    std::vector<Tensor> gradients(outputs.entries().size());
    for (std::size_t level = 0; level < losses.size(); ++level) {
        sums.parts[0].second += losses[level].classification;
        sums.parts[1].second += losses[level].boxes;
        sums.parts[2].second += losses[level].directions;
        put_gradient(gradients, outputs, level_name("cls_logits", level), losses[level].gradient.logits);
        put_gradient(gradients, outputs, level_name("box_deltas", level), losses[level].gradient.deltas);
        put_gradient(gradients, outputs, level_name("directions", level), losses[level].gradient.directions);
    }
    learner_.backward(gradients);
    return sums;
}

}  // namespace regulus::train
