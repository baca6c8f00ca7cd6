#pragma once
// The products of tile_product-impl.hpp by AMX, where the processor has it.
#include <algorithm>
#include <cstdint>

#include <regulus/cpu/avx512_tiles-impl.hpp>

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#define REGULUS_HAS_AMX_CODE
#endif

namespace regulus::cpu {

#if defined(REGULUS_HAS_AMX_CODE)

/// Whether the processor has AMX with bfloat16 and the system lets this process use it; asked once.
[[gnu::noinline]] inline bool may_use_amx() {  // tests/amx puts its own in this one's place
    static const bool may = [] {
        if (!has_avx512_bf16()) return false;
        unsigned a = 7, b = 0, c = 0, d = 0;
        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        const bool has_tiles = (d >> 24 & 1u) != 0 && (d >> 22 & 1u) != 0;
        constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
        return has_tiles && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
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

using namespace avx512_tiles;

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

REGULUS_SIMD_BEGIN_AVX512
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
    const int tiles = row_tiles(p.rows);
    if (tiles == 3) p.column_tiles == 2 ? multiply_tiles<3, 2>(p, before) : multiply_tiles<3, 1>(p, before);
    else if (tiles == 2) p.column_tiles == 2 ? multiply_tiles<2, 2>(p, before) : multiply_tiles<2, 1>(p, before);
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
    if (row_tiles(p.rows) == 2) p.column_tiles == 2 ? multiply_split_tiles<2, 2>(p, before) : multiply_split_tiles<2, 1>(p, before);
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

}  // namespace regulus::cpu
