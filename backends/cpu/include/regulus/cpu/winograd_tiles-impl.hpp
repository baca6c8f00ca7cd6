#pragma once
// What Winograd's convolutions compute on one tile, for every instruction set, and their transformed weights; winograd-impl.hpp is the kernel.
#include <array>
#include <vector>

#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/simd_targets.hpp>
#include <regulus/cpu/tile_weights-impl.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// The finite points besides 0 in pairs: +-p, +-r, +-q. Tiles of 4 outputs do without r; at_... is what their rows then lack of the weights' scale.
/// These points halve the errors of the usual 1 and 2 (rms over 256 channels 1.2e-6 of the deviation; direct sums 0.3e-6).
struct FinePoints {
    static constexpr int count = 5;
    static constexpr double p = 0.75, q = 1.5;
    static constexpr double at_zero = 1, at_p = 1, at_q = 1;
    static constexpr std::array<signed char, 8> of_four{0, 1, 2, 3, 4, 5};  // tiles of 4: which points they take
};

/// Rms 4.8e-6 with 6 outputs, 1.8e-6 with 4.
struct WidePoints {
    static constexpr int count = 7;
    static constexpr double p = 0.5, r = 1, q = 1.75;
    static constexpr double at_zero = -r * r, at_p = p * p - r * r, at_q = q * q - r * r;
    static constexpr std::array<signed char, 8> of_four{0, 1, 2, 5, 6, 7};
};

/// Stride 2: 0, 1, -1, infinity, and the middle tap. Transforms only add and subtract: rms 0.5e-6 of the deviation, no more than direct sums.
struct StridedPoints {};

/// One axis of a tile. Product i multiplies the i-th factor of the tile with the factor of weights with number point[i], and is added to sum[i].
struct WinogradAxis {
    int outputs, stride, inputs;  // pixels of a tile, and of what it reads
    int products, sums;
    std::array<signed char, 8> point, sum;
};

/// The inputs of a tile: their first pixel may lie outside the map, whose surroundings are zeros. In elements from pixel to pixel, line to line.
struct WinogradWindow {
    const std::byte* map;
    bool is_bf16;
    std::int64_t y, x, height, width, line, pitch;
    std::int64_t next;  // from this tile to the next, 0 at the last: its pixels are fetched meanwhile
};

/// Where the outputs of a tile go, alike.
struct WinogradTarget {
    std::byte* map;
    bool is_bf16;
    std::int64_t y, x, height, width, line, pitch, next;
};

/// The functions of winograd.inc for one kind of tiles.
struct WinogradTransforms {
    const WinogradAxis *down, *across;
    void (*input)(const WinogradWindow& window, std::int64_t channels, float* v, std::int64_t plane);
    void (*output)(const float* m, std::int64_t plane, const float* bias, bool relu, std::int64_t channels, const WinogradTarget& target);
};

}  // namespace regulus::cpu

#define REGULUS_SIMD_NAME winograd
#define REGULUS_SIMD_SOURCE <regulus/cpu/winograd.inc>
#include <regulus/cpu/each_instruction_set.inc>

namespace regulus::cpu {

/// The transforms for one instruction set, and the matrix product of the same.
struct WinogradFunctions {
    MatrixFunctions matrix;
    const WinogradTransforms* fine;          // 4 x 4 at FinePoints
    const WinogradTransforms (*wide)[2];     // [rows 6, 4][columns 6, 4] at WidePoints
    const WinogradTransforms (*strided)[2];  // [rows 3, 2][columns 3, 2] at StridedPoints
};

inline const WinogradFunctions& winograd_functions() {
#if defined(__x86_64__)
    static constexpr WinogradFunctions avx512{{matrix_avx512::lanes, matrix_avx512::multiply}, &winograd_avx512::fine, winograd_avx512::wide, winograd_avx512::strided};
    static constexpr WinogradFunctions avx2{{matrix_avx2::lanes, matrix_avx2::multiply}, &winograd_avx2::fine, winograd_avx2::wide, winograd_avx2::strided};
    if (instruction_set() == InstructionSet::avx512) return avx512;
    if (instruction_set() == InstructionSet::avx2) return avx2;
#endif
    static constexpr WinogradFunctions baseline{{matrix_baseline::lanes, matrix_baseline::multiply}, &winograd_baseline::fine, winograd_baseline::wide, winograd_baseline::strided};
    return baseline;
}

/// Which points: one of the two sets for stride 1, or those for stride 2.
enum class WinogradForm { fine, wide, strided };

/// Transformed weights G g G^T, computed in double: for each group a matrix [in, out] per pair of points, packed for the matrix product or as tiles of
/// parts, out padded with zeros to whole vectors; and the biases, padded alike.
struct WinogradWeights {
    Tensor matrices;         // [groups, points * points, width, in] of a group's in; or none
    TileWeights tiles;       // a group for each pair of points of each group; or none
    Tensor bias;             // [groups, width]
    std::int64_t width = 0;  // padded out_channels of a group
    int points = 0;          // infinity among them, and for stride 2 the middle tap

    std::size_t bytes() const { return matrices.bytes() + tiles.bytes(); }

    /// G: what the three taps of an axis are multiplied with. For a finite point its powers over the product of its distances to the other points.
    static std::vector<std::array<double, 3>> factors(WinogradForm form) {
        const bool strided = form == WinogradForm::strided;
        std::vector<double> finite{0, FinePoints::p, -FinePoints::p, FinePoints::q, -FinePoints::q};
        if (form == WinogradForm::wide) finite = {0, WidePoints::p, -WidePoints::p, WidePoints::r, -WidePoints::r, WidePoints::q, -WidePoints::q};
        if (strided) finite = {0, 1, -1};
        std::vector<std::array<double, 3>> g;
        for (const double point : finite) {
            double distances = 1;
            for (const double other : finite) distances *= other == point ? 1 : point - other;
            if (strided) g.push_back({1 / distances, 0, point / distances});
            else g.push_back({1 / distances, point / distances, point * point / distances});
        }
        g.push_back({0, 0, 1});
        if (strided) g.push_back({0, 1, 0});
        return g;
    }

    /// split: as tiles.
    static WinogradWeights make(const ConvParameters& parameters, std::int64_t groups, int lanes, WinogradForm form, bool split) {
        const std::vector<std::array<double, 3>> g = factors(form);
        const std::int64_t out = parameters.weight.shape()[0] / groups, in = parameters.weight.shape()[1], points = std::int64_t(g.size());
        const float* const taps = parameters.weight.data<float>();
        WinogradWeights result;
        result.points = int(points);
        result.width = (out + lanes - 1) / lanes * lanes;
        result.bias = Tensor::zeros(Shape{groups, result.width});
        for (std::int64_t o = 0; o < groups * out; ++o) result.bias.data<float>()[o / out * result.width + o % out] = parameters.bias.data<float>()[o];
        if (split && 6 * points * points * groups * in * result.width > most_bytes_of_parts) {
            std::vector<std::array<float, 3>> across;
            for (const std::array<double, 3>& x : g) across.push_back({float(x[0]), float(x[1]), float(x[2])});
            const auto weight = [&](std::int64_t term, std::int64_t o, std::int64_t i) {
                const std::int64_t line = term / 3, group = line / points;
                return o < out ? float(half(taps + ((group * out + o) * in + i) * 9, g[std::size_t(line % points)])[std::size_t(term % 3)]) : 0.f;
            };
            result.tiles = TileWeights::make_sums(groups * points * 3, result.width, in, std::move(across), weight);
            return result;
        }
        if (split) {
            const auto weight = [&](std::int64_t matrix, std::int64_t o, std::size_t, std::int64_t i) {
                const std::int64_t group = matrix / (points * points), point = matrix % (points * points);
                return o < out ? element(half(taps + ((group * out + o) * in + i) * 9, g[std::size_t(point / points)]), g[std::size_t(point % points)]) : 0.f;
            };
            result.tiles = TileWeights::make(TileFactors::split, groups * points * points, result.width, {in}, weight, [](std::int64_t, std::int64_t) { return 0.f; });
            return result;
        }
        const std::int64_t plane = result.width * in;
        result.matrices = Tensor::zeros(Shape{groups, points * points, result.width, in});
        parallel_for(groups, [&](std::int64_t group) {
            for_packed_columns(result.width, in, lanes, [&](std::int64_t o, std::int64_t place, std::int64_t distance) {
                float* to = result.matrices.data<float>() + group * points * points * plane + place;
                for (std::int64_t i = 0; o < out && i < in; ++i, to += distance) {
                    float* next = to;
                    for (const std::array<double, 3>& down : g) {
                        const std::array<double, 3> line = half(taps + ((group * out + o) * in + i) * 9, down);
                        for (const std::array<double, 3>& across : g) {
                            *next = element(line, across);
                            next += plane;
                        }
                    }
                }
            });
        });
        return result;
    }

private:
    static constexpr std::int64_t most_bytes_of_parts = 4 << 20;

    /// The taps of a window times a factor of its lines.
    static std::array<double, 3> half(const float* taps, const std::array<double, 3>& down) {
        std::array<double, 3> line;
        for (std::size_t x = 0; x < 3; ++x) line[x] = down[0] * double(taps[x]) + down[1] * double(taps[3 + x]) + down[2] * double(taps[6 + x]);
        return line;
    }

    /// And times one of its columns.
    static float element(const std::array<double, 3>& line, const std::array<double, 3>& across) { return float(line[0] * across[0] + line[1] * across[1] + line[2] * across[2]); }
};

}  // namespace regulus::cpu
