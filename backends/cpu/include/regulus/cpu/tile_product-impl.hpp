#pragma once
// Products of bfloat16 matrices in blocks of 48 x 32, as AMX makes them: three tiles of 16 rows by two of 16 columns, sums in float32. And products of float32
// matrices in blocks of 32 x 32, each factor split into three bfloat16 parts.
//
// Here are the blocks, and what makes them on any processor, so that what bfloat16 does to results can be seen everywhere; amx_tiles-impl.hpp has AMX's
// instructions, dot_tiles-impl.hpp those of AVX512-BF16.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <regulus/cpu/bf16-impl.hpp>
#include <regulus/cpu/simd_targets.hpp>

namespace regulus::cpu {

constexpr std::int64_t tile_rows = 16, tile_columns = 16, tile_depth = 32;      // of one tile: rows of a, columns of b, what both share
constexpr std::int64_t block_rows = 3 * tile_rows, block_columns = 2 * tile_columns;
constexpr std::int64_t tile_elements = tile_depth * tile_columns;                // of b

/// Tiles that hold so many rows.
constexpr int row_tiles(std::int64_t rows) { return int((rows + tile_rows - 1) / tile_rows); }

/// A run of what a row of `a` holds, from `offset` on, and of how many depths of a tile it is; b has zeros for what lies behind its end.
struct DepthRun {
    std::int64_t offset = 0, steps = 0;
    std::int64_t last_pairs = tile_depth / 2;  // of elements in the last step, as far as it is known; products may leave out the others

    static DepthRun of(std::int64_t offset, std::int64_t elements) {
        const std::int64_t steps = (elements + tile_depth - 1) / tile_depth;
        return {offset, steps, (elements - (steps - 1) * tile_depth + 1) / 2};
    }
};

/// What products to come read, fetched into the second-level cache meanwhile: `lines` lines of it in each step.
struct FetchedAhead {
    static constexpr std::int64_t line_bytes = 64;
    const std::byte* from = nullptr;
    std::int64_t lines = 0;

    /// Asks for the lines of a step.
    REGULUS_ALWAYS_INLINE void step() {
        for (std::int64_t line = 0; line < lines; ++line, from += line_bytes) __builtin_prefetch(from, 0, 2);
    }
};

/// sums [48, 32] (+)= a [1 to 48, depth] . b [depth, 16 or 32]. Whole tiles of rows may be multiplied, which must be there to read, too. b is packed: for each step of depth its one or two tiles, in each of them line i holds elements
/// 2i and 2i + 1 of all columns, pair by pair.
struct TileProduct {
    const Bf16* a = nullptr;
    std::int64_t a_pitch = 0;  // elements between rows
    const DepthRun* runs = nullptr;
    std::int64_t run_count = 0;
    const Bf16* b = nullptr;
    std::int64_t rows = block_rows;
    int column_tiles = 2;
    float* sums = nullptr;
    bool adds = false;  // to what sums hold
    FetchedAhead ahead;
};

/// A float32 number x is the sum of three bfloat16 parts: x0 = x rounded, x1 = x - x0 rounded, x2 the rest, 24 bits together.
constexpr std::int64_t split_parts = 3;
constexpr std::int64_t split_block_rows = 2 * tile_rows;
constexpr std::int64_t split_tile_elements = split_parts * tile_rows * tile_depth;  // of a

/// Weights of a product to come, made and split into parts meanwhile, a few of the `left` lines of 32 at each turn. A weight is the sum of as many terms as
/// there are, each times its factor, or the only one as it is. Terms are in the order of tiles, a step of depth after the other.
struct SplitAhead {
    static constexpr int most_terms = 3;
    const float* from = nullptr;
    std::int64_t term_distance = 0;  // floats from a term to the next
    int terms = 1;
    std::array<float, most_terms> factors{};
    Bf16* to = nullptr;
    int column_tiles = 2;
    std::int64_t left = 0;
    std::int64_t line = 0;  // the next one in its step of depth

    std::int64_t part_elements() const { return column_tiles * tile_elements; }
    void advance() {
        from += tile_depth;
        to += tile_depth;
        --left;
        if (++line < column_tiles * tile_rows) return;
        line = 0;
        to += (split_parts - 1) * part_elements();
    }
};

/// sums [32, 32] (+)= a [1 to 32, depth] . b [depth, 16 or 32] of factors in parts: a0 b0 + (a0 b1 + a1 b0) + (a0 b2 + a1 b1 + a2 b0). What is left out is below
/// 2^-24 of a product. NaN stays NaN, infinity becomes NaN; parts below 2^-126 count as zero.
///
/// a is packed: for each 16 rows, for each step of depth, part by part a tile [16, 32]. b likewise: for each step, part by part its one or two tiles, as those of
/// a TileProduct.
struct SplitProduct {
    const Bf16* a = nullptr;
    std::int64_t a_pitch = 0;  // elements from 16 rows to the next
    std::int64_t steps = 0;
    const Bf16* b = nullptr;
    std::int64_t rows = split_block_rows;
    int column_tiles = 2;
    float* sums = nullptr;
    bool adds = false;  // to what sums hold
    FetchedAhead ahead;
    SplitAhead split;
};

/// Rows of a block whose results lie `pitch` elements apart.
struct RowStretch {
    std::int64_t first = 0, rows = 0;
    std::byte* to = nullptr;
    const std::byte* residual = nullptr;
};

/// What becomes of the sums of a block: to[r, c] = activation(sums[r, c] + bias[c] [+ residual[r, c]]) for the first `columns` columns of the rows of all stretches.
struct TileResult {
    const float* sums = nullptr;  // lines of 32
    std::int64_t columns = 0, pitch = 0;
    const float* bias = nullptr;  // 32 floats
    std::int64_t rows = 0;        // of all stretches
    std::array<RowStretch, block_rows> stretches;
    bool adds = false, residual_is_bf16 = false, is_bf16 = false, relu = false;
    bool shares_residual = false;  // the rows of a stretch have one row of residuals

    std::int64_t pitch_bytes() const { return pitch * std::int64_t(element_bytes(is_bf16)); }
    std::int64_t residual_pitch_bytes() const { return shares_residual ? 0 : pitch * std::int64_t(element_bytes(residual_is_bf16)); }

    void clear() {
        rows = 0;
        count_ = 0;
    }
    void add(const RowStretch& stretch) {
        stretches[count_++] = stretch;
        rows += stretch.rows;
    }

private:
    std::size_t count_ = 0;
};

/// Goes through the rows of a result.
class RowCursor {
public:
    explicit RowCursor(const TileResult& result) : result_(result), next_(result.stretches.data()) {}

    /// The next row, of result.rows.
    RowStretch operator()() {
        if (left_ == 0) {
            row_ = *next_++;
            left_ = row_.rows;
        }
        const RowStretch row = row_;
        --left_;
        ++row_.first;
        row_.to += result_.pitch_bytes();
        if (result_.adds) row_.residual += result_.residual_pitch_bytes();
        return row;
    }

private:
    const TileResult& result_;
    const RowStretch* next_;
    RowStretch row_;
    std::int64_t left_ = 0;
};

}  // namespace regulus::cpu

#define REGULUS_SIMD_NAME plain_tiles
#define REGULUS_SIMD_SOURCE <regulus/cpu/plain_tiles.inc>
#include <regulus/cpu/each_instruction_set.inc>

namespace regulus::cpu {

/// Without instructions for matrices.
struct PlainTiles {
    static void begin() {}
    static void end() {}

    static void multiply(const TileProduct& p, const TileResult& before) {
        store(before);
#if defined(__x86_64__)
        if (instruction_set() == InstructionSet::avx512) return plain_tiles_avx512::multiply(p);
        if (instruction_set() == InstructionSet::avx2) return plain_tiles_avx2::multiply(p);
#endif
        plain_tiles_baseline::multiply(p);
    }

    static void multiply_split(const SplitProduct& p, const TileResult& before) {
        store(before);
        split_weights(p.split);
#if defined(__x86_64__)
        if (instruction_set() == InstructionSet::avx512) return plain_tiles_avx512::multiply_split(p);
        if (instruction_set() == InstructionSet::avx2) return plain_tiles_avx2::multiply_split(p);
#endif
        plain_tiles_baseline::multiply_split(p);
    }

    static void store(const TileResult& r) {
        RowCursor cursor(r);
        for (std::int64_t i = 0; i < r.rows; ++i) {
            const RowStretch row = cursor();
            for (std::int64_t c = 0; c < r.columns; ++c) {
                float value = r.sums[row.first * block_columns + c] + r.bias[c];
                if (r.adds) value += r.residual_is_bf16 ? float_of(reinterpret_cast<const Bf16*>(row.residual)[c]) : reinterpret_cast<const float*>(row.residual)[c];
                if (r.relu) value = value < 0.f ? 0.f : value;
                if (r.is_bf16) reinterpret_cast<Bf16*>(row.to)[c] = bf16_of(value);
                else reinterpret_cast<float*>(row.to)[c] = value;
            }
        }
    }

    static void narrow(const float* from, Bf16* to, std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) to[i] = bf16_of(from[i]);
    }

    static void split(const float* from, std::int64_t count, Bf16* to, std::int64_t steps) {
        for (std::int64_t i = 0; i < steps * tile_depth; ++i) {
            const std::array<Bf16, split_parts> parts = split_of(i < count ? from[i] : 0.f);
            for (std::int64_t part = 0; part < split_parts; ++part) to[i / tile_depth * split_tile_elements + part * tile_rows * tile_depth + i % tile_depth] = parts[std::size_t(part)];
        }
    }

    static void split_weights(SplitAhead ahead) {
        for (; ahead.left > 0; ahead.advance()) {
            for (std::int64_t i = 0; i < tile_depth; ++i) {
                float value = ahead.terms == 1 ? ahead.from[i] : 0.f;
                for (int term = 0; term < ahead.terms && ahead.terms > 1; ++term) value += ahead.factors[std::size_t(term)] * ahead.from[term * ahead.term_distance + i];
                const std::array<Bf16, split_parts> parts = split_of(value);
                for (std::int64_t part = 0; part < split_parts; ++part) ahead.to[part * ahead.part_elements() + i] = parts[std::size_t(part)];
            }
        }
    }
};

}  // namespace regulus::cpu
