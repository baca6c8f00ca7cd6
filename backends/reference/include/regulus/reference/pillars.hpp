#pragma once
// From points to a canvas, and from the maps of a dense 3D head to boxes, over the clouds of a batch.
#include <cstddef>
#include <vector>

#include <regulus/graph/kernels/boxes3d.hpp>
#include <regulus/graph/kernels/circle_nms.hpp>
#include <regulus/graph/kernels/encode_pillars.hpp>
#include <regulus/graph/kernels/rotated_nms.hpp>
#include <regulus/graph/kernels/scatter_pillars.hpp>
#include <regulus/graph/kernels/voxelize.hpp>
#include <regulus/reference/parallel.hpp>

namespace regulus::reference {

/// What Voxelize gives: rows of voxels.
struct VoxelView {
    const std::int32_t* order;
    const std::int32_t* first;
    const std::int32_t* number;
    const std::int32_t* cells;
    std::int64_t voxels;
};

/// `scratch` holds threads * encode_pillar_scratch(op) elements.
template <class T>
void encode_pillars(const ops::EncodePillars& op, const T* points, const VoxelView& voxels, const T* const* parameters, T* dst, T* scratch, int threads) {
    parallel_for(threads, voxels.voxels, [&](int thread, std::int64_t voxel) {
        kernels::encode_pillar(op, points, voxels.order + voxels.first[voxel], voxels.number[voxel], voxels.cells + 3 * voxel, parameters, dst + voxel * op.units.back(),
                               scratch + std::size_t(thread) * kernels::encode_pillar_scratch(op));
    });
}

template <class T>
void scatter_pillars(const ops::ScatterPillars& op, const T* pillars, const std::int32_t* cells, const std::int32_t* counts, const View<T>& dst) {
    const std::int64_t area = dst[2] * dst[3];
    for (std::int64_t image = 0, first = 0; image < dst[0]; first += counts[image++]) {
        kernels::scatter_pillars(op, pillars + first * op.channels, cells + 3 * first, counts[image], area, std::int64_t(1), dst.data + image * op.channels * area);
    }
}

template <class T>
void decode_boxes3d(const ops::DecodeBoxes3d& op, const View<const T>& deltas, const T* directions, const std::int32_t* index, const std::int32_t* count, const View<T>& boxes, std::int32_t* labels,
                    std::int32_t* bins) {
    const std::int64_t area = deltas[2] * deltas[3], k = boxes[1];
    const std::int64_t direction_channels = 2 * std::int64_t(op.anchors.per_cell());
    for (std::int64_t image = 0; image < deltas[0]; ++image) {
        kernels::decode_boxes3d(op, {deltas.data + image * deltas[1] * area, area, 1}, {directions + image * direction_channels * area, area, 1}, deltas[2], deltas[3], index + image * k, count[image],
                                boxes.data + image * k * op.code, labels + image * k, bins + image * k);
    }
}

/// The cells of all points that belong to a cloud; rows beyond them are not written.
template <class T>
void dynamic_voxelize(const ops::DynamicVoxelize& op, const T* points, std::int64_t rows, std::int32_t* cells, int threads) {
    parallel_for(threads, rows, [&](int, std::int64_t i) { kernels::dynamic_voxelize(op.grid, points + i * op.grid.features, 1, cells + 3 * i); });
}

/// A list of oriented candidates of the whole batch.
template <class T>
struct BatchList3d {
    const T* boxes;
    const T* scores;
    const std::int32_t* labels;
    const std::int32_t* directions;  // null where nobody asks for them
    const std::int32_t* count;
    std::int64_t k;  // bound of each cloud
};

/// The kept boxes of all clouds, packed: `suppress(lists, boxes, scores, labels)` does one cloud and returns how many it keeps.
template <class T, class Suppress>
void suppress_clouds(const std::vector<BatchList3d<T>>& lists, int code, std::int64_t clouds, T* boxes, T* scores, std::int32_t* labels, std::int32_t* count, const Suppress& suppress) {
    std::vector<kernels::CandidateList3d<T>> of_cloud(lists.size());
    std::int64_t first = 0;
    for (std::int64_t cloud = 0; cloud < clouds; ++cloud) {
        for (std::size_t i = 0; i < lists.size(); ++i) {
            const std::int64_t at = cloud * lists[i].k;
            const std::int32_t* const directions = lists[i].directions == nullptr ? nullptr : lists[i].directions + at;
            of_cloud[i] = {lists[i].boxes + at * code, lists[i].scores + at, lists[i].labels + at, directions, lists[i].count[cloud]};
        }
        count[cloud] = suppress(of_cloud, boxes + first * code, scores + first, labels + first);
        first += count[cloud];
    }
}

}  // namespace regulus::reference
