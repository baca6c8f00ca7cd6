#pragma once
// Points into the cells of a grid: which voxel a point belongs to, and a cloud's points sorted by voxel.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <regulus/core/config.hpp>
#include <regulus/graph/operations.hpp>

namespace regulus::kernels {

/// Cells along x, y, z; negative when the point is outside. NaN, infinities and huge coordinates are outside.
struct VoxelCell {
    std::int32_t x, y, z;

    REGULUS_HOST_DEVICE bool inside() const { return x >= 0; }
};

/// The cell of a point, in float32 as mmcv computes it: subtract, divide, round down. Only non-negative quotients are rounded, so truncating does it.
template <class T>
REGULUS_HOST_DEVICE inline VoxelCell voxel_cell(const ops::Voxelize& op, const T* point) {
    std::int32_t cell[3];
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const float p = float(point[axis]);
        if (op.strict && !(p > op.range[axis] && p < op.range[axis + 3])) return {-1, -1, -1};
        const float quotient = (p - op.range[axis]) / op.voxel_size[axis];
        if (!(quotient >= 0.f && quotient < float(op.cells(int(axis))))) return {-1, -1, -1};
        cell[axis] = std::int32_t(quotient);
    }
    return {cell[0], cell[1], cell[2]};
}

/// Cells of the whole grid; stops counting at 2^48, which no memory holds.
inline std::int64_t voxel_grid_cells(const ops::Voxelize& op) {
    constexpr std::int64_t most = std::int64_t(1) << 48;
    std::int64_t cells = 1;
    for (int axis = 0; axis < 3; ++axis) {
        const std::int64_t along = std::max(op.cells(axis), 0);
        if (along != 0 && cells > most / along) return most;
        cells *= along;
    }
    return cells;
}

/// Bytes that voxelize() needs for clouds of at most `points` points each: an int32 a cell and an int32 a point.
inline std::size_t voxelize_scratch(const ops::Voxelize& op, std::int64_t points) { return (std::size_t(voxel_grid_cells(op)) + std::size_t(points)) * sizeof(std::int32_t); }

/// Results of ops::Voxelize: `order` [p], `first` [v], `number` [v], `cells` [v, 3] as z, y, x.
struct VoxelRows {
    std::int32_t* order;
    std::int32_t* first;
    std::int32_t* number;
    std::int32_t* cells;
};

/// How many voxels a cloud has, and how many of its points they store.
struct VoxelTotals {
    std::int32_t voxels = 0;
    std::int32_t stored = 0;
};

/// The places of a cloud's points, given the voxel (or -1) of each in `voxel_of` and `number` of each voxel: fills `first` and `order`.
/// The cloud's points are rows `row` and on of the points, its entries of `order` begin at `slot`.
inline std::int32_t sort_by_voxel(const std::int32_t* voxel_of, std::int64_t count, std::int32_t voxels, std::int64_t row, std::int64_t slot, const VoxelRows& out) {
    std::int32_t next = std::int32_t(slot);
    for (std::int32_t voxel = 0; voxel < voxels; ++voxel) {
        out.first[voxel] = next;
        next += out.number[voxel];
    }
    for (std::int64_t i = 0; i < count; ++i) {
        if (voxel_of[i] >= 0) out.order[out.first[voxel_of[i]]++] = std::int32_t(row + i);
    }
    for (std::int32_t voxel = 0; voxel < voxels; ++voxel) out.first[voxel] -= out.number[voxel];
    return next - std::int32_t(slot);
}

/// The cell of each of `count` points as one number, (z * height + y) * width + x; -1 outside. The grid has at most 2^31 cells.
template <class T>
void flat_cells(const ops::Voxelize& op, const T* points, std::int64_t count, std::int32_t* flat) {
    const std::int64_t width = op.cells(0), height = op.cells(1);
    for (std::int64_t i = 0; i < count; ++i) {
        const VoxelCell cell = voxel_cell(op, points + i * op.features);
        flat[i] = cell.inside() ? std::int32_t((cell.z * height + cell.y) * width + cell.x) : -1;
    }
}

/// The voxels of one cloud, given the flat cells of its `count` points, rows `row` and on. `out.first`, `number` and `cells` point at the cloud's first voxel;
/// `out.order` at entry 0, of which this cloud fills those from `slot` on. `voxel_at` has an entry for each cell of the grid; what is in it does not matter.
/// `flat` is overwritten.
inline VoxelTotals gather_voxels(const ops::Voxelize& op, std::int32_t* flat, std::int64_t row, std::int64_t count, std::int64_t slot, const VoxelRows& out, std::int32_t* voxel_at) {
    const std::int32_t width = op.cells(0), height = op.cells(1);
    std::fill_n(voxel_at, voxel_grid_cells(op), -1);
    std::int32_t voxels = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int32_t cell = flat[i];
        if (cell < 0) continue;
        flat[i] = -1;
        std::int32_t& voxel = voxel_at[cell];
        if (voxel < 0) {
            if (voxels >= op.max_voxels) continue;  // later points still fill the voxels there are
            voxel = voxels++;
            out.number[voxel] = 0;
            std::int32_t* const place = out.cells + 3 * std::int64_t(voxel);
            place[0] = cell / width / height;
            place[1] = cell / width % height;
            place[2] = cell % width;
        }
        if (out.number[voxel] >= op.max_points) continue;
        ++out.number[voxel];
        flat[i] = voxel;
    }
    return {voxels, sort_by_voxel(flat, count, voxels, row, slot, out)};
}

/// One cloud: `count` points, rows `row` and on of `points`. `scratch` holds voxelize_scratch(op, count) bytes; what is in it does not matter.
template <class T>
VoxelTotals voxelize_cloud(const ops::Voxelize& op, const T* points, std::int64_t row, std::int64_t count, std::int64_t slot, const VoxelRows& out, void* scratch) {
    auto* const voxel_at = static_cast<std::int32_t*>(scratch);
    std::int32_t* const flat = voxel_at + voxel_grid_cells(op);
    flat_cells(op, points + row * op.features, count, flat);
    return gather_voxels(op, flat, row, count, slot, out, voxel_at);
}

/// ops::Voxelize of `clouds` clouds, packed one after the other in `points` [bound, features]; `found` [clouds] takes their voxel counts. Entries of
/// `order` that no voxel refers to become -1. Counts are cut to the rows there are. `cloud(row, count, slot, rows)` voxelizes one of them.
template <class Cloud>
void voxelize_clouds(std::int64_t bound, const std::int32_t* counts, std::int64_t clouds, VoxelRows out, std::int32_t* found, const Cloud& cloud) {
    std::int64_t row = 0, slot = 0;
    for (std::int64_t i = 0; i < clouds; ++i) {
        const std::int64_t count = std::clamp<std::int64_t>(counts[i], 0, bound - row);
        const VoxelTotals totals = cloud(row, count, slot, out);
        found[i] = totals.voxels;
        out.first += totals.voxels;
        out.number += totals.voxels;
        out.cells += 3 * std::int64_t(totals.voxels);
        row += count;
        slot += totals.stored;
    }
    std::fill(out.order + slot, out.order + bound, -1);
}

/// ops::Voxelize as a whole. `scratch` holds voxelize_scratch(op, bound) bytes. One pass over the points, one over the stored ones.
template <class T>
void voxelize(const ops::Voxelize& op, const T* points, std::int64_t bound, const std::int32_t* counts, std::int64_t clouds, const VoxelRows& out, std::int32_t* found, void* scratch) {
    voxelize_clouds(bound, counts, clouds, out, found,
                    [&](std::int64_t row, std::int64_t count, std::int64_t slot, const VoxelRows& rows) { return voxelize_cloud(op, points, row, count, slot, rows, scratch); });
}

/// "Dynamic" voxelisation: the cell of every point, `cells` [count, 3] as z, y, x, -1 three times for points outside.
template <class T>
void dynamic_voxelize(const ops::Voxelize& op, const T* points, std::int64_t count, std::int32_t* cells) {
    for (std::int64_t i = 0; i < count; ++i) {
        const VoxelCell cell = voxel_cell(op, points + i * op.features);
        cells[3 * i] = cell.z;
        cells[3 * i + 1] = cell.y;
        cells[3 * i + 2] = cell.x;
    }
}

}  // namespace regulus::kernels
