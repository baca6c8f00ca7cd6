#pragma once
// Deformable convolution: patches read where the offsets point, then the product of an ordinary convolution.
#include <regulus/graph/kernels/deform_conv.hpp>
#include <regulus/reference/conv.hpp>

namespace regulus::reference {

/// As gather_patches, for the channels of one convolution group from `first_channel` on. `src` and `offsets` are one image.
template <class T>
void gather_deformed_patches(const ops::DeformConv2d& op, const T* src, std::int64_t height, std::int64_t width, const T* offsets, const View<T>& dst, std::int64_t first_channel,
                             std::int64_t first, std::int64_t count, T* patches) {
    const std::int64_t channels = op.conv.in_channels / op.conv.groups;
    const std::int64_t channels_a_deform_group = op.conv.in_channels / op.deform_groups;
    const int taps = op.conv.kernel * op.conv.kernel;
    const std::int64_t positions = dst[2] * dst[3];
    for (int tap = 0; tap < taps; ++tap) {
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t position = first + i;
            kernels::TapSample<T> sample{};
            std::int64_t sampled_group = -1;
            for (std::int64_t c = 0; c < channels; ++c) {
                const std::int64_t group = (first_channel + c) / channels_a_deform_group;
                if (group != sampled_group) {
                    sample = kernels::deform_sample(op, offsets + position, positions, int(group), tap, position / dst[3], position % dst[3], height, width);
                    sampled_group = group;
                }
                const T* plane = src + (first_channel + c) * height * width;
                T sum = 0;
                for (std::size_t k = 0; sample.inside() && k < 4; ++k) sum += sample.weight[k] * plane[sample.at[k]];
                patches[(c * taps + tap) * count + i] = sum;
            }
        }
    }
}

/// `offsets` [n, offset channels, h', w']; the rest as conv2d.
template <class T>
void deform_conv2d(const ops::DeformConv2d& op, const View<const T>& src, const View<const T>& offsets, const T* weight, const T* bias, const Norm<T>& norm, const View<T>& dst, T* scratch,
                   int threads) {
    const std::int64_t in_group = op.conv.in_channels / op.conv.groups;
    convolve<T>(op.conv, weight, bias, norm, nullptr, dst, scratch, threads, [&](std::int64_t image, std::int64_t group, std::int64_t first, std::int64_t count, T* patches) {
        gather_deformed_patches(op, src.data + image * op.conv.in_channels * src[2] * src[3], src[2], src[3], offsets.data + image * offsets[1] * offsets[2] * offsets[3], dst, group * in_group, first,
                                count, patches);
    });
}

}  // namespace regulus::reference
