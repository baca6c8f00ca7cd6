#pragma once
// What stands around products of tiles, with AVX-512 and its instructions for bfloat16: results from sums, rows narrowed to bfloat16 or split into parts.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include <regulus/cpu/tile_product-impl.hpp>

namespace regulus::cpu {

#if defined(__x86_64__)

/// Whether the processor has AVX-512 with its instructions for bfloat16; asked once.
inline bool has_avx512_bf16() {
    static const bool has = [] {
        if (instruction_set() != InstructionSet::avx512) return false;
        unsigned a = 7, b = 0, c = 1, d = 0;
        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        return (a >> 5 & 1u) != 0;
    }();
    return has;
}

namespace avx512_tiles {

constexpr int lanes = 16;
REGULUS_SIMD_BEGIN_AVX512
#include <regulus/cpu/lanes.inc>

typedef std::uint16_t Halves __attribute__((vector_size(lanes * sizeof(Bf16))));
typedef std::uint32_t Words __attribute__((vector_size(lanes * sizeof(float))));

/// 32 elements in bfloat16 or, in two vectors, in float32, of which the first `count` are read or written. Instructions by name: compilers' headers have them as
/// functions that their own warnings object to.
struct Elements {
    std::uint32_t mask;

    explicit Elements(std::int64_t count) : mask(count >= 2 * lanes ? ~std::uint32_t(0) : (std::uint32_t(1) << count) - 1) {}

    void read(const float* from, Lanes& low, Lanes& high) const {
        __asm__("vmovups (%1), %0%{%2%}%{z%}" : "=v"(low) : "r"(from), "Yk"(std::uint16_t(mask)), "m"(*reinterpret_cast<const char(*)[64]>(from)));
        __asm__("vmovups (%1), %0%{%2%}%{z%}" : "=v"(high) : "r"(from + lanes), "Yk"(std::uint16_t(mask >> 16)), "m"(*reinterpret_cast<const char(*)[64]>(from + lanes)));
    }
    void read(const Bf16* from, Lanes& low, Lanes& high) const {
        Words both;  // 32 halves
        __asm__("vmovdqu16 (%1), %0%{%2%}%{z%}" : "=v"(both) : "r"(from), "Yk"(mask), "m"(*reinterpret_cast<const char(*)[64]>(from)));
        Halves halves[2];
        std::memcpy(halves, &both, sizeof both);
        const Words first = __builtin_convertvector(halves[0], Words) << 16, second = __builtin_convertvector(halves[1], Words) << 16;
        std::memcpy(&low, &first, sizeof low);
        std::memcpy(&high, &second, sizeof high);
    }
    void write(float* to, Lanes low, Lanes high) const {
        __asm__ volatile("vmovups %1, (%0)%{%2%}" ::"r"(to), "v"(low), "Yk"(std::uint16_t(mask)) : "memory");
        __asm__ volatile("vmovups %1, (%0)%{%2%}" ::"r"(to + lanes), "v"(high), "Yk"(std::uint16_t(mask >> 16)) : "memory");
    }
    void write(Bf16* to, Lanes low, Lanes high) const {
        Words both;
        __asm__("vcvtne2ps2bf16 %2, %1, %0" : "=v"(both) : "v"(high), "v"(low));
        __asm__ volatile("vmovdqu16 %1, (%0)%{%2%}" ::"r"(to), "v"(both), "Yk"(mask) : "memory");
    }
};

inline void store_row(const TileResult& r, const Elements& part, const RowStretch& row) {
    const float* const sums = r.sums + row.first * block_columns;
    Lanes low = load(sums) + load(r.bias), high = load(sums + lanes) + load(r.bias + lanes);
    if (r.adds) {
        Lanes other_low, other_high;
        if (r.residual_is_bf16) part.read(reinterpret_cast<const Bf16*>(row.residual), other_low, other_high);
        else part.read(reinterpret_cast<const float*>(row.residual), other_low, other_high);
        low += other_low;
        high += other_high;
    }
    if (r.relu) {
        low = low < 0.f ? Lanes{} : low;
        high = high < 0.f ? Lanes{} : high;
    }
    if (r.is_bf16) part.write(reinterpret_cast<Bf16*>(row.to), low, high);
    else part.write(reinterpret_cast<float*>(row.to), low, high);
}

inline void store(const TileResult& r) {
    const Elements part(r.columns);
    RowCursor cursor(r);
    for (std::int64_t i = 0; i < r.rows; ++i) store_row(r, part, cursor());
}

inline void narrow(const float* from, Bf16* to, std::int64_t count) {
    for (; count > 0; count -= 2 * lanes, from += 2 * lanes, to += 2 * lanes) {
        const Elements part(count);
        Lanes low, high;
        part.read(from, low, high);
        part.write(to, low, high);
    }
}

/// The first parts of float32 numbers, as split_of() has them.
inline Lanes first_parts(Lanes x) {
    Words bits;
    std::memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x8000u) & 0xFFFF0000u;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

/// 32 numbers as parts, `distance` elements apart.
REGULUS_ALWAYS_INLINE void split_line(Lanes low, Lanes high, Bf16* to, std::int64_t distance) {
    const Elements whole(2 * lanes);
    for (int part = 0; part < 2; ++part, to += distance) {
        const Lanes low_part = first_parts(low), high_part = first_parts(high);
        whole.write(to, low_part, high_part);
        low -= low_part;
        high -= high_part;
    }
    whole.write(to, low, high);
}

inline void split(const float* from, std::int64_t count, Bf16* to, std::int64_t steps) {
    for (std::int64_t step = 0; step < steps; ++step, count -= tile_depth, from += tile_depth, to += split_tile_elements) {
        Lanes low, high;
        Elements(std::max<std::int64_t>(0, count)).read(from, low, high);
        split_line(low, high, to, tile_rows * tile_depth);
    }
}

REGULUS_ALWAYS_INLINE void split_line(const SplitAhead& ahead) {
    Lanes low = load(ahead.from), high = load(ahead.from + lanes);
    if (ahead.terms > 1) {
        low *= ahead.factors[0];
        high *= ahead.factors[0];
        for (int term = 1; term < ahead.terms; ++term) {
            const float* const from = ahead.from + term * ahead.term_distance;
            low += ahead.factors[std::size_t(term)] * load(from);
            high += ahead.factors[std::size_t(term)] * load(from + lanes);
        }
    }
    split_line(low, high, ahead.to, ahead.part_elements());
}

inline void split_weights(SplitAhead ahead) {
    for (; ahead.left > 0; ahead.advance()) split_line(ahead);
}

/// Stores the rows of a result, some after each of `steps` steps.
class StoresBetween {
public:
    StoresBetween(const TileResult& result, std::int64_t steps) : result_(result), part_(result.columns), cursor_(result), steps_(steps) {}

    void operator()() {
        for (due_ += result_.rows; due_ >= steps_; due_ -= steps_) store_row(result_, part_, cursor_());
    }

private:
    const TileResult& result_;
    const Elements part_;
    RowCursor cursor_;
    std::int64_t steps_, due_ = 0;
};

/// Splits weights to come, some in each of `turns` turns.
class SplitsBetween {
public:
    SplitsBetween(const SplitAhead& ahead, std::int64_t turns) : ahead_(ahead), lines_(ahead.left), turns_(turns) {}

    REGULUS_ALWAYS_INLINE void operator()() {
        for (due_ += lines_; due_ >= turns_; due_ -= turns_, ahead_.advance()) split_line(ahead_);
    }

private:
    SplitAhead ahead_;
    std::int64_t lines_, turns_, due_ = 0;
};
REGULUS_SIMD_END
}  // namespace avx512_tiles

#else
inline bool has_avx512_bf16() { return false; }
#endif

}  // namespace regulus::cpu
