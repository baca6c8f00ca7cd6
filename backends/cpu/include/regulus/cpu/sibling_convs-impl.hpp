#pragma once
// Pointwise convolutions of one map that stand side by side, as the layers of a dense head: the map is read once, in blocks that stay in the second-level
// cache while each of them makes its products.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <regulus/cpu/matrix_kernels-impl.hpp>

namespace regulus::cpu {

class SiblingKernel final : public Kernel {
public:
    /// What may be one of the siblings: a product of pixels with a matrix of at most one slice.
    static bool applies(const ops::Conv2d& op) {
        return is_matrix_product(op) && op.stride == 1 && !op.residual && op.activation != Activation::sigmoid && PackedMatrix::slice_depth(op.in_channels) == op.in_channels;
    }
    /// Where reading a map several times costs more than it takes to look at it.
    static bool applies(const Shape& map) { return map.numel() >= 1 << 18; }

    struct Sibling {
        std::shared_ptr<const PackedMatrix> weights;
        Place dst;
        std::int64_t out = 0;
        bool relu = false;
    };

    SiblingKernel(const NodeContext& context, std::vector<Sibling> siblings, int threads)
        : siblings_(std::move(siblings)), multiply_(matrix_functions().multiply), rows_(context.rows_of(context.in(0))), src_(context.place(context.in(0))), threads_(threads) {
        const Shape& map = context.shape(context.in(0));
        in_ = map[1];
        area_ = map[2] * map[3];
        block_ = product_block(map[0] * area_, in_, threads);
        name = "matrix products, " + std::to_string(siblings_.size()) + " nodes";
        reason = "convolutions of one map: reads it once";
    }

    std::size_t scratch_bytes() const override { return packs() ? std::size_t(threads_ * block_ * packed_pitch(in_)) * sizeof(float) : 0; }

    void run(const Run& run) const override {
        const std::int64_t total = rows_(run) * area_;
        parallel_tasks(threads_, (total + block_ - 1) / block_, [&](int thread, std::int64_t i) { task(run, thread, i * block_, std::min(total, (i + 1) * block_)); });
    }

private:
    bool packs() const { return crowds_cache_sets(in_); }

    /// Pixels [first, last).
    void task(const Run& run, int thread, std::int64_t first, std::int64_t last) const {
        const float* pixels = run.floats(src_) + first * in_;
        MatrixProduct product;
        product.a_pitch = product.depth = in_;
        product.rows = last - first;
        if (packs()) {
            product.a_pitch = packed_pitch(in_);
            float* const packed = run.floats(scratch) + thread * block_ * product.a_pitch;
            for (std::int64_t row = 0; row < product.rows; ++row) std::memcpy(packed + row * product.a_pitch, pixels + row * in_, std::size_t(in_) * sizeof(float));
            pixels = packed;
        }
        product.a = pixels;
        product.far_rows = !packs();
        for (const Sibling& sibling : siblings_) {
            product.b = sibling.weights->matrix.data<float>();
            product.bias = sibling.weights->bias.data<float>();
            product.width = sibling.weights->width;
            product.stored = product.c_pitch = sibling.out;
            product.c = run.floats(sibling.dst) + first * sibling.out;
            product.relu = sibling.relu;
            multiply_(product);
            product.far_rows = false;  // now they are near
        }
    }

    std::vector<Sibling> siblings_;
    void (*multiply_)(const MatrixProduct&);
    RowCount rows_;
    Place src_;
    std::int64_t in_ = 0, area_ = 1, block_ = 1;
    int threads_ = 1;
};

}  // namespace regulus::cpu
