#pragma once
// Deformable convolutions that learn. Chunk after chunk of output pixels: what their taps read is gathered into a matrix; products with it, and with its gradient, are oneDNN's.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <regulus/cpu/deform_conv-impl.hpp>
#include <regulus/cpu/learning_matrices-impl.hpp>
#include <regulus/train/learning_backend.hpp>

namespace regulus::cpu {

/// sums[k] = sum of gradient[c] * corner k's pixel[c].
REGULUS_ALWAYS_INLINE void corner_dots_body(const float* gradient, const float* const* corners, std::int64_t channels, float* sums) {
    constexpr std::int64_t width = 16;
    float parts[4][width] = {};
    const float *a = corners[0], *b = corners[1], *c = corners[2], *d = corners[3];
    std::int64_t i = 0;
    for (; i + width <= channels; i += width) {
        for (std::int64_t j = 0; j < width; ++j) parts[0][j] += gradient[i + j] * a[i + j];
        for (std::int64_t j = 0; j < width; ++j) parts[1][j] += gradient[i + j] * b[i + j];
        for (std::int64_t j = 0; j < width; ++j) parts[2][j] += gradient[i + j] * c[i + j];
        for (std::int64_t j = 0; j < width; ++j) parts[3][j] += gradient[i + j] * d[i + j];
    }
    for (; i < channels; ++i) {
        for (int k = 0; k < 4; ++k) parts[k][0] += gradient[i] * corners[k][i];
    }
    for (int k = 0; k < 4; ++k) {
        float sum = 0;
        for (std::int64_t j = 0; j < width; ++j) sum += parts[k][j];
        sums[k] += sum;
    }
}
REGULUS_SIMD_KERNEL(corner_dots, corner_dots_body, (const float* gradient, const float* const* corners, std::int64_t channels, float* sums), (gradient, corners, channels, sums))

/// corner k's pixel[c] += weights[k] * gradient[c].
REGULUS_ALWAYS_INLINE void corner_spread_body(const float* gradient, const float* weights, float* const* corners, std::int64_t channels) {
    for (int k = 0; k < 4; ++k) {
        float* const to = corners[k];
        const float weight = weights[k];
        for (std::int64_t i = 0; i < channels; ++i) to[i] += weight * gradient[i];
    }
}
REGULUS_SIMD_KERNEL(corner_spread, corner_spread_body, (const float* gradient, const float* weights, float* const* corners, std::int64_t channels), (gradient, weights, corners, channels))

class DeformConvThatLearns final : public train::LearningKernel {
public:
    DeformConvThatLearns(const ops::DeformConv2d& op, const Shape& in, const Shape& out, int threads)
        : op_(op), functions_(deform_conv_functions()), threads_(threads), images_(in[0]), height_(in[2]), width_(in[3]), out_width_(out[3]), pixels_(out[2] * out[3]) {
        chunk_ = std::clamp<std::int64_t>(columns_floats / (op.conv.in_channels * taps()), 64, std::max<std::int64_t>(64, pixels_));
    }

    std::size_t scratch_bytes() const override { return sample_bytes() + std::size_t(chunk_ * taps() * op_.conv.in_channels + 2 * weight_elements()) * sizeof(float); }
    bool backward_reads_inputs() const override { return true; }
    bool backward_reads_outputs() const override { return op_.conv.activation != Activation::none; }

    void forward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads_);
        const Memory memory = memory_of(arguments);
        const ops::Conv2d& conv = op_.conv;
        taps_first(arguments.parameters[0], memory.weight);
        const std::vector<float> nothing(conv.bias ? 0 : std::size_t(conv.out_channels), 0.f);
        const float* const bias = conv.bias ? arguments.parameters[1] : nothing.data();
        each_chunk([&](const Chunk& chunk) {
            find_samples(arguments, chunk, memory);
            gather(arguments, chunk, memory);
            float* const dst = arguments.outputs[0] + chunk.place() * conv.out_channels;
            for (int group = 0; group < conv.groups; ++group) {
                PlainProduct{false, true, chunk.count, out_group(), depth(), memory.columns_of(group, chunk, depth()), depth(), memory.weight + group * out_group() * depth(), depth(), 0.f,
                             dst + group * out_group(), conv.out_channels}
                    .run();
            }
            if (!conv.bias && conv.activation == Activation::none) return;
            parallel_for(chunk.count, [&](std::int64_t i) {
                float* const pixel = dst + i * conv.out_channels;
                add_lines(pixel, bias, pixel, conv.out_channels, conv.activation);
            });
        });
    }

    void backward(const train::LearningArguments& arguments) override {
        const ThreadScope scope(threads_);
        const Memory memory = memory_of(arguments);
        const ops::Conv2d& conv = op_.conv;
        float *const to_weight = arguments.parameter_gradients[0], *const to_src = arguments.input_gradients[0], *const to_offsets = arguments.input_gradients[1];
        through_activation(conv.activation, arguments.outputs[0], arguments.output_gradients[0], images_ * pixels_ * conv.out_channels);
        taps_first(arguments.parameters[0], memory.weight);
        if (to_weight != nullptr) std::fill_n(memory.weight_gradient, weight_elements(), 0.f);
        if (to_src != nullptr) std::memset(to_src, 0, std::size_t(images_ * height_ * width_ * conv.in_channels) * sizeof(float));
        each_chunk([&](const Chunk& chunk) {
            find_samples(arguments, chunk, memory);
            const float* const gradient = arguments.output_gradients[0] + chunk.place() * conv.out_channels;
            if (to_weight != nullptr) {
                gather(arguments, chunk, memory);
                for (int group = 0; group < conv.groups; ++group) {
                    PlainProduct{true, false, out_group(), depth(), chunk.count, gradient + group * out_group(), conv.out_channels, memory.columns_of(group, chunk, depth()), depth(), 1.f,
                                 memory.weight_gradient + group * out_group() * depth(), depth()}
                        .run();
                }
            }
            if (to_src == nullptr && to_offsets == nullptr) return;
            for (int group = 0; group < conv.groups; ++group) {  // the columns' gradient
                PlainProduct{false, false, chunk.count, depth(), out_group(), gradient + group * out_group(), conv.out_channels, memory.weight + group * out_group() * depth(), depth(), 0.f,
                             memory.columns_of(group, chunk, depth()), depth()}
                    .run();
            }
            if (to_offsets != nullptr) parallel_for(chunk.count, [&](std::int64_t i) { move(arguments, chunk, memory, i); });
            if (to_src != nullptr) spread(arguments, chunk, memory);
        });
        if (to_weight != nullptr) add_taps_last(memory.weight_gradient, to_weight);
        if (conv.bias && arguments.parameter_gradients[1] != nullptr) add_pixel_sums(arguments.output_gradients[0], images_ * pixels_, conv.out_channels, arguments.parameter_gradients[1]);
    }

private:
    using Sample = kernels::TapSample<float>;
    static constexpr std::int64_t columns_floats = 1 << 20;

    /// `count` output pixels from `first` on, of one image.
    struct Chunk {
        std::int64_t image, first, count, pixels;
        std::int64_t place() const { return image * pixels + first; }
    };
    struct Memory {
        Sample* samples;         // [deform groups, pixels, taps]
        float* columns;          // [groups, pixels, taps, channels of a group]
        float* weight;           // [groups, out, taps, channels of a group]
        float* weight_gradient;  // alike
        float* columns_of(std::int64_t group, const Chunk& chunk, std::int64_t depth) const { return columns + group * chunk.count * depth; }
    };

    std::int64_t taps() const { return std::int64_t(op_.conv.kernel) * op_.conv.kernel; }
    std::int64_t in_group() const { return op_.conv.in_channels / op_.conv.groups; }
    std::int64_t out_group() const { return op_.conv.out_channels / op_.conv.groups; }
    std::int64_t deform_width() const { return op_.conv.in_channels / op_.deform_groups; }
    std::int64_t depth() const { return taps() * in_group(); }
    std::int64_t weight_elements() const { return op_.conv.out_channels * depth(); }
    std::size_t sample_bytes() const { return (std::size_t(op_.deform_groups * chunk_ * taps()) * sizeof(Sample) + 63) / 64 * 64; }
    Memory memory_of(const train::LearningArguments& arguments) const {
        float* const columns = reinterpret_cast<float*>(arguments.scratch + sample_bytes());
        float* const weight = columns + chunk_ * taps() * op_.conv.in_channels;
        return {reinterpret_cast<Sample*>(arguments.scratch), columns, weight, weight + weight_elements()};
    }

    template <class Body>
    void each_chunk(const Body& body) const {
        for (std::int64_t image = 0; image < images_; ++image) {
            for (std::int64_t first = 0; first < pixels_; first += chunk_) body(Chunk{image, first, std::min(chunk_, pixels_ - first), pixels_});
        }
    }

    /// weight [out, in, taps] -> [out, taps, in], and the way back, added.
    void taps_first(const float* weight, float* to) const {
        parallel_for(op_.conv.out_channels, [&](std::int64_t o) {
            for (std::int64_t i = 0; i < in_group(); ++i) {
                for (std::int64_t tap = 0; tap < taps(); ++tap) to[(o * taps() + tap) * in_group() + i] = weight[(o * in_group() + i) * taps() + tap];
            }
        });
    }
    void add_taps_last(const float* from, float* weight) const {
        parallel_for(op_.conv.out_channels, [&](std::int64_t o) {
            for (std::int64_t i = 0; i < in_group(); ++i) {
                for (std::int64_t tap = 0; tap < taps(); ++tap) weight[(o * in_group() + i) * taps() + tap] += from[(o * taps() + tap) * in_group() + i];
            }
        });
    }

    const float* offsets_at(const train::LearningArguments& arguments, const Chunk& chunk, std::int64_t i) const { return arguments.inputs[1] + (chunk.place() + i) * op_.offset_channels(); }
    const float* src_of(const train::LearningArguments& arguments, const Chunk& chunk) const { return arguments.inputs[0] + chunk.image * height_ * width_ * op_.conv.in_channels; }

    void find_samples(const train::LearningArguments& arguments, const Chunk& chunk, const Memory& memory) const {
        parallel_for(op_.deform_groups * chunk.count, [&](std::int64_t task) {
            const std::int64_t i = task % chunk.count, pixel = chunk.first + i;
            for (int tap = 0; tap < taps(); ++tap) {
                memory.samples[task * taps() + tap] =
                    kernels::deform_sample(op_, offsets_at(arguments, chunk, i), 1, int(task / chunk.count), tap, pixel / out_width_, pixel % out_width_, height_, width_);
            }
        });
    }

    /// body(first channel, channels, conv group, deform group) over the runs of channels [begin, end) that have one group of either kind.
    template <class Body>
    void each_run(std::int64_t begin, std::int64_t end, const Body& body) const {
        while (begin < end) {
            const std::int64_t group = begin / in_group(), deform_group = begin / deform_width();
            const std::int64_t next = std::min({end, (group + 1) * in_group(), (deform_group + 1) * deform_width()});
            body(begin, next - begin, group, deform_group);
            begin = next;
        }
    }

    void gather(const train::LearningArguments& arguments, const Chunk& chunk, const Memory& memory) const {
        constexpr std::int64_t block = 16;  // pixels that a task takes
        parallel_for((chunk.count + block - 1) / block, [&](std::int64_t task) {
            const std::int64_t first = task * block * taps(), count = std::min(block, chunk.count - task * block) * taps();
            each_run(0, op_.conv.in_channels, [&](std::int64_t channel, std::int64_t channels, std::int64_t group, std::int64_t deform_group) {
                functions_.gather(src_of(arguments, chunk) + channel, op_.conv.in_channels, memory.samples + deform_group * chunk.count * taps() + first, count, channels,
                                  memory.columns_of(group, chunk, depth()) + first * in_group() + channel % in_group(), in_group());
            });
        });
    }

    /// The gradient by the offsets and modulations of one output pixel.
    void move(const train::LearningArguments& arguments, const Chunk& chunk, const Memory& memory, std::int64_t i) const {
        const ops::Conv2d& conv = op_.conv;
        const float *const offsets = offsets_at(arguments, chunk, i), *const src = src_of(arguments, chunk);
        float* const to = arguments.input_gradients[1] + (chunk.place() + i) * op_.offset_channels();
        const std::int64_t out_y = (chunk.first + i) / out_width_, out_x = (chunk.first + i) % out_width_;
        for (std::int64_t deform_group = 0; deform_group < op_.deform_groups; ++deform_group) {
            for (std::int64_t tap = 0; tap < taps(); ++tap) {
                const std::int64_t which = deform_group * taps() + tap, logit = 2 * op_.deform_groups * taps() + which;
                const Sample& sample = memory.samples[(deform_group * chunk.count + i) * taps() + tap];
                to[2 * which] = to[2 * which + 1] = 0.f;
                if (op_.modulated) to[logit] = 0.f;
                if (!sample.inside()) continue;
                float sums[4] = {};  // of the gradient times each corner's pixel
                each_run(deform_group * deform_width(), (deform_group + 1) * deform_width(), [&](std::int64_t channel, std::int64_t channels, std::int64_t group, std::int64_t) {
                    const float* const gradient = memory.columns_of(group, chunk, depth()) + (i * taps() + tap) * in_group() + channel % in_group();
                    const float* corners[4];
                    for (std::size_t k = 0; k < 4; ++k) corners[k] = src + sample.at[k] * conv.in_channels + channel;
                    corner_dots(gradient, corners, channels, sums);
                });
                // The arithmetic of kernels::deform_sample; corners outside the map are zeros.
                const float y = float(out_y * conv.stride - conv.padding + tap / conv.kernel * conv.dilation) + offsets[2 * which];
                const float x = float(out_x * conv.stride - conv.padding + tap % conv.kernel * conv.dilation) + offsets[2 * which + 1];
                const std::int64_t top = std::int64_t(std::floor(y)), left = std::int64_t(std::floor(x));
                const bool has_top = top >= 0, has_bottom = top + 1 < height_, has_left = left >= 0, has_right = left + 1 < width_;
                const double down = double(y) - double(top), right = double(x) - double(left);
                const double a = has_top && has_left ? double(sums[0]) : 0, b = has_top && has_right ? double(sums[1]) : 0, c = has_bottom && has_left ? double(sums[2]) : 0,
                             d = has_bottom && has_right ? double(sums[3]) : 0;
                const double modulation = op_.modulated ? 1 / (1 + std::exp(-double(offsets[logit]))) : 1.0;
                to[2 * which] = float(modulation * ((1 - right) * (c - a) + right * (d - b)));
                to[2 * which + 1] = float(modulation * ((1 - down) * (b - a) + down * (d - c)));
                if (op_.modulated) to[logit] = float(modulation * (1 - modulation) * ((1 - down) * ((1 - right) * a + right * b) + down * ((1 - right) * c + right * d)));
            }
        }
    }

    /// The columns' gradient goes to the pixels that they were read from. These overlap, so a task has some channels to itself: the order of the sums does not depend on the threads.
    void spread(const train::LearningArguments& arguments, const Chunk& chunk, const Memory& memory) const {
        constexpr std::int64_t run = 32;
        const std::int64_t in_channels = op_.conv.in_channels;
        float* const to = arguments.input_gradients[0] + chunk.image * height_ * width_ * in_channels;
        parallel_for((in_channels + run - 1) / run, [&](std::int64_t task) {
            each_run(task * run, std::min(in_channels, (task + 1) * run), [&](std::int64_t channel, std::int64_t channels, std::int64_t group, std::int64_t deform_group) {
                const Sample* const samples = memory.samples + deform_group * chunk.count * taps();
                const float* const gradient = memory.columns_of(group, chunk, depth()) + channel % in_group();
                for (std::int64_t i = 0; i < chunk.count * taps(); ++i) {
                    if (!samples[i].inside()) continue;
                    float* corners[4];
                    for (std::size_t k = 0; k < 4; ++k) corners[k] = to + samples[i].at[k] * in_channels + channel;
                    corner_spread(gradient + i * in_group(), samples[i].weight.data(), corners, channels);
                }
            });
        });
    }

    ops::DeformConv2d op_;
    const DeformConvFunctions& functions_;
    int threads_;
    std::int64_t images_, height_, width_, out_width_, pixels_, chunk_;
};

}  // namespace regulus::cpu
