#pragma once
// The end of a dense 3D head: pointwise convolutions to the deltas and directions of all anchors, and of those the boxes of the few with the best scores. Only what these
// need is computed.
#include <algorithm>
#include <memory>
#include <utility>

#include <regulus/cpu/chosen_logits-impl.hpp>
#include <regulus/graph/kernels/boxes3d.hpp>

namespace regulus::cpu {

class ChosenBoxesKernel final : public Kernel {
public:
    /// What may make the deltas and the directions.
    static bool applies(const ops::Conv2d& op) { return ChosenLogitsKernel::applies(op); }

    /// `context` is that of the decoding step; both convolutions read `map`.
    ChosenBoxesKernel(const NodeContext& context, ValueId map, std::shared_ptr<const ConvParameters> deltas, std::shared_ptr<const ConvParameters> directions, int threads)
        : op_(std::get<ops::DecodeBoxes3d>(context.node.operation)), deltas_(std::move(deltas)), directions_(std::move(directions)), dots_(row_dots_function()), map_(MapPlace::of(context, map)),
          index_(context.place(context.in(2))), count_(context.place(context.in(3))), boxes_(context.place(context.out(0))), labels_(context.place(context.out(1))), bins_(context.place(context.out(2))),
          shape_(context.shape(map)), bound_(context.shape(context.in(2))[1]), threads_(threads) {
        name = "decode_boxes3d, 3 nodes";
        reason = "of deltas and directions only those of the chosen anchors are read";
    }

    std::size_t scratch_bytes() const override { return std::size_t(threads_ * task_floats()) * sizeof(float); }

    void run(const Run& run) const override {
        constexpr std::int64_t together = 32;  // boxes of a task
        for (std::int64_t image = 0; image < shape_[0]; ++image) {
            const std::int64_t count = run.integers(count_)[image];
            parallel_tasks(threads_, (count + together - 1) / together, [&](int thread, std::int64_t task) {
                float* const scratch_floats = run.floats(scratch) + thread * task_floats();
                for (std::int64_t i = task * together; i < std::min(count, (task + 1) * together); ++i) decode(run, scratch_floats, image, i);
            });
        }
    }

private:
    std::int64_t channels() const { return shape_[1]; }
    std::int64_t task_floats() const { return (channels() + op_.code + 2 + 15) / 16 * 16; }

    /// Box i of an image's list.
    void decode(const Run& run, float* memory, std::int64_t image, std::int64_t i) const {
        const std::int64_t place = image * bound_ + i;
        const std::int32_t index = run.integers(index_)[place];
        const std::int64_t which = index / op_.classes, anchors = op_.anchors.per_cell(), anchor = which % anchors;
        const float* const pixel = pixel_of(run, memory, image * shape_[2] * shape_[3] + which / anchors);
        float *const delta = memory + channels(), *const logits = delta + op_.code;
        multiply(*deltas_, pixel, anchor * op_.code, op_.code, delta);
        multiply(*directions_, pixel, anchor * 2, 2, logits);
        kernels::decode_chosen_box3d<float>(op_, shape_[2], shape_[3], index, {delta, 1}, {logits, 1}, run.floats(boxes_) + place * op_.code, run.integers(labels_)[place], run.integers(bins_)[place]);
    }

    /// A pixel of the map in float32, in the task's memory where the map is kept otherwise.
    const float* pixel_of(const Run& run, float* memory, std::int64_t pixel) const {
        const std::byte* const from = map_.at(run, pixel * channels());
        if (!map_.is_bf16) return reinterpret_cast<const float*>(from);
        std::transform(reinterpret_cast<const Bf16*>(from), reinterpret_cast<const Bf16*>(from) + channels(), memory, float_of);
        return memory;
    }

    /// Channels [first, first + count) of a convolution of this pixel.
    void multiply(const ConvParameters& conv, const float* pixel, std::int64_t first, std::int64_t count, float* to) const {
        dots_(conv.weight.data<float>() + first * channels(), channels(), count, channels(), pixel, to);
        for (std::int64_t i = 0; i < count; ++i) to[i] += conv.bias.data<float>()[first + i];
    }

    ops::DecodeBoxes3d op_;
    std::shared_ptr<const ConvParameters> deltas_, directions_;  // [channels out, channels in]
    RowDots dots_;
    MapPlace map_;
    Place index_, count_, boxes_, labels_, bins_;
    Shape shape_;         // of the map
    std::int64_t bound_;  // of an image's list
    int threads_;
};

}  // namespace regulus::cpu
