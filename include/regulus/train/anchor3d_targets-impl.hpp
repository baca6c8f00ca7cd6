#pragma once
#include <algorithm>
#include <cmath>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/graph/kernels/boxes3d.hpp>
#include <regulus/train/anchor3d_targets.hpp>

namespace regulus::train {

namespace detail {

inline void need_boxes(const char* what, const Tensor& boxes, std::int64_t code) {
    const Shape& shape = boxes.shape();
    if (shape.rank() == 2 && boxes.dtype() == DType::f32 && shape[1] >= 7 && (code == 0 || shape[1] == code)) return;
    throw ShapeError(std::string("anchor targets: ") + what + " must be float32 rows of " + (code == 0 ? "at least 7" : std::to_string(code)) + " numbers, got " + name_of(boxes.dtype()) + " " + to_string(shape));
}

/// IoU of two boxes x1, y1, x2, y2, in float32 as the peer computes it, because equal overlaps must come out equal.
inline float flat_overlap(const float* a, const float* b) {
    const float width = std::max(0.f, std::min(a[2], b[2]) - std::max(a[0], b[0])), height = std::max(0.f, std::min(a[3], b[3]) - std::max(a[1], b[1]));
    const float shared = width * height;
    return shared / std::max((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared, 1e-6f);
}

inline std::vector<float> from_above(const Tensor& boxes) {
    std::vector<float> corners(4 * std::size_t(boxes.shape()[0]));
    for (std::size_t i = 0; i < corners.size() / 4; ++i) kernels::nearest_bev(kernels::load_box3d(boxes.data<float>() + std::int64_t(i) * boxes.shape()[1]), corners.data() + 4 * i);
    return corners;
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

REGULUS_INLINE std::vector<std::int32_t> assign_anchors3d(const Tensor& anchors, const Tensor& truth, const Anchor3dAssigner& assigner) {
    detail::need_boxes("anchors", anchors, 0);
    detail::need_boxes("truths", truth, 0);
    const std::vector<float> anchor_corners = detail::from_above(anchors), truth_corners = detail::from_above(truth);
    const std::size_t anchor_count = anchor_corners.size() / 4, truth_count = truth_corners.size() / 4;
    std::vector<std::int32_t> assigned(anchor_count, background_anchor);
    if (truth_count == 0) return assigned;

    const auto overlap = [&](std::size_t anchor, std::size_t which) { return detail::flat_overlap(truth_corners.data() + 4 * which, anchor_corners.data() + 4 * anchor); };
    std::vector<float> best_of_truth(truth_count, 0.f);
    for (std::size_t a = 0; a < anchor_count; ++a) {
        float best = -1.f;
        std::int32_t whose = background_anchor;
        for (std::size_t t = 0; t < truth_count; ++t) {
            const float shared = overlap(a, t);
            best_of_truth[t] = std::max(best_of_truth[t], shared);
            if (shared > best) best = shared, whose = std::int32_t(t);
        }
        assigned[a] = best >= assigner.positive ? whose : best >= 0.f && best < assigner.negative ? background_anchor : ignored_anchor;
    }
    for (std::size_t t = 0; t < truth_count; ++t) {
        if (!(best_of_truth[t] >= assigner.least_positive)) continue;
        for (std::size_t a = 0; a < anchor_count; ++a) {
            if (overlap(a, t) == best_of_truth[t]) assigned[a] = std::int32_t(t);
        }
    }
    return assigned;
}

REGULUS_INLINE Anchor3dTargets anchor3d_targets(const Tensor& anchors, const Truth3d& truth, const Anchor3dTraining& training) {
    const std::int64_t code = training.code;
    detail::need_boxes("anchors", anchors, code);
    detail::need_boxes("truths", truth.boxes, code);
    const std::int64_t count = anchors.shape()[0], truths = truth.boxes.shape()[0];
    if (!(truth.labels.shape() == Shape{truths}) || truth.labels.dtype() != DType::i32) throw ShapeError("anchor targets: there are " + std::to_string(truths) + " truths, their labels are " + name_of(truth.labels.dtype()) + " " + to_string(truth.labels.shape()));
    const std::int32_t* const labels = truth.labels.data<std::int32_t>();
    for (std::int64_t i = 0; i < truths; ++i) {
        if (labels[i] < 0 || labels[i] >= training.classes) throw ArgumentError("anchor targets: truth " + std::to_string(i) + " has the label " + std::to_string(labels[i]) + ", there are " + std::to_string(training.classes) + " classes");
    }

    Anchor3dTargets targets{Tensor(Shape{count}, DType::i32), Tensor::zeros(Shape{count}), Tensor::zeros(anchors.shape()), Tensor::zeros(anchors.shape()), Tensor::zeros(Shape{count}, DType::i32), Tensor::zeros(Shape{count})};
    const std::vector<std::int32_t> assigned = assign_anchors3d(anchors, truth.boxes, training.assigner);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int32_t which = assigned[std::size_t(i)];
        targets.labels.data<std::int32_t>()[i] = training.classes;
        if (which == ignored_anchor) continue;
        targets.label_weights.data<float>()[i] = 1.f;
        if (which == background_anchor) {
            ++targets.negatives;
            continue;
        }
        ++targets.positives;
        targets.labels.data<std::int32_t>()[i] = labels[which];
        const float* const anchor = anchors.data<float>() + i * code;
        const float* const box = truth.boxes.data<float>() + which * code;
        float* const delta = targets.deltas.data<float>() + i * code;
        kernels::encode_box3d(kernels::load_box3d(anchor), kernels::load_box3d(box), delta);
        for (std::int64_t k = 7; k < code; ++k) delta[k] = box[k] - anchor[k];
        std::fill_n(targets.delta_weights.data<float>() + i * code, code, 1.f);
        const double yaw = double(delta[6]) + double(anchor[6]) - double(training.direction_offset);
        const double turn = kernels::limit_period(yaw, double(training.direction_limit_offset), 2 * kernels::pi);
        targets.directions.data<std::int32_t>()[i] = std::clamp(int(std::floor(turn / kernels::pi)), 0, 1);
        targets.direction_weights.data<float>()[i] = 1.f;
    }
    return targets;
}

}  // namespace regulus::train
