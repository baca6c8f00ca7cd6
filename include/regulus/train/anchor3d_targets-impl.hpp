#pragma once
#include <algorithm>
#include <cmath>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/graph/kernels/boxes3d.hpp>
#include <regulus/train/anchor3d_targets.hpp>
#include <regulus/train/assign_by_overlap.hpp>

namespace regulus::train {

namespace detail {

inline void need_boxes(const char* what, const Tensor& boxes, std::int64_t code) {
    const Shape& shape = boxes.shape();
    if (shape.rank() == 2 && boxes.dtype() == DType::f32 && shape[1] >= 7 && (code == 0 || shape[1] == code)) return;
    throw ShapeError(std::string("anchor targets: ") + what + " must be float32 rows of " + (code == 0 ? "at least 7" : std::to_string(code)) + " numbers, got " + name_of(boxes.dtype()) + " " + to_string(shape));
}

inline std::vector<float> from_above(const Tensor& boxes) {
    std::vector<float> corners(4 * std::size_t(boxes.shape()[0]));
    for (std::size_t i = 0; i < corners.size() / 4; ++i) kernels::nearest_bev(kernels::load_box3d(boxes.data<float>() + std::int64_t(i) * boxes.shape()[1]), corners.data() + 4 * i);
    return corners;
}

/// Truths of one cloud that a head can be taught.
inline void need_truth3d(const Truth3d& truth, const Anchor3dTraining& training) {
    need_boxes("truths", truth.boxes, training.code);
    const std::int64_t truths = truth.boxes.shape()[0];
    if (!(truth.labels.shape() == Shape{truths}) || truth.labels.dtype() != DType::i32) throw ShapeError("anchor targets: there are " + std::to_string(truths) + " truths, their labels are " + name_of(truth.labels.dtype()) + " " + to_string(truth.labels.shape()));
    const std::int32_t* const labels = truth.labels.data<std::int32_t>();
    for (std::int64_t i = 0; i < truths; ++i) {
        if (labels[i] < 0 || labels[i] >= training.classes) throw ArgumentError("anchor targets: truth " + std::to_string(i) + " has the label " + std::to_string(labels[i]) + ", there are " + std::to_string(training.classes) + " classes");
    }
}

/// As assign_anchors3d, for anchors and truths seen from above, corners x1 y1 x2 y2 of each.
inline std::vector<std::int32_t> assign_from_above(const std::vector<float>& anchors, const std::vector<float>& truths, const Anchor3dAssigner& assigner, int threads) {
    const auto overlap = [&](std::int64_t anchor, std::int64_t which) { return flat_overlap(truths.data() + 4 * which, anchors.data() + 4 * anchor); };
    return assign_by_overlap(std::int64_t(anchors.size() / 4), std::int64_t(truths.size() / 4), {assigner.positive, assigner.negative, ForcedMatches::to_truth, assigner.least_positive}, overlap, threads);
}

/// Assigns anchors in the order (cell, size, rotation): all to all truths, or those of each size to the truths of their class.
inline std::vector<std::int32_t> assign_from_above(const std::vector<float>& anchors, const Truth3d& truth, const Anchor3dTraining& training) {
    const std::vector<float> truths = from_above(truth.boxes);
    if (training.by_class.empty()) return assign_from_above(anchors, truths, training.assigner, training.threads);
    const std::size_t classes = training.by_class.size(), count = anchors.size() / 4, turns = std::size_t(std::max(training.rotations, 1));
    if (training.rotations < 1 || std::int64_t(classes) != training.classes || count % (classes * turns) != 0) {
        throw ArgumentError("anchor targets: " + std::to_string(classes) + " assigners by class and " + std::to_string(training.rotations) + " rotations do not fit " + std::to_string(training.classes) + " classes and " +
                            std::to_string(count) + " anchors");
    }
    std::vector<std::int32_t> assigned(count);
    for (std::size_t label = 0; label < classes; ++label) {
        std::vector<std::int32_t> own;  // truths of the class
        std::vector<float> own_truths, own_anchors;
        for (std::size_t i = 0; i < truths.size() / 4; ++i) {
            if (truth.labels.data<std::int32_t>()[i] != std::int32_t(label)) continue;
            own.push_back(std::int32_t(i));
            own_truths.insert(own_truths.end(), truths.data() + 4 * i, truths.data() + 4 * i + 4);
        }
        const auto place = [&](std::size_t i) { return (i / turns * classes + label) * turns + i % turns; };  // among all, of the size's i-th
        for (std::size_t i = 0; i < count / classes; ++i) own_anchors.insert(own_anchors.end(), anchors.data() + 4 * place(i), anchors.data() + 4 * place(i) + 4);
        const std::vector<std::int32_t> found = assign_from_above(own_anchors, own_truths, training.by_class[label], training.threads);
        for (std::size_t i = 0; i < found.size(); ++i) assigned[place(i)] = found[i] >= 0 ? own[std::size_t(found[i])] : found[i];
    }
    return assigned;
}

/// The deltas that an anchor's head should give for a box, both of `code` numbers; gives which half turn the box's yaw lies in.
inline std::int32_t encode_target3d(const float* anchor, const float* box, const Anchor3dTraining& training, float* delta) {
    kernels::encode_box3d(kernels::load_box3d(anchor), kernels::load_box3d(box), delta);
    for (int k = 7; k < training.code; ++k) delta[k] = box[k] - anchor[k];
    const double yaw = double(delta[6]) + double(anchor[6]) - double(training.direction_offset);
    const double turn = kernels::limit_period(yaw, double(training.direction_limit_offset), 2 * kernels::pi);
    return std::clamp(int(std::floor(turn / kernels::pi)), 0, 1);
}

}  // namespace detail

REGULUS_INLINE Tensor anchors3d(const ops::AnchorGrid3d& grid, std::int64_t height, std::int64_t width, int code) {
    const std::int64_t per_cell = grid.per_cell();
    Tensor anchors = Tensor::zeros(Shape{height * width * per_cell, code});
    detail::need_boxes("anchors", anchors, code);
    for (std::int64_t i = 0; i < anchors.shape()[0]; ++i) {
        const std::int64_t cell = i / per_cell;
        kernels::store_box3d(kernels::anchor3d<float>(grid, height, width, cell / width, cell % width, std::size_t(i % per_cell)), anchors.data<float>() + i * code);
    }
    return anchors;
}

REGULUS_INLINE std::vector<std::int32_t> assign_anchors3d(const Tensor& anchors, const Tensor& truth, const Anchor3dAssigner& assigner, int threads) {
    detail::need_boxes("anchors", anchors, 0);
    detail::need_boxes("truths", truth, 0);
    return detail::assign_from_above(detail::from_above(anchors), detail::from_above(truth), assigner, threads);
}

REGULUS_INLINE Anchor3dTargets anchor3d_targets(const Tensor& anchors, const Truth3d& truth, const Anchor3dTraining& training) {
    const std::int64_t code = training.code;
    detail::need_boxes("anchors", anchors, code);
    detail::need_truth3d(truth, training);
    const std::int64_t count = anchors.shape()[0];
    Anchor3dTargets targets{Tensor(Shape{count}, DType::i32), Tensor::zeros(Shape{count}), Tensor::zeros(anchors.shape()), Tensor::zeros(anchors.shape()), Tensor::zeros(Shape{count}, DType::i32), Tensor::zeros(Shape{count})};
    const std::vector<std::int32_t> assigned = detail::assign_from_above(detail::from_above(anchors), truth, training);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int32_t which = assigned[std::size_t(i)];
        targets.labels.data<std::int32_t>()[i] = training.classes;
        if (which == ignored_box) continue;
        targets.label_weights.data<float>()[i] = 1.f;
        if (which == background_box) {
            ++targets.negatives;
            continue;
        }
        ++targets.positives;
        targets.labels.data<std::int32_t>()[i] = truth.labels.data<std::int32_t>()[which];
        targets.directions.data<std::int32_t>()[i] = detail::encode_target3d(anchors.data<float>() + i * code, truth.boxes.data<float>() + which * code, training, targets.deltas.data<float>() + i * code);
        std::fill_n(targets.delta_weights.data<float>() + i * code, code, 1.f);
        targets.direction_weights.data<float>()[i] = 1.f;
    }
    return targets;
}

}  // namespace regulus::train
