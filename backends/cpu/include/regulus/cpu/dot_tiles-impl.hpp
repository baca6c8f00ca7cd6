#pragma once
// Products of bfloat16 (tile_product-impl.hpp) by AVX-512's dot products of pairs, for processors that have them and no AMX. Those of float32 in parts would
// take three times as long as float32's own.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include <regulus/cpu/avx512_tiles-impl.hpp>

namespace regulus::cpu {

#if defined(__x86_64__)

/// Two products and their sum in each of 16 lanes: half the instructions that float32 takes.
namespace dot_tiles {

using namespace avx512_tiles;

inline void begin() {}
inline void end() {}

REGULUS_SIMD_BEGIN_AVX512
/// sums += pairs . pair, by name for the same reason as Elements' instructions.
REGULUS_ALWAYS_INLINE void add_dots(Lanes& sums, Words pairs, Words pair) { __asm__("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(pairs), "v"(pair)); }

REGULUS_ALWAYS_INLINE Words load_pairs(const Bf16* from) {
    Words pairs;
    std::memcpy(&pairs, from, sizeof pairs);
    return pairs;
}

/// The same pair of a's elements in all lanes.
REGULUS_ALWAYS_INLINE Words spread_pair(const Bf16* from) {
    std::uint32_t pair;
    std::memcpy(&pair, from, sizeof pair);
    return Words{} + pair;
}

/// Sums of some rows by one or two tiles' columns, in registers.
template <int Rows, int Columns>
class DotSums {
public:
    REGULUS_ALWAYS_INLINE DotSums(const float* from, bool adds) {
#pragma GCC unroll 32
        for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 2
            for (int c = 0; c < Columns; ++c) sums_[i][c] = adds ? load(from + i * block_columns + c * lanes) : Lanes{};
        }
    }

    REGULUS_ALWAYS_INLINE void store_to(float* to) const {
#pragma GCC unroll 32
        for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 2
            for (int c = 0; c < Columns; ++c) store(to + i * block_columns + c * lanes, sums_[i][c]);
        }
    }

    /// Adds a step of depth: rows of a, each third of which has an address of its own, and tiles of b.
    REGULUS_ALWAYS_INLINE void add(const Bf16* const* lines, std::int64_t pitch, const Bf16* b) {
#pragma GCC unroll 4
        for (int k = 0; k < int(tile_depth); k += 2) add_pair(lines, pitch, b, k);
    }

    /// The first pairs of a step.
    REGULUS_ALWAYS_INLINE void add(const Bf16* const* lines, std::int64_t pitch, const Bf16* b, std::int64_t pairs) {
#pragma GCC unroll 1
        for (std::int64_t k = 0; k < 2 * pairs; k += 2) add_pair(lines, pitch, b, k);
    }

private:
    REGULUS_ALWAYS_INLINE void add_pair(const Bf16* const* lines, std::int64_t pitch, const Bf16* b, std::int64_t k) {
        Words pairs[Columns];
#pragma GCC unroll 2
        for (int c = 0; c < Columns; ++c) pairs[c] = load_pairs(b + c * tile_elements + k * tile_columns);
#pragma GCC unroll 32
        for (int i = 0; i < Rows; ++i) {
            const Words pair = spread_pair(lines[i / 3] + i % 3 * pitch + k);
#pragma GCC unroll 2
            for (int c = 0; c < Columns; ++c) add_dots(sums_[i][c], pairs[c], pair);
        }
    }

    Lanes sums_[Rows][Columns];
};

/// Addresses of each third of Rows rows.
template <int Rows>
struct ThirdRows {
    static constexpr int count = (Rows + 2) / 3;
    const Bf16* lines[count];

    REGULUS_ALWAYS_INLINE ThirdRows(const Bf16* a, std::int64_t pitch) {
#pragma GCC unroll 8
        for (int i = 0; i < count; ++i) {
            lines[i] = a + 3 * i * pitch;
            __asm__("" : "+r"(lines[i]));  // else compilers make one address of another
        }
    }
    REGULUS_ALWAYS_INLINE void advance() {
#pragma GCC unroll 8
        for (int i = 0; i < count; ++i) lines[i] += tile_depth;
    }
};

/// Rows [row, row + Rows) of a block.
template <int Rows, int Columns>
inline void multiply_rows(const TileProduct& p, std::int64_t row, FetchedAhead ahead) {
    float* const to = p.sums + row * block_columns;
    DotSums<Rows, Columns> sums(to, p.adds);
    const Bf16* b = p.b;
    const std::int64_t pitch = p.a_pitch;
    for (std::int64_t run = 0; run < p.run_count; ++run) {
        ThirdRows<Rows> a(p.a + p.runs[run].offset + row * pitch, pitch);
        const std::int64_t last_pairs = p.runs[run].last_pairs, whole = p.runs[run].steps - (2 * last_pairs < tile_depth ? 1 : 0);
        for (std::int64_t step = 0; step < whole; ++step, b += Columns * tile_elements) {
            ahead.step();
            sums.add(a.lines, pitch, b);
            a.advance();
        }
        if (whole == p.runs[run].steps) continue;
        ahead.step();
        sums.add(a.lines, pitch, b, last_pairs);
        b += Columns * tile_elements;
    }
    sums.store_to(to);
}

/// Passes of 3, 2 and 1 times Rows rows through the panel, of which the first fetches what comes next.
template <int Rows, int Columns>
inline void multiply_tiles(const TileProduct& p) {
    FetchedAhead ahead = p.ahead;
    for (std::int64_t row = 0; row < p.rows; ahead = {}) {
        const std::int64_t left = (p.rows - row + Rows - 1) / Rows;
        if (left == 1) multiply_rows<Rows, Columns>(p, row, ahead);
        else if (left == 2 || left == 4) multiply_rows<2 * Rows, Columns>(p, row, ahead);  // of 4 two and two, not three and one
        else multiply_rows<3 * Rows, Columns>(p, row, ahead);
        row += Rows * (left == 4 ? 2 : std::min<std::int64_t>(3, left));
    }
}

inline void multiply(const TileProduct& p, const TileResult& before) {
    store(before);
    p.column_tiles == 2 ? multiply_tiles<4, 2>(p) : multiply_tiles<8, 1>(p);
}
REGULUS_SIMD_END
}  // namespace dot_tiles

#endif

}  // namespace regulus::cpu
