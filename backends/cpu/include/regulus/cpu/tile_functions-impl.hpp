#pragma once
// Which products of tiles this processor has.
#include <cstdint>
#include <vector>

#include <regulus/cpu/amx_tiles-impl.hpp>
#include <regulus/cpu/dot_tiles-impl.hpp>

namespace regulus::cpu {

/// The products that this processor has.
struct TileFunctions {
    const char* name;      // as `explain` says it
    bool beats_winograd;   // with direct sums of a window's products in bfloat16, against float32
    bool loads_tile_rows;  // twice as fast where each lies in one line of the cache; else pairs of elements
    void (*begin)();
    void (*end)();
    void (*multiply)(const TileProduct&, const TileResult& before);  // stores the result before meanwhile, whose sums lie elsewhere
    void (*multiply_split)(const SplitProduct&, const TileResult& before);
    void (*store)(const TileResult&);
    void (*narrow)(const float*, Bf16*, std::int64_t);  // floats to bfloat16
    void (*split)(const float* row, std::int64_t count, Bf16* to, std::int64_t steps);  // a row to its place in packed tiles of parts, zeros behind its count
    void (*split_weights)(SplitAhead);  // all at once
};

constexpr TileFunctions plain_tile_functions{"tiled", true, false, PlainTiles::begin, PlainTiles::end, PlainTiles::multiply, PlainTiles::multiply_split, PlainTiles::store, PlainTiles::narrow, PlainTiles::split, PlainTiles::split_weights};
#if defined(__x86_64__)
constexpr TileFunctions dot_tile_functions{"avx512_bf16", false, false, dot_tiles::begin, dot_tiles::end, dot_tiles::multiply, PlainTiles::multiply_split, dot_tiles::store, dot_tiles::narrow, dot_tiles::split, dot_tiles::split_weights};
#endif
#if defined(REGULUS_HAS_AMX_CODE)
constexpr TileFunctions amx_tile_functions{"amx", true, true, amx_tiles::begin, amx_tiles::end, amx_tiles::multiply, amx_tiles::multiply_split, amx_tiles::store, amx_tiles::narrow, amx_tiles::split, amx_tiles::split_weights};
#endif

/// Those that this processor has, the fastest last.
inline std::vector<TileFunctions> all_tile_functions() {
    std::vector<TileFunctions> all{plain_tile_functions};
#if defined(__x86_64__)
    if (has_avx512_bf16()) all.push_back(dot_tile_functions);
#endif
#if defined(REGULUS_HAS_AMX_CODE)
    if (may_use_amx()) all.push_back(amx_tile_functions);
#endif
    return all;
}

inline const TileFunctions& tile_functions() {
    static const TileFunctions fastest = all_tile_functions().back();
    return fastest;
}

/// Whether products of bfloat16 are faster here than those of float32.
inline bool has_bf16_products() { return has_avx512_bf16(); }

}  // namespace regulus::cpu
