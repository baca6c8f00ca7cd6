#pragma once
// Maps from NCHW to NHWC and back.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/simd_targets.hpp>

#define REGULUS_SIMD_NAME transposed
#define REGULUS_SIMD_SOURCE <regulus/cpu/transpose.inc>
#include <regulus/cpu/each_instruction_set.inc>

namespace regulus::cpu {

constexpr std::int64_t transposed_side = 16;  // of a block: whole cache lines are read and written at once, as lines a power of two apart would throw each other out of the cache

/// The transpose of a block of 16 x 16: dst[j, i] = src[i, j].
inline void transpose_whole_block(const float* src, std::int64_t src_pitch, float* dst, std::int64_t dst_pitch) {
#if defined(__x86_64__)
    if (instruction_set() == InstructionSet::avx512) return transposed_avx512::transpose_block(src, src_pitch, dst, dst_pitch, transposed_side, transposed_side);
    if (instruction_set() == InstructionSet::avx2) return transposed_avx2::transpose_block(src, src_pitch, dst, dst_pitch, transposed_side, transposed_side);
#endif
    transposed_baseline::transpose_block(src, src_pitch, dst, dst_pitch, transposed_side, transposed_side);
}

/// The same of a part of one.
inline void transpose_part(const float* src, std::int64_t src_pitch, float* dst, std::int64_t dst_pitch, std::int64_t rows, std::int64_t columns) {
    for (std::int64_t j = 0; j < columns; ++j) {
        for (std::int64_t i = 0; i < rows; ++i) dst[j * dst_pitch + i] = src[i * src_pitch + j];
    }
}

/// NCHW -> NHWC or back, tile by tile: src [outer, a, b] -> dst [outer, b, a].
inline void transpose(const float* src, float* dst, std::int64_t outer, std::int64_t a, std::int64_t b) {
    constexpr std::int64_t tile = 64, side = transposed_side;
    const std::int64_t tiles_a = (a + tile - 1) / tile, tiles_b = (b + tile - 1) / tile;
    parallel_for(outer * tiles_a * tiles_b, [&](std::int64_t index) {
        const std::int64_t o = index / (tiles_a * tiles_b), first_a = index / tiles_b % tiles_a * tile, first_b = index % tiles_b * tile;
        const std::int64_t last_a = std::min(a, first_a + tile), last_b = std::min(b, first_b + tile);
        if (a < side) {  // pictures
            for (std::int64_t i = 0; i < a; ++i) {
                for (std::int64_t j = first_b; j < last_b; ++j) dst[(o * b + j) * a + i] = src[(o * a + i) * b + j];
            }
            return;
        }
        for (std::int64_t j = first_b; j < last_b; j += side) {
            for (std::int64_t i = first_a; i < last_a; i += side) {
                const float* const from = src + (o * a + i) * b + j;
                float* const to = dst + (o * b + j) * a + i;
                if (i + side <= last_a && j + side <= last_b) transpose_whole_block(from, b, to, a);
                else transpose_part(from, b, to, a, std::min(side, last_a - i), std::min(side, last_b - j));
            }
        }
    });
}

}  // namespace regulus::cpu
