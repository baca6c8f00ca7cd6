#pragma once
// From points to a map seen from above. Voxels stand in the order of their first point and hold their points in order: ranks are counted, never raced for.
#include <regulus/cuda/kernels/boxes.hpp>
#include <regulus/graph/kernels/encode_pillars.hpp>
#include <regulus/graph/kernels/voxelize.hpp>

namespace regulus::cuda {

/// What the steps of Voxelize share. Cells of cloud c are [c * grid, (c + 1) * grid).
struct VoxelWork {
    const float* points;
    const std::int32_t* counts;  // of the clouds' points
    std::int32_t* cell_of;       // [p]; -1: outside
    std::int32_t* first_at;      // [clouds * grid]: the first point of each cell; filled with 0x7F7F7F7F
    std::int32_t* voxel_at;      // [clouds * grid]: the cell's voxel, -1 for cells beyond max_voxels; of cells with points
    std::int32_t* rank;          // [p]: first points before this one; later the point's voxel
    std::uint32_t* points_of;    // [v]: how many points a voxel has, stored or not
    std::int32_t* segment;       // [v]: where they begin in `members`
    std::uint32_t* cursor;       // [v]
    std::int32_t* members;       // [p]: the points of each voxel, in any order
    std::int32_t* order;         // the results; `order` is filled with -1
    std::int32_t* first;
    std::int32_t* number;
    std::int32_t* cells;
    std::int32_t* found;
    std::int32_t clouds, bound, rows, grid;  // bound: p; rows: v
    ops::Voxelize op;

    REGULUS_HOST_DEVICE bool is_first(std::int32_t i) const { return cell_of[i] >= 0 && first_at[cell_of[i]] == i; }
};

struct FindCells {
    VoxelWork work;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return std::uint32_t(work.bound); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::int32_t cloud = image_of_row(work.counts, work.clouds, i);
        std::int32_t cell = -1;
        if (cloud < work.clouds) {
            const kernels::VoxelCell at = kernels::voxel_cell(work.op, work.points + std::int64_t(i) * work.op.features);
            if (at.inside()) cell = cloud * work.grid + (at.z * work.op.cells(1) + at.y) * work.op.cells(0) + at.x;
        }
        work.cell_of[i] = cell;
        if (cell >= 0) atomic_min(work.first_at + cell, std::int32_t(i));
    }
};

/// Numbers the cells by their first points, one block for all clouds. Shared memory: an integer a thread and one.
struct NumberVoxels {
    static constexpr unsigned threads = 1024;
    static constexpr std::size_t shared_bytes = (threads + 1) * 4;
    VoxelWork work;
    REGULUS_HOST_DEVICE std::int32_t phases(const Thread&) const { return 5; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        std::int32_t* const before = thread.shared_as<std::int32_t>();
        const Share share = share_of(thread, work.bound);
        if (phase == 0) {
            std::int32_t firsts = 0;
            for (std::int64_t i = share.first; i < share.last; ++i) firsts += work.is_first(std::int32_t(i)) ? 1 : 0;
            before[thread.index] = firsts;
        } else if (phase == 1) {
            if (thread.index == 0) before[thread.count] = sum_before(before, thread.count);
        } else if (phase == 2) {
            std::int32_t sum = before[thread.index];
            for (std::int64_t i = share.first; i < share.last; ++i) {
                work.rank[i] = sum;
                sum += work.is_first(std::int32_t(i)) ? 1 : 0;
            }
        } else if (phase == 3) {
            if (thread.index != 0) return;
            std::int64_t row = 0;
            for (std::int32_t cloud = 0; cloud < work.clouds; ++cloud) {
                const std::int32_t begin = rank_at(row, before[thread.count]);
                row += work.counts[cloud];
                const std::int32_t voxels = rank_at(row, before[thread.count]) - begin;
                work.found[cloud] = voxels < work.op.max_voxels ? voxels : work.op.max_voxels;
            }
        } else {
            const std::int32_t total = before[thread.count];
            for (std::int64_t i = share.first; i < share.last; ++i) {
                if (!work.is_first(std::int32_t(i))) continue;
                // The cloud's first row of points and of voxels.
                const std::int32_t cloud = work.cell_of[i] / work.grid;
                std::int64_t point_row = 0;
                std::int32_t voxel_row = 0;
                for (std::int32_t c = 0; c < cloud; ++c) {
                    point_row += work.counts[c];
                    voxel_row += work.found[c];
                }
                const std::int32_t own = work.rank[i] - rank_at(point_row, total);
                const bool stays = own < work.op.max_voxels;
                work.voxel_at[work.cell_of[i]] = stays ? voxel_row + own : -1;
                if (!stays) continue;
                const std::int32_t cell = work.cell_of[i] % work.grid, width = work.op.cells(0), height = work.op.cells(1);
                std::int32_t* const to = work.cells + 3 * (voxel_row + own);
                to[0] = cell / width / height;
                to[1] = cell / width % height;
                to[2] = cell % width;
            }
        }
    }

private:
    REGULUS_HOST_DEVICE std::int32_t rank_at(std::int64_t row, std::int32_t total) const { return row < work.bound ? work.rank[row] : total; }
};

/// The voxel of each point, into `rank`, and how many points each has; `points_of` is filled with zeros.
struct CountPoints {
    VoxelWork work;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return std::uint32_t(work.bound); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::int32_t voxel = work.cell_of[i] >= 0 ? work.voxel_at[work.cell_of[i]] : -1;
        work.rank[i] = voxel;
        if (voxel >= 0) atomic_add(work.points_of + voxel, 1);
    }
};

/// Where each voxel's points begin, all of them and the stored ones; one block. Shared memory: two integers a thread.
struct PlaceVoxels {
    static constexpr unsigned threads = 1024;
    static constexpr std::size_t shared_bytes = 2 * threads * 4;
    VoxelWork work;
    REGULUS_HOST_DEVICE std::int32_t stored(std::int64_t voxel) const {
        const std::int32_t all = std::int32_t(work.points_of[voxel]);
        return all < work.op.max_points ? all : work.op.max_points;
    }
    REGULUS_HOST_DEVICE std::int32_t phases(const Thread&) const { return 3; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        std::int32_t* const before = thread.shared_as<std::int32_t>();
        std::int32_t* const stored_before = before + thread.count;
        const Share share = share_of(thread, work.rows);
        if (phase == 1) {
            if (thread.index != 0) return;
            sum_before(before, thread.count);
            sum_before(stored_before, thread.count);
            return;
        }
        std::int32_t sum = phase == 0 ? 0 : before[thread.index], stored_sum = phase == 0 ? 0 : stored_before[thread.index];
        for (std::int64_t voxel = share.first; voxel < share.last; ++voxel) {
            if (phase == 2) {
                work.segment[voxel] = sum;
                work.first[voxel] = stored_sum;
                work.number[voxel] = stored(voxel);
                work.cursor[voxel] = 0;
            }
            sum += std::int32_t(work.points_of[voxel]);
            stored_sum += stored(voxel);
        }
        if (phase == 0) {
            before[thread.index] = sum;
            stored_before[thread.index] = stored_sum;
        }
    }
};

struct GatherPoints {
    VoxelWork work;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return std::uint32_t(work.bound); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::int32_t voxel = work.rank[i];
        if (voxel >= 0) work.members[work.segment[voxel] + std::int32_t(atomic_add(work.cursor + voxel, 1))] = std::int32_t(i);
    }
};

/// A point is stored when fewer than max_points of its voxel come before it.
struct StorePoints {
    VoxelWork work;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return std::uint32_t(work.bound); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::int32_t voxel = work.rank[i];
        if (voxel < 0) return;
        const std::int32_t* const members = work.members + work.segment[voxel];
        const std::int32_t count = std::int32_t(work.points_of[voxel]);
        std::int32_t before = 0;
        for (std::int32_t k = 0; k < count && before < work.op.max_points; ++k) before += members[k] < std::int32_t(i) ? 1 : 0;
        if (before < work.op.max_points) work.order[work.first[voxel] + before] = std::int32_t(i);
    }
};

/// The cell of every point; -1 three times for points outside and for rows beyond the clouds.
struct FindEveryCell {
    const float* points;
    const std::int32_t* counts;
    std::int32_t* cells;  // [bound, 3]: z, y, x
    std::int32_t clouds, bound;
    ops::Voxelize op;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return std::uint32_t(bound); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        kernels::VoxelCell cell{-1, -1, -1};
        if (image_of_row(counts, clouds, i) < clouds) cell = kernels::voxel_cell(op, points + std::int64_t(i) * op.features);
        std::int32_t* const to = cells + 3 * std::int64_t(i);
        to[0] = cell.z;
        to[1] = cell.y;
        to[2] = cell.x;
    }
};

/// The pillar net, one block a voxel; rows beyond the counts become zero. The arithmetic of graph/kernels/encode_pillars.hpp, norms folded to scale and shift.
/// A layer's maximum (or mean) is the same for all rows, so it is kept once, behind them. Shared memory: shared_bytes().
template <class T>
struct EncodingPillars {
    static constexpr unsigned threads = 64;
    static constexpr std::int32_t most_layers = 4;
    const float* points;
    const std::int32_t* order;
    const std::int32_t* first;
    const std::int32_t* number;
    const std::int32_t* cells;
    const std::int32_t* counts;
    T* dst;
    const float* weight[most_layers];
    const float* scale[most_layers];
    const float* shift[most_layers];
    std::int32_t units[most_layers];
    std::int32_t layers, clouds, decorated, width;
    ops::Voxelize voxels;
    bool cluster_center, voxel_center, distance, legacy, average;

    /// Three doubles, then twice: rows of at most `width` numbers, and what they have in common.
    REGULUS_HOST_DEVICE std::size_t shared_bytes() const { return 3 * sizeof(double) + 2 * std::size_t(width) * (std::size_t(voxels.max_points) + 1) * sizeof(float); }
    REGULUS_HOST_DEVICE std::int32_t phases(const Thread&) const { return 2 + 2 * layers; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        const std::int64_t voxel = thread.block;
        if (image_of_row(counts, clouds, voxel) >= clouds) {
            if (phase != 0) return;
            for (std::int32_t o = thread.index; o < units[layers - 1]; o += thread.count) store(dst + voxel * units[layers - 1] + o, 0.f);
            return;
        }
        double* const mean = thread.shared_as<double>();
        float* const buffers[2] = {thread.shared_as<float>(3 * sizeof(double)), thread.shared_as<float>(3 * sizeof(double)) + width * (voxels.max_points + 1)};
        const std::int32_t points_here = number[voxel], rows = points_here + 1 < voxels.max_points ? points_here + 1 : voxels.max_points;
        const std::int32_t* const own = order + first[voxel];
        if (phase == 0) {
            if (thread.index >= 3) return;
            double sum = 0;
            for (std::int32_t i = 0; i < points_here; ++i) sum += double(points[std::int64_t(own[i]) * voxels.features + thread.index]);
            mean[thread.index] = sum / double(points_here > 1 ? points_here : 1);
            return;
        }
        if (phase == 1) {
            for (std::int32_t row = thread.index; row < rows; row += thread.count) decorate(row, row < points_here ? points + std::int64_t(own[row]) * voxels.features : nullptr, voxel, mean, rows, buffers[0]);
            return;
        }
        const std::int32_t layer = (phase - 2) / 2, in = layer == 0 ? decorated : 2 * units[layer - 1], unit = units[layer];
        const float* const now = buffers[layer % 2];
        float* const next = buffers[1 - layer % 2];
        if (phase % 2 == 0) {
            for (std::int32_t i = thread.index; i < unit * rows; i += thread.count) {
                const std::int32_t o = i / rows, row = i % rows;
                const std::int32_t own_numbers = layer == 0 ? in : units[layer - 1];
                const float* const common = now + own_numbers * rows;
                float sum = 0;
                for (std::int32_t k = 0; k < own_numbers; ++k) sum += weight[layer][o * in + k] * now[k * rows + row];
                for (std::int32_t k = own_numbers; k < in; ++k) sum += weight[layer][o * in + k] * common[k - own_numbers];
                const float value = sum * scale[layer][o] + shift[layer][o];
                next[i] = value < 0 ? 0.f : value;
            }
            return;
        }
        for (std::int32_t o = thread.index; o < unit; o += thread.count) {
            float of_all = 0;  // the greatest of what relu lets through, NaN wins; or the mean
            for (std::int32_t row = 0; row < rows; ++row) {
                const float value = next[o * rows + row];
                if (average) of_all += value * float(row < points_here ? 1 : voxels.max_points - points_here);
                else if (value > of_all || value != value) of_all = value;
            }
            if (average) of_all /= float(points_here > 1 ? points_here : 1);
            if (layer + 1 == layers) store(dst + voxel * unit + o, of_all);
            else next[unit * rows + o] = of_all;
        }
    }

private:
    REGULUS_HOST_DEVICE void decorate(std::int32_t row, const float* point, std::int64_t voxel, const double* mean, std::int32_t rows, float* to) const {
        to += row;
        if (point == nullptr) {
            for (std::int32_t column = 0; column < decorated; ++column) to[column * rows] = 0;
            return;
        }
        double from_centre[3], seen[3];
        for (std::int32_t axis = 0; axis < 3; ++axis) {
            from_centre[axis] = double(point[axis]) - kernels::pillar_centre(voxels, cells + 3 * voxel, std::size_t(axis));
            seen[axis] = legacy && voxel_center ? from_centre[axis] : double(point[axis]);
        }
        const auto put = [&](float value) {
            *to = value;
            to += rows;
        };
        for (std::int32_t axis = 0; axis < 3; ++axis) put(float(seen[axis]));
        for (std::int32_t feature = 3; feature < voxels.features; ++feature) put(point[feature]);
        for (std::int32_t axis = 0; axis < 3 && cluster_center; ++axis) put(float(double(point[axis]) - mean[axis]));
        for (std::int32_t axis = 0; axis < 3 && voxel_center; ++axis) put(float(from_centre[axis]));
        if (distance) put(float(std::sqrt(seen[0] * seen[0] + seen[1] * seen[1] + seen[2] * seen[2])));
    }
};

/// Which pillar a cell of the map takes: the last. `winner` is filled with 0x7F7F7F7F and becomes 0x7F000000 - row.
struct ClaimCells {
    const std::int32_t* cells;
    const std::int32_t* counts;
    std::int32_t* winner;  // [clouds, height, width]
    std::int32_t clouds, height, width;
    std::uint32_t rows;

    REGULUS_HOST_DEVICE std::int32_t place(std::uint32_t row) const {
        const std::int32_t cloud = image_of_row(counts, clouds, row);
        if (cloud >= clouds) return -1;
        const std::int32_t y = cells[3 * std::int64_t(row) + 1], x = cells[3 * std::int64_t(row) + 2];
        return y >= 0 && y < height && x >= 0 && x < width ? (cloud * height + y) * width + x : -1;
    }
    REGULUS_HOST_DEVICE std::uint32_t size() const { return rows; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t row) const {
        const std::int32_t at = place(row);
        if (at >= 0) atomic_min(winner + at, 0x7F000000 - std::int32_t(row));
    }
};

/// Pillars into an NHWC map of zeros.
template <class T>
struct ScatteringPillars {
    ClaimCells claims;
    const T* pillars;
    T* map;
    std::uint32_t channels;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return claims.rows * channels; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t row = i / channels;
        const std::int32_t at = claims.place(row);
        if (at >= 0 && claims.winner[at] == 0x7F000000 - std::int32_t(row)) map[std::int64_t(at) * channels + i % channels] = pillars[i];
    }
};

}  // namespace regulus::cuda
