#pragma once
// Matrix products for own kernels: Winograd's, direct convolutions over few channels, large linear layers.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include <regulus/cpu/simd_targets.hpp>
#include <regulus/graph/operations.hpp>

namespace regulus::cpu {

/// c [rows, stored] = activation(sum over taps of a_tap [rows, depth] . b_slice [depth, width] [+ addend] [+ also] [+ bias]).
///
/// A product has one tap; a convolution has one for each element of its window: tap t reads rows a_offsets[t] floats behind `a` and
/// multiplies with slice b_slices[t] of b. b lies in panels of panel_vectors() vectors, each [b_taps, depth, panel]; `width` is `stored` padded
/// to whole vectors.
struct MatrixProduct {
    static constexpr std::int64_t nowhere = 0;

    const float* a = nullptr;
    std::int64_t a_pitch = 0;
    const float* b = nullptr;
    float* c = nullptr;
    std::int64_t c_pitch = 0;
    std::int64_t rows = 0, depth = 0, width = 0, stored = 0;
    const float* addend = nullptr;  // may be c
    std::int64_t addend_pitch = 0;
    const float* also = nullptr;  // likewise; only where `stored` is `width`
    std::int64_t also_pitch = 0;
    const float* bias = nullptr;  // `width` floats
    bool relu = false;
    bool streams = false;  // b comes from beyond the second-level cache, one panel after the other
    bool far_rows = false;  // rows of a lie beside each other and come from beyond the caches: the first panel fetches those of the next block
    std::int64_t taps = 1, b_taps = 1;
    const std::int64_t* a_offsets = &nowhere;
    const std::int64_t* b_slices = &nowhere;
};

/// Whether a convolution is a product of pixels with a matrix.
inline bool is_matrix_product(const ops::Conv2d& op) { return op.kernel == 1 && op.groups == 1 && op.padding == 0; }

/// Vectors of the next panel when `left` vectors of columns are left: pairs, and first three where their number is odd.
constexpr int panel_vectors(std::int64_t left) { return left == 1 ? 1 : left % 2 == 0 ? 2 : 3; }

/// Calls place(column of b, index in the packed b of that column's element of tap 0, depth 0, distance to the next depth).
template <class Place>
void for_packed_columns(std::int64_t width, std::int64_t rows_of_b, int lanes, const Place& place) {
    for (std::int64_t column = 0; column < width;) {
        const std::int64_t panel = panel_vectors((width - column) / lanes) * std::int64_t(lanes);
        for (std::int64_t i = 0; i < panel; ++i) place(column + i, column * rows_of_b + i, panel);
        column += panel;
    }
}

}  // namespace regulus::cpu

#define REGULUS_SIMD_NAME matrix
#define REGULUS_SIMD_SOURCE <regulus/cpu/matrix.inc>
#include <regulus/cpu/each_instruction_set.inc>

namespace regulus::cpu {

/// The product for one instruction set.
struct MatrixFunctions {
    int lanes;
    void (*multiply)(const MatrixProduct&);
};

inline const MatrixFunctions& matrix_functions() {
#if defined(__x86_64__)
    static constexpr MatrixFunctions avx512{matrix_avx512::lanes, matrix_avx512::multiply};
    static constexpr MatrixFunctions avx2{matrix_avx2::lanes, matrix_avx2::multiply};
    if (instruction_set() == InstructionSet::avx512) return avx512;
    if (instruction_set() == InstructionSet::avx2) return avx2;
#endif
    static constexpr MatrixFunctions baseline{matrix_baseline::lanes, matrix_baseline::multiply};
    return baseline;
}

}  // namespace regulus::cpu
