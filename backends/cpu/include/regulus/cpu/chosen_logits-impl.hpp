#pragma once
// The end of a mask head: a transposed convolution, a pointwise convolution to the logits of all classes, and of those the label's. Only that one is
// computed, from pixels that never leave the caches.
#include <algorithm>
#include <memory>

#include <regulus/cpu/simd_targets.hpp>
#include <regulus/cpu/tile_blocks-impl.hpp>
#include <regulus/cpu/transposed_conv-impl.hpp>

#define REGULUS_SIMD_NAME row_dots
#define REGULUS_SIMD_SOURCE <regulus/cpu/row_dots.inc>
#include <regulus/cpu/each_instruction_set.inc>

namespace regulus::cpu {

using RowDots = void (*)(const float* rows, std::int64_t pitch, std::int64_t count, std::int64_t depth, const float* weights, float* to);

inline RowDots row_dots_function() {
#if defined(__x86_64__)
    if (instruction_set() == InstructionSet::avx512) return row_dots_avx512::row_dots;
    if (instruction_set() == InstructionSet::avx2) return row_dots_avx2::row_dots;
#endif
    return row_dots_baseline::row_dots;
}

class ChosenLogitsKernel final : public ConvTransposeKernel {
public:
    /// What may stand behind the transposed convolution.
    static bool applies(const ops::Conv2d& op) { return is_matrix_product(op) && op.stride == 1 && !op.residual && op.activation == Activation::none; }

    /// `context` is that of the transposed convolution; `chosen` has one channel. One of the weights is null.
    ChosenLogitsKernel(const NodeContext& context, std::shared_ptr<const TransposedWeights> weights, std::shared_ptr<const TileWeights> tile_weights, std::shared_ptr<const ConvParameters> logits, Activation activation,
                       Place labels, Place chosen, int threads)
        : ConvTransposeKernel(context, std::move(weights), {}), tile_weights_(std::move(tile_weights)), logits_(std::move(logits)), dots_(row_dots_function()), activation_(activation), map_(MapPlace::of(context, context.in(0))), labels_(labels), chosen_(chosen), threads_(threads) {
        block_ = std::min<std::int64_t>(height_, std::max<std::int64_t>(1, (tile_weights_ ? tile_inputs : block_inputs) / width_));
        name = "matrix product, chosen class";
        reason = "of the logits only the label's are read";
        if (!tile_weights_) return;
        name = std::string(tile_functions().name) + " " + name;
        reason = reason_of(tile_weights_->factors()) + ("; " + reason);
    }

    std::size_t scratch_bytes() const override { return std::size_t(threads_ * task_floats()) * sizeof(float); }

    void run(const Run& run) const override {
        const std::int64_t blocks = (height_ + block_ - 1) / block_, tasks = rows_(run) * blocks;
        parallel_tasks(threads_, tasks, [&](int thread, std::int64_t i) { choose(run, run.floats(scratch) + thread * task_floats(), i / blocks, i % blocks * block_); });
    }

private:
    static constexpr std::int64_t block_inputs = 64;   // pixels of a task, whose outputs the second-level cache holds
    static constexpr std::int64_t tile_inputs = 112;   // of which it holds half: the weights come from beyond it

    std::int64_t outputs_of_line() const { return op_.kernel * width_ * op_.kernel; }
    std::int64_t block_floats() const { return (block_ * outputs_of_line() * op_.out_channels + 15) / 16 * 16; }
    std::int64_t tile_floats() const { return tile_weights_ ? RowProducts::floats(*tile_weights_, block_ * width_) : 0; }
    std::int64_t task_floats() const { return block_floats() + tile_floats(); }

    /// A block of input lines from `first` on, of a row of the batch.
    void choose(const Run& run, float* pixels, std::int64_t row, std::int64_t first) const {
        const std::int64_t last = std::min(height_, first + block_), classes = logits_->bias.shape()[0], count = (last - first) * outputs_of_line();
        if (tile_weights_) lines_of_tiles(run, row, first, last, pixels);
        else lines(run, row, first, last, pixels);
        const std::int64_t label = std::clamp<std::int64_t>(run.integers(labels_)[row], 0, classes - 1);
        float* const to = run.floats(chosen_) + (row * height_ + first) * outputs_of_line();
        dots_(pixels, op_.out_channels, count, op_.out_channels, logits_->weight.data<float>() + label * op_.out_channels, to);
        const float bias = logits_->bias.data<float>()[label];
        for (std::int64_t i = 0; i < count; ++i) to[i] = activate(activation_, to[i] + bias);
    }

    /// lines() by products of tiles.
    void lines_of_tiles(const Run& run, std::int64_t row, std::int64_t first, std::int64_t last, float* to) const {
        const std::int64_t in = op_.in_channels, out = op_.out_channels, side = op_.kernel, pixels = (last - first) * width_;
        const std::byte* const from = map_.at(run, (row * height_ + first) * width_ * in);
        RowProducts products(*tile_weights_, to + block_floats());
        if (map_.is_bf16) products.set_rows(reinterpret_cast<const Bf16*>(from), in, pixels, in);
        else products.set_rows(reinterpret_cast<const float*>(from), in, pixels, in);
        for (std::int64_t tap = 0; tap < side * side; ++tap) {
            products.multiply(tap, tap + 1, {.pitch = side * out, .relu = op_.activation == Activation::relu}, [&](TileResult& result, std::int64_t begin, std::int64_t count, std::int64_t panel) {
                for (std::int64_t pixel = begin, next; pixel < begin + count; pixel = next) {
                    next = std::min(begin + count, (pixel / width_ + 1) * width_);
                    float* const place = to + (((pixel / width_ * side + tap / side) * width_ + pixel % width_) * side + tap % side) * out + panel * block_columns;
                    result.add({pixel - begin, next - pixel, reinterpret_cast<std::byte*>(place), nullptr});
                }
            });
        }
        products.finish();
    }

    std::shared_ptr<const TileWeights> tile_weights_;
    std::shared_ptr<const ConvParameters> logits_;  // [classes, in]
    RowDots dots_;
    Activation activation_;
    MapPlace map_;
    Place labels_, chosen_;
    int threads_;
};

}  // namespace regulus::cpu
