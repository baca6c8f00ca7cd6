#pragma once
// Pillars onto an empty map; one cloud a call.
#include <algorithm>

#include <regulus/graph/operations.hpp>

namespace regulus::kernels {

/// The part of ops::ScatterPillars after the map is zero: `count` rows of `pillars` [count, channels] go where `cells` [count, 3] (z, y, x) say. Channels of
/// the map lie `channel_step`, cells `cell_step` elements apart. Of two pillars with one cell the later stays; cells outside the map are passed over.
template <class T>
void place_pillars(const ops::ScatterPillars& op, const T* pillars, const std::int32_t* cells, std::int64_t count, std::int64_t channel_step, std::int64_t cell_step, T* map) {
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t y = cells[3 * i + 1], x = cells[3 * i + 2];
        if (y < 0 || y >= op.height || x < 0 || x >= op.width) continue;
        T* const to = map + (y * op.width + x) * cell_step;
        const T* const from = pillars + i * op.channels;
        for (std::int64_t c = 0; c < op.channels; ++c) to[c * channel_step] = from[c];
    }
}

/// ops::ScatterPillars of one cloud; `map` holds channels * height * width elements in either layout.
template <class T>
void scatter_pillars(const ops::ScatterPillars& op, const T* pillars, const std::int32_t* cells, std::int64_t count, std::int64_t channel_step, std::int64_t cell_step, T* map) {
    std::fill_n(map, std::int64_t(op.channels) * op.height * op.width, T(0));
    place_pillars(op, pillars, cells, count, channel_step, cell_step, map);
}

}  // namespace regulus::kernels
