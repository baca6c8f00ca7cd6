#pragma once
// A street as a turning laser scanner sees it, for runs that measure time: the same points in every run.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <regulus/converters/seeded_weights.hpp>

namespace tool {

/// `count` points: x, y, z, age in seconds. Sweeps of 32 beams and 940 columns, as nuScenes' scanner turns, one after the other; ground, walls and things
/// before them, the car moving half a metre a sweep. 300,000 points are ten sweeps, which fill 30,000 pillars of a quarter of a metre.
/// bench/peers/points.py makes the same ones.
inline std::vector<float> street_cloud(std::int64_t count) {
    constexpr std::int64_t beams = 32, columns = 940;
    constexpr double pi = 3.14159265358979;
    std::vector<float> points;
    points.reserve(std::size_t(4 * count));
    std::uint64_t drawn = 0;
    const std::uint64_t cloud = regulus::fnv1a64("cloud"), thing = regulus::fnv1a64("thing");
    const auto noise = [&](double scale) { return scale * (regulus::seeded_uniform(cloud, 1, drawn++) - 0.5); };
    for (std::int64_t column = 0; std::int64_t(points.size()) < 4 * count; ++column) {
        const double sweep = double(column / columns), turn = double(column % columns);
        const double azimuth = 2 * pi * (turn + 0.37 * sweep) / double(columns);
        // Something stands in most directions: walls at 15 to 45 m, things of a metre or two before them.
        double wall = 30 + 12 * std::sin(3 * azimuth) + 5 * std::sin(17 * azimuth) + noise(1);
        if (column % columns % 23 < 6) wall = 6 + 18 * regulus::seeded_uniform(thing, 1, std::uint64_t(column % columns / 23));
        for (std::int64_t beam = 0; beam < beams && std::int64_t(points.size()) < 4 * count; ++beam) {
            const double elevation = (-30.0 + 40.0 * double(beam) / double(beams - 1)) * pi / 180;
            const double ground = elevation < -0.01 ? 1.8 / std::tan(-elevation) : 1e9;
            const double range = std::min(std::min(ground, wall), 70.0) + noise(0.3);
            points.push_back(float(range * std::cos(azimuth) - 0.5 * sweep));
            points.push_back(float(range * std::sin(azimuth)));
            points.push_back(float(std::min(range, 70.0) * std::tan(elevation) + noise(0.05)));
            points.push_back(float(0.05 * sweep));
        }
    }
    return points;
}

}  // namespace tool
