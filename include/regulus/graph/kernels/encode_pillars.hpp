#pragma once
// The pillar net, one voxel a call: its points' rows, and the layers over them.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include <regulus/core/config.hpp>
#include <regulus/graph/operations.hpp>

namespace regulus::kernels {

/// Rows that stand for all slots of a voxel with `number` points: these, and one for every empty slot, because those are all alike in every layer.
inline std::int64_t pillar_rows(const ops::EncodePillars& op, std::int64_t number) { return std::min<std::int64_t>(number + 1, op.voxels.max_points); }

/// The greatest number of values that a row has before any layer.
inline std::int64_t pillar_row_width(const ops::EncodePillars& op) {
    std::int64_t width = op.decorated();
    for (std::size_t layer = 0; layer + 1 < op.units.size(); ++layer) width = std::max<std::int64_t>(width, 2 * std::int64_t(op.units[layer]));
    return width;
}

/// Where the cell's centre lies on an axis (0: x), metres. `cell` is z, y, x.
REGULUS_HOST_DEVICE inline double pillar_centre(const ops::Voxelize& op, const std::int32_t* cell, std::size_t axis) {
    return double(cell[2 - axis]) * double(op.voxel_size[axis]) + (double(op.voxel_size[axis]) / 2 + double(op.range[axis]));
}

/// The decorated rows of a voxel's points, `order[0 .. number)` rows of `points`. Number j of row i goes to dst[i * row_step + j * column_step].
template <class T>
void decorate_pillar(const ops::EncodePillars& op, const T* points, const std::int32_t* order, std::int64_t number, const std::int32_t* cell, T* dst, std::int64_t row_step, std::int64_t column_step) {
    const int features = op.voxels.features;
    double mean[3] = {}, centre[3];
    for (std::size_t axis = 0; axis < 3; ++axis) {
        for (std::int64_t i = 0; i < number; ++i) mean[axis] += double(points[std::int64_t(order[i]) * features + std::int64_t(axis)]);
        mean[axis] /= double(std::max<std::int64_t>(number, 1));
        centre[axis] = pillar_centre(op.voxels, cell, axis);
    }
    for (std::int64_t i = 0; i < number; ++i) {
        const T* const point = points + std::int64_t(order[i]) * features;
        T* to = dst + i * row_step;
        const auto put = [&](T value) {
            *to = value;
            to += column_step;
        };
        double from_centre[3], seen[3];
        for (std::size_t axis = 0; axis < 3; ++axis) {
            from_centre[axis] = double(point[axis]) - centre[axis];
            seen[axis] = op.legacy && op.voxel_center ? from_centre[axis] : double(point[axis]);
        }
        for (std::size_t axis = 0; axis < 3; ++axis) put(T(seen[axis]));
        for (int feature = 3; feature < features; ++feature) put(point[feature]);
        for (std::size_t axis = 0; axis < 3 && op.cluster_center; ++axis) put(T(double(point[axis]) - mean[axis]));
        for (std::size_t axis = 0; axis < 3 && op.voxel_center; ++axis) put(T(from_centre[axis]));
        if (op.distance) put(T(std::sqrt(seen[0] * seen[0] + seen[1] * seen[1] + seen[2] * seen[2])));
    }
}

/// Elements of T that encode_pillar needs: the rows before and after a layer, columns first.
inline std::size_t encode_pillar_scratch(const ops::EncodePillars& op) {
    std::int64_t width = pillar_row_width(op);
    for (const int unit : op.units) width = std::max<std::int64_t>(width, unit);
    return std::size_t(2 * width * op.voxels.max_points);
}

/// ops::EncodePillars of one voxel: `order[0 .. number)` are rows of `points`, `cell` its z, y, x; dst [units.back()]. `parameters` are the node's: per layer
/// weight [unit, in], then the norm's weight, bias, mean, variance. A voxel without points is one of empty slots.
template <class T>
void encode_pillar(const ops::EncodePillars& op, const T* points, const std::int32_t* order, std::int64_t number, const std::int32_t* cell, const T* const* parameters, T* dst, T* scratch) {
    const std::int64_t rows = pillar_rows(op, number);
    const std::size_t half = encode_pillar_scratch(op) / 2;
    T* now = scratch;          // [in, rows]
    T* next = scratch + half;  // [unit, rows]
    std::int64_t in = op.decorated();
    if (number < rows) {
        for (std::int64_t column = 0; column < in; ++column) now[column * rows + number] = T(0);
    }
    decorate_pillar(op, points, order, number, cell, now, 1, rows);
    for (std::size_t layer = 0; layer < op.units.size(); ++layer, parameters += 5) {
        const std::int64_t unit = op.units[layer];
        const bool last = layer + 1 == op.units.size();
        for (std::int64_t o = 0; o < unit; ++o) {
            T* const to = next + o * rows;
            std::fill_n(to, rows, T(0));
            for (std::int64_t i = 0; i < in; ++i) {
                const T weight = parameters[0][o * in + i];
                const T* const column = now + i * rows;
                for (std::int64_t row = 0; row < rows; ++row) to[row] += weight * column[row];
            }
            const T scale = parameters[1][o] / std::sqrt(parameters[4][o] + T(op.norm_eps));
            T of_all = T(0);  // the greatest of what relu lets through, NaN wins; or the sum over all slots
            for (std::int64_t row = 0; row < rows; ++row) {
                const T value = (to[row] - parameters[3][o]) * scale + parameters[2][o];
                to[row] = value < 0 ? T(0) : value;
                if (op.average) of_all += to[row] * T(row < number ? 1 : op.voxels.max_points - number);
                else if (to[row] > of_all || to[row] != to[row]) of_all = to[row];
            }
            if (op.average) of_all /= T(std::max<std::int64_t>(number, 1));
            if (last) dst[o] = of_all;
            else std::fill_n(next + (unit + o) * rows, rows, of_all);
        }
        in = 2 * unit;
        std::swap(now, next);
    }
}

}  // namespace regulus::kernels
