#pragma once
// Linear layers over many rows, and pointwise convolutions over large maps that add a residual, as products of blocks in the caches.
//
// oneDNN 2.6 has both. Its inner product reads a weight as large as that of a box head's first layer at four fifths of the processor's
// speed; its convolutions wait for a residual that is not in the caches, which here is fetched while the sums are made.
#include <algorithm>
#include <cstring>
#include <memory>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// A weight [out, in] as slices of `depth` inputs, each [depth, width] packed for the matrix product; and the bias. Padded with zeros to
/// whole vectors.
struct PackedMatrix {
    Tensor matrix;
    Tensor bias;
    std::int64_t width = 0, depth = 0;

    /// Deep sums are cut into equal slices whose panels stay in the first-level cache.
    static std::int64_t slice_depth(std::int64_t in) {
        const std::int64_t slices = in <= 2048 ? 1 : (in + 383) / 384;
        return (in + slices - 1) / slices;
    }

    static PackedMatrix make(const Tensor& weight, const Tensor& bias, int lanes) {
        const std::int64_t out = weight.shape()[0], in = weight.numel() / out;
        PackedMatrix result;
        result.width = (out + lanes - 1) / lanes * lanes;
        result.depth = slice_depth(in);
        result.matrix = Tensor::zeros(Shape{in, result.width});
        result.bias = Tensor::zeros(Shape{result.width});
        std::memcpy(result.bias.data<float>(), bias.data<float>(), std::size_t(out) * sizeof(float));
        const float* from = weight.data<float>();
        float* to = result.matrix.data<float>();
        parallel_for((in + result.depth - 1) / result.depth, [&](std::int64_t slice) {
            const std::int64_t first = slice * result.depth, count = std::min(result.depth, in - first);
            for_packed_columns(result.width, count, lanes, [&](std::int64_t o, std::int64_t place, std::int64_t panel) {
                for (std::int64_t i = 0; o < out && i < count; ++i) to[first * result.width + place + i * panel] = from[o * in + first + i];
            });
        });
        return result;
    }
};

/// Rows of a block: their `depth` inputs fill half of the second-level cache, and each of the threads gets the same number of blocks.
inline std::int64_t product_block(std::int64_t rows, std::int64_t depth, int threads) {
    constexpr std::int64_t cached_floats = 128 * 1024;
    const std::int64_t most = std::max<std::int64_t>(28, cached_floats / depth);
    const std::int64_t rounds = (rows + most * threads - 1) / (most * threads);
    return std::max<std::int64_t>(1, (rows + rounds * threads - 1) / (rounds * threads));
}

/// Whether rows so many floats apart had better be copied before they are read: a few of them fill a set of the first-level cache.
inline bool crowds_cache_sets(std::int64_t pitch) { return pitch % 512 == 0; }

/// How far apart copies of `depth` floats lie.
inline std::int64_t packed_pitch(std::int64_t depth) { return depth + 16; }

/// dst = activation(src . weight^T + bias [+ residual]) over rows, or over pixels `stride` apart.
class MatrixKernel final : public Kernel {
public:
    static bool applies(const ops::Linear& op, const RowCount& rows) { return rows.bound >= 64 && op.in_features >= 64 && op.activation != Activation::sigmoid; }

    static bool applies(const ops::Conv2d& op, const Shape& out) {
        constexpr std::int64_t cached = 1 << 20;  // elements of a map that the caches hold
        return is_matrix_product(op) && op.residual && op.activation != Activation::sigmoid && out.numel() >= cached;
    }

    MatrixKernel(const NodeContext& context, const ops::Linear& op, std::shared_ptr<const PackedMatrix> weights, int threads)
        : MatrixKernel(context, std::move(weights), op.in_features, op.out_features, op.activation) {
        share_out(rows_.bound, threads);
        reason = "many rows: blocks that stay in the caches";
    }

    MatrixKernel(const NodeContext& context, const ops::Conv2d& op, std::shared_ptr<const PackedMatrix> weights, int threads, bool residual_in_place)
        : MatrixKernel(context, std::move(weights), op.in_channels, op.out_channels, op.activation) {
        const Shape& in = context.shape(context.in(0));
        const Shape& out = context.shape(context.out(0));
        stride_ = op.stride;
        in_line_ = in[3];
        line_ = out[3];
        in_lines_ = in[2];
        lines_ = out[2];
        adds_ = op.residual;
        residual_ = residual_in_place ? dst_ : context.place(context.in(1));
        share_out(rows_.bound * lines_ * line_, threads);
        reason = "large map: fetches the residual ahead";
    }

    std::size_t scratch_bytes() const override { return packs() ? std::size_t(threads_) * std::size_t(task_floats()) * sizeof(float) : 0; }

    void run(const Run& run) const override {
        const std::int64_t total = rows_(run) * lines_ * line_;
        parallel_tasks(threads_, (total + block_ - 1) / block_, [&](int thread, std::int64_t i) { task(run, thread, i * block_, std::min(total, (i + 1) * block_)); });
    }

private:
    MatrixKernel(const NodeContext& context, std::shared_ptr<const PackedMatrix> weights, std::int64_t in, std::int64_t out, Activation activation)
        : weights_(std::move(weights)), multiply_(matrix_functions().multiply), rows_(context.rows_of(context.out(0))), src_(context.place(context.in(0))), dst_(context.place(context.out(0))), in_(in),
          out_(out), relu_(activation == Activation::relu) {
        name = "matrix product";
    }

    void share_out(std::int64_t total, int threads) {
        threads_ = threads;
        block_ = product_block(total, weights_->depth, threads);
    }

    /// Whether rows are copied before they are read: where only slices of them are, too.
    bool packs() const { return weights_->depth != in_ || crowds_cache_sets(in_ * stride_); }
    std::int64_t task_floats() const { return block_ * packed_pitch(weights_->depth); }

    /// Rows (output pixels) [first, last).
    void task(const Run& run, int thread, std::int64_t first, std::int64_t last) const {
        float* const packed = packs() ? run.floats(scratch) + thread * task_floats() : nullptr;
        for (std::int64_t start = 0; start < in_; start += weights_->depth) {
            MatrixProduct product;
            product.depth = std::min(weights_->depth, in_ - start);
            product.width = weights_->width;
            product.streams = weights_->matrix.bytes() >= 8 << 20;
            product.stored = out_;
            product.b = weights_->matrix.data<float>() + start * weights_->width;
            product.c_pitch = product.addend_pitch = out_;
            const bool is_last = start + product.depth == in_;
            if (is_last) {
                product.bias = weights_->bias.data<float>();
                product.relu = relu_;
            }
            const auto multiply = [&](const float* a, std::int64_t pitch, std::int64_t row, std::int64_t rows) {
                product.a = a;
                product.a_pitch = pitch;
                product.rows = rows;
                product.c = run.floats(dst_) + row * out_;
                product.addend = start != 0 ? product.c : adds_ ? run.floats(residual_) + row * out_ : nullptr;
                multiply_(product);
            };
            if (packed != nullptr) {
                const std::int64_t pitch = packed_pitch(weights_->depth);
                for (std::int64_t row = first; row < last; ++row) std::memcpy(packed + (row - first) * pitch, source(run, row) + start, std::size_t(product.depth) * sizeof(float));
                multiply(packed, pitch, first, last - first);
            } else if (stride_ == 1) {
                multiply(source(run, first), in_, first, last - first);
            } else {
                for (std::int64_t row = first; row < last;) {  // line by line
                    const std::int64_t end = std::min(last, (row / line_ + 1) * line_);
                    multiply(source(run, row), in_ * stride_, row, end - row);
                    row = end;
                }
            }
        }
    }

    const float* source(const Run& run, std::int64_t row) const {
        const std::int64_t line = row / line_, image = line / lines_;
        return run.floats(src_) + ((image * in_lines_ + line % lines_ * stride_) * in_line_ + row % line_ * stride_) * in_;
    }

    std::shared_ptr<const PackedMatrix> weights_;
    void (*multiply_)(const MatrixProduct&);
    RowCount rows_;
    Place src_, dst_, residual_;
    std::int64_t in_ = 0, out_ = 0, stride_ = 1, in_line_ = 1, in_lines_ = 1, line_ = 1, lines_ = 1, block_ = 1;
    bool relu_ = false, adds_ = false;
    int threads_ = 1;
};

}  // namespace regulus::cpu
