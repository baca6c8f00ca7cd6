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

/// moments() of `run` channels, at most channel_run.
REGULUS_ALWAYS_INLINE void moments_run(const float* x, const float* origin, std::int64_t pixels, std::int64_t channels, std::int64_t run, double* sum, double* squares) {
    float s[channel_run] = {}, q[channel_run] = {};
    for (; pixels > 0; --pixels, x += channels) {
        for (std::int64_t c = 0; c < run; ++c) {
            const float d = x[c] - origin[c];
            s[c] += d;
            q[c] += d * d;
        }
    }
    for (std::int64_t c = 0; c < run; ++c) {
        sum[c] = double(s[c]);
        squares[c] = double(q[c]);
    }
}

/// Over the pixels of a slice, per channel: sums of x - origin and of its square. Runs of channels have lengths that the compiler knows, but for the last one.
REGULUS_ALWAYS_INLINE void moments_body(const float* x, const float* origin, std::int64_t pixels, std::int64_t channels, double* sum, double* squares) {
    std::int64_t c = 0;
    for (; c + channel_run <= channels; c += channel_run) moments_run(x + c, origin + c, pixels, channels, channel_run, sum + c, squares + c);
    for (; c + channel_run / 2 <= channels; c += channel_run / 2) moments_run(x + c, origin + c, pixels, channels, channel_run / 2, sum + c, squares + c);
    if (c < channels) moments_run(x + c, origin + c, pixels, channels, channels - c, sum + c, squares + c);
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

template <bool Relu>
REGULUS_ALWAYS_INLINE void norm_sums_runs(const float* x, const float* gradient, const float* scale, const float* shift, const float* mean, std::int64_t pixels, std::int64_t channels, double* sum,
                                          double* product) {
    std::int64_t c = 0;
    for (; c + channel_run <= channels; c += channel_run) norm_sums_run<Relu>(x + c, gradient + c, scale + c, shift + c, mean + c, pixels, channels, channel_run, sum + c, product + c);
    for (; c + channel_run / 2 <= channels; c += channel_run / 2) norm_sums_run<Relu>(x + c, gradient + c, scale + c, shift + c, mean + c, pixels, channels, channel_run / 2, sum + c, product + c);
    if (c < channels) norm_sums_run<Relu>(x + c, gradient + c, scale + c, shift + c, mean + c, pixels, channels, channels - c, sum + c, product + c);
}

/// Over the pixels of a slice, per channel: sums of the gradient and of it times (x - mean); with `relu` of the gradient that comes through it. scale and shift are read then only.
REGULUS_ALWAYS_INLINE void norm_sums_body(const float* x, const float* gradient, const float* scale, const float* shift, const float* mean, bool relu, std::int64_t pixels, std::int64_t channels,
                                          double* sum, double* product) {
    if (relu) norm_sums_runs<true>(x, gradient, scale, shift, mean, pixels, channels, sum, product);
    else norm_sums_runs<false>(x, gradient, mean, mean, mean, pixels, channels, sum, product);
}
REGULUS_SIMD_KERNEL(norm_sums, norm_sums_body,
                    (const float* x, const float* gradient, const float* scale, const float* shift, const float* mean, bool relu, std::int64_t pixels, std::int64_t channels, double* sum, double* product),
                    (x, gradient, scale, shift, mean, relu, pixels, channels, sum, product))

/// What norm_back() multiplies with and adds: a line of channels each. `shift`: that of the relu which the gradient goes through first, whose scale is a; null without one.
struct NormBack {
    const float *a, *mean, *b, *c, *shift;
};

/// dx = gradient * a + (x - mean) * b + c, per channel.
REGULUS_ALWAYS_INLINE void norm_back_body(const float* x, const float* gradient, const NormBack& lines, float* __restrict dx, std::int64_t pixels, std::int64_t channels) {
    const float *const a = lines.a, *const mean = lines.mean, *const b = lines.b, *const c = lines.c, *const shift = lines.shift;
    for (std::int64_t place = 0; place < pixels * channels; place += channels) {
        const float *const line = x + place, *const g = gradient + place;
        if (shift != nullptr) {
            for (std::int64_t i = 0; i < channels; ++i) dx[place + i] = through_relu(line[i], a[i], shift[i], g[i]) * a[i] + (line[i] - mean[i]) * b[i] + c[i];
        } else {
            for (std::int64_t i = 0; i < channels; ++i) dx[place + i] = g[i] * a[i] + (line[i] - mean[i]) * b[i] + c[i];
        }
    }
}
REGULUS_SIMD_KERNEL(norm_back, norm_back_body, (const float* x, const float* gradient, const NormBack& lines, float* dx, std::int64_t pixels, std::int64_t channels), (x, gradient, lines, dx, pixels, channels))

/// dst = x * scale + shift, and through the relu where there is one, per channel.
REGULUS_ALWAYS_INLINE void norm_forward_body(const float* x, const float* scale, const float* shift, bool relu, float* __restrict dst, std::int64_t pixels, std::int64_t channels) {
    for (std::int64_t place = 0; place < pixels * channels; place += channels) {
        const float* const line = x + place;
        if (relu) {
            for (std::int64_t i = 0; i < channels; ++i) {
                const float value = line[i] * scale[i] + shift[i];
                dst[place + i] = value < 0.f ? 0.f : value;
            }
        } else {
            for (std::int64_t i = 0; i < channels; ++i) dst[place + i] = line[i] * scale[i] + shift[i];
        }
    }
}
REGULUS_SIMD_KERNEL(norm_forward, norm_forward_body, (const float* x, const float* scale, const float* shift, bool relu, float* dst, std::int64_t pixels, std::int64_t channels),
                    (x, scale, shift, relu, dst, pixels, channels))

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
