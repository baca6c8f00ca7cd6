// Blocks of bfloat16 products: plain loops, dot products and AMX, each against plain sums in double, and against each other.
#include <cfloat>
#include <limits>

#include "bf16.hpp"
#include "tiles.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

using cpu::Bf16;

std::vector<Bf16> random_halves(std::size_t count, std::uint64_t seed) {
    std::vector<Bf16> halves;
    for (const float value : random_floats(count, seed)) halves.push_back(cpu::bf16_of(value));
    return halves;
}

/// The nearest number with eight significant bits, ties to even, by the definition; 2^-133 is the least step.
float rounded(float value) {
    if (value == 0.f || !std::isfinite(value)) return value;
    int exponent = 0;
    std::frexp(double(value), &exponent);
    const double step = std::ldexp(1., std::max(exponent, -125) - 8);
    const double result = std::nearbyint(double(value) / step) * step;
    return std::fabs(result) >= std::ldexp(1., 128) ? std::copysign(INFINITY, value) : float(result);
}

/// Numbers on which rounding is easily wrong.
std::vector<float> hard_numbers() {
    std::vector<float> numbers{0.f, 1.f + 0x1p-8f, 1.f + 0x1.8p-7f, 1.f + 0x1.0002p-8f, 1.f + 0x1.fffep-9f, 255.5f, 256.f, 257.f, 259.f, 0x1.fep+127f, 0x1.fefffep+127f, 0x1.ffp+127f, FLT_MAX, FLT_MIN, 0x1.01p-126f, INFINITY};
    const std::size_t count = numbers.size();
    for (std::size_t i = 0; i < count; ++i) numbers.push_back(-numbers[i]);
    numbers.push_back(NAN);
    return numbers;
}

/// Panels of b with zeros where runs end before their last step does.
std::vector<Bf16> zeros_behind(const std::vector<cpu::DepthRun>& runs, int column_tiles, std::vector<Bf16> b) {
    std::int64_t steps = 0;
    for (const cpu::DepthRun& run : runs) {
        steps += run.steps;
        for (int tile = 1; tile <= column_tiles && run.steps > 0; ++tile) {
            const auto begin = b.begin() + (steps * column_tiles - tile) * cpu::tile_elements;
            std::fill(begin + 2 * run.last_pairs * cpu::tile_columns, begin + cpu::tile_elements, Bf16(0));
        }
    }
    return b;
}

/// Rows [0, rows) in stretches, of which the second leaves out a row; row r lies at row r of `to`.
void add_rows(cpu::TileResult& result, std::int64_t rows, void* to, const void* residual) {
    const auto element = [](const void* base, std::int64_t bytes) { return static_cast<std::byte*>(const_cast<void*>(base)) + bytes; };
    result.clear();
    result.adds = residual != nullptr;
    for (std::int64_t first = 0; first < rows; first += first == 0 ? 3 : rows) {
        const std::int64_t start = first == 0 ? 0 : 4, count = first == 0 ? std::min<std::int64_t>(3, rows) : rows - start;
        if (count > 0) result.add({start, count, element(to, start * result.pitch_bytes()), result.adds ? element(residual, start * result.residual_pitch_bytes()) : nullptr});
    }
}
bool is_left_out(std::int64_t row) { return row == 3; }

constexpr float denormals[] = {FLT_TRUE_MIN, -FLT_TRUE_MIN, 0x1.8p-128f, -0x1.fcp-127f, 0x1.fffffcp-127f};

/// Random sums and hard numbers among them, other ones for each seed.
std::vector<float> mixed_numbers(std::size_t count, std::uint64_t seed) {
    std::vector<float> numbers = random_floats(count, seed);
    const std::vector<float> hard = hard_numbers();
    for (std::size_t i = 0; i < count; i += 3) numbers[i] = hard[(i / 3 + seed * 7) % hard.size()];
    return numbers;
}

}  // namespace

TEST_CASE("cpu bf16: rounds to the nearest, ties to even; NaN stays NaN, what is too large becomes infinite") {
    std::vector<float> numbers = hard_numbers();
    numbers.insert(numbers.end(), std::begin(denormals), std::end(denormals));
    for (const float value : random_floats(2000, 3)) numbers.insert(numbers.end(), {value, value * 0x1p-125f, value * 0x1p127f});
    for (const float value : numbers) {
        const float result = cpu::float_of(cpu::bf16_of(value));
        INFO(value);
        if (std::isnan(value)) CHECK(std::isnan(result));
        else CHECK(std::bit_cast<std::uint32_t>(result) == std::bit_cast<std::uint32_t>(rounded(value)));
    }
    for (const std::uint32_t payload : {0x7F800001u, 0xFF800001u, 0x7FFFFFFFu, 0xFFFFFFFFu}) CHECK(std::isnan(cpu::float_of(cpu::bf16_of(std::bit_cast<float>(payload)))));
}

TEST_CASE("cpu bf16: blocks of products equal sums in double, for every number of tiles, of several runs, added or not, other sums left as they are") {
    const std::vector<std::vector<cpu::DepthRun>> several_runs{{{0, 1}}, {{3, 5}}, {{5, 2}, {90, 1}, {120, 2}}, {{64, 1}, {0, 0}, {1, 3}}, {{3, 2, 5}, {90, 1, 1}, {120, 3}}};
    for (const cpu::TileFunctions& functions : cpu::all_tile_functions()) {
        functions.begin();
        for (const std::vector<cpu::DepthRun>& runs : several_runs) {
            for (const int shape : {0, 1, 2, 3, 4, 5}) {
                for (const bool adds : {false, true}) {
                    cpu::TileProduct product;
                    product.rows = (1 + shape % 3) * cpu::tile_rows - (adds ? shape + 3 : 0);
                    product.column_tiles = 1 + shape / 3;
                    product.a_pitch = adds ? 7 : 200;  // neighbours' rows overlap, as those of windows do
                    product.runs = runs.data();
                    product.run_count = std::int64_t(runs.size());
                    product.adds = adds;
                    std::int64_t steps = 0;
                    for (const cpu::DepthRun& run : runs) steps += run.steps;
                    const std::vector<Bf16> a = random_halves(std::size_t(cpu::block_rows * product.a_pitch + 200), 1), b = zeros_behind(runs, product.column_tiles, random_halves(std::size_t(steps * product.column_tiles * cpu::tile_elements), 2));
                    const std::vector<float> before = random_floats(std::size_t(cpu::block_rows * cpu::block_columns), 3);
                    std::vector<float> sums = before;
                    product.a = a.data();
                    product.b = b.data();
                    product.sums = sums.data();
                    cpu::TileResult earlier;  // is stored meanwhile
                    const std::vector<float> earlier_sums = random_floats(std::size_t(cpu::block_rows * cpu::block_columns), 4), bias(std::size_t(cpu::block_columns), 0.f);
                    std::vector<float> stored(earlier_sums.size(), 77.f);
                    const std::int64_t earlier_rows = adds ? cpu::block_rows : shape * 7;
                    earlier.sums = earlier_sums.data();
                    earlier.columns = earlier.pitch = cpu::block_columns;
                    earlier.bias = bias.data();
                    add_rows(earlier, earlier_rows, stored.data(), nullptr);
                    functions.multiply(product, earlier);
                    int wrong = 0;
                    for (std::size_t i = 0; i < stored.size(); ++i) {
                        const std::int64_t row = std::int64_t(i) / cpu::block_columns;
                        wrong += stored[i] == (row < earlier_rows && !is_left_out(row) ? earlier_sums[i] : 77.f) ? 0 : 1;
                    }
                    for (std::int64_t row = 0; row < cpu::block_rows; ++row) {
                        for (std::int64_t column = 0; column < cpu::block_columns; ++column) {
                            const std::size_t place = std::size_t(row * cpu::block_columns + column);
                            if (row >= product.rows && row < cpu::row_tiles(product.rows) * cpu::tile_rows) continue;  // may be anything
                            if (row >= product.rows || column >= product.column_tiles * cpu::tile_columns) {
                                wrong += sums[place] == before[place] ? 0 : 1;
                                continue;
                            }
                            double sum = adds ? double(before[place]) : 0, magnitudes = std::fabs(sum);
                            std::int64_t tile = column / cpu::tile_columns;
                            for (const cpu::DepthRun& run : runs) {
                                for (std::int64_t k = 0; k < run.steps * cpu::tile_depth; ++k) {
                                    const std::int64_t in_tile = (k % cpu::tile_depth / 2 * cpu::tile_columns + column % cpu::tile_columns) * 2 + k % 2;
                                    const double factor = cpu::float_of(b[std::size_t((tile + k / cpu::tile_depth * product.column_tiles) * cpu::tile_elements + in_tile)]);
                                    const double term = factor * double(cpu::float_of(a[std::size_t(row * product.a_pitch + run.offset + k)]));
                                    sum += term;
                                    magnitudes += std::fabs(term);
                                }
                                tile += run.steps * product.column_tiles;
                            }
                            wrong += std::fabs(double(sums[place]) - sum) <= 1e-6 * magnitudes ? 0 : 1;  // 160 products in float32: sqrt(160) * 2^-24
                        }
                    }
                    INFO("rows " << product.rows << " column tiles " << product.column_tiles << " adds " << adds << " runs " << runs.size() << " of " << steps << " steps");
                    CHECK(wrong == 0);
                }
            }
        }
        functions.end();
    }
}

TEST_CASE("cpu bf16: results equal their definition, both precisions of residual and result, any part of a block, nothing written beside it") {
    constexpr std::int64_t pitch = 37;
    for (const cpu::TileFunctions& functions : cpu::all_tile_functions()) {
        for (std::int64_t columns = 1; columns <= cpu::block_columns; ++columns) {
            for (const int kind : {0, 1, 2, 3, 4, 5}) {  // of residual and result
                const std::int64_t rows = std::array<std::int64_t, 3>{1, 7, 48}[std::size_t(columns % 3)];
                const std::uint64_t seed = std::uint64_t(columns * 6 + kind);
                const std::vector<float> sums = mixed_numbers(std::size_t(cpu::block_rows * cpu::block_columns), seed), bias = random_floats(32, seed + 1);
                const std::vector<float> residual = mixed_numbers(std::size_t(cpu::block_rows * pitch), seed + 2);
                std::vector<Bf16> short_residual;
                for (const float value : residual) short_residual.push_back(cpu::bf16_of(value));
                std::vector<float> to(std::size_t(cpu::block_rows * pitch), 77.f);
                std::vector<Bf16> short_to(to.size(), 77);
                cpu::TileResult result;
                result.sums = sums.data();
                result.columns = columns;
                result.bias = bias.data();
                result.pitch = pitch;
                result.is_bf16 = kind % 2 != 0;
                result.relu = columns % 2 == 0;
                result.residual_is_bf16 = kind / 2 == 2;
                const void* const other = kind / 2 == 0 ? nullptr : kind / 2 == 1 ? static_cast<const void*>(residual.data()) : short_residual.data();
                add_rows(result, rows, result.is_bf16 ? static_cast<void*>(short_to.data()) : to.data(), other);
                functions.store(result);
                int wrong = 0;
                for (std::int64_t place = 0; place < cpu::block_rows * pitch; ++place) {
                    const std::size_t i = std::size_t(place);
                    if (place / pitch >= rows || is_left_out(place / pitch) || place % pitch >= columns) {
                        wrong += to[i] == 77.f && short_to[i] == 77 ? 0 : 1;
                        continue;
                    }
                    float value = sums[std::size_t(place / pitch * cpu::block_columns + place % pitch)] + bias[std::size_t(place % pitch)];
                    if (result.adds) value += result.residual_is_bf16 ? cpu::float_of(short_residual[i]) : residual[i];
                    if (result.relu && value < 0.f) value = 0.f;
                    const float actual = result.is_bf16 ? cpu::float_of(short_to[i]) : to[i], expected = result.is_bf16 ? rounded(value) : value;
                    wrong += actual == expected || (std::isnan(actual) && std::isnan(expected)) ? 0 : 1;
                }
                INFO("columns " << columns << " rows " << rows << " residual " << kind / 2 << " bf16 " << result.is_bf16 << " relu " << result.relu);
                CHECK(wrong == 0);
            }
        }
    }
}

TEST_CASE("cpu bf16: narrowing of any number of floats gives plain rounding's bits and writes nothing behind them") {
    for (const cpu::TileFunctions& functions : cpu::all_tile_functions()) {
        for (std::int64_t count = 0; count <= 70; ++count) {
            const std::vector<float> from = mixed_numbers(80, std::uint64_t(count));
            std::vector<Bf16> to(80, 77);
            functions.narrow(from.data(), to.data(), count);
            int wrong = 0;
            for (std::size_t i = 0; i < to.size(); ++i) wrong += to[i] == (std::int64_t(i) < count ? cpu::bf16_of(from[i]) : Bf16(77)) ? 0 : 1;
            INFO("count " << count);
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("cpu bf16: AVX-512's results have the bits of plain loops") {
    REQUIRE_AVX512_BF16();
    constexpr std::int64_t pitch = 35;
    for (std::int64_t columns = 1; columns <= cpu::block_columns; ++columns) {
        for (const bool is_bf16 : {false, true}) {
            const std::vector<float> sums = mixed_numbers(std::size_t(cpu::block_rows * cpu::block_columns), std::uint64_t(columns)), bias = random_floats(32, 1), residual = random_floats(std::size_t(cpu::block_rows * pitch), 2);
            std::vector<float> by_plain(residual.size(), 0.f), by_vectors = by_plain;
            cpu::TileResult result;
            result.sums = sums.data();
            result.columns = columns;
            result.bias = bias.data();
            result.pitch = pitch;
            result.is_bf16 = is_bf16;
            result.relu = columns % 3 == 0;
            const float* const other = columns % 2 == 0 ? residual.data() : nullptr;
            add_rows(result, cpu::block_rows, by_plain.data(), other);
            cpu::plain_tile_functions.store(result);
            add_rows(result, cpu::block_rows, by_vectors.data(), other);
            cpu::tile_functions().store(result);
            INFO("columns " << columns << " bf16 " << is_bf16);
            CHECK(std::memcmp(by_plain.data(), by_vectors.data(), by_plain.size() * sizeof(float)) == 0);
        }
    }
}

TEST_CASE("cpu bf16: where AVX-512 makes zeros of denormal numbers, plain loops keep them") {
    REQUIRE_AVX512_BF16();
    for (const float value : denormals) {
        Bf16 by_plain = 1, by_vectors = 1;
        cpu::plain_tile_functions.narrow(&value, &by_plain, 1);
        cpu::tile_functions().narrow(&value, &by_vectors, 1);
        INFO(value);
        CHECK(cpu::float_of(by_plain) == rounded(value));
        CHECK(by_vectors == (std::signbit(value) ? 0x8000 : 0));
    }
}
