#pragma once
// What learning kernels do to runs of numbers: derivatives of activations, sums over pixels.
#include <cstring>
#include <vector>

#include <regulus/cpu/maps-impl.hpp>

namespace regulus::cpu {

/// dst += src, spread over the team.
inline void add_into(const float* src, float* dst, std::int64_t count) {
    parallel_slices(count, [&](std::int64_t first, std::int64_t size) { accumulate(src + first, dst + first, size); });
}

REGULUS_ALWAYS_INLINE void relu_back_body(const float* output, float* gradient, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) gradient[i] = output[i] > 0.f ? gradient[i] : 0.f;
}
REGULUS_SIMD_KERNEL(relu_back, relu_back_body, (const float* output, float* gradient, std::int64_t count), (output, gradient, count))

/// From the gradient by an activation's output to that by what it was made of, in place. `output` is the activation's; not read without one.
inline void through_activation(Activation activation, const float* output, float* gradient, std::int64_t count) {
    if (activation == Activation::none) return;
    parallel_slices(count, [&](std::int64_t first, std::int64_t size) {
        if (activation == Activation::relu) return relu_back(output + first, gradient + first, size);
        for (std::int64_t i = first; i < first + size; ++i) gradient[i] *= output[i] * (1.f - output[i]);
    });
}

/// Pixels whose sums are made in float32 before they go into double.
inline constexpr std::int64_t slice_pixels = 256;
/// Channels whose sums stay in registers.
inline constexpr std::int64_t channel_run = 64;

/// Over the pixels of a slice, per channel: sums of x - origin and of its square.
REGULUS_ALWAYS_INLINE void moments_body(const float* x, const float* origin, std::int64_t pixels, std::int64_t channels, double* sum, double* squares) {
    for (std::int64_t first = 0; first < channels; first += channel_run) {
        const std::int64_t run = channels - first < channel_run ? channels - first : channel_run;
        float s[channel_run] = {}, q[channel_run] = {};
        for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
            const float* const line = x + pixel * channels + first;
            if (run == channel_run) {
                for (std::int64_t c = 0; c < channel_run; ++c) {
                    const float d = line[c] - origin[first + c];
                    s[c] += d;
                    q[c] += d * d;
                }
            } else {
                for (std::int64_t c = 0; c < run; ++c) {
                    const float d = line[c] - origin[first + c];
                    s[c] += d;
                    q[c] += d * d;
                }
            }
        }
        for (std::int64_t c = 0; c < run; ++c) {
            sum[first + c] = double(s[c]);
            squares[first + c] = double(q[c]);
        }
    }
}
REGULUS_SIMD_KERNEL(moments, moments_body, (const float* x, const float* origin, std::int64_t pixels, std::int64_t channels, double* sum, double* squares),
                    (x, origin, pixels, channels, sum, squares))

/// What of a norm's gradient goes on through the relu behind it, whose output is x * scale + shift.
REGULUS_ALWAYS_INLINE float through_relu(float x, float scale, float shift, float gradient) { return x * scale + shift > 0.f ? gradient : 0.f; }

/// norm_sums() of `run` channels, at most channel_run.
template <bool Relu>
REGULUS_ALWAYS_INLINE void norm_sums_run(const float* x, const float* gradient, const float* scale, const float* shift, const float* mean, std::int64_t pixels, std::int64_t channels, std::int64_t run,
                                         double* sum, double* product) {
    float s[channel_run] = {}, p[channel_run] = {};
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        const float *const line = x + pixel * channels, *const g = gradient + pixel * channels;
        for (std::int64_t c = 0; c < run; ++c) {
            const float own = Relu ? through_relu(line[c], scale[c], shift[c], g[c]) : g[c];
            s[c] += own;
            p[c] += own * (line[c] - mean[c]);
        }
    }
    for (std::int64_t c = 0; c < run; ++c) {
        sum[c] = double(s[c]);
        product[c] = double(p[c]);
    }
}

/// Over the pixels of a slice, per channel: sums of the gradient and of it times (x - mean); with `relu` of the gradient that comes through it. scale and shift are read then only.
REGULUS_ALWAYS_INLINE void norm_sums_body(const float* x, const float* gradient, const float* scale, const float* shift, const float* mean, bool relu, std::int64_t pixels, std::int64_t channels,
                                          double* sum, double* product) {
    for (std::int64_t c = 0; c < channels; c += channel_run) {
        const std::int64_t run = channels - c;
        if (relu && run >= channel_run) norm_sums_run<true>(x + c, gradient + c, scale + c, shift + c, mean + c, pixels, channels, channel_run, sum + c, product + c);
        else if (relu) norm_sums_run<true>(x + c, gradient + c, scale + c, shift + c, mean + c, pixels, channels, run, sum + c, product + c);
        else if (run >= channel_run) norm_sums_run<false>(x + c, gradient + c, nullptr, nullptr, mean + c, pixels, channels, channel_run, sum + c, product + c);
        else norm_sums_run<false>(x + c, gradient + c, nullptr, nullptr, mean + c, pixels, channels, run, sum + c, product + c);
    }
}
REGULUS_SIMD_KERNEL(norm_sums, norm_sums_body,
                    (const float* x, const float* gradient, const float* scale, const float* shift, const float* mean, bool relu, std::int64_t pixels, std::int64_t channels, double* sum, double* product),
                    (x, gradient, scale, shift, mean, relu, pixels, channels, sum, product))

/// What norm_back() multiplies with and adds: a line of channels each. `shift`: that of the relu which the gradient goes through first, whose scale is a; null without one.
struct NormBack {
    const float *a, *mean, *b, *c, *shift;
};

/// dx = gradient * a + (x - mean) * b + c, per channel.
REGULUS_ALWAYS_INLINE void norm_back_body(const float* x, const float* gradient, const NormBack& lines, float* dx, std::int64_t pixels, std::int64_t channels) {
    const float *const a = lines.a, *const mean = lines.mean, *const b = lines.b, *const c = lines.c, *const shift = lines.shift;
    for (; pixels > 0; --pixels, x += channels, gradient += channels, dx += channels) {
        if (shift != nullptr) {
            for (std::int64_t i = 0; i < channels; ++i) dx[i] = through_relu(x[i], a[i], shift[i], gradient[i]) * a[i] + (x[i] - mean[i]) * b[i] + c[i];
        } else {
            for (std::int64_t i = 0; i < channels; ++i) dx[i] = gradient[i] * a[i] + (x[i] - mean[i]) * b[i] + c[i];
        }
    }
}
REGULUS_SIMD_KERNEL(norm_back, norm_back_body, (const float* x, const float* gradient, const NormBack& lines, float* dx, std::int64_t pixels, std::int64_t channels), (x, gradient, lines, dx, pixels, channels))

/// body(slice, first pixel, pixels) over slices of slice_pixels, spread over the team; then the slices' two rows of `channels` sums, [slices, 2, channels] at `sums`, added up in their order
/// into total[0 .. 2 * channels): the result does not depend on the number of threads.
inline std::int64_t slices_of(std::int64_t pixels) { return (pixels + slice_pixels - 1) / slice_pixels; }
template <class Body>
void sum_slices(std::int64_t pixels, std::int64_t channels, double* sums, double* total, const Body& body) {
    const std::int64_t slices = slices_of(pixels);
    parallel_for(slices, [&](std::int64_t slice) {
        body(slice * slice_pixels, std::min(slice_pixels, pixels - slice * slice_pixels), sums + slice * 2 * channels, sums + (slice * 2 + 1) * channels);
    });
    std::memset(total, 0, std::size_t(2 * channels) * sizeof(double));
    for (std::int64_t slice = 0; slice < slices; ++slice) {
        for (std::int64_t i = 0; i < 2 * channels; ++i) total[i] += sums[slice * 2 * channels + i];
    }
}

}  // namespace regulus::cpu
