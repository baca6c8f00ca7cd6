#pragma once
// Grouped 3x3 convolutions of stride 2 over NHWC maps.
//
// A group's channels of neighbouring pixels lie far apart, and at stride 2 neither the caches nor what fetches ahead copes: oneDNN 2.6 reaches a
// quarter to two thirds of what the processor can do. Here each input line is read once in order and put into the caches group by group; an
// output line of a group is then a matrix product with nine taps, whose rows are pixels.
#include <algorithm>
#include <cstring>
#include <memory>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// For each group a matrix [taps, in, out] packed for the matrix product, out padded with zeros to whole vectors; and the biases.
struct DirectWeights {
    Tensor matrices;         // [groups, taps * in, width]
    Tensor bias;             // [groups, width]
    std::int64_t width = 0;  // padded out_channels of a group

    static DirectWeights make(const ConvParameters& parameters, std::int64_t groups, int lanes) {
        const std::int64_t out = parameters.weight.shape()[0] / groups, in = parameters.weight.shape()[1], taps = parameters.weight.shape()[2] * parameters.weight.shape()[3];
        DirectWeights result;
        result.width = (out + lanes - 1) / lanes * lanes;
        result.matrices = Tensor::zeros(Shape{groups, taps * in, result.width});
        result.bias = Tensor::zeros(Shape{groups, result.width});
        parallel_for(groups, [&](std::int64_t group) {
            const float* weight = parameters.weight.data<float>() + group * out * in * taps;
            float* matrix = result.matrices.data<float>() + group * taps * in * result.width;
            std::memcpy(result.bias.data<float>() + group * result.width, parameters.bias.data<float>() + group * out, std::size_t(out) * sizeof(float));
            for_packed_columns(result.width, taps * in, lanes, [&](std::int64_t o, std::int64_t place, std::int64_t panel) {
                if (o >= out) return;
                for (std::int64_t tap = 0; tap < taps; ++tap) {
                    for (std::int64_t i = 0; i < in; ++i) matrix[place + (tap * in + i) * panel] = weight[(o * in + i) * taps + tap];
                }
            });
        });
        return result;
    }
};

class DirectConvolutionKernel final : public Kernel {
public:
    /// Whether it applies and is faster than oneDNN: groups that fill vectors, lines long enough to fill the registers with pixels, a map
    /// that the caches do not hold.
    static bool applies(const ops::Conv2d& op, const Shape& src, const Shape& dst) {
        const int in = op.in_channels / op.groups, width = op.out_channels / op.groups;
        return op.groups > 1 && op.kernel == 3 && op.stride == 2 && op.padding == 1 && op.dilation == 1 && !op.residual && op.activation != Activation::sigmoid && in >= 16 && in <= 64 && in % 8 == 0 &&
               width >= 16 && dst[3] >= 28 && src.numel() >= 3 << 19;
    }

    DirectConvolutionKernel(const NodeContext& context, std::shared_ptr<const DirectWeights> weights, int threads)
        : op_(std::get<ops::Conv2d>(context.node.operation)), weights_(std::move(weights)), multiply_(matrix_functions().multiply), rows_(context.rows_of(context.out(0))),
          src_(context.place(context.in(0))), dst_(context.place(context.out(0))), threads_(threads) {
        const Shape& in = context.shape(context.in(0));
        const Shape& out = context.shape(context.out(0));
        height_ = in[2];
        width_ = in[3];
        out_height_ = out[2];
        out_width_ = out[3];
        line_ = (width_ + 2) * op_.in_channels;
        name = "direct nhwc";
        reason = "grouped, stride 2: lines are put in order of groups first";
    }

    std::size_t scratch_bytes() const override { return std::size_t(threads_) * 4 * std::size_t(line_) * sizeof(float); }

    void run(const Run& run) const override {
        const std::int64_t blocks = (out_height_ + block_lines - 1) / block_lines, tasks = rows_(run) * blocks;
        parallel_tasks(threads_, tasks, [&](int thread, std::int64_t i) {
            float* const memory = run.floats(scratch) + std::size_t(thread) * 4 * std::size_t(line_);
            lines(run, memory, i / blocks, i % blocks * block_lines, std::min(out_height_, (i % blocks + 1) * block_lines));
        });
    }

private:
    static constexpr std::int64_t side = 3;
    static constexpr std::int64_t block_lines = 10;  // output lines of a task

    /// Output lines [first, last) of a row of the batch. memory: the last three input lines, each [groups, width + 2, in] with zeros at both
    /// ends, and a line of zeros.
    void lines(const Run& run, float* memory, std::int64_t row, std::int64_t first, std::int64_t last) const {
        const std::int64_t in = op_.in_channels / op_.groups, out = op_.out_channels / op_.groups, group_line = (width_ + 2) * in;
        std::fill(memory + 3 * line_, memory + 4 * line_, 0.f);
        std::int64_t offsets[side * side], slices[side * side];
        MatrixProduct product;
        product.a_pitch = op_.stride * in;
        product.c_pitch = op_.out_channels;
        product.rows = out_width_;
        product.depth = in;
        product.width = weights_->width;
        product.stored = out;
        product.relu = op_.activation == Activation::relu;
        product.taps = product.b_taps = side * side;
        product.a_offsets = offsets;
        product.b_slices = slices;
        std::int64_t next = std::max<std::int64_t>(0, first * op_.stride - 1);  // the first input line that is not in memory yet
        for (std::int64_t y = first; y < last; ++y) {
            for (std::int64_t ky = 0; ky < side; ++ky) {
                const std::int64_t from = y * op_.stride - 1 + ky;
                const bool inside = from >= 0 && from < height_;
                for (; inside && next <= from; ++next) order(run.floats(src_) + (row * height_ + next) * width_ * op_.in_channels, memory + next % 3 * line_);
                for (std::int64_t kx = 0; kx < side; ++kx) {
                    offsets[ky * side + kx] = (inside ? from % 3 : 3) * line_ + kx * in;
                    slices[ky * side + kx] = ky * side + kx;
                }
            }
            for (std::int64_t group = 0; group < op_.groups; ++group) {
                product.a = memory + group * group_line;
                product.b = weights_->matrices.data<float>() + group * side * side * in * weights_->width;
                product.bias = weights_->bias.data<float>() + group * weights_->width;
                product.c = run.floats(dst_) + (row * out_height_ + y) * out_width_ * op_.out_channels + group * out;
                multiply_(product);
            }
        }
    }

    /// A line [width, groups, in] to [groups, width + 2, in], zeros at both ends.
    void order(const float* from, float* to) const {
        const std::int64_t in = op_.in_channels / op_.groups, group_line = (width_ + 2) * in;
        for (std::int64_t group = 0; group < op_.groups; ++group) {
            std::fill(to + group * group_line, to + group * group_line + in, 0.f);
            std::fill(to + (group + 1) * group_line - in, to + (group + 1) * group_line, 0.f);
        }
        for (std::int64_t x = 0; x < width_; ++x) {
            for (std::int64_t group = 0; group < op_.groups; ++group) {
                float* const pixel = to + group * group_line + (x + 1) * in;
                for (std::int64_t i = 0; i < in; i += 8, from += 8) std::memcpy(pixel + i, from, 8 * sizeof(float));
            }
        }
    }

    ops::Conv2d op_;
    std::shared_ptr<const DirectWeights> weights_;
    void (*multiply_)(const MatrixProduct&);
    RowCount rows_;
    Place src_, dst_;
    int threads_;
    std::int64_t height_ = 0, width_ = 0, out_height_ = 0, out_width_ = 0, line_ = 0;
};

}  // namespace regulus::cpu
