#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

#include <regulus/core/error.hpp>
#include <regulus/train/keypoint_loss.hpp>
#include <regulus/train/losses-impl.hpp>

namespace regulus::train {

namespace detail {

/// The cell of an axis from `first` to `last`, or -1. The last edge belongs to the last cell.
inline std::int32_t cell_of(float at, float first, float last, int side) {
    if (at == last) return side - 1;
    const float cell = std::floor((at - first) * (float(side) / (last - first)));
    return cell >= 0 && cell < float(side) ? std::int32_t(cell) : -1;  // not for NaN, of a region without width
}

}  // namespace detail

REGULUS_INLINE std::vector<int> mirrored_keypoints(const std::vector<std::string>& names) {
    std::vector<int> mirrored;
    for (const std::string& name : names) {
        const bool is_left = name.rfind("left", 0) == 0, is_right = name.rfind("right", 0) == 0;
        const std::string partner = is_left ? "right" + name.substr(4) : is_right ? "left" + name.substr(5) : name;
        const auto found = std::find(names.begin(), names.end(), partner);
        if (found == names.end()) throw ArgumentError("mirrored_keypoints: \"" + name + "\" has no \"" + partner + "\" beside it");
        mirrored.push_back(int(found - names.begin()));
    }
    return mirrored;
}

REGULUS_INLINE Tensor keypoint_targets(const RegionSample& regions, const Tensor& keypoints, int side) {
    constexpr const char* who = "keypoint_targets";
    if (side < 1 || side > 1024) throw ArgumentError(std::string(who) + ": the side of a map must be in 1 .. 1024, got " + std::to_string(side));
    const Shape& shape = keypoints.shape();
    const auto fits = [&](std::int32_t which) { return which < shape[0]; };
    if (keypoints.dtype() != DType::f32 || shape.rank() != 3 || shape[2] != 3 || !std::all_of(regions.truth.begin(), regions.truth.end(), fits)) {
        throw ShapeError(std::string(who) + ": keypoints must be float32 [truths, points, 3] for all truths of the regions, got " + name_of(keypoints.dtype()) + " " + to_string(shape));
    }
    Tensor targets(Shape{regions.positives, shape[1]}, DType::i32);
    std::int32_t* to = targets.data<std::int32_t>();
    for (std::size_t i = 0; i < regions.truth.size(); ++i) {
        if (regions.truth[i] < 0) continue;
        const float* const box = regions.boxes.data<float>() + 4 * i;
        const float* point = keypoints.data<float>() + 3 * shape[1] * regions.truth[i];
        for (std::int64_t k = 0; k < shape[1]; ++k, point += 3) {
            const std::int32_t x = detail::cell_of(point[0], box[0], box[2], side), y = detail::cell_of(point[1], box[1], box[3], side);
            *to++ = point[2] > 0 && x >= 0 && y >= 0 ? y * side + x : -1;
        }
    }
    return targets;
}

REGULUS_INLINE Loss keypoint_loss(const Tensor& logits, const std::vector<Tensor>& targets, double normaliser) {
    constexpr const char* who = "keypoint_loss";
    const Shape& shape = logits.shape();
    std::int64_t rows = 0;
    for (const Tensor& picture : targets) rows += picture.shape().rank() == 2 ? picture.shape()[0] : 0;
    if (logits.dtype() != DType::f32 || shape.rank() != 4 || shape[0] < rows || shape[2] != shape[3]) {
        throw ShapeError(std::string(who) + ": logits must be float32 [" + std::to_string(rows) + " regions or more, points, side, side], got " + name_of(logits.dtype()) + " " + to_string(shape));
    }
    const std::int64_t maps = shape[0] * shape[1];
    Tensor labels = Tensor::zeros(Shape{maps}, DType::i32), weights = Tensor::zeros(Shape{maps});
    std::int64_t map = 0, labelled = 0;
    for (const Tensor& picture : targets) {
        detail::need_shape(who, "targets", picture, Shape{picture.shape().rank() == 2 ? picture.shape()[0] : 0, shape[1]}, DType::i32);
        for (std::int64_t i = 0; i < picture.numel(); ++i, ++map) {
            const std::int32_t cell = picture.data<std::int32_t>()[i];
            if (cell < 0) continue;
            labels.data<std::int32_t>()[map] = cell;
            weights.data<float>()[map] = 1.f;
            ++labelled;
        }
    }
    Loss loss = cross_entropy_loss(logits.reshaped(Shape{maps, shape[2] * shape[3]}), labels, weights, normaliser > 0 ? normaliser : double(std::max<std::int64_t>(labelled, 1)));
    loss.gradient = loss.gradient.reshaped(shape);
    return loss;
}

}  // namespace regulus::train
