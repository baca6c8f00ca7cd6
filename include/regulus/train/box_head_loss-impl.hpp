#pragma once
#include <algorithm>
#include <cmath>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/graph/kernels/boxes.hpp>
#include <regulus/train/assign-impl.hpp>
#include <regulus/train/box_head_loss.hpp>
#include <regulus/train/losses-impl.hpp>
#include <regulus/train/sampling-impl.hpp>

namespace regulus::train {

namespace detail {

inline void need_stage(const char* who, int stage) {
    if (stage < 0 || stage > 2) throw ArgumentError(std::string(who) + ": a cascade has the stages 0, 1 and 2, got " + std::to_string(stage));
}

/// Rows of `boxes` behind those of `first`.
inline Tensor joined(const Tensor& first, const Tensor& boxes) {
    Tensor all(Shape{count_of(first) + count_of(boxes), 4}, DType::f32);
    if (!first.empty()) std::copy_n(first.data<float>(), first.numel(), all.data<float>());
    if (!boxes.empty()) std::copy_n(boxes.data<float>(), boxes.numel(), all.data<float>() + first.numel());
    return all;
}

inline std::int64_t rows_of(const std::vector<RegionSample>& regions) {
    std::int64_t rows = 0;
    for (const RegionSample& picture : regions) rows += picture.boxes.shape()[0];
    return rows;
}

/// Rows [at least `rows`, columns] of float32.
inline void need_rows_of(const char* who, const char* what, const Tensor& tensor, std::int64_t rows, std::int64_t columns) {
    const Shape& shape = tensor.shape();
    if (tensor.dtype() == DType::f32 && shape.rank() == 2 && shape[0] >= rows && shape[1] == columns) return;
    throw ShapeError(std::string(who) + ": " + what + " must be float32 [" + std::to_string(rows) + " regions or more, " + std::to_string(columns) + "], got " + name_of(tensor.dtype()) + " " + to_string(shape));
}

}  // namespace detail

REGULUS_INLINE BoxHeadTraining mmdetection_cascade_training(int classes, int stage) {
    detail::need_stage("mmdetection_cascade_training", stage);
    constexpr float places[] = {0.1f, 0.05f, 0.033f}, sides[] = {0.2f, 0.1f, 0.067f};
    BoxHeadTraining training = mmdetection_box_training(classes);
    training.assigner.positive = training.assigner.negative = 0.5f + 0.1f * float(stage);
    training.coder.stds = {places[stage], places[stage], sides[stage], sides[stage]};
    training.beta = 1;
    training.classification = training.boxes = std::ldexp(1.0, -stage);
    return training;
}

REGULUS_INLINE BoxHeadTraining detectron2_cascade_training(int classes, int stage) {
    detail::need_stage("detectron2_cascade_training", stage);
    BoxHeadTraining training = detectron2_box_training(classes);
    const float part = float(stage + 1);
    training.assigner.positive = training.assigner.negative = 0.5f + 0.1f * float(stage);
    training.coder.stds = {0.1f / part, 0.1f / part, 0.2f / part, 0.2f / part};
    if (stage > 0) {
        training.sampling.count = 0;
        training.truths = TruthRegions::none;
    }
    return training;
}

REGULUS_INLINE RegionSample sample_regions(const Tensor& proposals, const Truth2d& truth, const BoxHeadTraining& training, std::uint64_t seed, std::uint64_t stream) {
    constexpr const char* who = "sample_regions";
    detail::need_flat_boxes(who, "the proposals", proposals, false);
    detail::need_truth(who, truth, training.classes);
    const std::int64_t truths = detail::count_of(truth.boxes);
    const bool before = training.truths == TruthRegions::before;
    const Tensor all = before ? detail::joined(truth.boxes, proposals) : training.truths == TruthRegions::after ? detail::joined(proposals, truth.boxes) : detail::joined(proposals, {});
    std::vector<std::int32_t> assigned = assign_boxes(before ? proposals : all, truth, training.assigner);
    if (before) {
        assigned.insert(assigned.begin(), std::size_t(truths), 0);
        for (std::int64_t i = 0; i < truths; ++i) assigned[std::size_t(i)] = std::int32_t(i);
    }
    SampledBoxes chosen = sample_boxes(assigned, training.sampling, seed, stream);
    std::vector<std::int64_t> rows = chosen.positives;
    rows.insert(rows.end(), chosen.negatives.begin(), chosen.negatives.end());
    if (training.sampling.count == 0) std::sort(rows.begin(), rows.end());

    const std::int64_t count = std::int64_t(rows.size());
    RegionSample sample{Tensor(Shape{count, 4}, DType::f32), Tensor(Shape{count}, DType::i32), Tensor::zeros(Shape{count, 4}), {}, {}, std::int64_t(chosen.positives.size())};
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t row = rows[std::size_t(i)];
        const std::int32_t which = assigned[std::size_t(row)];
        const float* const box = all.data<float>() + 4 * row;
        std::copy_n(box, 4, sample.boxes.data<float>() + 4 * i);
        sample.labels.data<std::int32_t>()[i] = which >= 0 ? truth.labels.data<std::int32_t>()[which] : training.classes;
        if (which >= 0) kernels::encode_box(training.coder, kernels::load_box(box), kernels::load_box(truth.boxes.data<float>() + 4 * which), sample.deltas.data<float>() + 4 * i);
        sample.truth.push_back(which);
        sample.itself.push_back(before && row < truths ? 1 : 0);
    }
    return sample;
}

REGULUS_INLINE std::array<Tensor, 2> region_inputs(const std::vector<RegionSample>& regions, std::int64_t limit, bool only_positives) {
    const std::int64_t pictures = std::int64_t(regions.size());
    std::array<Tensor, 2> inputs{Tensor::zeros(Shape{pictures * limit, 4}), Tensor::zeros(Shape{pictures}, DType::i32)};
    float* to = inputs[0].data<float>();
    for (std::int64_t picture = 0; picture < pictures; ++picture) {
        const RegionSample& sample = regions[std::size_t(picture)];
        std::int32_t& count = inputs[1].data<std::int32_t>()[picture];
        for (std::int64_t i = 0; i < sample.boxes.shape()[0]; ++i) {
            if (only_positives && sample.truth[std::size_t(i)] < 0) continue;
            if (count == limit) throw ArgumentError("region_inputs: picture " + std::to_string(picture) + " has more regions than the " + std::to_string(limit) + " that the graph takes");
            to = std::copy_n(sample.boxes.data<float>() + 4 * i, 4, to);
            ++count;
        }
    }
    return inputs;
}

REGULUS_INLINE BoxHeadLoss box_head_loss(const Tensor& logits, const Tensor& deltas, const std::vector<RegionSample>& regions, const BoxHeadTraining& training) {
    constexpr const char* who = "box_head_loss";
    const std::int64_t classes = training.classes, rows = detail::rows_of(regions);
    const bool agnostic = deltas.shape().rank() == 2 && deltas.shape()[1] == 4;
    const std::int64_t columns = agnostic ? 4 : 4 * classes;
    detail::need_rows_of(who, "logits", logits, rows, classes + 1);
    detail::need_rows_of(who, "deltas", deltas, rows, columns);
    if (!(training.beta >= 0)) throw ArgumentError(std::string(who) + ": beta must be >= 0, got " + std::to_string(training.beta));

    const double normaliser = double(std::max<std::int64_t>(rows, 1));
    Tensor labels = Tensor::zeros(Shape{logits.shape()[0]}, DType::i32), weights = Tensor::zeros(Shape{logits.shape()[0]});
    BoxHeadLoss loss{0, 0, {}, Tensor::zeros(deltas.shape())};
    std::int64_t row = 0;
    for (const RegionSample& sample : regions) {
        for (std::int64_t i = 0; i < sample.boxes.shape()[0]; ++i, ++row) {
            const std::int32_t label = sample.labels.data<std::int32_t>()[i];
            labels.data<std::int32_t>()[row] = label;
            weights.data<float>()[row] = 1.f;
            if (sample.truth[std::size_t(i)] < 0) continue;
            const std::int64_t at = row * columns + (agnostic ? 0 : 4 * label);
            for (std::int64_t k = 0; k < 4; ++k) {
                const detail::Term term = detail::smooth_l1_term(double(deltas.data<float>()[at + k]) - double(sample.deltas.data<float>()[4 * i + k]), training.beta);
                loss.boxes += training.boxes / normaliser * term.value;
                loss.by_deltas.data<float>()[at + k] = float(training.boxes / normaliser * term.slope);
            }
        }
    }
    const Loss scores = cross_entropy_loss(logits, labels, weights, normaliser / training.classification);
    loss.classification = scores.value;
    loss.by_logits = scores.gradient;
    return loss;
}

REGULUS_INLINE std::vector<Tensor> refined_regions(const std::vector<RegionSample>& regions, const Tensor& deltas, const ops::BoxCoder& coder, const Tensor& image_info, bool drops_truths, bool drops_empty) {
    constexpr const char* who = "refined_regions";
    detail::need_rows_of(who, "deltas", deltas, detail::rows_of(regions), 4);
    detail::need_shape(who, "image_info", image_info, Shape{std::int64_t(regions.size()), 4}, DType::f32);
    std::vector<Tensor> refined;
    std::int64_t row = 0;
    for (std::size_t picture = 0; picture < regions.size(); ++picture) {
        const RegionSample& sample = regions[picture];
        const kernels::Picture<float> info = kernels::load_picture(image_info.data<float>() + 4 * picture);
        std::vector<float> kept;
        for (std::int64_t i = 0; i < sample.boxes.shape()[0]; ++i, ++row) {
            const kernels::Box<float> box = kernels::place_box(coder, false, info, kernels::load_box(sample.boxes.data<float>() + 4 * i), deltas.data<float>() + 4 * row);
            if (drops_truths && sample.itself[std::size_t(i)] != 0) continue;
            if (drops_empty && !(box.x2 > box.x1 && box.y2 > box.y1)) continue;
            kept.insert(kept.end(), {box.x1, box.y1, box.x2, box.y2});
        }
        Tensor& boxes = refined.emplace_back(Shape{std::int64_t(kept.size() / 4), 4}, DType::f32);
        std::copy(kept.begin(), kept.end(), boxes.data<float>());
    }
    return refined;
}

}  // namespace regulus::train
