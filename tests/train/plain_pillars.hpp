#pragma once
// The pillar net over all slots in plain double arithmetic, and small clouds for it.
#include <vector>

#include <regulus/graph/kernels/encode_pillars.hpp>
#include <regulus/graph/kernels/voxelize.hpp>
#include <regulus/train/learning_backend.hpp>

#include "reference/graph_support.hpp"

namespace regulus::testing {

/// What ops::Voxelize gives for clouds, as inputs of the nodes behind it.
struct VoxelTensors {
    Tensor order, first, number, cells, count;
};

inline VoxelTensors voxelized(const ops::Voxelize& op, const Tensor& points, const Tensor& counts) {
    const std::int64_t bound = points.shape()[0], clouds = counts.numel(), voxels = std::min<std::int64_t>(bound, clouds * op.max_voxels);
    const auto zeros = [](const Shape& shape) { return Tensor::zeros(shape, DType::i32); };
    VoxelTensors made{zeros(Shape{bound}), zeros(Shape{voxels}), zeros(Shape{voxels}), zeros(Shape{voxels, 3}), zeros(Shape{clouds})};
    std::vector<std::byte> scratch(kernels::voxelize_scratch(op, bound));
    const auto data = [](Tensor& tensor) { return tensor.data<std::int32_t>(); };
    kernels::voxelize(op, points.data<float>(), bound, counts.data<std::int32_t>(), clouds, {data(made.order), data(made.first), data(made.number), data(made.cells)}, data(made.count), scratch.data());
    return made;
}

/// ops::EncodePillars as mmdetection3d trains it: every layer over [pillars * max_points] rows, those of empty slots among them. dst [v, units.back()], zeros behind the last pillar.
inline void plain_pillar_net(const ops::EncodePillars& op, const std::vector<double>& points, const VoxelTensors& voxels, const std::vector<std::vector<double>>& parameters, const train::LearningRules& rules,
                             std::vector<double>& dst) {
    const auto data = [](const Tensor& tensor) { return tensor.data<std::int32_t>(); };
    std::size_t pillars = 0, in = std::size_t(op.decorated());
    for (std::int64_t cloud = 0; cloud < voxels.count.numel(); ++cloud) pillars += std::size_t(data(voxels.count)[cloud]);
    const std::size_t slots = std::size_t(op.voxels.max_points), rows = pillars * slots;
    std::vector<double> now(rows * in, 0.0);
    for (std::size_t pillar = 0; pillar < pillars; ++pillar) {
        kernels::decorate_pillar(op, points.data(), data(voxels.order) + data(voxels.first)[pillar], data(voxels.number)[pillar], data(voxels.cells) + 3 * pillar, now.data() + pillar * slots * in, std::int64_t(in), std::int64_t(1));
    }
    std::fill(dst.begin(), dst.end(), 0.0);
    for (std::size_t layer = 0; layer < op.units.size(); ++layer) {
        const std::size_t unit = std::size_t(op.units[layer]);
        const auto& weight = parameters[5 * layer];
        std::vector<double> next(rows * 2 * unit, 0.0);  // own values, then the pillar's
        for (std::size_t o = 0; o < unit; ++o) {
            double mean = 0, variance = 0;
            std::vector<double> sums(rows, 0.0);
            for (std::size_t row = 0; row < rows; ++row) {
                for (std::size_t i = 0; i < in; ++i) sums[row] += weight[o * in + i] * now[row * in + i];
                mean += sums[row] / double(rows);
            }
            for (const double sum : sums) variance += (sum - mean) * (sum - mean) / double(rows);
            if (rules.stored(layer)) mean = parameters[5 * layer + 3][o], variance = parameters[5 * layer + 4][o];
            for (std::size_t pillar = 0; pillar < pillars; ++pillar) {
                double greatest = 0, total = 0;
                for (std::size_t row = pillar * slots; row < (pillar + 1) * slots; ++row) {
                    const double value = std::max(0.0, (sums[row] - mean) / std::sqrt(variance + op.norm_eps) * parameters[5 * layer + 1][o] + parameters[5 * layer + 2][o]);
                    next[row * 2 * unit + o] = value;
                    greatest = std::max(greatest, value);
                    total += value;
                }
                const double pooled = op.average ? total / double(std::max(data(voxels.number)[pillar], 1)) : greatest;
                for (std::size_t row = pillar * slots; row < (pillar + 1) * slots; ++row) next[row * 2 * unit + unit + o] = pooled;
                if (layer + 1 == op.units.size()) dst[pillar * unit + o] = pooled;
            }
        }
        now = std::move(next);
        in = 2 * unit;
    }
}

}  // namespace regulus::testing
