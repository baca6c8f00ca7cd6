#pragma once
// A cloud like nuScenes' ten sweeps and a network that sees it.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "../../examples/street.hpp"
#include "support/bench.hpp"

namespace regulus::bench {

/// `sweeps` * 32 * 940 points (300,800 for ten): x, y, z, age in seconds.
inline std::vector<float> sweeps_cloud(int sweeps) { return tool::street_cloud(std::int64_t(sweeps) * 32 * 940); }

/// Points and counts as a graph takes them, one cloud.
inline std::vector<Tensor> cloud_inputs(const std::vector<float>& points) {
    Tensor cloud(Shape{std::int64_t(points.size()) / 4, 4}, DType::f32), count(Shape{1}, DType::i32);
    std::copy(points.begin(), points.end(), cloud.data<float>());
    count.data<std::int32_t>()[0] = std::int32_t(points.size() / 4);
    return {cloud, count};
}

/// Random weights of a detector that divide metres by twenty and find an object at every hundredth anchor or so.
inline Weights detector_weights(const Graph& graph) {
    const Weights weights = random_weights(graph);
    for (const char* const name : {"pillar_net.1.norm.running_var", "head.logits.bias"}) {
        Tensor tensor = *weights.find(name);  // shares its elements
        for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = name[0] == 'p' ? 400.f : -4.59512f;
    }
    return weights;
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
