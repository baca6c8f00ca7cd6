#pragma once
// What detectors of point clouds are taught with: clouds turned, stretched, moved and mirrored, and the boxes in them likewise. Everything random follows from a key.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/core/random_numbers.hpp>
#include <regulus/data/box3d.hpp>
#include <regulus/data/point_cloud.hpp>

namespace regulus {

/// What is random about a training cloud. The defaults are those of mmdetection3d's nuScenes and Lyft models.
struct CloudAugmentation {
    double rotation = 0.3925;                           ///< about the z axis: the greatest to either side, radians
    double least_scale = 0.95, greatest_scale = 1.05;   ///< of all lengths
    double translation = 0;                             ///< deviation along each axis, metres
    double flip_y = 0.5;                                ///< probability that y is mirrored (mmdetection3d's horizontal flip)
    double flip_x = 0;                                  ///< ... and x (its vertical flip)
};

/// Those of mmdetection3d's KITTI models, which mirror first; the same clouds are as likely.
inline CloudAugmentation kitti_augmentation() {
    CloudAugmentation augmentation;
    augmentation.rotation = 0.78539816;
    return augmentation;
}

/// The random choices for a cloud, in the order in which they are done.
struct CloudView {
    double angle = 0;  ///< counter-clockwise seen from above, radians
    double scale = 1;
    std::array<double, 3> translation = {};
    bool is_flipped_y = false, is_flipped_x = false;

    friend bool operator==(const CloudView&, const CloudView&) = default;
};

/// The choices that follow from a key: the same on every machine. Throws ArgumentError for an angle or a deviation below zero or not finite, scales that are not positive and
/// in order, and a probability outside 0 .. 1.
inline CloudView random_cloud_view(const CloudAugmentation& augmentation, std::uint64_t key) {
    const auto need = [](bool fits, const char* what, double value) {
        if (!fits) throw ArgumentError(std::string("random_cloud_view: ") + what + ", got " + std::to_string(value));
    };
    for (const double value : {augmentation.rotation, augmentation.translation}) need(value >= 0 && std::isfinite(value), "the greatest angle and the deviation are not negative", value);
    need(augmentation.least_scale > 0, "scales are positive", augmentation.least_scale);
    need(augmentation.greatest_scale >= augmentation.least_scale && std::isfinite(augmentation.greatest_scale), "the greatest scale is not below the least", augmentation.greatest_scale);
    for (const double value : {augmentation.flip_y, augmentation.flip_x}) need(value >= 0 && value <= 1, "flips are probabilities", value);
    RandomStream random(key);
    CloudView view;
    view.angle = augmentation.rotation * (2 * random.uniform() - 1);
    view.scale = augmentation.least_scale + (augmentation.greatest_scale - augmentation.least_scale) * random.uniform();
    for (double& along : view.translation) along = augmentation.translation * random.normal();
    view.is_flipped_y = random.uniform() < augmentation.flip_y;
    view.is_flipped_x = random.uniform() < augmentation.flip_x;
    return view;
}

/// Where a point goes; `s` and `c` are sine and cosine of the view's angle, `moves` is false for directions and velocities.
inline std::array<double, 3> viewed_point(const CloudView& view, double s, double c, const std::array<double, 3>& point, bool moves = true) {
    std::array<double, 3> seen{view.scale * (c * point[0] - s * point[1]), view.scale * (s * point[0] + c * point[1]), view.scale * point[2]};
    for (std::size_t axis = 0; axis < 3 && moves; ++axis) seen[axis] += view.translation[axis];
    if (view.is_flipped_y) seen[1] = -seen[1];
    if (view.is_flipped_x) seen[0] = -seen[0];
    return seen;
}

/// The cloud as it is seen; what else its points have stays.
inline void apply_view(const CloudView& view, PointCloud& cloud) {
    const double s = std::sin(view.angle), c = std::cos(view.angle);
    for (std::size_t i = 0; i < cloud.size(); ++i) {
        float* const point = cloud.values.data() + i * std::size_t(cloud.features);
        const std::array<double, 3> seen = viewed_point(view, s, c, {double(point[0]), double(point[1]), double(point[2])});
        for (std::size_t axis = 0; axis < 3; ++axis) point[axis] = float(seen[axis]);
    }
}

/// Puts the points into the random order that follows from the key: of a full pillar's any may stay then.
inline void shuffle_points(PointCloud& cloud, std::uint64_t key) {
    RandomStream random(key);
    const std::size_t features = std::size_t(cloud.features);
    for (std::size_t i = cloud.size(); i > 1; --i) {
        float *const a = cloud.values.data() + (i - 1) * features, *const b = cloud.values.data() + std::size_t(random.below(i)) * features;
        if (a != b) std::swap_ranges(a, a + features, b);
    }
}

/// The box around the same points; the yaw is not brought back into a turn.
inline Box3d viewed(const CloudView& view, const Box3d& box) {
    const double s = std::sin(view.angle), c = std::cos(view.angle);
    const std::array<double, 3> bottom = viewed_point(view, s, c, {double(box.x), double(box.y), double(box.z)}), velocity = viewed_point(view, s, c, {double(box.vx), double(box.vy), 0}, false);
    double yaw = double(box.yaw) + view.angle;
    if (view.is_flipped_y) yaw = -yaw;
    if (view.is_flipped_x) yaw = std::numbers::pi - yaw;
    const auto length = [&](float value) { return float(view.scale * double(value)); };
    return {float(bottom[0]), float(bottom[1]), float(bottom[2]), length(box.length), length(box.width), length(box.height), float(yaw), float(velocity[0]), float(velocity[1])};
}

}  // namespace regulus
