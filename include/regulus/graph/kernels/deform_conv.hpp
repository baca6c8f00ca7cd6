#pragma once
// Where a tap of a deformable convolution reads: a position between pixels, as four pixels and their weights.
#include <array>
#include <cmath>
#include <cstdint>

#include <regulus/graph/operations.hpp>

namespace regulus::kernels {

/// Four pixels of a map (row * width + column) and their bilinear weights, which carry the modulation too. A neighbour outside the map has
/// weight zero and stands for one inside, so all four may be read.
template <class T>
struct TapSample {
    std::array<std::int64_t, 4> at;
    std::array<T, 4> weight;

    /// A tap that lies outside the map, or nowhere, reads zero; its `at` must not be used.
    bool inside() const { return at[0] >= 0; }
};

/// The sample of a tap of one deform group for the output pixel (out_y, out_x). `offsets` points at the output pixel's first offset channel;
/// channels are `channel_step` elements apart. Positions that are not finite lie outside.
///
/// A position counts as inside when -1 < y < height and -1 < x < width. Source: Dai et al., Deformable Convolutional Networks, ICCV 2017;
/// Zhu et al., Deformable ConvNets v2, CVPR 2019; the arithmetic of mmcv and torchvision.
template <class T>
TapSample<T> deform_sample(const ops::DeformConv2d& op, const T* offsets, std::int64_t channel_step, int group, int tap, std::int64_t out_y, std::int64_t out_x, std::int64_t height,
                           std::int64_t width) {
    const ops::Conv2d& conv = op.conv;
    const int taps = conv.kernel * conv.kernel;
    const T* moves = offsets + 2 * (std::int64_t(group) * taps + tap) * channel_step;
    const T y = T(out_y * conv.stride - conv.padding + tap / conv.kernel * conv.dilation) + moves[0];
    const T x = T(out_x * conv.stride - conv.padding + tap % conv.kernel * conv.dilation) + moves[channel_step];
    if (!(y > T(-1) && x > T(-1) && y < T(height) && x < T(width))) return {{-1, -1, -1, -1}, {}};
    T modulation = T(1);
    if (op.modulated) modulation = T(1) / (T(1) + std::exp(-offsets[(2 * std::int64_t(op.deform_groups) * taps + std::int64_t(group) * taps + tap) * channel_step]));

    const std::int64_t top = std::int64_t(std::floor(y)), left = std::int64_t(std::floor(x));
    const T down = y - T(top), right = x - T(left);
    const bool has_top = top >= 0, has_left = left >= 0, has_bottom = top + 1 < height, has_right = left + 1 < width;
    const std::int64_t upper = (has_top ? top : 0) * width, lower = (has_bottom ? top + 1 : height - 1) * width;
    const std::int64_t first = has_left ? left : 0, second = has_right ? left + 1 : width - 1;
    const T upper_weight = has_top ? (T(1) - down) * modulation : T(0), lower_weight = has_bottom ? down * modulation : T(0);
    const T first_weight = has_left ? T(1) - right : T(0), second_weight = has_right ? right : T(0);
    return {{upper + first, upper + second, lower + first, lower + second},
            {upper_weight * first_weight, upper_weight * second_weight, lower_weight * first_weight, lower_weight * second_weight}};
}

}  // namespace regulus::kernels
