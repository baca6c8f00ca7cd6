#pragma once
// What tests of tile products share.
#include "compare.hpp"

#include <regulus/cpu/amx_tiles-impl.hpp>

namespace regulus::testing {

inline const cpu::TileFunctions plain_tiles{cpu::PlainTiles::begin, cpu::PlainTiles::end, cpu::PlainTiles::multiply, cpu::PlainTiles::multiply_split, cpu::PlainTiles::store, cpu::PlainTiles::narrow, cpu::PlainTiles::split, cpu::PlainTiles::split_weights};

/// Plain loops, and what this processor has besides.
inline std::vector<cpu::TileFunctions> function_sets() {
    std::vector<cpu::TileFunctions> sets{plain_tiles};
    if (cpu::may_use_amx()) sets.push_back(cpu::tile_functions());
    return sets;
}

inline std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
    const Tensor tensor = random_tensor(Shape{std::int64_t(count)}, seed);
    return {tensor.data<float>(), tensor.data<float>() + count};
}

}  // namespace regulus::testing
