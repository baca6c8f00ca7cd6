#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <regulus/core/error.hpp>
#include <regulus/graph/kernels/boxes3d.hpp>
#include <regulus/train/anchor3d_loss.hpp>
#include <regulus/train/anchor3d_targets-impl.hpp>
#include <regulus/train/blocks.hpp>
#include <regulus/train/losses-impl.hpp>

namespace regulus::train {

namespace detail {

/// An anchor with an object.
struct TaughtAnchor {
    std::int64_t cloud, cell, anchor;  // of the level's, of the cell's
    std::int32_t truth;
};

/// What a head's map [n, A * numbers, h, w] says of these anchors, a row each.
inline Tensor rows_of_map(const Tensor& map, std::int64_t numbers, const std::vector<TaughtAnchor>& anchors) {
    const std::int64_t channels = map.shape()[1], area = map.shape()[2] * map.shape()[3];
    Tensor rows(Shape{std::int64_t(anchors.size()), numbers}, DType::f32);
    float* to = rows.data<float>();
    for (const TaughtAnchor& one : anchors) {
        const float* const from = map.data<float>() + (one.cloud * channels + one.anchor * numbers) * area + one.cell;
        for (std::int64_t k = 0; k < numbers; ++k) *to++ = from[k * area];
    }
    return rows;
}

/// The way back, each number times `factor`; zero at all other anchors.
inline Tensor map_of_rows(const Tensor& rows, const Shape& shape, const std::vector<TaughtAnchor>& anchors, double factor, int threads) {
    const std::int64_t channels = shape[1], area = shape[2] * shape[3], numbers = rows.shape()[1];
    Tensor map(shape, DType::f32);
    float* const to = map.data<float>();
    for_each_index(shape[0] * channels, threads, [&](std::int64_t plane) { std::fill_n(to + plane * area, area, 0.f); });
    const float* from = rows.data<float>();
    for (const TaughtAnchor& one : anchors) {
        for (std::int64_t k = 0; k < numbers; ++k) to[(one.cloud * channels + one.anchor * numbers + k) * area + one.cell] = float(factor * double(*from++));
    }
    return map;
}

/// A level of the head; its anchors are [first, first + count()) of all, in the order of anchors3d().
struct Level3d {
    const ops::AnchorGrid3d& grid;
    std::int64_t height, width, per_cell, first;

    std::int64_t area() const { return height * width; }
    std::int64_t count() const { return area() * per_cell; }
    kernels::Box3d<float> anchor(std::int64_t cell, std::int64_t which) const { return kernels::anchor3d<float>(grid, height, width, cell / width, cell % width, std::size_t(which)); }
};

/// The level's part of all anchors seen from above.
inline void level_from_above(const Level3d& level, std::vector<float>& corners, int threads) {
    for_each_index(level.area(), threads, [&](std::int64_t cell) {
        for (std::int64_t which = 0; which < level.per_cell; ++which) {
            kernels::nearest_bev(level.anchor(cell, which), corners.data() + 4 * (level.first + cell * level.per_cell + which));
        }
    });
}

/// The level's anchors with an object, cloud by cloud; `assigned` has the anchors of each.
inline std::vector<TaughtAnchor> taught_anchors(const Level3d& level, const std::vector<std::vector<std::int32_t>>& assigned) {
    std::vector<TaughtAnchor> taught;
    for (std::size_t cloud = 0; cloud < assigned.size(); ++cloud) {
        for (std::int64_t i = 0; i < level.count(); ++i) {
            const std::int32_t truth = assigned[cloud][std::size_t(level.first + i)];
            if (truth >= 0) taught.push_back({std::int64_t(cloud), i / level.per_cell, i % level.per_cell, truth});
        }
    }
    return taught;
}

/// What plane_loss() asks of the level's anchors: planes [clouds, A, h, w].
inline std::vector<std::int32_t> plane_labels(const Level3d& level, const std::vector<std::vector<std::int32_t>>& assigned, const std::vector<Truth3d>& truths, int threads) {
    std::vector<std::int32_t> labels(assigned.size() * std::size_t(level.count()));
    for_each_index(std::int64_t(assigned.size()) * level.per_cell, threads, [&](std::int64_t plane) {
        const std::size_t cloud = std::size_t(plane / level.per_cell);
        const std::int32_t* const which = assigned[cloud].data() + level.first + plane % level.per_cell;
        const std::int32_t* const of_truth = truths[cloud].labels.data<std::int32_t>();
        for (std::int64_t cell = 0; cell < level.area(); ++cell) {
            const std::int32_t truth = which[cell * level.per_cell];
            labels[std::size_t(plane * level.area() + cell)] = truth == ignored_box ? left_out : truth == background_box ? -1 : of_truth[truth];
        }
    });
    return labels;
}

/// What the heads of anchors with an object should give, a row each.
struct TaughtRows {
    Tensor deltas, delta_weights;          // [r, code]
    Tensor directions, direction_weights;  // [r]
};

inline TaughtRows taught_rows(const Level3d& level, const std::vector<TaughtAnchor>& taught, const std::vector<Truth3d>& truths, const Anchor3dTraining& training) {
    const std::int64_t count = std::int64_t(taught.size()), code = training.code;
    TaughtRows rows{Tensor(Shape{count, code}, DType::f32), Tensor(Shape{count, code}, DType::f32), Tensor(Shape{count}, DType::i32), Tensor(Shape{count}, DType::f32)};
    std::vector<float> anchor(std::size_t(code), 0.f);  // without velocity
    for (std::int64_t i = 0; i < count; ++i) {
        const TaughtAnchor& one = taught[std::size_t(i)];
        kernels::store_box3d(level.anchor(one.cell, one.anchor), anchor.data());
        const float* const box = truths[std::size_t(one.cloud)].boxes.data<float>() + one.truth * code;
        rows.directions.data<std::int32_t>()[i] = encode_target3d(anchor.data(), box, training, rows.deltas.data<float>() + i * code);
        rows.direction_weights.data<float>()[i] = 1.f;
        for (std::int64_t k = 0; k < code; ++k) rows.delta_weights.data<float>()[i * code + k] = training.code_weights.empty() ? 1.f : training.code_weights[std::size_t(k)];
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
    const int threads = training.threads;
    if (!training.code_weights.empty() && std::int64_t(training.code_weights.size()) != code) {
        throw ArgumentError(std::string(who) + ": " + std::to_string(training.code_weights.size()) + " code weights for boxes of " + std::to_string(code) + " numbers");
    }

    std::vector<detail::Level3d> levels;
    std::int64_t count = 0;  // of all anchors
    for (std::size_t level = 0; level < grids.size(); ++level) {
        const Shape& shape = maps[level].logits.shape();
        if (shape.rank() != 4) throw ShapeError(std::string(who) + ": logits must be [clouds, channels, height, width], got " + to_string(shape));
        const std::int64_t anchors = grids[level].per_cell();
        if (!training.by_class.empty() && (std::int64_t(grids[level].sizes.size()) != classes || int(grids[level].rotations.size()) != training.rotations)) {
            throw ArgumentError(std::string(who) + ": anchors of " + std::to_string(grids[level].sizes.size()) + " sizes and " + std::to_string(grids[level].rotations.size()) + " rotations, assigned by " +
                                std::to_string(classes) + " classes and " + std::to_string(training.rotations) + " rotations");
        }
        detail::need_shape(who, "logits", maps[level].logits, Shape{clouds, anchors * classes, shape[2], shape[3]}, DType::f32);
        detail::need_shape(who, "deltas", maps[level].deltas, Shape{clouds, anchors * code, shape[2], shape[3]}, DType::f32);
        detail::need_shape(who, "directions", maps[level].directions, Shape{clouds, anchors * 2, shape[2], shape[3]}, DType::f32);
        levels.push_back({grids[level], shape[2], shape[3], anchors, count});
        count += levels.back().count();
    }
    for (const Truth3d& truth : truths) detail::need_truth3d(truth, training);

    std::vector<float> corners(std::size_t(4 * count));
    for (const detail::Level3d& level : levels) detail::level_from_above(level, corners, threads);
    std::vector<std::vector<std::int32_t>> assigned;  // the anchors of each cloud
    std::int64_t positives = 0;
    for (const Truth3d& truth : truths) {
        assigned.push_back(detail::assign_from_above(corners, truth, training));
        positives += std::max<std::int64_t>(std::count_if(assigned.back().begin(), assigned.back().end(), [](std::int32_t which) { return which >= 0; }), 1);
    }

    std::vector<Anchor3dLoss> losses;
    for (std::size_t i = 0; i < levels.size(); ++i) {
        const detail::Level3d& level = levels[i];
        const std::int64_t area = level.area(), planes = clouds * level.per_cell * classes;
        const std::vector<std::int32_t> labels = detail::plane_labels(level, assigned, truths, threads);
        const float* const logits = maps[i].logits.data<float>();
        Tensor by_logits(maps[i].logits.shape(), DType::f32);
        float* const slopes = by_logits.data<float>();
        std::vector<double> sums(std::size_t(planes), 0.0);
        detail::for_each_index(planes, threads, [&](std::int64_t plane) {
            sums[std::size_t(plane)] = detail::plane_loss(logits + plane * area, labels.data() + plane / classes * area, area, 1, std::int32_t(plane % classes), settings.classification / double(positives),
                                                          slopes + plane * area, [&](double logit, bool yes) { return detail::focal_term(logit, yes, settings.focal); });
        });
        double classification = 0;
        for (const double sum : sums) classification += sum;

        const std::vector<detail::TaughtAnchor> taught = detail::taught_anchors(level, assigned);
        const detail::TaughtRows rows = detail::taught_rows(level, taught, truths, training);
        const Loss boxes = detail::delta_loss(detail::rows_of_map(maps[i].deltas, code, taught), rows.deltas, rows.delta_weights, double(positives), settings.beta);
        const Loss directions = cross_entropy_loss(detail::rows_of_map(maps[i].directions, 2, taught), rows.directions, rows.direction_weights, double(positives));
        losses.push_back({classification, settings.boxes * boxes.value, settings.directions * directions.value,
                          {std::move(by_logits), detail::map_of_rows(boxes.gradient, maps[i].deltas.shape(), taught, settings.boxes, threads),
                           detail::map_of_rows(directions.gradient, maps[i].directions.shape(), taught, settings.directions, threads)}});
    }
    return losses;
}

}  // namespace regulus::train
