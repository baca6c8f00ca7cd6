#pragma once
// 3x3 convolutions of stride 1, grouped ones too, in a quarter to a fifth of the multiplications: Winograd's F(4x4, 3x3), F(6x6, 3x3) and what lies
// between, straight on NHWC maps.
//
// Each axis of a map is covered by tiles of 6 and 4 outputs, so that hardly an output is computed in vain. A task takes a run of tiles of one
// kind and a few groups: their inputs are transformed into 36 to 64 small matrices [tiles, in], each is multiplied with its matrix of transformed
// weights [in, out] of its group, and the products are transformed back. A task's matrices stay in the caches; weights stream past them.
// oneDNN 2.6 has F(4x4, 3x3) for its blocked layout only, 3.x no more.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/simd_targets.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// The finite points besides 0 in pairs: +-p, +-r, +-q. Tiles of 4 outputs do without r; at_... is what their rows then lack of the weights' scale.
/// These points halve the errors of the usual 1 and 2 (rms over 256 channels 1.2e-6 of the deviation; direct sums 0.3e-6).
struct FinePoints {
    static constexpr int count = 5;
    static constexpr double p = 0.75, q = 1.5;
    static constexpr double at_zero = 1, at_p = 1, at_q = 1;
};

/// Rms 4.8e-6 with 6 outputs, 1.8e-6 with 4.
struct WidePoints {
    static constexpr int count = 7;
    static constexpr double p = 0.5, r = 1, q = 1.75;
    static constexpr double at_zero = -r * r, at_p = p * p - r * r, at_q = q * q - r * r;
};

/// The inputs of a tile: their first pixel may lie outside the map, whose surroundings are zeros. In floats from pixel to pixel, line to line.
struct WinogradWindow {
    const float* map;
    std::int64_t y, x, height, width, line, pitch;
    std::int64_t next;  // from this tile to the next, 0 at the last: its pixels are fetched meanwhile
};

/// Where the outputs of a tile go, alike.
struct WinogradTarget {
    float* map;
    std::int64_t y, x, height, width, line, pitch, next;
};

/// The functions of winograd.inc for tiles of rows x columns outputs.
struct WinogradTransforms {
    int rows, columns;
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
    const WinogradTransforms* fine;       // 4 x 4 at FinePoints
    const WinogradTransforms (*wide)[2];  // [rows 6, 4][columns 6, 4] at WidePoints
};

inline const WinogradFunctions& winograd_functions() {
#if defined(__x86_64__)
    static constexpr WinogradFunctions avx512{{matrix_avx512::lanes, matrix_avx512::multiply}, &winograd_avx512::fine, winograd_avx512::wide};
    static constexpr WinogradFunctions avx2{{matrix_avx2::lanes, matrix_avx2::multiply}, &winograd_avx2::fine, winograd_avx2::wide};
    if (instruction_set() == InstructionSet::avx512) return avx512;
    if (instruction_set() == InstructionSet::avx2) return avx2;
#endif
    static constexpr WinogradFunctions baseline{{matrix_baseline::lanes, matrix_baseline::multiply}, &winograd_baseline::fine, winograd_baseline::wide};
    return baseline;
}

/// Transformed weights G g G^T, computed in double: for each group a matrix [in, out] per pair of points, packed for the matrix product, out
/// padded with zeros to whole vectors; and the biases, padded alike.
struct WinogradWeights {
    Tensor matrices;         // [groups, points * points, width, in] of a group's in
    Tensor bias;             // [groups, width]
    std::int64_t width = 0;  // padded out_channels of a group
    int points = 0;          // infinity among them

    /// Wide: for tiles of 6 and 4 outputs. Otherwise for the finer ones of 4.
    static WinogradWeights make(const ConvParameters& parameters, std::int64_t groups, int lanes, bool wide) {
        const std::vector<double> finite = wide ? std::vector<double>{0, WidePoints::p, -WidePoints::p, WidePoints::r, -WidePoints::r, WidePoints::q, -WidePoints::q}
                                                : std::vector<double>{0, FinePoints::p, -FinePoints::p, FinePoints::q, -FinePoints::q};
        std::vector<std::array<double, 3>> g;  // powers of a point over the product of its distances to the other points
        for (const double point : finite) {
            double distances = 1;
            for (const double other : finite) distances *= other == point ? 1 : point - other;
            g.push_back({1 / distances, point / distances, point * point / distances});
        }
        g.push_back({0, 0, 1});
        const int points = int(g.size());
        const std::int64_t out = parameters.weight.shape()[0] / groups, in = parameters.weight.shape()[1];
        WinogradWeights result;
        result.points = points;
        result.width = (out + lanes - 1) / lanes * lanes;
        result.matrices = Tensor::zeros(Shape{groups, points * points, result.width, in});
        result.bias = Tensor::zeros(Shape{groups, result.width});
        const float* weight = parameters.weight.data<float>();
        const float* bias = parameters.bias.data<float>();
        float* matrices = result.matrices.data<float>();
        const std::int64_t plane = result.width * in;
        parallel_for(groups, [&](std::int64_t group) {
            for_packed_columns(result.width, in, lanes, [&](std::int64_t o, std::int64_t place, std::int64_t panel) {
                if (o >= out) return;
                result.bias.data<float>()[group * result.width + o] = bias[group * out + o];
                for (std::int64_t i = 0; i < in; ++i) {
                    const float* taps = weight + ((group * out + o) * in + i) * 9;
                    float* to = matrices + group * points * points * plane + place + i * panel;
                    for (const std::array<double, 3>& row : g) {
                        double half[3];
                        for (int x = 0; x < 3; ++x) half[x] = row[0] * double(taps[x]) + row[1] * double(taps[3 + x]) + row[2] * double(taps[6 + x]);
                        for (const std::array<double, 3>& column : g) {
                            *to = float(half[0] * column[0] + half[1] * column[1] + half[2] * column[2]);
                            to += plane;
                        }
                    }
                }
            });
        });
        return result;
    }
};

class WinogradKernel final : public Kernel {
public:
    /// Whether the algorithm applies and is worth it: below these sizes the transforms cost more than they save.
    static bool applies(const ops::Conv2d& op, const Shape& out) {
        const std::int64_t tiles = out[0] * ((out[2] + 3) / 4) * ((out[3] + 3) / 4);
        const int in = op.in_channels / op.groups, width = op.out_channels / op.groups;
        const bool deep = op.groups == 1 ? in >= 32 && width >= 32 : in >= 16 && width >= 16;
        return op.kernel == 3 && op.stride == 1 && op.dilation == 1 && op.padding == 1 && !op.residual && op.activation != Activation::sigmoid && deep && out[2] >= 4 && out[3] >= 4 && tiles >= 24;
    }

    /// Whether tiles of 6 outputs serve: where the products, not the transforms, take the time, and 64 matrices are not much more than the last-level cache holds.
    static bool wide(const ops::Conv2d& op) {
        return op.groups == 1 && op.in_channels >= 64 && op.out_channels >= 64 && 64 * std::int64_t(op.in_channels) * op.out_channels * std::int64_t(sizeof(float)) <= largest_wide;
    }

    WinogradKernel(const NodeContext& context, std::shared_ptr<const WinogradWeights> weights, int threads)
        : weights_(std::move(weights)), functions_(winograd_functions()), rows_(context.rows_of(context.out(0))), src_(context.place(context.in(0))), dst_(context.place(context.out(0))),
          relu_(std::get<ops::Conv2d>(context.node.operation).activation == Activation::relu), threads_(threads) {
        const Shape& in = context.shape(context.in(0));
        const Shape& out = context.shape(context.out(0));
        groups_ = std::get<ops::Conv2d>(context.node.operation).groups;
        in_ = in[1];
        out_ = out[1];
        height_ = in[2];
        width_ = in[3];
        // Narrow groups are taken together, so that a pixel's channels fill lines of the cache.
        chunk_ = std::min<std::int64_t>(groups_, std::max<std::int64_t>(1, least_channels / (in_ / groups_)));
        chunks_ = (groups_ + chunk_ - 1) / chunk_;
        const bool wide = weights_->points == WidePoints::count + 1;
        choose_kinds(out[0], wide);
        for (Kind& kind : kinds_) set_up(kind, out[0]);
        const bool sixes = std::any_of(kinds_.begin(), kinds_.end(), [](const Kind& kind) { return kind.transforms->rows == 6 || kind.transforms->columns == 6; });
        name = sixes ? "winograd 6x6" : "winograd 4x4";
        reason = sixes ? "3x3, stride 1: a fifth of the multiplications" : "3x3, stride 1: a quarter of the multiplications";
    }

    std::size_t scratch_bytes() const override { return std::size_t(threads_) * task_floats_ * sizeof(float); }

    void run(const Run& run) const override {
        const std::int64_t rows = rows_(run);
        std::int64_t tasks = 0;
        for (const Kind& kind : kinds_) tasks += kind.tasks(rows) * chunks_;
        parallel_tasks(threads_, tasks, [&](int thread, std::int64_t i) {
            float* const memory = run.floats(scratch) + std::size_t(thread) * task_floats_;
            for (const Kind& kind : kinds_) {
                const std::int64_t own = kind.tasks(rows) * chunks_;
                if (i < own) return task(run, kind, memory, i / chunks_ * kind.tiles, std::min(rows * kind.per_image(), (i / chunks_ + 1) * kind.tiles), i % chunks_);
                i -= own;
            }
        });
    }

private:
    static constexpr std::int64_t least_channels = 64;            // of a task's groups together
    static constexpr std::int64_t cached_bytes = 3 << 20;         // of a task's matrices
    static constexpr std::int64_t resident_weights = 20 << 20;    // in a share of the last level
    static constexpr std::int64_t largest_wide = 48 << 20;
    static constexpr std::int64_t streaming_weights = 1 << 20;    // beyond the second level
    static constexpr std::int64_t plane_gap = 16;                 // floats; else the planes would fall into the same lines of the cache
    static constexpr std::int64_t most_tiles = 96, least_tiles = 24;  // of a task; with fewer the weights stream too often

    /// Tiles of one size: a grid of them from (y, x) on in every image.
    struct Kind {
        const WinogradTransforms* transforms = nullptr;
        std::int64_t y = 0, x = 0, lines = 0, columns = 0;  // tiles in the grid
        std::int64_t tiles = 0;                             // of a task
        std::int64_t in_plane = 0, out_plane = 0;
        std::array<int, 64> matrices{};                     // for each plane the matrix of weights

        std::int64_t per_image() const { return lines * columns; }
        std::int64_t tasks(std::int64_t rows) const { return (rows * per_image() + tiles - 1) / tiles; }
        int planes() const { return (transforms->rows + 2) * (transforms->columns + 2); }
    };

    /// Tiles along an axis: those of 6, then those of 4.
    struct Cover {
        std::int64_t sixes = 0, fours = 0;
    };

    /// The fewest points: 8 for six outputs, 6 for four.
    static Cover cover(std::int64_t outputs) {
        Cover best{0, (outputs + 3) / 4};
        for (std::int64_t sixes = 1; sixes <= (outputs + 5) / 6; ++sixes) {
            const Cover next{sixes, std::max<std::int64_t>(0, (outputs - 6 * sixes + 3) / 4)};
            if (8 * next.sixes + 6 * next.fours <= 8 * best.sixes + 6 * best.fours) best = next;
        }
        return best;
    }

    void choose_kinds(std::int64_t images, bool wide) {
        const Cover only_fours_y{0, (height_ + 3) / 4}, only_fours_x{0, (width_ + 3) / 4};
        kinds_ = grids(only_fours_y, only_fours_x, wide);
        if (!wide) return;
        std::vector<Kind> mixed = grids(cover(height_), cover(width_), true);
        if (cost(mixed, images) < cost(kinds_, images)) kinds_ = std::move(mixed);
    }

    std::vector<Kind> grids(const Cover& y, const Cover& x, bool wide) const {
        std::vector<Kind> kinds;
        for (const bool six_y : {true, false}) {
            for (const bool six_x : {true, false}) {
                Kind kind;
                kind.transforms = wide ? &functions_.wide[six_y ? 0 : 1][six_x ? 0 : 1] : functions_.fine;
                kind.y = six_y ? 0 : 6 * y.sixes;
                kind.x = six_x ? 0 : 6 * x.sixes;
                kind.lines = six_y ? y.sixes : y.fours;
                kind.columns = six_x ? x.sixes : x.fours;
                if (kind.per_image() > 0) kinds.push_back(kind);
            }
        }
        return kinds;
    }

    /// Rows of products; to read a matrix of weights takes about as long as to multiply 12 rows with it. The same for every number of threads, as
    /// results are.
    static std::int64_t cost(const std::vector<Kind>& kinds, std::int64_t images) {
        std::int64_t sum = 0;
        for (const Kind& kind : kinds) {
            const std::int64_t total = images * kind.per_image(), tasks = std::max(std::min<std::int64_t>(total, 2), total / 48);
            sum += kind.planes() * (total + 12 * tasks);
        }
        return sum;
    }

    void set_up(Kind& kind, std::int64_t images) {
        const std::int64_t group_in = in_ / groups_;
        // As many tiles as the second-level cache holds, but weights that the last level does not hold must not stream too often.
        const std::int64_t tile_bytes = kind.planes() * chunk_ * (group_in + weights_->width) * std::int64_t(sizeof(float));
        const std::int64_t most = weights_->matrices.bytes() > resident_weights ? most_tiles : std::clamp<std::int64_t>(cached_bytes / tile_bytes, least_tiles, most_tiles);
        const std::int64_t total = std::max<std::int64_t>(1, images * kind.per_image());
        std::int64_t blocks = (total + most - 1) / most;
        while (blocks < total && blocks * chunks_ % threads_ != 0 && blocks * chunks_ < 8 * threads_) ++blocks;  // equal shares for the threads
        kind.tiles = (total + blocks - 1) / blocks;
        kind.in_plane = kind.tiles * chunk_ * group_in + plane_gap;
        kind.out_plane = kind.tiles * chunk_ * weights_->width + plane_gap;
        task_floats_ = std::max(task_floats_, std::size_t(kind.planes()) * std::size_t(kind.in_plane + kind.out_plane));
        const auto point = [&](int i, int size) { return weights_->points == WidePoints::count + 1 && size == 4 && i > 2 ? i + 2 : i; };  // without +-r
        const int columns = kind.transforms->columns + 2;
        for (int plane = 0; plane < kind.planes(); ++plane) {
            kind.matrices[std::size_t(plane)] = point(plane / columns, kind.transforms->rows) * weights_->points + point(plane % columns, kind.transforms->columns);
        }
    }

    /// Tiles [first, last) of a kind, for one chunk of groups.
    void task(const Run& run, const Kind& kind, float* memory, std::int64_t first, std::int64_t last, std::int64_t chunk) const {
        float* const v = memory;
        float* const m = memory + kind.planes() * kind.in_plane;
        const std::int64_t group_in = in_ / groups_, group_out = out_ / groups_, first_group = chunk * chunk_, last_group = std::min(groups_, first_group + chunk_);
        const std::int64_t channels = (last_group - first_group) * group_in, products = (last_group - first_group) * weights_->width;
        for (std::int64_t tile = first; tile < last; ++tile) {
            const Position at = position(kind, tile);
            const float* const map = run.floats(src_) + at.image * height_ * width_ * in_ + first_group * group_in;
            kind.transforms->input({map, at.y - 1, at.x - 1, height_, width_, width_ * in_, in_, tile + 1 < last ? kind.transforms->columns * in_ : 0}, channels, v + (tile - first) * channels, kind.in_plane);
        }
        MatrixProduct product;
        product.a_pitch = channels;
        product.c_pitch = products;
        product.rows = last - first;
        product.streams = weights_->matrices.bytes() >= streaming_weights;
        product.depth = group_in;
        product.width = product.stored = weights_->width;
        const std::int64_t matrix = group_in * weights_->width;
        for (std::int64_t group = first_group; group < last_group; ++group) {
            const float* const matrices = weights_->matrices.data<float>() + group * weights_->points * weights_->points * matrix;
            for (int k = 0; k < kind.planes(); ++k) {
                product.a = v + k * kind.in_plane + (group - first_group) * group_in;
                product.b = matrices + kind.matrices[std::size_t(k)] * matrix;
                product.c = m + k * kind.out_plane + (group - first_group) * weights_->width;
                functions_.matrix.multiply(product);
            }
        }
        for (std::int64_t tile = first; tile < last; ++tile) {
            const Position at = position(kind, tile);
            float* const map = run.floats(dst_) + at.image * height_ * width_ * out_;
            for (std::int64_t group = first_group; group < last_group; ++group) {
                kind.transforms->output(m + (tile - first) * products + (group - first_group) * weights_->width, kind.out_plane, weights_->bias.data<float>() + group * weights_->width, relu_, group_out,
                                        {map + group * group_out, at.y, at.x, height_, width_, width_ * out_, out_, tile + 1 < last ? kind.transforms->columns * out_ : 0});
            }
        }
    }

    struct Position {
        std::int64_t image, y, x;
    };

    static Position position(const Kind& kind, std::int64_t tile) {
        const std::int64_t image = tile / kind.per_image(), within = tile % kind.per_image();
        return {image, kind.y + within / kind.columns * kind.transforms->rows, kind.x + within % kind.columns * kind.transforms->columns};
    }

    std::shared_ptr<const WinogradWeights> weights_;
    const WinogradFunctions& functions_;
    RowCount rows_;
    Place src_, dst_;
    bool relu_;
    int threads_;
    std::vector<Kind> kinds_;
    std::size_t task_floats_ = 0;                       // of a thread
    std::int64_t groups_ = 1, chunk_ = 1, chunks_ = 1;  // chunk_: groups of a task
    std::int64_t in_ = 0, out_ = 0, height_ = 0, width_ = 0;
};

}  // namespace regulus::cpu
