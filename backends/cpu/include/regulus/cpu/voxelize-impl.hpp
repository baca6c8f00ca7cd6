#pragma once
// Voxels of a cloud: the cells of its points by all threads, x, y and z of a point in one vector; then the order of the voxels, which one thread has to make.
#include <cstring>

#include <regulus/cpu/maps-impl.hpp>
#include <regulus/graph/kernels/voxelize.hpp>

namespace regulus::cpu {

/// kernels::flat_cells for points of at least four numbers, equal to the bit.
inline void flat_cells(const ops::Voxelize& op, const float* points, std::int64_t count, std::int32_t* flat) {
    typedef float Four __attribute__((vector_size(16)));
    typedef std::int32_t FourInts __attribute__((vector_size(16)));
    Four low{}, high{}, size{1.f, 1.f, 1.f, 1.f}, cells{1.f, 1.f, 1.f, 1.f};
    for (std::size_t axis = 0; axis < 3; ++axis) {
        low[axis] = op.range[axis];
        high[axis] = op.range[axis + 3];
        size[axis] = op.voxel_size[axis];
        cells[axis] = float(op.cells(int(axis)));
    }
    const FourInts strict = FourInts{} - (op.strict ? 1 : 0);
    const std::int32_t width = op.cells(0), height = op.cells(1);
    for (std::int64_t i = 0; i < count; ++i, points += op.features) {
        Four point;
        std::memcpy(&point, points, sizeof point);
        const Four quotient = (point - low) / size;
        const FourInts inside = (quotient >= 0.f) & (quotient < cells) & (((point > low) & (point < high)) | ~strict);
        const FourInts cell = __builtin_convertvector(inside ? quotient : Four{}, FourInts);
        flat[i] = (inside[0] & inside[1] & inside[2]) != 0 ? (cell[2] * height + cell[1]) * width + cell[0] : -1;
    }
}

/// kernels::voxelize.
inline void voxelize(const ops::Voxelize& op, const float* points, std::int64_t bound, const std::int32_t* counts, std::int64_t clouds, const kernels::VoxelRows& out, std::int32_t* found, void* scratch) {
    auto* const voxel_at = static_cast<std::int32_t*>(scratch);
    std::int32_t* const flat = voxel_at + kernels::voxel_grid_cells(op);
    kernels::voxelize_clouds(bound, counts, clouds, out, found, [&](std::int64_t row, std::int64_t count, std::int64_t slot, const kernels::VoxelRows& rows) {
        parallel_slices(count, [&](std::int64_t first, std::int64_t part) {
            const float* const from = points + (row + first) * op.features;
            op.features >= 4 ? flat_cells(op, from, part, flat + first) : kernels::flat_cells(op, from, part, flat + first);
        });
        return kernels::gather_voxels(op, flat, row, count, slot, rows, voxel_at);
    });
}

}  // namespace regulus::cpu
