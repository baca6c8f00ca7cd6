#pragma once
// Which points of a cloud stay.
#include <array>
#include <cstddef>

#include <regulus/data/point_cloud.hpp>

namespace regulus {

/// A box along the axes, in metres: smallest x y z, then largest.
using PointCloudRange = std::array<float, 6>;

/// Keeps the points for which keep(const float* point) holds, in order. Returns how many went.
template <class Keep>
std::size_t keep_points(PointCloud& cloud, Keep&& keep) {
    const std::size_t features = static_cast<std::size_t>(cloud.features), before = cloud.size();
    float* to = cloud.values.data();
    for (std::size_t i = 0; i < before; ++i) {
        const float* const point = cloud[i];
        if (!keep(point)) continue;
        if (to != point) {
            for (std::size_t c = 0; c < features; ++c) to[c] = point[c];
        }
        to += features;
    }
    cloud.values.resize(static_cast<std::size_t>(to - cloud.values.data()));
    return before - cloud.size();
}

/// Keeps the points strictly inside the range, so that none lies on its border; NaN is outside. Returns how many went.
inline std::size_t keep_in_range(PointCloud& cloud, const PointCloudRange& range) {
    return keep_points(cloud, [&](const float* p) {
        return p[0] > range[0] && p[1] > range[1] && p[2] > range[2] && p[0] < range[3] && p[1] < range[4] && p[2] < range[5];
    });
}

/// Removes the points with |x| and |y| both below `radius`: what the vehicle sees of itself. Returns how many went.
inline std::size_t remove_close(PointCloud& cloud, float radius = 1) {
    return keep_points(cloud, [&](const float* p) { return !(p[0] > -radius && p[0] < radius && p[1] > -radius && p[1] < radius); });
}

}  // namespace regulus
