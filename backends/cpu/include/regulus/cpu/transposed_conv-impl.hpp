#pragma once
// Transposed convolutions whose windows do not overlap (kernel == stride, no padding): each pixel becomes kernel x kernel pixels by a linear map.
//
// For each of the kernel's elements a matrix product from pixels [h * w, in] to every kernel-th pixel of every kernel-th output line, written
// where it belongs.
#include <algorithm>
#include <cstring>
#include <memory>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/maps-impl.hpp>
#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// For each element of the kernel a matrix [in, width] packed for the matrix product; and the bias. Padded with zeros to whole vectors.
struct TransposedWeights {
    Tensor matrices;
    Tensor bias;
    std::int64_t width = 0;

    /// From a weight [in, out, kernel, kernel].
    static TransposedWeights make(const ConvParameters& parameters, int lanes) {
        const std::int64_t in = parameters.weight.shape()[0], out = parameters.weight.shape()[1], taps = parameters.weight.shape()[2] * parameters.weight.shape()[3];
        TransposedWeights result;
        result.width = (out + lanes - 1) / lanes * lanes;
        result.matrices = Tensor::zeros(Shape{taps, in, result.width});
        result.bias = Tensor::zeros(Shape{result.width});
        std::memcpy(result.bias.data<float>(), parameters.bias.data<float>(), std::size_t(out) * sizeof(float));
        const float* from = parameters.weight.data<float>();
        float* to = result.matrices.data<float>();
        for_packed_columns(result.width, in, lanes, [&](std::int64_t o, std::int64_t place, std::int64_t panel) {
            for (std::int64_t i = 0; o < out && i < in; ++i) {
                for (std::int64_t tap = 0; tap < taps; ++tap) to[tap * in * result.width + place + i * panel] = from[(i * out + o) * taps + tap];
            }
        });
        return result;
    }
};

class ConvTransposeKernel : public Kernel {
public:
    /// Whether windows lie side by side.
    static bool applies(const ops::ConvTranspose2d& op) { return op.kernel == op.stride && op.padding == 0; }

    /// Whether the kernel can write into a slice of a wider map.
    static bool writes_slices(const ops::ConvTranspose2d& op) { return applies(op) && op.activation != Activation::sigmoid; }

    ConvTransposeKernel(const NodeContext& context, std::shared_ptr<const TransposedWeights> weights, const ChannelSlice& slice)
        : op_(std::get<ops::ConvTranspose2d>(context.node.operation)), weights_(std::move(weights)), functions_(matrix_functions()), rows_(context.rows_of(context.out(0))),
          src_(context.place(context.in(0))), dst_(context.place(context.out(0))), first_(slice.first), pitch_(slice.pitch != 0 ? slice.pitch : op_.out_channels) {
        const Shape& in = context.shape(context.in(0));
        height_ = in[2];
        width_ = in[3];
        block_ = std::min<std::int64_t>(height_, std::max<std::int64_t>(1, block_pixels / width_));
        name = "matrix product into place";
        reason = slice.pitch == 0 ? "windows do not overlap" : "windows do not overlap; its channels of the concat";
    }

    void run(const Run& run) const override {
        const std::int64_t blocks = (height_ + block_ - 1) / block_;
        parallel_for(rows_(run) * blocks, [&](std::int64_t i) {
            const std::int64_t row = i / blocks, first = i % blocks * block_;
            lines(run, row, first, std::min(height_, first + block_), run.floats(dst_) + (row * height_ + first) * op_.kernel * width_ * op_.kernel * pitch_);
        });
    }

protected:
    static constexpr std::int64_t block_pixels = 256;  // of a task

    /// Input lines [first, last) of a row of the batch, to the memory of their outputs. A panel of weights meets all lines before the next one comes.
    void lines(const Run& run, std::int64_t row, std::int64_t first, std::int64_t last, float* to) const {
        const std::int64_t in = op_.in_channels, out = op_.out_channels, side = op_.kernel;
        MatrixProduct product;
        product.a_pitch = product.depth = in;
        product.c_pitch = side * pitch_;
        product.rows = width_;
        for (std::int64_t tap = 0; tap < side * side; ++tap) {
            for (std::int64_t column = 0; column < weights_->width; column += product.width) {
                product.width = panel_vectors((weights_->width - column) / functions_.lanes) * functions_.lanes;
                product.stored = std::min(product.width, out - column);
                product.b = weights_->matrices.data<float>() + (tap * weights_->width + column) * in;
                product.bias = weights_->bias.data<float>() + column;
                product.relu = op_.activation == Activation::relu;
                for (std::int64_t y = first; y < last; ++y) {
                    product.a = run.floats(src_) + (row * height_ + y) * width_ * in;
                    product.c = to + (((y - first) * side + tap / side) * width_ * side + tap % side) * pitch_ + first_ + column;
                    functions_.multiply(product);
                }
            }
        }
        if (op_.activation != Activation::sigmoid) return;
        for (std::int64_t i = 0; i < (last - first) * side * width_ * side * out; ++i) to[i] = activate(Activation::sigmoid, to[i]);
    }

    ops::ConvTranspose2d op_;
    std::shared_ptr<const TransposedWeights> weights_;
    const MatrixFunctions& functions_;
    RowCount rows_;
    Place src_, dst_;
    std::int64_t first_ = 0, pitch_ = 0;  // of the map's channels in its memory
    std::int64_t height_ = 0, width_ = 0, block_ = 1;
};

}  // namespace regulus::cpu
