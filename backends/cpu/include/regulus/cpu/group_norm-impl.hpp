#pragma once
// Group norm: the statistics of a picture's (or region's) groups of channels, then a difference and a multiply-add an element.
#include <cmath>

#include <regulus/cpu/maps-impl.hpp>

namespace regulus::cpu {

/// squares[c] += the squared distance of the pixel's channel c from mean[c].
REGULUS_ALWAYS_INLINE void add_squared_distances_body(const float* src, const float* mean, float* squares, std::int64_t channels) {
    for (std::int64_t c = 0; c < channels; ++c) squares[c] += (src[c] - mean[c]) * (src[c] - mean[c]);
}
REGULUS_SIMD_KERNEL(add_squared_distances, add_squared_distances_body, (const float* src, const float* mean, float* squares, std::int64_t channels), (src, mean, squares, channels))

/// dst = activation((src - mean) * scale + bias), channel by channel: the difference first, which keeps the digits of maps far from 0.
REGULUS_ALWAYS_INLINE void normalise_body(const float* src, const float* mean, const float* scale, const float* bias, float* dst, std::int64_t channels, Activation activation) {
    if (activation == Activation::relu) {
        for (std::int64_t c = 0; c < channels; ++c) {
            const float value = (src[c] - mean[c]) * scale[c] + bias[c];
            dst[c] = value < 0.f ? 0.f : value;
        }
    } else {
        for (std::int64_t c = 0; c < channels; ++c) dst[c] = activate(activation, (src[c] - mean[c]) * scale[c] + bias[c]);
    }
}
REGULUS_SIMD_KERNEL(normalise, normalise_body, (const float* src, const float* mean, const float* scale, const float* bias, float* dst, std::int64_t channels, Activation activation),
                    (src, mean, scale, bias, dst, channels, activation))

/// Mean and variance come from chunks of a few pixels: in each the channels' means and squared distances from them, in float32 while the chunk is in the
/// cache; the chunks are joined in double (Chan, Golub, LeVeque 1979), so that neither many pixels nor a mean far from 0 cost digits. How a map is cut does
/// not depend on the threads.
class GroupNormKernel final : public Kernel {
public:
    explicit GroupNormKernel(const NodeContext& context)
        : op_(std::get<ops::GroupNorm>(context.node.operation)), rows_(context.rows_of(context.out(0))), src_(context.place(context.in(0))), dst_(context.place(context.out(0))) {
        const Shape& shape = context.shape(context.in(0));
        pixels_ = shape[2] * shape[3];
        chunks_ = (pixels_ + chunk - 1) / chunk;
        weight_ = context.bound[0];
        bias_ = context.bound[1];
        name = "group norm";
    }

    /// Per row: mean and squared distances of every chunk, then mean and scale.
    std::size_t scratch_bytes() const override { return std::size_t(rows_.bound) * std::size_t(chunks_ + 1) * line() * sizeof(float); }

    void run(const Run& run) const override {
        const std::int64_t rows = rows_(run), channels = op_.channels;
        const float* src = run.floats(src_);
        float* dst = run.floats(dst_);
        float* statistics = run.floats(scratch);
        float* scales = statistics + rows * chunks_ * std::int64_t(line());
        parallel_for(rows * chunks_, [&](std::int64_t part) {
            float* mean = statistics + part * std::int64_t(line());
            const Pixels range = pixels_of(part);
            std::fill(mean, mean + line(), 0.f);
            for (std::int64_t i = 0; i < range.count; ++i) accumulate(src + (range.first + i) * channels, mean, channels);
            for (std::int64_t c = 0; c < channels; ++c) mean[c] /= float(range.count);
            for (std::int64_t i = 0; i < range.count; ++i) add_squared_distances(src + (range.first + i) * channels, mean, mean + channels, channels);
        });
        parallel_for(rows * op_.groups, [&](std::int64_t i) { join(statistics, scales, i / op_.groups, i % op_.groups); });
        parallel_for(rows * chunks_, [&](std::int64_t part) {
            const float* mean = scales + part / chunks_ * std::int64_t(line());
            const Pixels range = pixels_of(part);
            for (std::int64_t i = range.first; i < range.first + range.count; ++i) normalise(src + i * channels, mean, mean + channels, bias_.data<float>(), dst + i * channels, channels, op_.activation);
        });
    }

private:
    static constexpr std::int64_t chunk = 64;  // pixels

    struct Pixels {
        std::int64_t first, count;  // the first counts from row 0
    };

    std::size_t line() const { return 2 * std::size_t(op_.channels); }

    Pixels pixels_of(std::int64_t part) const {
        const std::int64_t row = part / chunks_, first = part % chunks_ * chunk;
        return {row * pixels_ + first, std::min(chunk, pixels_ - first)};
    }

    /// Mean and scale of one group's channels.
    void join(const float* statistics, float* scales, std::int64_t row, std::int64_t group) const {
        const std::int64_t width = op_.channels / op_.groups, first = group * width;
        const auto each = [&](const auto& body) {
            for (std::int64_t k = 0; k < chunks_; ++k) {
                const float* at = statistics + (row * chunks_ + k) * std::int64_t(line()) + first;
                for (std::int64_t c = 0; c < width; ++c) body(double(pixels_of(k).count), double(at[c]), double(at[op_.channels + c]));
            }
        };
        const double count = double(pixels_) * double(width);
        double sum = 0, squares = 0;
        each([&](double pixels, double mean, double) { sum += pixels * mean; });
        const double mean = sum / count;
        each([&](double pixels, double own, double distances) { squares += distances + pixels * (own - mean) * (own - mean); });
        const double factor = 1 / std::sqrt(squares / count + op_.eps);
        float* to = scales + row * std::int64_t(line()) + first;
        for (std::int64_t c = 0; c < width; ++c) {
            to[c] = float(mean);
            to[op_.channels + c] = float(factor * double(weight_.data<float>()[first + c]));
        }
    }

    ops::GroupNorm op_;
    RowCount rows_;
    Place src_, dst_;
    Tensor weight_, bias_;
    std::int64_t pixels_ = 0, chunks_ = 0;
};

}  // namespace regulus::cpu
