#pragma once
// Linear layers over many rows, and pointwise convolutions over large maps that add a residual or have few outputs, as products of blocks in the caches.
//
// oneDNN 2.6 has both. Its inner product reads a weight as large as that of a box head's first layer at four fifths of the processor's
// speed; its convolutions wait for pixels and for a residual that are not in the caches, which here are fetched while sums are made.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <regulus/cpu/kernel.hpp>
#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/parallel.hpp>
#include <regulus/cpu/strassen-impl.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cpu {

/// A weight [out, in] as slices of `depth` inputs, each [depth, width] packed for the matrix product; and the bias. Padded with zeros to
/// whole vectors.
struct PackedMatrix {
    Tensor matrix;
    Tensor bias;
    std::int64_t width = 0, depth = 0;

    /// Deep sums are cut into equal slices whose panels stay near the first-level cache.
    static std::int64_t slice_depth(std::int64_t in) {
        const std::int64_t slices = in <= 2048 ? 1 : (in + 447) / 448;
        return (in + slices - 1) / slices;
    }

    /// Of convolutions whose inputs lie beside each other and whose outputs are added.
    static PackedMatrix make_sum(const ConvParameters& a, const ConvParameters& b, int lanes) {
        const std::int64_t out = a.weight.shape()[0], in_a = a.weight.numel() / out, in_b = b.weight.numel() / out;
        Tensor weight(Shape{out, in_a + in_b}, DType::f32), bias(Shape{out}, DType::f32);
        for (std::int64_t o = 0; o < out; ++o) {
            float* const to = std::copy_n(a.weight.data<float>() + o * in_a, in_a, weight.data<float>() + o * (in_a + in_b));
            std::copy_n(b.weight.data<float>() + o * in_b, in_b, to);
            bias.data<float>()[o] = a.bias.data<float>()[o] + b.bias.data<float>()[o];
        }
        return make(weight, bias, lanes);
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

/// Where a product's rows come from: vectors, or pixels `stride` apart of a map.
struct RowSource {
    Place src;
    std::int64_t in = 0, stride = 1, line = 1, lines = 1;  // channels; pixels in a line, lines

    static RowSource of(const NodeContext& context, const ops::Conv2d& op) {
        const Shape& in = context.shape(context.in(0));
        return {context.place(context.in(0)), op.in_channels, op.stride, in[3], in[2]};
    }

    /// What output pixel (y, x) of an image reads.
    const float* row(const Run& run, std::int64_t image, std::int64_t y, std::int64_t x) const { return run.floats(src) + ((image * lines + y * stride) * line + x * stride) * in; }
};

/// dst = activation(src . weight^T + bias [+ residual]) over rows, or over pixels `stride` apart. The residual may be such a product itself.
class MatrixKernel final : public Kernel {
public:
    static bool applies(const ops::Linear& op, const RowCount& rows) { return rows.bound >= 64 && op.in_features >= 64 && op.activation != Activation::sigmoid; }

    static bool applies(const ops::Conv2d& op, const Shape& out, bool strassen) {
        if (!is_matrix_product(op) || op.activation == Activation::sigmoid) return false;
        if (strassen && has_halves(out.numel() / op.out_channels, op.in_channels, op.out_channels)) return true;
        constexpr std::int64_t cached = 1 << 20;  // elements of a map that the caches hold
        if (op.residual) return out.numel() >= cached;
        // Without one oneDNN is as fast, but where few outputs are made of each pixel that comes from memory.
        return op.stride == 1 && 2 * op.out_channels <= op.in_channels && !crowds_cache_sets(op.in_channels) && out.numel() / op.out_channels * op.in_channels >= 8 * cached;
    }

    /// What may be made as the residual of such a convolution instead of being written and read again. To put both inputs beside each other is little work
    /// only beside that for many outputs.
    static bool applies_to_residual(const ops::Conv2d& op) { return is_matrix_product(op) && !op.residual && op.activation == Activation::none && op.out_channels >= 256; }

    MatrixKernel(const NodeContext& context, const ops::Linear& op, std::shared_ptr<const PackedMatrix> weights, int threads, bool strassen)
        : MatrixKernel(context, op.out_features, op.activation, std::move(weights), {{context.place(context.in(0)), op.in_features}}, threads, strassen) {
        if (unit_ == 0) reason = "many rows: blocks that stay in the caches";
    }

    MatrixKernel(const NodeContext& context, const ops::Conv2d& op, std::shared_ptr<const PackedMatrix> weights, int threads, bool residual_in_place, bool strassen)
        : MatrixKernel(context, op.out_channels, op.activation, std::move(weights), {RowSource::of(context, op)}, threads, strassen) {
        adds_ = op.residual;
        if (adds_) residual_ = residual_in_place ? dst_ : context.place(context.in(1));
        if (unit_ == 0) reason = adds_ ? "large map: fetches pixels and residual ahead" : "large map, few outputs: fetches pixels ahead";
    }

    /// Together with the convolution that makes the residual: the sum of both is a product of their pixels beside each other with their weights, which are so too.
    MatrixKernel(const NodeContext& context, const ops::Conv2d& op, RowSource residual, std::shared_ptr<const PackedMatrix> weights, int threads, bool strassen)
        : MatrixKernel(context, op.out_channels, op.activation, std::move(weights), {residual, RowSource::of(context, op)}, threads, strassen) {
        name += ", 2 nodes";
        reason = (unit_ == 0 ? "large map: " : reason + "; ") + "the residual is made where it is added";
    }

    std::size_t scratch_bytes() const override { return std::size_t(threads_) * std::size_t(task_floats()) * sizeof(float); }

    void run(const Run& run) const override {
        const std::int64_t total = rows_(run) * lines_ * line_;
        parallel_tasks(threads_, (total + block_ - 1) / block_, [&](int thread, std::int64_t i) { task(run, thread, i * block_, std::min(total, (i + 1) * block_)); });
    }

private:
    static constexpr std::int64_t unit_rows = 112;   // taken together by Strassen's algorithm: what is made of them stays in the caches
    static constexpr std::int64_t shared_rows = 1024;  // that share what is made of the weights

    /// Where Strassen's algorithm saves more multiplications than its additions cost, and what it makes of a slice of the weights stays in a share of the caches.
    static bool has_halves(std::int64_t rows, std::int64_t in, std::int64_t out) {
        const std::int64_t depth = PackedMatrix::slice_depth(in);
        return rows >= 768 && depth >= 448 && out >= 512 && depth * out <= 1 << 20 && in % depth == 0 && StrassenProduct::applies(depth, out);
    }

    MatrixKernel(const NodeContext& context, std::int64_t out, Activation activation, std::shared_ptr<const PackedMatrix> weights, std::vector<RowSource> sources, int threads, bool strassen)
        : weights_(std::move(weights)), sources_(std::move(sources)), multiply_(matrix_functions().multiply), rows_(context.rows_of(context.out(0))), dst_(context.place(context.out(0))), out_(out),
          relu_(activation == Activation::relu), threads_(threads) {
        name = "matrix product";
        for (const RowSource& source : sources_) in_ += source.in;
        if (const Shape& shape = context.shape(context.out(0)); shape.rank() == 4) {
            lines_ = shape[2];
            line_ = shape[3];
        }
        const std::int64_t rows = rows_.bound * lines_ * line_;
        block_ = product_block(rows, weights_->depth, threads);
        if (!strassen || !has_halves(rows, in_, out_)) return;
        name = "matrix product, Strassen";
        reason = "large: seven eighths of the multiplications";
        // The same units for every number of threads, as results are; 16 or a multiple of it can be shared out evenly.
        const std::int64_t units = ((rows + unit_rows - 1) / unit_rows + 15) / 16 * 16;
        unit_ = (rows + units - 1) / units;
        const std::int64_t rounds = (rows + shared_rows * threads - 1) / (shared_rows * threads);
        block_ = (units + rounds * threads - 1) / (rounds * threads) * unit_;
        strassen_ = StrassenProduct(weights_->depth, out_, unit_);
    }

    /// Whether rows are copied before they are read: where only parts of them are, or pixels apart, or such that crowd the caches. Strassen's algorithm copies them itself.
    bool packs() const { return sources_.size() > 1 || (unit_ != 0 ? sources_.front().stride > 1 : weights_->depth != in_ || crowds_cache_sets(in_ * sources_.front().stride)); }
    std::int64_t packed_floats() const { return packs() ? (unit_ != 0 ? unit_ : block_) * packed_pitch(weights_->depth) : 0; }
    std::int64_t task_floats() const { return packed_floats() + (unit_ != 0 ? strassen_.floats() : 0); }

    /// Rows (output pixels) [first, last).
    void task(const Run& run, int thread, std::int64_t first, std::int64_t last) const {
        float* const packed = run.floats(scratch) + thread * task_floats();
        float* const combined = packed + packed_floats();
        const RowSource& only = sources_.front();
        for (std::int64_t start = 0; start < in_; start += weights_->depth) {
            MatrixProduct product;
            product.depth = std::min(weights_->depth, in_ - start);
            product.width = weights_->width;
            product.streams = weights_->matrix.bytes() >= 8 << 20;
            product.stored = out_;
            product.far_rows = !packs() && only.stride == 1;
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
                if (unit_ != 0) strassen_.multiply(product, combined);
                else multiply_(product);
            };
            if (unit_ != 0) strassen_.set_weights(product.b, combined);
            const std::int64_t step = unit_ != 0 ? unit_ : last - first;
            for (std::int64_t row = first; row < last; row += step) multiply_rows(run, packed, row, std::min(last, row + step), start, product.depth, multiply);
        }
    }

    /// Calls multiply(rows' inputs from `start` on, their pitch, row, rows) for rows [first, last), copied to `packed` where they must be.
    template <class Multiply>
    void multiply_rows(const Run& run, float* packed, std::int64_t first, std::int64_t last, std::int64_t start, std::int64_t depth, const Multiply& multiply) const {
        const RowSource& only = sources_.front();
        if (packs()) {
            pack(run, packed, first, last, start, start + depth);
            return multiply(packed, packed_pitch(weights_->depth), first, last - first);
        }
        if (only.stride == 1) return multiply(run.floats(only.src) + first * in_ + start, in_, first, last - first);
        for (std::int64_t row = first; row < last;) {  // line by line
            const std::int64_t y = row / line_, end = std::min(last, (y + 1) * line_);
            multiply(only.row(run, y / lines_, y % lines_, row % line_), in_ * only.stride, row, end - row);
            row = end;
        }
    }

    /// Inputs [begin, end) of rows [first, last), side by side.
    void pack(const Run& run, float* packed, std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t end) const {
        const std::int64_t pitch = packed_pitch(weights_->depth);
        for (std::int64_t row = first, y = first / line_, x = first % line_; row < last; ++row, packed += pitch) {
            float* to = packed;
            std::int64_t at = 0;  // of the source, among the inputs
            for (const RowSource& source : sources_) {
                const std::int64_t from = std::max(begin, at), until = std::min(end, at + source.in);
                if (from < until) to = std::copy_n(source.row(run, y / lines_, y % lines_, x) + (from - at), until - from, to);
                at += source.in;
            }
            if (++x == line_) {
                x = 0;
                ++y;
            }
        }
    }

    std::shared_ptr<const PackedMatrix> weights_;
    std::vector<RowSource> sources_;
    void (*multiply_)(const MatrixProduct&);
    RowCount rows_;
    Place dst_, residual_;
    StrassenProduct strassen_;
    std::int64_t in_ = 0, out_ = 0, line_ = 1, lines_ = 1, block_ = 1;
    std::int64_t unit_ = 0;  // rows that Strassen's algorithm takes together; 0: sums are plain
    bool relu_ = false, adds_ = false;
    int threads_ = 1;
};

}  // namespace regulus::cpu
