#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/train/anchor3d_loss.hpp>
#include <regulus/train/losses-impl.hpp>

namespace regulus::train {

namespace detail {

/// A head's map [n, A * numbers, h, w] as rows [n * h * w * A, numbers].
inline Tensor rows_of_map(const Tensor& map, std::int64_t numbers) {
    const std::int64_t clouds = map.shape()[0], channels = map.shape()[1], area = map.shape()[2] * map.shape()[3];
    Tensor rows(Shape{numbers == 0 ? 0 : clouds * area * channels / numbers, numbers}, DType::f32);
    for (std::int64_t cloud = 0; cloud < clouds; ++cloud) {
        for (std::int64_t c = 0; c < channels; ++c) {
            for (std::int64_t i = 0; i < area; ++i) rows.data<float>()[(cloud * area + i) * channels + c] = map.data<float>()[(cloud * channels + c) * area + i];
        }
    }
    return rows;
}

/// The way back, each number times `factor`.
inline Tensor map_of_rows(const Tensor& rows, const Shape& shape, double factor) {
    const std::int64_t channels = shape[1], area = shape[2] * shape[3];
    Tensor map(shape, DType::f32);
    for (std::int64_t cloud = 0; cloud < shape[0]; ++cloud) {
        for (std::int64_t c = 0; c < channels; ++c) {
            for (std::int64_t i = 0; i < area; ++i) map.data<float>()[(cloud * channels + c) * area + i] = float(factor * double(rows.data<float>()[(cloud * area + i) * channels + c]));
        }
    }
    return map;
}

/// Rows [first, first + count) of each cloud's targets, one cloud after the other. `part` names them.
inline Tensor level_rows(const std::vector<Anchor3dTargets>& clouds, Tensor Anchor3dTargets::*part, std::int64_t first, std::int64_t count) {
    const Tensor& like = clouds.front().*part;
    Shape shape = like.shape();
    const std::size_t row = shape[0] == 0 ? 0 : like.bytes() / std::size_t(shape[0]);
    shape[0] = std::int64_t(clouds.size()) * count;
    Tensor rows(shape, like.dtype());
    auto* to = static_cast<std::byte*>(rows.raw());
    for (const Anchor3dTargets& cloud : clouds) {
        std::memcpy(to, static_cast<const std::byte*>((cloud.*part).raw()) + std::size_t(first) * row, std::size_t(count) * row);
        to += std::size_t(count) * row;
    }
    return rows;
}

/// Smooth L1 loss of deltas [r, code] with the yaw's difference as a sine.
inline Loss delta_loss(const Tensor& deltas, const Tensor& targets, const Tensor& weights, double normaliser, double beta) {
    constexpr std::int64_t yaw = 6;
    const std::int64_t code = deltas.shape()[1];
    Tensor predicted = deltas.clone(), wanted = targets.clone();
    for (std::int64_t i = yaw; i < deltas.numel(); i += code) {
        const double p = double(deltas.data<float>()[i]), t = double(targets.data<float>()[i]);
        predicted.data<float>()[i] = float(std::sin(p) * std::cos(t));
        wanted.data<float>()[i] = float(std::cos(p) * std::sin(t));
    }
    Loss loss = smooth_l1_loss(predicted, wanted, weights, normaliser, beta);
    for (std::int64_t i = yaw; i < deltas.numel(); i += code) {
        loss.gradient.data<float>()[i] *= float(std::cos(double(deltas.data<float>()[i]) - double(targets.data<float>()[i])));
    }
    return loss;
}

}  // namespace detail

REGULUS_INLINE std::vector<Anchor3dLoss> anchor3d_loss(const std::vector<ops::AnchorGrid3d>& grids, const std::vector<Anchor3dMaps>& maps, const std::vector<Truth3d>& truths, const Anchor3dTraining& training,
                                                       const Anchor3dLossSettings& settings) {
    constexpr const char* who = "anchor3d_loss";
    if (grids.empty() || grids.size() != maps.size() || truths.empty()) {
        throw ShapeError(std::string(who) + ": " + std::to_string(grids.size()) + " anchor grids, maps of " + std::to_string(maps.size()) + " levels and " + std::to_string(truths.size()) +
                         " clouds; give as many grids as levels, and a cloud");
    }
    const std::int64_t clouds = std::int64_t(truths.size()), code = training.code, classes = training.classes;
    if (!training.code_weights.empty() && std::int64_t(training.code_weights.size()) != code) {
        throw ArgumentError(std::string(who) + ": " + std::to_string(training.code_weights.size()) + " code weights for boxes of " + std::to_string(code) + " numbers");
    }

    std::vector<std::int64_t> first{0};  // anchor of each level
    std::vector<Tensor> of_level;
    for (std::size_t level = 0; level < grids.size(); ++level) {
        const Shape& shape = maps[level].logits.shape();
        if (shape.rank() != 4) throw ShapeError(std::string(who) + ": logits must be [clouds, channels, height, width], got " + to_string(shape));
        const std::int64_t anchors = grids[level].per_cell();
        detail::need_shape(who, "logits", maps[level].logits, Shape{clouds, anchors * classes, shape[2], shape[3]}, DType::f32);
        detail::need_shape(who, "deltas", maps[level].deltas, Shape{clouds, anchors * code, shape[2], shape[3]}, DType::f32);
        detail::need_shape(who, "directions", maps[level].directions, Shape{clouds, anchors * 2, shape[2], shape[3]}, DType::f32);
        of_level.push_back(anchors3d(grids[level], shape[2], shape[3], training.code));
        first.push_back(first.back() + of_level.back().shape()[0]);
    }
    Tensor anchors(Shape{first.back(), code}, DType::f32);
    for (std::size_t level = 0; level < grids.size(); ++level) std::memcpy(anchors.data<float>() + first[level] * code, of_level[level].raw(), of_level[level].bytes());

    std::vector<Anchor3dTargets> targets;
    std::int64_t positives = 0;
    for (const Truth3d& truth : truths) {
        targets.push_back(anchor3d_targets(anchors, truth, training));
        positives += std::max<std::int64_t>(targets.back().positives, 1);
    }

    std::vector<Anchor3dLoss> losses;
    for (std::size_t level = 0; level < grids.size(); ++level) {
        const auto rows = [&](Tensor Anchor3dTargets::*part) { return detail::level_rows(targets, part, first[level], first[level + 1] - first[level]); };
        Tensor delta_weights = rows(&Anchor3dTargets::delta_weights);
        for (std::int64_t i = 0; i < delta_weights.numel() && !training.code_weights.empty(); ++i) delta_weights.data<float>()[i] *= training.code_weights[std::size_t(i % code)];
        const Loss classification = focal_loss(detail::rows_of_map(maps[level].logits, classes), rows(&Anchor3dTargets::labels), rows(&Anchor3dTargets::label_weights), double(positives), settings.focal);
        const Loss boxes = detail::delta_loss(detail::rows_of_map(maps[level].deltas, code), rows(&Anchor3dTargets::deltas), delta_weights, double(positives), settings.beta);
        const Loss directions = cross_entropy_loss(detail::rows_of_map(maps[level].directions, 2), rows(&Anchor3dTargets::directions), rows(&Anchor3dTargets::direction_weights), double(positives));
        losses.push_back({settings.classification * classification.value, settings.boxes * boxes.value, settings.directions * directions.value,
                          {detail::map_of_rows(classification.gradient, maps[level].logits.shape(), settings.classification), detail::map_of_rows(boxes.gradient, maps[level].deltas.shape(), settings.boxes),
                           detail::map_of_rows(directions.gradient, maps[level].directions.shape(), settings.directions)}});
    }
    return losses;
}

}  // namespace regulus::train
