#pragma once
// The end of a mask head: a transposed convolution, a pointwise convolution to the logits of all classes, and of those the label's. Only that one is
// computed, from pixels that never leave the caches.
#include <algorithm>
#include <memory>

#include <regulus/cpu/transposed_conv-impl.hpp>

namespace regulus::cpu {

/// For each class its column of weights [in] and its bias, each beside zeros that fill a vector: a matrix [in, lanes] for the matrix product.
struct ClassColumns {
    Tensor matrices;  // [classes, in, lanes]
    Tensor bias;      // [classes, lanes]

    static ClassColumns make(const ConvParameters& parameters, int lanes) {
        const std::int64_t classes = parameters.weight.shape()[0], in = parameters.weight.shape()[1];
        ClassColumns result{Tensor::zeros(Shape{classes, in, lanes}), Tensor::zeros(Shape{classes, lanes})};
        for (std::int64_t label = 0; label < classes; ++label) {
            result.bias.data<float>()[label * lanes] = parameters.bias.data<float>()[label];
            for (std::int64_t i = 0; i < in; ++i) result.matrices.data<float>()[(label * in + i) * lanes] = parameters.weight.data<float>()[label * in + i];
        }
        return result;
    }
};

class ChosenLogitsKernel final : public ConvTransposeKernel {
public:
    /// What may stand behind the transposed convolution.
    static bool applies(const ops::Conv2d& op) { return is_matrix_product(op) && op.stride == 1 && !op.residual && op.activation == Activation::none; }

    /// `context` is that of the transposed convolution; `chosen` has one channel.
    ChosenLogitsKernel(const NodeContext& context, std::shared_ptr<const TransposedWeights> weights, std::shared_ptr<const ClassColumns> columns, Activation activation, Place labels, Place chosen, int threads)
        : ConvTransposeKernel(context, std::move(weights), {}), columns_(std::move(columns)), activation_(activation), labels_(labels), chosen_(chosen), threads_(threads) {
        block_ = std::min<std::int64_t>(height_, std::max<std::int64_t>(1, block_inputs / width_));
        name = "matrix product, chosen class";
        reason = "of the logits only the label's are read";
    }

    std::size_t scratch_bytes() const override { return std::size_t(threads_ * block_floats()) * sizeof(float); }

    void run(const Run& run) const override {
        const std::int64_t blocks = (height_ + block_ - 1) / block_, tasks = rows_(run) * blocks;
        parallel_tasks(threads_, tasks, [&](int thread, std::int64_t i) { choose(run, run.floats(scratch) + thread * block_floats(), i / blocks, i % blocks * block_); });
    }

private:
    static constexpr std::int64_t block_inputs = 64;  // pixels of a task, whose outputs the second-level cache holds

    std::int64_t outputs_of_line() const { return op_.kernel * width_ * op_.kernel; }
    std::int64_t block_floats() const { return block_ * outputs_of_line() * op_.out_channels; }

    /// A block of input lines from `first` on, of a row of the batch.
    void choose(const Run& run, float* pixels, std::int64_t row, std::int64_t first) const {
        const std::int64_t last = std::min(height_, first + block_), classes = columns_->bias.shape()[0], lanes = functions_.lanes;
        lines(run, row, first, last, pixels);
        const std::int64_t label = std::clamp<std::int64_t>(run.integers(labels_)[row], 0, classes - 1);
        MatrixProduct product;
        product.a = pixels;
        product.a_pitch = product.depth = op_.out_channels;
        product.b = columns_->matrices.data<float>() + label * op_.out_channels * lanes;
        product.bias = columns_->bias.data<float>() + label * lanes;
        product.c = run.floats(chosen_) + (row * height_ + first) * outputs_of_line();
        product.c_pitch = product.stored = 1;
        product.rows = (last - first) * outputs_of_line();
        product.width = lanes;
        functions_.multiply(product);
        for (std::int64_t i = 0; i < product.rows; ++i) product.c[i] = activate(activation_, product.c[i]);
    }

    std::shared_ptr<const ClassColumns> columns_;
    Activation activation_;
    Place labels_, chosen_;
    int threads_;
};

}  // namespace regulus::cpu
