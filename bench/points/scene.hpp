#pragma once
// A cloud like nuScenes' ten sweeps: 32 beams that turn, ground, walls and poles, the car moving half a metre a sweep.
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/bench.hpp"

namespace regulus::bench {

/// `sweeps` * 32 * 940 points (300,800 for ten): x, y, z, age in seconds.
inline std::vector<float> sweeps_cloud(int sweeps) {
    constexpr int beams = 32, columns = 940;
    std::vector<float> points;
    points.reserve(std::size_t(sweeps) * beams * columns * 4);
    std::uint64_t index = 0;
    const auto noise = [&](double scale) { return scale * (seeded_uniform(fnv1a64("cloud"), 1, index++) - 0.5); };
    for (int sweep = 0; sweep < sweeps; ++sweep) {
        const double forward = -0.5 * sweep;
        for (int column = 0; column < columns; ++column) {
            const double azimuth = 2 * 3.14159265358979 * (column + 0.37 * sweep) / columns;
            // Something stands in most directions: walls at 15 to 45 m, things of a metre or two before them.
            double wall = 30 + 12 * std::sin(3 * azimuth) + 5 * std::sin(17 * azimuth) + noise(1);
            if (column % 23 < 6) wall = 6 + 18 * seeded_uniform(fnv1a64("thing"), 1, std::uint64_t(column / 23));
            for (int beam = 0; beam < beams; ++beam) {
                const double elevation = (-30.0 + 40.0 * beam / (beams - 1)) * 3.14159265358979 / 180;
                const double ground = elevation < -0.01 ? 1.8 / std::tan(-elevation) : 1e9;
                const double range = std::min(std::min(ground, wall), 70.0) + noise(0.3);
                points.push_back(float(range * std::cos(azimuth) + forward));
                points.push_back(float(range * std::sin(azimuth)));
                points.push_back(float(std::min(range, 70.0) * std::tan(elevation) + noise(0.05)));
                points.push_back(float(0.05 * sweep));
            }
        }
    }
    return points;
}

/// The grid of nuScenes' models.
inline ops::Voxelize nuscenes_grid() {
    ops::Voxelize op;
    op.features = 4;
    op.range = {-50, -50, -5, 50, 50, 3};
    op.voxel_size = {0.25f, 0.25f, 8};
    op.max_points = 64;
    op.max_voxels = 40000;
    return op;
}

}  // namespace regulus::bench
