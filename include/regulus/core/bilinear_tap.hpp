#pragma once
// Where a bilinear resize reads along one axis.
#include <cstdint>

#include <regulus/core/config.hpp>

namespace regulus::kernels {

/// The two neighbours that make a pixel, and the weight of the second one; the first has the rest.
template <class T>
struct BilinearTap {
    std::int64_t first, second;
    T weight;
};

/// Of pixel `at` of `out`, made from `in` pixels. Centres of pixels are at .5 (align_corners false), before the first and behind the last one that pixel stands alone;
/// no antialiasing where pixels become fewer. Source: the arithmetic of torch's interpolate, positions in T.
template <class T>
REGULUS_HOST_DEVICE inline BilinearTap<T> bilinear_tap(std::int64_t at, std::int64_t in, std::int64_t out) {
    const T position = T(in) / T(out) * (T(at) + T(0.5)) - T(0.5);
    if (!(position > 0)) return {0, 0, T(0)};
    const std::int64_t first = std::int64_t(position) < in - 1 ? std::int64_t(position) : in - 1;
    return {first, first < in - 1 ? first + 1 : first, position - T(first)};
}

}  // namespace regulus::kernels
