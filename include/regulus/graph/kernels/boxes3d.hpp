#pragma once
// Oriented boxes: anchors, what deltas make of them, angles, corners. A box is x, y, z of the bottom, length (along x at yaw 0), width, height, yaw
// counter-clockwise from +x; metres and radians.
//
// Values that are not finite go through unchanged or as NaN; nothing here crashes or loops longer for them.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <regulus/core/config.hpp>
#include <regulus/graph/operations.hpp>

namespace regulus::kernels {

template <class T>
struct Box3d {
    T x, y, z, length, width, height, yaw;
};

template <class T>
REGULUS_HOST_DEVICE inline Box3d<T> load_box3d(const T* src) { return {src[0], src[1], src[2], src[3], src[4], src[5], src[6]}; }

template <class T>
REGULUS_HOST_DEVICE inline void store_box3d(const Box3d<T>& box, T* dst) {
    dst[0] = box.x;
    dst[1] = box.y;
    dst[2] = box.z;
    dst[3] = box.length;
    dst[4] = box.width;
    dst[5] = box.height;
    dst[6] = box.yaw;
}

inline constexpr double pi = 3.14159265358979323846;

/// `value` moved by whole periods into [-offset * period, (1 - offset) * period).
template <class T>
REGULUS_HOST_DEVICE inline T limit_period(T value, T offset, T period) { return value - std::floor(value / period + offset) * period; }

/// The yaw that a direction bin (0 or 1) decides on: one of two half turns apart.
template <class T>
REGULUS_HOST_DEVICE inline T directed_yaw(T yaw, T direction_offset, T direction_limit_offset, int direction) {
    return limit_period(yaw - direction_offset, direction_limit_offset, T(pi)) + direction_offset + T(pi) * T(direction);
}

/// Place `i` of `count` along an axis of the range.
template <class T>
REGULUS_HOST_DEVICE inline T anchor_place(ops::AnchorGrid3d::Placement placement, T low, T high, std::int64_t i, std::int64_t count) {
    switch (placement) {
        case ops::AnchorGrid3d::Placement::corners: return low + T(i) * ((high - low) / T(count));
        case ops::AnchorGrid3d::Placement::ends: return count > 1 ? low + T(i) * ((high - low) / T(count - 1)) : low;
        case ops::AnchorGrid3d::Placement::centres: break;
    }
    return low + (T(i) + T(0.5)) * ((high - low) / T(count));
}

/// Anchor number `anchor` (size * rotations + rotation) of the cell (row, column) of a map of height x width cells.
template <class T>
inline Box3d<T> anchor3d(const ops::AnchorGrid3d& grid, std::int64_t height, std::int64_t width, std::int64_t row, std::int64_t column, std::size_t anchor) {
    const std::size_t size = anchor / grid.rotations.size();
    const std::array<float, 6>& range = grid.ranges[grid.ranges.size() == 1 ? 0 : size];
    const T scale = T(grid.scale);
    return {anchor_place(grid.placement, T(range[0]), T(range[3]), column, width),
            anchor_place(grid.placement, T(range[1]), T(range[4]), row, height),
            anchor_place(grid.placement, T(range[2]), T(range[5]), 0, 1),
            T(grid.sizes[size][0]) * scale,
            T(grid.sizes[size][1]) * scale,
            T(grid.sizes[size][2]) * scale,
            T(grid.rotations[anchor % grid.rotations.size()])};
}

/// The box that seven deltas, `step` elements apart, make of an anchor. exp is not clamped.
template <class T>
REGULUS_HOST_DEVICE inline Box3d<T> decode_box3d(const Box3d<T>& anchor, const T* delta, std::int64_t step = 1) {
    const T diagonal = std::sqrt(anchor.length * anchor.length + anchor.width * anchor.width);
    const T height = anchor.height * std::exp(delta[5 * step]);
    const T centre = delta[2 * step] * anchor.height + (anchor.z + anchor.height / T(2));
    return {delta[0] * diagonal + anchor.x,
            delta[step] * diagonal + anchor.y,
            centre - height / T(2),
            anchor.length * std::exp(delta[3 * step]),
            anchor.width * std::exp(delta[4 * step]),
            height,
            delta[6 * step] + anchor.yaw};
}

/// The seven deltas that lead from an anchor to a box.
template <class T>
inline void encode_box3d(const Box3d<T>& anchor, const Box3d<T>& box, T* delta) {
    const T diagonal = std::sqrt(anchor.length * anchor.length + anchor.width * anchor.width);
    delta[0] = (box.x - anchor.x) / diagonal;
    delta[1] = (box.y - anchor.y) / diagonal;
    delta[2] = ((box.z + box.height / T(2)) - (anchor.z + anchor.height / T(2))) / anchor.height;
    delta[3] = std::log(box.length / anchor.length);
    delta[4] = std::log(box.width / anchor.width);
    delta[5] = std::log(box.height / anchor.height);
    delta[6] = box.yaw - anchor.yaw;
}

/// Where a map's channels and cells lie: element (channel, cell) is data[channel * channel_step + cell * cell_step].
template <class T>
struct MapView {
    const T* data;
    std::int64_t channel_step;
    std::int64_t cell_step;
};

/// The numbers of an anchor: number k is data[k * step].
template <class T>
struct NumbersView {
    const T* data;
    std::int64_t step;
};

/// ops::DecodeBoxes3d of one entry of the list, from its anchor's deltas and direction scores.
template <class T>
void decode_chosen_box3d(const ops::DecodeBoxes3d& op, std::int64_t height, std::int64_t width, std::int32_t index, const NumbersView<T>& delta, const NumbersView<T>& direction, T* box,
                         std::int32_t& label, std::int32_t& bin) {
    const std::int64_t which = index / op.classes, anchors = op.anchors.per_cell(), cell = which / anchors;
    const Box3d<T> from = anchor3d<T>(op.anchors, height, width, cell / width, cell % width, std::size_t(which % anchors));
    store_box3d(decode_box3d(from, delta.data, delta.step), box);
    for (int k = 7; k < op.code; ++k) box[k] = delta.data[k * delta.step];  // velocities; an anchor's are zero
    label = index % op.classes;
    bin = direction.data[direction.step] > direction.data[0] ? 1 : 0;
}

/// ops::DecodeBoxes3d of one cloud: the first `count` entries of `index` -> boxes [count, code], labels [count], bins [count].
template <class T>
void decode_boxes3d(const ops::DecodeBoxes3d& op, const MapView<T>& deltas, const MapView<T>& directions, std::int64_t height, std::int64_t width, const std::int32_t* index, std::int64_t count,
                    T* boxes, std::int32_t* labels, std::int32_t* bins) {
    const std::int64_t anchors = op.anchors.per_cell();
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t which = index[i] / op.classes, anchor = which % anchors, cell = which / anchors;
        decode_chosen_box3d<T>(op, height, width, index[i], {deltas.data + anchor * op.code * deltas.channel_step + cell * deltas.cell_step, deltas.channel_step},
                               {directions.data + 2 * anchor * directions.channel_step + cell * directions.cell_step, directions.channel_step}, boxes + i * op.code, labels[i], bins[i]);
    }
}

/// The eight corners [8, 3]: x lower or upper half of the length, y of the width, z of the height; corner 4 i + 2 j + k takes side i of x, j of y, k of z.
template <class T>
inline void corners_of(const Box3d<T>& box, T* corners) {
    const T cosine = std::cos(box.yaw), sine = std::sin(box.yaw);
    for (int corner = 0; corner < 8; ++corner, corners += 3) {
        const T u = (corner & 4) != 0 ? box.length / T(2) : -box.length / T(2);
        const T v = (corner & 2) != 0 ? box.width / T(2) : -box.width / T(2);
        corners[0] = box.x + u * cosine - v * sine;
        corners[1] = box.y + u * sine + v * cosine;
        corners[2] = box.z + ((corner & 1) != 0 ? box.height : T(0));
    }
}

/// Seen from above, turned to the nearest axis: x1, y1, x2, y2. Length and width swap when the yaw is nearer to a quarter turn.
template <class T>
inline void nearest_bev(const Box3d<T>& box, T* corners) {
    const bool swaps = std::fabs(limit_period(box.yaw, T(0.5), T(pi))) > T(pi / 4);
    const T along = swaps ? box.width : box.length, across = swaps ? box.length : box.width;
    corners[0] = box.x - along / T(2);
    corners[1] = box.y - across / T(2);
    corners[2] = box.x + along / T(2);
    corners[3] = box.y + across / T(2);
}

}  // namespace regulus::kernels
