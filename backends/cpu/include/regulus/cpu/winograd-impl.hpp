#pragma once
// 3x3 convolutions of stride 1, grouped ones too, in a quarter of the multiplications: Winograd F(4x4, 3x3) straight on NHWC maps.
//
// A task takes a run of 4x4 output tiles and a few groups: their inputs are transformed into 36 small matrices [tiles, in], each is
// multiplied with its matrix of transformed weights [in, out] of its group, and the products are transformed back. A task's matrices
// stay in the caches; weights stream past them. oneDNN 2.6 has the algorithm for its blocked layout only, 3.x no more.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/simd_targets.hpp>
#include <regulus/graph/bind.hpp>

#define REGULUS_SIMD_NAME winograd
#define REGULUS_SIMD_SOURCE <regulus/cpu/winograd.inc>
#include <regulus/cpu/each_instruction_set.inc>

namespace regulus::cpu {

/// The functions of winograd.inc for one instruction set, and the matrix product of the same.
struct WinogradFunctions {
    MatrixFunctions matrix;
    void (*transform_input)(const float* const (*pixels)[6], std::int64_t channels, float* v, std::int64_t plane);
    void (*transform_output)(const float* m, std::int64_t plane, const float* bias, bool relu, std::int64_t channels, float* const (*pixels)[4], std::int64_t offset);
};

inline const WinogradFunctions& winograd_functions() {
#if defined(__x86_64__)
    static constexpr WinogradFunctions avx512{{matrix_avx512::lanes, matrix_avx512::multiply}, winograd_avx512::transform_input, winograd_avx512::transform_output};
    static constexpr WinogradFunctions avx2{{matrix_avx2::lanes, matrix_avx2::multiply}, winograd_avx2::transform_input, winograd_avx2::transform_output};
    if (instruction_set() == InstructionSet::avx512) return avx512;
    if (instruction_set() == InstructionSet::avx2) return avx2;
#endif
    static constexpr WinogradFunctions baseline{{matrix_baseline::lanes, matrix_baseline::multiply}, winograd_baseline::transform_input, winograd_baseline::transform_output};
    return baseline;
}

/// Transformed weights G g G^T, computed in double: for each group 36 matrices [in, out] packed for the matrix product, out padded with
/// zeros to whole vectors; and the biases, padded alike.
struct WinogradWeights {
    Tensor matrices;         // [groups, 36, in, width] of a group's in
    Tensor bias;             // [groups, width]
    std::int64_t width = 0;  // padded out_channels of a group

    static WinogradWeights make(const ConvParameters& parameters, std::int64_t groups, int lanes) {
        // Rows for the points 0, +-a, +-b, infinity: powers of the point over its product of distances to the other finite points.
        constexpr double a = 0.75, b = 1.5;
        constexpr double at_zero = a * a * b * b, at_a = 2 * a * a * (a * a - b * b), at_b = 2 * b * b * (b * b - a * a);
        constexpr double g[6][3] = {{1 / at_zero, 0, 0}, {1 / at_a, a / at_a, a * a / at_a}, {1 / at_a, -a / at_a, a * a / at_a}, {1 / at_b, b / at_b, b * b / at_b}, {1 / at_b, -b / at_b, b * b / at_b}, {0, 0, 1}};
        const std::int64_t out = parameters.weight.shape()[0] / groups, in = parameters.weight.shape()[1];
        WinogradWeights result;
        result.width = (out + lanes - 1) / lanes * lanes;
        result.matrices = Tensor::zeros(Shape{groups, 36, result.width, in});
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
                    double half[6][3];
                    for (int row = 0; row < 6; ++row) {
                        for (int x = 0; x < 3; ++x) half[row][x] = g[row][0] * double(taps[x]) + g[row][1] * double(taps[3 + x]) + g[row][2] * double(taps[6 + x]);
                    }
                    float* to = matrices + group * 36 * plane + place + i * panel;
                    for (int row = 0; row < 6; ++row) {
                        for (int column = 0; column < 6; ++column) {
                            to[(6 * row + column) * plane] = float(half[row][0] * g[column][0] + half[row][1] * g[column][1] + half[row][2] * g[column][2]);
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
        const bool wide = op.groups == 1 ? in >= 32 && width >= 32 : in >= 16 && width >= 16;
        return op.kernel == 3 && op.stride == 1 && op.dilation == 1 && op.padding == 1 && !op.residual && op.activation != Activation::sigmoid && wide && out[2] >= 4 && out[3] >= 4 && tiles >= 24;
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
        tiles_x_ = (width_ + 3) / 4;
        tiles_y_ = (height_ + 3) / 4;
        // Narrow groups are taken together, so that a pixel's channels fill lines of the cache.
        const std::int64_t group_in = in_ / groups_;
        chunk_ = std::min<std::int64_t>(groups_, std::max<std::int64_t>(1, least_channels / group_in));
        chunks_ = (groups_ + chunk_ - 1) / chunk_;
        // As many tiles as the second-level cache holds, but weights that the last level does not hold must not stream too often.
        const std::int64_t tile_bytes = 36 * chunk_ * (group_in + weights_->width) * std::int64_t(sizeof(float));
        const std::int64_t most = weights_->matrices.bytes() > resident_weights ? 96 : std::clamp<std::int64_t>(cached_bytes / tile_bytes, 24, 96);
        const std::int64_t total = std::max<std::int64_t>(1, out[0] * tiles_x_ * tiles_y_);
        std::int64_t blocks = (total + most - 1) / most;
        while (blocks < total && blocks * chunks_ % threads_ != 0 && blocks * chunks_ < 8 * threads_) ++blocks;  // equal shares for the threads
        tiles_ = (total + blocks - 1) / blocks;
        in_plane_ = tiles_ * chunk_ * group_in + plane_gap;
        out_plane_ = tiles_ * chunk_ * weights_->width + plane_gap;
        name = "winograd 4x4";
        reason = "3x3, stride 1: a quarter of the multiplications";
    }

    std::size_t scratch_bytes() const override { return (std::size_t(threads_) * task_floats() + std::size_t(in_)) * sizeof(float); }

    void run(const Run& run) const override {
        float* const zeros = run.floats(scratch);
        std::fill(zeros, zeros + in_, 0.f);
        float* const first_task = zeros + in_;
        const std::int64_t total = rows_(run) * tiles_x_ * tiles_y_;
        const std::int64_t tasks = (total + tiles_ - 1) / tiles_ * chunks_;
        const auto run_task = [&](float* memory, std::int64_t i) {
            const std::int64_t block = i / chunks_, chunk = i % chunks_;
            task(run, zeros, memory, block * tiles_, std::min(total, (block + 1) * tiles_), chunk * chunk_, std::min(groups_, (chunk + 1) * chunk_));
        };
#if defined(_OPENMP)
#pragma omp parallel num_threads(threads_) if (tasks > 1)
        {
            float* const own = first_task + std::size_t(omp_get_thread_num()) * task_floats();
#pragma omp for schedule(dynamic)
            for (std::int64_t i = 0; i < tasks; ++i) run_task(own, i);
        }
#else
        for (std::int64_t i = 0; i < tasks; ++i) run_task(first_task, i);
#endif
    }

private:
    static constexpr std::int64_t least_channels = 64;            // of a task's groups together
    static constexpr std::int64_t cached_bytes = 3 << 20;         // of a task's matrices
    static constexpr std::int64_t resident_weights = 12 << 20;    // in a share of the last level
    static constexpr std::int64_t plane_gap = 16;                 // floats; else the 36 planes would fall into the same lines of the cache

    std::size_t task_floats() const { return 36 * std::size_t(in_plane_ + out_plane_); }

    /// Tiles [first, last) of groups [first_group, last_group).
    void task(const Run& run, const float* zeros, float* memory, std::int64_t first, std::int64_t last, std::int64_t first_group, std::int64_t last_group) const {
        float* const v = memory;
        float* const m = memory + 36 * in_plane_;
        const std::int64_t group_in = in_ / groups_, group_out = out_ / groups_;
        const std::int64_t channels = (last_group - first_group) * group_in, products = (last_group - first_group) * weights_->width;
        const float* const src = run.floats(src_) + first_group * group_in;
        float* const dst = run.floats(dst_);
        for (std::int64_t tile = first; tile < last; ++tile) {
            const auto [row, y0, x0] = position(tile);
            const float* pixels[6][6];
            for (std::int64_t y = 0; y < 6; ++y) {
                for (std::int64_t x = 0; x < 6; ++x) {
                    const std::int64_t sy = y0 + y - 1, sx = x0 + x - 1;
                    const bool inside = sy >= 0 && sy < height_ && sx >= 0 && sx < width_;
                    pixels[y][x] = inside ? src + ((row * height_ + sy) * width_ + sx) * in_ : zeros;
                }
            }
            functions_.transform_input(pixels, channels, v + (tile - first) * channels, in_plane_);
        }
        MatrixProduct product;
        product.a_pitch = channels;
        product.c_pitch = products;
        product.rows = last - first;
        product.depth = group_in;
        product.width = product.stored = weights_->width;
        const float* matrix = weights_->matrices.data<float>() + first_group * 36 * group_in * weights_->width;
        for (std::int64_t group = 0; group < last_group - first_group; ++group) {
            for (std::int64_t k = 0; k < 36; ++k, matrix += group_in * weights_->width) {
                product.a = v + k * in_plane_ + group * group_in;
                product.b = matrix;
                product.c = m + k * out_plane_ + group * weights_->width;
                functions_.matrix.multiply(product);
            }
        }
        for (std::int64_t tile = first; tile < last; ++tile) {
            const auto [row, y0, x0] = position(tile);
            float* pixels[4][4];
            for (std::int64_t y = 0; y < 4; ++y) {
                for (std::int64_t x = 0; x < 4; ++x) {
                    const bool inside = y0 + y < height_ && x0 + x < width_;
                    pixels[y][x] = inside ? dst + ((row * height_ + y0 + y) * width_ + x0 + x) * out_ : nullptr;
                }
            }
            for (std::int64_t group = first_group; group < last_group; ++group) {
                functions_.transform_output(m + (tile - first) * products + (group - first_group) * weights_->width, out_plane_, weights_->bias.data<float>() + group * weights_->width, relu_, group_out,
                                            pixels, group * group_out);
            }
        }
    }

    /// Row of the batch, and the output pixel at the tile's corner.
    std::array<std::int64_t, 3> position(std::int64_t tile) const {
        const std::int64_t row = tile / (tiles_x_ * tiles_y_), within = tile % (tiles_x_ * tiles_y_);
        return {row, within / tiles_x_ * 4, within % tiles_x_ * 4};
    }

    std::shared_ptr<const WinogradWeights> weights_;
    const WinogradFunctions& functions_;
    RowCount rows_;
    Place src_, dst_;
    bool relu_;
    int threads_;
    std::int64_t groups_ = 1, chunk_ = 1, chunks_ = 1;  // chunk_: groups of a task
    std::int64_t in_ = 0, out_ = 0, height_ = 0, width_ = 0, tiles_x_ = 0, tiles_y_ = 0, tiles_ = 0, in_plane_ = 0, out_plane_ = 0;
};

}  // namespace regulus::cpu
