#pragma once
// 3x3 convolutions of stride 1 in a quarter of the multiplications: Winograd F(4x4, 3x3) straight on NHWC maps.
//
// A task takes a run of 4x4 output tiles: their inputs are transformed into 36 small matrices [tiles, in], each is multiplied
// with its matrix of transformed weights [in, out], and the products are transformed back. A task's matrices stay in the
// caches; weights stream past them. oneDNN 2.6 has the algorithm for its blocked layout only, 3.x no more.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/simd_targets.hpp>
#include <regulus/graph/bind.hpp>

#if defined(__x86_64__)
namespace regulus::cpu::winograd_avx512 {
constexpr int lanes = 16;
constexpr int tile_rows = 12;
REGULUS_SIMD_BEGIN_AVX512
#include <regulus/cpu/winograd.inc>
REGULUS_SIMD_END
}  // namespace regulus::cpu::winograd_avx512
namespace regulus::cpu::winograd_avx2 {
constexpr int lanes = 8;
constexpr int tile_rows = 6;
REGULUS_SIMD_BEGIN_AVX2
#include <regulus/cpu/winograd.inc>
REGULUS_SIMD_END
}  // namespace regulus::cpu::winograd_avx2
#endif
namespace regulus::cpu::winograd_baseline {
constexpr int lanes = 4;
constexpr int tile_rows = 6;
#include <regulus/cpu/winograd.inc>
}  // namespace regulus::cpu::winograd_baseline

namespace regulus::cpu {

/// The functions of winograd.inc for one instruction set.
struct WinogradFunctions {
    int panel_width;
    void (*transform_input)(const float* const (*pixels)[6], std::int64_t channels, float* v, std::int64_t plane);
    void (*multiply)(const float* v, const float* u, std::int64_t rows, std::int64_t depth, std::int64_t width, float* m);
    void (*transform_output)(const float* m, std::int64_t plane, const float* bias, bool relu, std::int64_t channels, float* const (*pixels)[4]);
};

inline const WinogradFunctions& winograd_functions() {
#if defined(__x86_64__)
    static constexpr WinogradFunctions avx512{winograd_avx512::panel_width, winograd_avx512::transform_input, winograd_avx512::multiply, winograd_avx512::transform_output};
    static constexpr WinogradFunctions avx2{winograd_avx2::panel_width, winograd_avx2::transform_input, winograd_avx2::multiply, winograd_avx2::transform_output};
    if (instruction_set() == InstructionSet::avx512) return avx512;
    if (instruction_set() == InstructionSet::avx2) return avx2;
#endif
    static constexpr WinogradFunctions baseline{winograd_baseline::panel_width, winograd_baseline::transform_input, winograd_baseline::multiply, winograd_baseline::transform_output};
    return baseline;
}

/// Transformed weights G g G^T, computed in double: 36 matrices [in, out] in panels, out padded with zeros; and the bias, padded.
struct WinogradWeights {
    Tensor matrices;
    Tensor bias;
    std::int64_t width = 0;  // padded out_channels

    static WinogradWeights make(const ConvParameters& parameters, int panel_width) {
        constexpr double g[6][3] = {{1. / 4, 0, 0}, {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6}, {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}};
        const std::int64_t out = parameters.weight.shape()[0], in = parameters.weight.shape()[1];
        WinogradWeights result;
        result.width = (out + panel_width - 1) / panel_width * panel_width;
        result.matrices = Tensor::zeros(Shape{36, result.width, in});
        result.bias = Tensor::zeros(Shape{result.width});
        std::memcpy(result.bias.data<float>(), parameters.bias.data<float>(), std::size_t(out) * sizeof(float));
        const float* weight = parameters.weight.data<float>();
        float* matrices = result.matrices.data<float>();
        const std::int64_t plane = result.width * in;
        parallel_for(out, [&](std::int64_t o) {
            for (std::int64_t i = 0; i < in; ++i) {
                const float* taps = weight + (o * in + i) * 9;
                double half[6][3];
                for (int row = 0; row < 6; ++row) {
                    for (int x = 0; x < 3; ++x) half[row][x] = g[row][0] * double(taps[x]) + g[row][1] * double(taps[3 + x]) + g[row][2] * double(taps[6 + x]);
                }
                float* to = matrices + (o / panel_width) * in * panel_width + i * panel_width + o % panel_width;
                for (int row = 0; row < 6; ++row) {
                    for (int column = 0; column < 6; ++column) {
                        to[(6 * row + column) * plane] = float(half[row][0] * g[column][0] + half[row][1] * g[column][1] + half[row][2] * g[column][2]);
                    }
                }
            }
        });
        return result;
    }
};

class WinogradKernel final : public Kernel {
public:
    /// Whether the algorithm applies and is worth it: below these sizes the transforms cost more than they save.
    static bool applies(const ops::Conv2d& op, const Shape& out) {
        const std::int64_t tiles = out[0] * ((out[2] + 3) / 4) * ((out[3] + 3) / 4);
        return op.kernel == 3 && op.stride == 1 && op.dilation == 1 && op.padding == 1 && op.groups == 1 && !op.residual && op.activation != Activation::sigmoid && op.in_channels % 16 == 0 &&
               op.in_channels >= 32 && op.out_channels >= 32 && out[2] >= 4 && out[3] >= 4 && tiles >= 24;
    }

    WinogradKernel(const NodeContext& context, std::shared_ptr<const WinogradWeights> weights, int threads)
        : weights_(std::move(weights)), functions_(winograd_functions()), rows_(context.rows_of(context.out(0))), src_(context.place(context.in(0))), dst_(context.place(context.out(0))),
          relu_(std::get<ops::Conv2d>(context.node.operation).activation == Activation::relu), threads_(threads) {
        const Shape& in = context.shape(context.in(0));
        const Shape& out = context.shape(context.out(0));
        in_ = in[1];
        out_ = out[1];
        height_ = in[2];
        width_ = in[3];
        tiles_x_ = (width_ + 3) / 4;
        tiles_y_ = (height_ + 3) / 4;
        const std::int64_t total = std::max<std::int64_t>(1, out[0] * tiles_x_ * tiles_y_);
        // Equal shares for the threads, none larger than what the caches hold.
        const std::int64_t rounds = (total + threads_ * most_tiles - 1) / (threads_ * most_tiles);
        tiles_ = std::min<std::int64_t>(most_tiles, (total + threads_ * rounds - 1) / (threads_ * rounds));
        in_plane_ = tiles_ * in_ + plane_gap;
        out_plane_ = tiles_ * weights_->width + plane_gap;
        name = "winograd 4x4";
        reason = "3x3, stride 1: a quarter of the multiplications";
    }

    std::size_t scratch_bytes() const override { return (std::size_t(threads_) * task_floats() + std::size_t(in_)) * sizeof(float); }

    void run(const Run& run) const override {
        float* const zeros = run.floats(scratch);
        std::fill(zeros, zeros + in_, 0.f);
        float* const first_task = zeros + in_;
        const std::int64_t total = rows_(run) * tiles_x_ * tiles_y_;
        const std::int64_t tasks = (total + tiles_ - 1) / tiles_;
#if defined(_OPENMP)
#pragma omp parallel num_threads(threads_) if (tasks > 1)
        {
            float* const own = first_task + std::size_t(omp_get_thread_num()) * task_floats();
#pragma omp for schedule(dynamic)
            for (std::int64_t i = 0; i < tasks; ++i) task(run, zeros, own, i * tiles_, std::min(total, (i + 1) * tiles_));
        }
#else
        for (std::int64_t i = 0; i < tasks; ++i) task(run, zeros, first_task, i * tiles_, std::min(total, (i + 1) * tiles_));
#endif
    }

private:
    static constexpr std::int64_t most_tiles = 96;
    static constexpr std::int64_t plane_gap = 16;  // floats; else the 36 planes would fall into the same lines of the cache

    std::size_t task_floats() const { return 36 * std::size_t(in_plane_ + out_plane_); }

    void task(const Run& run, const float* zeros, float* memory, std::int64_t first, std::int64_t last) const {
        float* const v = memory;
        float* const m = memory + 36 * in_plane_;
        const float* const src = run.floats(src_);
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
            functions_.transform_input(pixels, in_, v + (tile - first) * in_, in_plane_);
        }
        const std::int64_t matrix = weights_->width * in_;
        for (std::int64_t k = 0; k < 36; ++k) {
            functions_.multiply(v + k * in_plane_, weights_->matrices.data<float>() + k * matrix, last - first, in_, weights_->width, m + k * out_plane_);
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
            functions_.transform_output(m + (tile - first) * weights_->width, out_plane_, weights_->bias.data<float>(), relu_, out_, pixels);
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
    std::int64_t in_ = 0, out_ = 0, height_ = 0, width_ = 0, tiles_x_ = 0, tiles_y_ = 0, tiles_ = 0, in_plane_ = 0, out_plane_ = 0;
};

}  // namespace regulus::cpu
