#pragma once
// From a map back to the pillars that were placed on it; one cloud a call.
#include <algorithm>
#include <cstdint>

#include <regulus/graph/operations.hpp>

namespace regulus::kernels {

/// The way back of place_pillars (scatter_pillars.hpp): row i of `pillars` [count, channels] takes what the map holds at its cell; a pillar that the map does not
/// show, because it lies outside or a later one has its cell, takes zeros. `shown` has an entry for each cell of the map; what is in it does not matter.
template <class T>
void gather_pillars(const ops::ScatterPillars& op, const T* map, const std::int32_t* cells, std::int64_t count, std::int64_t channel_step, std::int64_t cell_step, std::int32_t* shown, T* pillars) {
    const auto cell_of = [&](std::int64_t i) {
        const std::int64_t y = cells[3 * i + 1], x = cells[3 * i + 2];
        return y < 0 || y >= op.height || x < 0 || x >= op.width ? std::int64_t(-1) : y * op.width + x;
    };
    for (std::int64_t i = 0; i < count; ++i) {
        if (const std::int64_t cell = cell_of(i); cell >= 0) shown[cell] = std::int32_t(i);
    }
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t cell = cell_of(i);
        T* const to = pillars + i * op.channels;
        if (cell < 0 || shown[cell] != i) {
            std::fill_n(to, op.channels, T(0));
            continue;
        }
        for (std::int64_t c = 0; c < op.channels; ++c) to[c] = map[cell * cell_step + c * channel_step];
    }
}

}  // namespace regulus::kernels
