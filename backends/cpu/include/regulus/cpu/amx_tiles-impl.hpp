#pragma once
// The products of tile_product-impl.hpp by AMX, where the processor has it.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include <regulus/cpu/tile_product-impl.hpp>

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#define REGULUS_HAS_AMX_CODE
#endif

namespace regulus::cpu {

#if defined(REGULUS_HAS_AMX_CODE)

/// Whether the processor has AMX with bfloat16 and the system lets this process use it; asked once.
inline bool may_use_amx() {
    static const bool may = [] {
        if (instruction_set() != InstructionSet::avx512) return false;
        unsigned a = 7, b = 0, c = 0, d = 0;
        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        const bool has_tiles = (d >> 24 & 1u) != 0 && (d >> 22 & 1u) != 0;
        a = 7, c = 1;
        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        const bool converts = (a >> 5 & 1u) != 0;  // AVX512_BF16
        constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
        return has_tiles && converts && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
    }();
    return may;
}

// Tiles by their numbers: compilers know no type for them that could be passed on. 0 to 5 are sums, two for each 16 rows; 6 rows of a, 7 columns of b.
#define REGULUS_TILE_LOAD(number, from, bytes) __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #number ::"r"(from), "r"(std::int64_t(bytes)) : "memory")
#define REGULUS_TILE_LOAD_ONCE(number, from, bytes) __asm__ volatile("tileloaddt1 (%0,%1,1), %%tmm" #number ::"r"(from), "r"(std::int64_t(bytes)) : "memory")
#define REGULUS_TILE_STORE(number, to, bytes) __asm__ volatile("tilestored %%tmm" #number ", (%0,%1,1)" ::"r"(to), "r"(std::int64_t(bytes)) : "memory")
#define REGULUS_TILE_ZERO(number) __asm__ volatile("tilezero %%tmm" #number ::)
#define REGULUS_TILE_MULTIPLY(sums, rows, columns) __asm__ volatile("tdpbf16ps %%tmm" #columns ", %%tmm" #rows ", %%tmm" #sums ::)

/// AMX, and AVX-512 for what becomes of the sums. A thread calls begin() before its products and end() after them.
namespace amx_tiles {

inline void begin() {
    struct alignas(64) Configuration {
        std::uint8_t palette = 1, start = 0, reserved[14] = {};
        std::uint16_t row_bytes[16] = {};
        std::uint8_t rows[16] = {};
    } configuration;
    std::fill_n(configuration.row_bytes, 8, std::uint16_t(64));
    std::fill_n(configuration.rows, 8, std::uint8_t(tile_rows));
    __asm__ volatile("ldtilecfg %0" ::"m"(configuration));
}
inline void end() { __asm__ volatile("tilerelease" ::); }

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

// One instruction for each of the sums of Rows x Columns tiles.
#define REGULUS_EACH_SUM(instruction)                                                                        \
    instruction(0, sums, line);                                                                              \
    if constexpr (Columns > 1) instruction(1, sums + tile_columns, line);                                    \
    if constexpr (Rows > 1) instruction(2, sums + row_floats, line);                                         \
    if constexpr (Rows > 1 && Columns > 1) instruction(3, sums + row_floats + tile_columns, line);           \
    if constexpr (Rows > 2) instruction(4, sums + 2 * row_floats, line);                                     \
    if constexpr (Rows > 2 && Columns > 1) instruction(5, sums + 2 * row_floats + tile_columns, line);

#define REGULUS_TILE_CLEAR(number, from, bytes) REGULUS_TILE_ZERO(number)

/// Sums begin as what memory holds, or as zeros.
template <int Rows, int Columns>
inline void begin_sums(const float* sums, bool adds) {
    constexpr std::int64_t line = block_columns * sizeof(float), row_floats = tile_rows * block_columns;
    if (adds) {
        REGULUS_EACH_SUM(REGULUS_TILE_LOAD)
    } else {
        REGULUS_EACH_SUM(REGULUS_TILE_CLEAR)
    }
}

template <int Rows, int Columns>
inline void store_sums(float* sums) {
    constexpr std::int64_t line = block_columns * sizeof(float), row_floats = tile_rows * block_columns;
    REGULUS_EACH_SUM(REGULUS_TILE_STORE)
}

/// A tile's store that comes more than about 600 ns after the one before takes 300 ns more (measured on Sapphire Rapids, whatever is between them): as much
/// as 65 products. This stores some tile now and then.
class StoresAwake {
public:
    /// After `products` more.
    void operator()(int products) {
        since_ += products;
        if (since_ < most_products) return;
        since_ = 0;
        REGULUS_TILE_STORE(7, line_, 0);
    }

private:
    static constexpr int most_products = 48;  // some 250 to 400 ns
    int since_ = 0;
    alignas(64) std::byte line_[64];  // of all rows
};

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

/// The rows of the result before are stored between the steps: sums come from tiles to vectors slowly, and tiles need not wait for that.
template <int Rows, int Columns>
inline void multiply_tiles(const TileProduct& p, const TileResult& before) {
    begin_sums<Rows, Columns>(p.sums, p.adds);
    std::int64_t steps = 0;
    for (std::int64_t i = 0; i < p.run_count; ++i) steps += p.runs[i].steps;
    StoresBetween stores(before, steps);
    StoresAwake keep_awake;
    const std::int64_t pitch = p.a_pitch * std::int64_t(sizeof(Bf16));
    const Bf16* b = p.b;
    FetchedAhead ahead = p.ahead;
    for (std::int64_t i = 0; i < p.run_count; ++i) {
        const Bf16 *a = p.a + p.runs[i].offset, *second = a + tile_rows * p.a_pitch, *third = second + tile_rows * p.a_pitch;
        for (std::int64_t step = 0; step < p.runs[i].steps; ++step) {
            ahead.step();
            REGULUS_TILE_LOAD_ONCE(7, b, 64);
            REGULUS_TILE_LOAD(6, a, pitch);
            REGULUS_TILE_MULTIPLY(0, 6, 7);
            if constexpr (Rows > 1) {
                REGULUS_TILE_LOAD(6, second, pitch);
                REGULUS_TILE_MULTIPLY(2, 6, 7);
            }
            if constexpr (Rows > 2) {
                REGULUS_TILE_LOAD(6, third, pitch);
                REGULUS_TILE_MULTIPLY(4, 6, 7);
            }
            if constexpr (Columns > 1) {  // back to the first rows
                REGULUS_TILE_LOAD_ONCE(7, b + tile_elements, 64);
                if constexpr (Rows > 2) {
                    REGULUS_TILE_MULTIPLY(5, 6, 7);
                    REGULUS_TILE_LOAD(6, second, pitch);
                }
                if constexpr (Rows > 1) {
                    REGULUS_TILE_MULTIPLY(3, 6, 7);
                    REGULUS_TILE_LOAD(6, a, pitch);
                }
                REGULUS_TILE_MULTIPLY(1, 6, 7);
            }
            a += tile_depth;
            second += tile_depth;
            third += tile_depth;
            b += Columns * tile_elements;
            stores();
            keep_awake(Rows * Columns);
        }
    }
    store_sums<Rows, Columns>(p.sums);
}

inline void multiply(const TileProduct& p, const TileResult& before) {
    if (p.row_tiles == 3) p.column_tiles == 2 ? multiply_tiles<3, 2>(p, before) : multiply_tiles<3, 1>(p, before);
    else if (p.row_tiles == 2) p.column_tiles == 2 ? multiply_tiles<2, 2>(p, before) : multiply_tiles<2, 1>(p, before);
    else p.column_tiles == 2 ? multiply_tiles<1, 2>(p, before) : multiply_tiles<1, 1>(p, before);
}

/// All products of the tiles in 4 (first rows), 5 and 6 (first columns), 7.
#define REGULUS_TILES_MULTIPLY()                                     \
    REGULUS_TILE_MULTIPLY(0, 4, 6);                                  \
    if constexpr (Rows > 1) REGULUS_TILE_MULTIPLY(2, 5, 6);          \
    if constexpr (Columns > 1) REGULUS_TILE_MULTIPLY(1, 4, 7);       \
    if constexpr (Rows > 1 && Columns > 1) REGULUS_TILE_MULTIPLY(3, 5, 7);

#define REGULUS_TILES_OF_A(part)                                                          \
    REGULUS_TILE_LOAD(4, a + part * tile_rows * tile_depth, 64);                          \
    if constexpr (Rows > 1) REGULUS_TILE_LOAD(5, second + part * tile_rows * tile_depth, 64);

#define REGULUS_TILES_OF_B(part)                                                                            \
    REGULUS_TILE_LOAD_ONCE(6, b + part * Columns * tile_elements, 64);                                      \
    if constexpr (Columns > 1) REGULUS_TILE_LOAD_ONCE(7, b + (part * Columns + 1) * tile_elements, 64);

/// The same of factors in parts.
template <int Rows, int Columns>
inline void multiply_split_tiles(const SplitProduct& p, const TileResult& before) {
    begin_sums<Rows, Columns>(p.sums, p.adds);
    StoresBetween stores(before, 2 * p.steps);
    const Bf16 *a = p.a, *second = a + p.a_pitch, *b = p.b;
    FetchedAhead ahead = p.ahead;
    SplitsBetween splits(p.split, 4 * p.steps);  // between tiles, which would wait for more at a time
    for (std::int64_t step = 0; step < p.steps; ++step, a += split_tile_elements, second += split_tile_elements, b += split_parts * Columns * tile_elements) {
        ahead.step();
        REGULUS_TILES_OF_A(0)
        REGULUS_TILES_OF_B(2)
        REGULUS_TILES_MULTIPLY()
        splits();
        REGULUS_TILES_OF_B(1)
        REGULUS_TILES_MULTIPLY()
        splits();
        REGULUS_TILES_OF_A(1)
        REGULUS_TILES_MULTIPLY()
        splits();
        REGULUS_TILES_OF_B(0)
        REGULUS_TILES_MULTIPLY()
        splits();
        REGULUS_TILES_OF_A(2)
        REGULUS_TILES_MULTIPLY()
        stores();
        REGULUS_TILES_OF_A(0)
        REGULUS_TILES_MULTIPLY()
        stores();
    }
    store_sums<Rows, Columns>(p.sums);
}

inline void multiply_split(const SplitProduct& p, const TileResult& before) {
    if (p.row_tiles == 2) p.column_tiles == 2 ? multiply_split_tiles<2, 2>(p, before) : multiply_split_tiles<2, 1>(p, before);
    else p.column_tiles == 2 ? multiply_split_tiles<1, 2>(p, before) : multiply_split_tiles<1, 1>(p, before);
}
REGULUS_SIMD_END
}  // namespace amx_tiles
#undef REGULUS_TILES_MULTIPLY
#undef REGULUS_TILES_OF_A
#undef REGULUS_TILES_OF_B
#undef REGULUS_TILE_LOAD
#undef REGULUS_TILE_LOAD_ONCE
#undef REGULUS_TILE_STORE
#undef REGULUS_EACH_SUM
#undef REGULUS_TILE_CLEAR
#undef REGULUS_TILE_ZERO
#undef REGULUS_TILE_MULTIPLY

#else
inline bool may_use_amx() { return false; }
#endif

/// The products that this processor has.
struct TileFunctions {
    void (*begin)();
    void (*end)();
    void (*multiply)(const TileProduct&, const TileResult& before);  // stores the result before meanwhile, whose sums lie elsewhere
    void (*multiply_split)(const SplitProduct&, const TileResult& before);
    void (*store)(const TileResult&);
    void (*narrow)(const float*, Bf16*, std::int64_t);  // floats to bfloat16
    void (*split)(const float* row, std::int64_t count, Bf16* to, std::int64_t steps);  // a row to its place in packed tiles of parts, zeros behind its count
    void (*split_weights)(SplitAhead);  // all at once
};

inline const TileFunctions& tile_functions() {
#if defined(REGULUS_HAS_AMX_CODE)
    static constexpr TileFunctions amx{amx_tiles::begin, amx_tiles::end, amx_tiles::multiply, amx_tiles::multiply_split, amx_tiles::store, amx_tiles::narrow, amx_tiles::split, amx_tiles::split_weights};
    if (may_use_amx()) return amx;
#endif
    static constexpr TileFunctions plain{PlainTiles::begin, PlainTiles::end, PlainTiles::multiply, PlainTiles::multiply_split, PlainTiles::store, PlainTiles::narrow, PlainTiles::split, PlainTiles::split_weights};
    return plain;
}

}  // namespace regulus::cpu
