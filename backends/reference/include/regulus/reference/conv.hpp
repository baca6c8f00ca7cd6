#pragma once
// Convolution, transposed convolution, batch norm.
#include <cmath>
#include <vector>

#include <regulus/graph/kernels/candidates.hpp>
#include <regulus/reference/multiply.hpp>
#include <regulus/reference/parallel.hpp>

namespace regulus::reference {

/// A batch norm of one channel.
template <class T>
struct ChannelNorm {
    T mean, scale, bias;

    T operator()(T x) const { return (x - mean) * scale + bias; }
};

/// The four parameters of a batch norm.
template <class T>
struct Norm {
    const T* weight = nullptr;
    const T* bias = nullptr;
    const T* mean = nullptr;
    const T* variance = nullptr;
    double eps = 0;

    ChannelNorm<T> of(std::int64_t channel) const { return {mean[channel], weight[channel] / std::sqrt(variance[channel] + T(eps)), bias[channel]}; }
};

/// Output positions that one task of conv2d computes.
inline std::int64_t conv_strip(const ops::Conv2d& op, std::int64_t positions) {
    const std::int64_t taps = std::int64_t(op.in_channels / op.groups) * op.kernel * op.kernel;
    return std::min(positions, std::clamp<std::int64_t>(131072 / taps, 64, 512));
}

/// Elements of scratch that each thread needs.
inline std::int64_t conv_scratch(const ops::Conv2d& op, std::int64_t positions) {
    return std::int64_t(op.in_channels / op.groups) * op.kernel * op.kernel * conv_strip(op, positions);
}

/// patches[tap][0..count): what each kernel tap of one group reads for the output positions [first, first + count); zero in the padding.
template <class T>
void gather_patches(const ops::Conv2d& op, const T* src, std::int64_t height, std::int64_t width, std::int64_t out_width, std::int64_t first, std::int64_t count, T* patches) {
    const std::int64_t channels = op.in_channels / op.groups;
    for (std::int64_t channel = 0; channel < channels; ++channel) {
        const T* plane = src + channel * height * width;
        for (int ky = 0; ky < op.kernel; ++ky) {
            for (int kx = 0; kx < op.kernel; ++kx, patches += count) {
                for (std::int64_t at = 0; at < count;) {  // one output row after another
                    const std::int64_t row = (first + at) / out_width;
                    const std::int64_t column = (first + at) % out_width;
                    const std::int64_t length = std::min(out_width - column, count - at);
                    const std::int64_t y = row * op.stride + ky * op.dilation - op.padding;
                    const std::int64_t x = column * op.stride + kx * op.dilation - op.padding;
                    T* dst = patches + at;
                    at += length;
                    if (y < 0 || y >= height) {
                        std::fill(dst, dst + length, T(0));
                        continue;
                    }
                    const T* line = plane + y * width;
                    for (std::int64_t j = 0; j < length; ++j) {
                        const std::int64_t from = x + j * op.stride;
                        dst[j] = from >= 0 && from < width ? line[from] : T(0);
                    }
                }
            }
        }
    }
}

/// What all convolutions are but for their patches, which gather(image, group, first, count, patches) fills as gather_patches does.
/// `scratch` holds threads * conv_scratch() elements. `bias`, `norm.weight`, `residual` may be null.
template <class T, class Gather>
void convolve(const ops::Conv2d& op, const T* weight, const T* bias, const Norm<T>& norm, const T* residual, const View<T>& dst, T* scratch, int threads, const Gather& gather) {
    const std::int64_t positions = dst[2] * dst[3];
    const std::int64_t strip = conv_strip(op, positions);
    const std::int64_t strips = (positions + strip - 1) / strip;
    const std::int64_t in_group = op.in_channels / op.groups;
    const std::int64_t out_group = op.out_channels / op.groups;
    const std::int64_t taps = in_group * op.kernel * op.kernel;
    parallel_for(threads, dst[0] * op.groups * strips, [&](int thread, std::int64_t task) {
        const std::int64_t first = task % strips * strip;
        const std::int64_t group = task / strips % op.groups;
        const std::int64_t image = task / strips / op.groups;
        const std::int64_t count = std::min(strip, positions - first);
        T* patches = scratch + thread * conv_scratch(op, positions);
        gather(image, group, first, count, patches);
        const std::int64_t offset = (image * op.out_channels + group * out_group) * positions + first;
        for (std::int64_t c = 0; c < out_group; ++c) {
            T* sums = dst.data + offset + c * positions;
            std::fill(sums, sums + count, bias == nullptr ? T(0) : bias[group * out_group + c]);
        }
        multiply_add(out_group, count, taps, weight + group * out_group * taps, taps, patches, count, dst.data + offset, positions);
        for (std::int64_t c = 0; c < out_group; ++c) {
            T* sums = dst.data + offset + c * positions;
            const ChannelNorm<T> normalise = norm.weight != nullptr ? norm.of(group * out_group + c) : ChannelNorm<T>{};
            for (std::int64_t i = 0; i < count; ++i) {
                T x = sums[i];
                if (norm.weight != nullptr) x = normalise(x);
                if (residual != nullptr) x += residual[offset + c * positions + i];
                sums[i] = kernels::activated(op.activation, x);
            }
        }
    });
}

template <class T>
void conv2d(const ops::Conv2d& op, const View<const T>& src, const T* weight, const T* bias, const Norm<T>& norm, const T* residual, const View<T>& dst, T* scratch, int threads) {
    const std::int64_t height = src[2], width = src[3];
    const std::int64_t in_group = op.in_channels / op.groups;
    convolve(op, weight, bias, norm, residual, dst, scratch, threads, [&](std::int64_t image, std::int64_t group, std::int64_t first, std::int64_t count, T* patches) {
        gather_patches(op, src.data + (image * op.in_channels + group * in_group) * height * width, height, width, dst[3], first, count, patches);
    });
}

inline constexpr std::int64_t deconv_channels = 16;  // output channels that one task of conv_transpose2d computes

/// The weight [in, out, kernel, kernel] as conv_transpose2d takes it: [kernel, kernel, out, in].
template <class T>
std::vector<T> taps_first(const ops::ConvTranspose2d& op, const T* weight) {
    const std::int64_t taps = std::int64_t(op.kernel) * op.kernel;
    std::vector<T> result(std::size_t(taps * op.in_channels * op.out_channels));
    std::size_t at = 0;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
        for (std::int64_t out = 0; out < op.out_channels; ++out) {
            for (std::int64_t in = 0; in < op.in_channels; ++in) result[at++] = weight[(in * op.out_channels + out) * taps + tap];
        }
    }
    return result;
}

/// `weight` as taps_first() gives it; `scratch` holds threads * deconv_channels * height * width elements (of src).
template <class T>
void conv_transpose2d(const ops::ConvTranspose2d& op, const View<const T>& src, const T* weight, const T* bias, const Norm<T>& norm, const View<T>& dst, T* scratch, int threads) {
    const std::int64_t positions = src[2] * src[3];
    const std::int64_t out_positions = dst[2] * dst[3];
    const std::int64_t blocks = (op.out_channels + deconv_channels - 1) / deconv_channels;
    parallel_for(threads, src[0] * blocks, [&](int thread, std::int64_t task) {
        const std::int64_t image = task / blocks;
        const std::int64_t first = task % blocks * deconv_channels;
        const std::int64_t channels = std::min(deconv_channels, op.out_channels - first);
        T* products = scratch + thread * deconv_channels * positions;
        T* out = dst.data + (image * op.out_channels + first) * out_positions;
        for (std::int64_t c = 0; c < channels; ++c) std::fill(out + c * out_positions, out + (c + 1) * out_positions, bias == nullptr ? T(0) : bias[first + c]);
        for (int ky = 0; ky < op.kernel; ++ky) {
            for (int kx = 0; kx < op.kernel; ++kx) {
                const T* tap = weight + ((std::int64_t(ky) * op.kernel + kx) * op.out_channels + first) * op.in_channels;
                std::fill(products, products + channels * positions, T(0));
                multiply_add(channels, positions, std::int64_t(op.in_channels), tap, std::int64_t(op.in_channels), src.data + image * op.in_channels * positions, positions, products, positions);
                for (std::int64_t c = 0; c < channels; ++c) {
                    for (std::int64_t y = 0; y < src[2]; ++y) {
                        const std::int64_t to_y = y * op.stride + ky - op.padding;
                        if (to_y < 0 || to_y >= dst[2]) continue;
                        for (std::int64_t x = 0; x < src[3]; ++x) {
                            const std::int64_t to_x = x * op.stride + kx - op.padding;
                            if (to_x >= 0 && to_x < dst[3]) out[c * out_positions + to_y * dst[3] + to_x] += products[c * positions + y * src[3] + x];
                        }
                    }
                }
            }
        }
        for (std::int64_t c = 0; c < channels; ++c) {
            const ChannelNorm<T> normalise = norm.weight != nullptr ? norm.of(first + c) : ChannelNorm<T>{};
            for (T* x = out + c * out_positions; x < out + (c + 1) * out_positions; ++x) *x = kernels::activated(op.activation, norm.weight != nullptr ? normalise(*x) : *x);
        }
    });
}

template <class T>
void batch_norm(const ops::BatchNorm& op, const View<const T>& src, const Norm<T>& norm, const View<T>& dst, int threads) {
    const std::int64_t area = src[2] * src[3];
    parallel_for(threads, src[0] * src[1], [&](int, std::int64_t plane) {
        const ChannelNorm<T> normalise = norm.of(plane % src[1]);
        for (std::int64_t i = plane * area; i < (plane + 1) * area; ++i) dst.data[i] = kernels::activated(op.activation, normalise(src.data[i]));
    });
}

}  // namespace regulus::reference
