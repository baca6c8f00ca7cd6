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
        return op.kernel == 1 && op.stride == 1 && op.groups == 1 && op.padding == 0 && !op.residual && op.activation != Activation::sigmoid && PackedMatrix::slice_depth(op.in_channels) == op.in_channels;
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
        const std::int64_t total = map[0] * area_, most = std::max<std::int64_t>(28, cached_floats / in_);
        const std::int64_t rounds = (total + most * threads - 1) / (most * threads);
        block_ = std::max<std::int64_t>(1, (total + rounds * threads - 1) / (rounds * threads));
        name = "matrix products, " + std::to_string(siblings_.size()) + " nodes";
        reason = "convolutions of one map: reads it once";
    }

    std::size_t scratch_bytes() const override { return packs() ? std::size_t(threads_ * block_ * packed_pitch()) * sizeof(float) : 0; }

    void run(const Run& run) const override {
        const std::int64_t total = rows_(run) * area_, tasks = (total + block_ - 1) / block_;
#if defined(_OPENMP)
#pragma omp parallel for schedule(dynamic) num_threads(threads_) if (tasks > 1)
        for (std::int64_t i = 0; i < tasks; ++i) task(run, omp_get_thread_num(), i * block_, std::min(total, (i + 1) * block_));
#else
        for (std::int64_t i = 0; i < tasks; ++i) task(run, 0, i * block_, std::min(total, (i + 1) * block_));
#endif
    }

private:
    /// Whether pixels are copied before they are read: where they lie so that a few of them fill a set of the first-level cache.
    bool packs() const { return in_ % 512 == 0; }
    std::int64_t packed_pitch() const { return in_ + 16; }

    /// Pixels [first, last).
    void task(const Run& run, int thread, std::int64_t first, std::int64_t last) const {
        const float* pixels = run.floats(src_) + first * in_;
        MatrixProduct product;
        product.a_pitch = product.depth = in_;
        product.rows = last - first;
        if (packs()) {
            float* const packed = run.floats(scratch) + thread * block_ * packed_pitch();
            for (std::int64_t row = 0; row < last - first; ++row) std::memcpy(packed + row * packed_pitch(), pixels + row * in_, std::size_t(in_) * sizeof(float));
            pixels = packed;
            product.a_pitch = packed_pitch();
        }
        product.a = pixels;
        for (const Sibling& sibling : siblings_) {
            product.b = sibling.weights->matrix.data<float>();
            product.bias = sibling.weights->bias.data<float>();
            product.width = sibling.weights->width;
            product.stored = product.c_pitch = sibling.out;
            product.c = run.floats(sibling.dst) + first * sibling.out;
            product.relu = sibling.relu;
            multiply_(product);
        }
    }

    static constexpr std::int64_t cached_floats = 128 * 1024;

    std::vector<Sibling> siblings_;
    void (*multiply_)(const MatrixProduct&);
    RowCount rows_;
    Place src_;
    std::int64_t in_ = 0, area_ = 1, block_ = 1;
    int threads_ = 1;
};

}  // namespace regulus::cpu
