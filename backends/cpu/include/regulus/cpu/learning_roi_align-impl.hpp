#pragma once
// RoIAlign that learns: each bin's gradient goes back to the pixels that it mixed.
#include <algorithm>
#include <cstring>

#include <regulus/cpu/detection-impl.hpp>
#include <regulus/cpu/learning_maps-impl.hpp>

namespace regulus::cpu {

/// map[y.at][x.at][c] += factor * y.weight * x.weight * gradient[c] over the pixels ys x xs; pixels are `pitch` floats apart.
REGULUS_ALWAYS_INLINE void bin_spread_body(float* map, std::int64_t width, std::int64_t pitch, const AxisPixel* ys, std::int64_t y_count, const AxisPixel* xs, std::int64_t x_count, float factor,
                                           const float* gradient, std::int64_t channels) {
    for (std::int64_t y = 0; y < y_count; ++y) {
        for (std::int64_t x = 0; x < x_count; ++x) {
            float* const pixel = map + (ys[y].at * width + xs[x].at) * pitch;
            const float weight = ys[y].weight * xs[x].weight * factor;
            for (std::int64_t c = 0; c < channels; ++c) pixel[c] += weight * gradient[c];
        }
    }
}
REGULUS_SIMD_KERNEL(bin_spread, bin_spread_body,
                    (float* map, std::int64_t width, std::int64_t pitch, const AxisPixel* ys, std::int64_t y_count, const AxisPixel* xs, std::int64_t x_count, float factor, const float* gradient,
                     std::int64_t channels),
                    (map, width, pitch, ys, y_count, xs, x_count, factor, gradient, channels))

/// Boxes, and how many each picture has, are kept for the way back; boxes have no gradient (zeros, where somebody asks). Rows behind the last picture's are zeros.
class RoiAlignThatLearns final : public InferredForward {
public:
    RoiAlignThatLearns(const Node& node, const std::vector<Shape>& inputs, const std::vector<Shape>& outputs, int threads)
        : InferredForward(node, inputs, outputs, threads, [](const NodeContext& context) { return new_kernel<RoiAlignKernel>(context); }), op_(std::get<ops::RoiAlign>(node.operation)) {}

    std::size_t kept_bytes() const override { return std::size_t(4 * rows()) * sizeof(float) + std::size_t(images()) * sizeof(std::int32_t); }

    void forward(const train::LearningArguments& arguments) override {
        InferredForward::forward(arguments);
        const auto* const counts = reinterpret_cast<const std::int32_t*>(arguments.inputs[levels() + 1]);
        std::memcpy(arguments.kept, arguments.inputs[levels()], std::size_t(4 * rows()) * sizeof(float));
        std::memcpy(arguments.kept + 4 * rows() * std::int64_t(sizeof(float)), counts, std::size_t(images()) * sizeof(std::int32_t));
        std::int64_t pooled = 0;
        for (std::int64_t image = 0; image < images(); ++image) pooled += counts[image];
        std::fill(arguments.outputs[0] + pooled * row_elements(), arguments.outputs[0] + rows() * row_elements(), 0.f);
    }

    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads());
        // Regions overlap, so a task has some channels of a picture to itself: the order of the sums does not depend on the threads.
        const std::int64_t runs = (channels() + run - 1) / run;
        parallel_for(images() * runs, [&](std::int64_t task) { spread(arguments, task / runs, task % runs * run); });
        if (float* const to_boxes = arguments.input_gradients[levels()]; to_boxes != nullptr) std::fill_n(to_boxes, 4 * rows(), 0.f);
    }

private:
    static constexpr std::int64_t run = 32;  // channels that a task takes
    std::size_t levels() const { return op_.strides.size(); }
    std::int64_t rows() const { return out()[0]; }
    std::int64_t images() const { return in(0)[0]; }
    std::int64_t channels() const { return in(0)[1]; }
    std::int64_t row_elements() const { return op_.size * op_.size * channels(); }

    /// The channels [first, first + run) of a picture, on all levels.
    void spread(const train::LearningArguments& arguments, std::int64_t image, std::int64_t first) const {
        const std::int64_t count = std::min(run, channels() - first);
        const auto* const boxes = reinterpret_cast<const float*>(arguments.kept);
        const auto* const counts = reinterpret_cast<const std::int32_t*>(boxes + 4 * rows());
        const auto map_of = [&](std::size_t level) {
            float* const maps = arguments.input_gradients[level];
            return maps == nullptr ? nullptr : maps + image * in(level)[2] * in(level)[3] * channels() + first;
        };
        for (std::size_t level = 0; level < levels(); ++level) {
            float* const map = map_of(level);
            for (std::int64_t pixel = 0; map != nullptr && pixel < in(level)[2] * in(level)[3]; ++pixel) std::fill_n(map + pixel * channels(), count, 0.f);
        }
        std::int64_t row = 0;
        for (std::int64_t before = 0; before < image; ++before) row += counts[before];
        thread_local RoiAlignKernel::AxisTable xs, ys;
        for (const std::int64_t last = row + counts[image]; row < last; ++row) {
            const kernels::Box<float> box = kernels::load_box(boxes + 4 * row);
            const std::size_t level = std::size_t(kernels::roi_level(op_, box));
            float* const map = map_of(level);
            if (map == nullptr) continue;
            const std::int64_t height = in(level)[2], width = in(level)[3];
            const kernels::RoiAxis<float> x_axis = kernels::roi_axis(op_, op_.strides[level], box.x1, box.x2), y_axis = kernels::roi_axis(op_, op_.strides[level], box.y1, box.y2);
            xs.fill(op_, x_axis, width);
            ys.fill(op_, y_axis, height);
            const float factor = 1.f / float(std::max<std::int64_t>(1, x_axis.samples * y_axis.samples));
            const float* gradient = arguments.output_gradients[0] + row * row_elements() + first;
            for (std::size_t by = 0; by < std::size_t(op_.size); ++by) {
                for (std::size_t bx = 0; bx < std::size_t(op_.size); ++bx, gradient += channels()) {
                    bin_spread(map, width, channels(), ys.pixels.data() + ys.pixel_begin[by], std::int64_t(ys.pixel_begin[by + 1] - ys.pixel_begin[by]), xs.pixels.data() + xs.pixel_begin[bx],
                               std::int64_t(xs.pixel_begin[bx + 1] - xs.pixel_begin[bx]), factor, gradient, count);
                }
            }
        }
    }

    ops::RoiAlign op_;
};

}  // namespace regulus::cpu
