#pragma once
// Convolutions of our own: direct ones of any group width, the patches of deformable ones, and what turns transposed ones into products.
#include <regulus/cuda/kernels/maps.hpp>

namespace regulus::cuda {

/// dst = activation(conv(src) + bias + residual), grouped, for every shape. A call makes `pixels` neighbours of a line for one output channel; threads of a
/// warp take neighbouring channels, so weights [tap][in / groups][out] are read in order and the source is broadcast within a group. Weights and source
/// come from the caches; bound by them for narrow groups, by arithmetic for wide ones.
template <class T>
struct DirectConvolution {
    static constexpr std::uint32_t pixels = 4;
    const T* src;
    const T* weight;
    const float* bias;  // or null
    const T* residual;  // or null
    T* dst;
    MapSize from, to;
    std::int32_t kernel, stride, padding, dilation, groups;
    Activation activation;

    REGULUS_HOST_DEVICE std::uint32_t line_parts() const { return (to.w + pixels - 1) / pixels; }
    REGULUS_HOST_DEVICE std::uint32_t size() const { return to.n * to.h * line_parts() * to.c; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t c = i % to.c, part = i / to.c % line_parts(), y = i / to.c / line_parts() % to.h, image = i / to.c / line_parts() / to.h;
        const std::uint32_t in_group = from.c / std::uint32_t(groups), first = c / (to.c / std::uint32_t(groups)) * in_group;
        const std::int32_t x0 = std::int32_t(part * pixels);
        float sum[pixels] = {};
        for (std::int32_t ky = 0; ky < kernel; ++ky) {
            const std::int32_t sy = std::int32_t(y) * stride - padding + ky * dilation;
            if (sy < 0 || sy >= std::int32_t(from.h)) continue;
            const T* const line = src + (image * from.h + std::uint32_t(sy)) * from.w * from.c + first;
            for (std::int32_t kx = 0; kx < kernel; ++kx) {
                const T* const taps = weight + std::uint32_t(ky * kernel + kx) * in_group * to.c + c;
                const std::int32_t left = x0 * stride - padding + kx * dilation;
                for (std::uint32_t k = 0; k < in_group; ++k) {
                    const float w = widened(taps[k * to.c]);
                    for (std::uint32_t p = 0; p < pixels; ++p) {
                        const std::int32_t sx = left + std::int32_t(p) * stride;
                        if (sx >= 0 && sx < std::int32_t(from.w)) sum[p] += w * widened(line[std::uint32_t(sx) * from.c + k]);
                    }
                }
            }
        }
        for (std::uint32_t p = 0; p < pixels && std::uint32_t(x0) + p < to.w; ++p) {
            const std::uint32_t at = ((image * to.h + y) * to.w + std::uint32_t(x0) + p) * to.c + c;
            float x = sum[p];
            if (bias != nullptr) x += bias[c];
            if (residual != nullptr) x += widened(residual[at]);
            store(dst + at, kernels::activated(activation, x));
        }
    }
};

/// The taps of a deformable convolution, read where the offsets point: dst [pixel][group of the convolution][tap][channel of the group], which a grouped 1x1
/// convolution over kernel^2 * in channels finishes. A call makes one element; the position is the same for neighbouring channels.
/// The arithmetic of graph/kernels/deform_conv.hpp.
template <class T>
struct DeformPatches {
    const T* src;
    const T* offsets;
    T* dst;
    MapSize from;
    std::uint32_t out_h, out_w, groups, deform_groups, offset_channels;
    std::int32_t kernel, stride, padding, dilation;
    bool modulated;

    REGULUS_HOST_DEVICE std::uint32_t taps() const { return std::uint32_t(kernel * kernel); }
    REGULUS_HOST_DEVICE std::uint32_t size() const { return from.n * out_h * out_w * taps() * from.c; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t in_group = from.c / groups;
        const std::uint32_t tap = i / in_group % taps(), channel = i / (in_group * taps()) % groups * in_group + i % in_group, pixel = i / (taps() * from.c);
        const std::uint32_t out_x = pixel % out_w, out_y = pixel / out_w % out_h, image = pixel / out_w / out_h;
        const std::uint32_t deform = channel / (from.c / deform_groups);
        const T* const moves = offsets + pixel * offset_channels;
        const float y = float(std::int32_t(out_y) * stride - padding + std::int32_t(tap) / kernel * dilation) + widened(moves[2 * (deform * taps() + tap)]);
        const float x = float(std::int32_t(out_x) * stride - padding + std::int32_t(tap) % kernel * dilation) + widened(moves[2 * (deform * taps() + tap) + 1]);
        float value = 0;
        if (y > -1.f && x > -1.f && y < float(from.h) && x < float(from.w)) {
            const float factor = modulated ? kernels::sigmoid(widened(moves[2 * deform_groups * taps() + deform * taps() + tap])) : 1.f;
            const std::int32_t top = std::int32_t(std::floor(y)), left = std::int32_t(std::floor(x));
            const float down = y - float(top), right = x - float(left);
            const auto at = [&](std::int32_t row, std::int32_t column) {
                if (row < 0 || column < 0 || row >= std::int32_t(from.h) || column >= std::int32_t(from.w)) return 0.f;
                return widened(src[((image * from.h + std::uint32_t(row)) * from.w + std::uint32_t(column)) * from.c + channel]);
            };
            const float upper = (1.f - down) * factor, lower = down * factor;
            value = upper * (1.f - right) * at(top, left) + upper * right * at(top, left + 1) + lower * (1.f - right) * at(top + 1, left) + lower * right * at(top + 1, left + 1);
        }
        store(dst + i, value);
    }
};

/// A transposed convolution whose windows do not overlap is a 1x1 convolution to side^2 * c channels, [tap][c]; this lays the pixels out. `to` is the finished map.
template <class T>
struct DepthToSpace {
    const T* src;
    T* dst;
    MapSize to;
    std::uint32_t side;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return to.elements(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t c = i % to.c, x = i / to.c % to.w, y = i / to.c / to.w % to.h, image = i / to.c / to.w / to.h;
        const std::uint32_t tap = y % side * side + x % side, pixel = (image * (to.h / side) + y / side) * (to.w / side) + x / side;
        dst[i] = src[(pixel * side * side + tap) * to.c + c];
    }
};

/// Any transposed convolution, an output element a call. Weights [tap][in][out].
template <class T>
struct TransposedConvolution {
    const T* src;
    const T* weight;
    const float* bias;
    T* dst;
    MapSize from, to;
    std::int32_t kernel, stride, padding;
    Activation activation;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return to.elements(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t c = i % to.c, x = i / to.c % to.w, y = i / to.c / to.w % to.h, image = i / to.c / to.w / to.h;
        float sum = 0;
        for (std::int32_t ky = 0; ky < kernel; ++ky) {
            const std::int32_t sy = std::int32_t(y) + padding - ky;
            if (sy < 0 || sy % stride != 0 || sy / stride >= std::int32_t(from.h)) continue;
            for (std::int32_t kx = 0; kx < kernel; ++kx) {
                const std::int32_t sx = std::int32_t(x) + padding - kx;
                if (sx < 0 || sx % stride != 0 || sx / stride >= std::int32_t(from.w)) continue;
                const T* const pixel = src + ((image * from.h + std::uint32_t(sy / stride)) * from.w + std::uint32_t(sx / stride)) * from.c;
                const T* const taps = weight + std::uint32_t(ky * kernel + kx) * from.c * to.c + c;
                for (std::uint32_t k = 0; k < from.c; ++k) sum += widened(taps[k * to.c]) * widened(pixel[k]);
            }
        }
        store(dst + i, kernels::activated(activation, sum + bias[c]));
    }
};

}  // namespace regulus::cuda
