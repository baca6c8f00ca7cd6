#pragma once
// Pooling, resizing, and what works element by element.
#include <algorithm>
#include <limits>
#include <vector>

#include <regulus/core/bilinear_tap.hpp>
#include <regulus/graph/kernels/candidates.hpp>
#include <regulus/reference/parallel.hpp>

namespace regulus::reference {

/// A window that covers padding only gives 0; a NaN in the window makes the result NaN.
template <class T>
void pool2d(const ops::Pool2d& op, const View<const T>& src, const View<T>& dst, int threads) {
    const bool maximum = op.kind == ops::Pool2d::Kind::maximum;
    parallel_for(threads, src[0] * src[1], [&](int, std::int64_t plane) {
        const T* from = src.data + plane * src[2] * src[3];
        T* to = dst.data + plane * dst[2] * dst[3];
        for (std::int64_t y = 0; y < dst[2]; ++y) {
            for (std::int64_t x = 0; x < dst[3]; ++x) {
                const std::int64_t top = std::max<std::int64_t>(0, y * op.stride - op.padding), bottom = std::min(src[2], y * op.stride - op.padding + op.kernel);
                const std::int64_t left = std::max<std::int64_t>(0, x * op.stride - op.padding), right = std::min(src[3], x * op.stride - op.padding + op.kernel);
                T best = -std::numeric_limits<T>::infinity();
                T sum = 0;
                for (std::int64_t sy = top; sy < bottom; ++sy) {
                    for (std::int64_t sx = left; sx < right; ++sx) {
                        const T value = from[sy * src[3] + sx];
                        sum += value;
                        if (value > best || value != value) best = value;
                    }
                }
                const bool nothing = bottom <= top || right <= left;
                *to++ = nothing ? T(0) : (maximum ? best : sum / T((bottom - top) * (right - left)));
            }
        }
    });
}

template <class T>
void global_average_pool(const View<const T>& src, const View<T>& dst, int threads) {
    const std::int64_t area = src[2] * src[3];
    parallel_for(threads, src[0] * src[1], [&](int, std::int64_t plane) {
        double sum = 0;
        for (std::int64_t i = plane * area; i < (plane + 1) * area; ++i) sum += double(src.data[i]);
        dst.data[plane] = T(sum / double(area));
    });
}

template <class T>
void scale_channels(const View<const T>& src, const T* gate, const View<T>& dst, int threads) {
    const std::int64_t area = src[2] * src[3];
    parallel_for(threads, src[0] * src[1], [&](int, std::int64_t plane) {
        for (std::int64_t i = plane * area; i < (plane + 1) * area; ++i) dst.data[i] = src.data[i] * gate[plane];
    });
}

/// `like` is read when op.adds only; dst has its height and width.
template <class T>
void resize(const ops::Resize& op, const View<const T>& src, const T* like, const View<T>& dst, int threads) {
    const bool bilinear = op.mode == ops::Resize::Mode::bilinear;
    parallel_for(threads, dst[0] * dst[1], [&](int, std::int64_t plane) {
        for (std::int64_t y = 0; bilinear && y < dst[2]; ++y) {
            const kernels::BilinearTap<T> rows = kernels::bilinear_tap<T>(y, src[2], dst[2]);
            const T* above = src.data + (plane * src[2] + rows.first) * src[3];
            const T* below = src.data + (plane * src[2] + rows.second) * src[3];
            const std::int64_t line = (plane * dst[2] + y) * dst[3];
            for (std::int64_t x = 0; x < dst[3]; ++x) {
                const kernels::BilinearTap<T> columns = kernels::bilinear_tap<T>(x, src[3], dst[3]);
                const auto mixed = [&](const T* pixels) { return pixels[columns.first] * (1 - columns.weight) + pixels[columns.second] * columns.weight; };
                dst.data[line + x] = mixed(above) * (1 - rows.weight) + mixed(below) * rows.weight + (op.adds ? like[line + x] : T(0));
            }
        }
        for (std::int64_t y = 0; !bilinear && y < dst[2]; ++y) {
            const T* from = src.data + (plane * src[2] + y * src[2] / dst[2]) * src[3];
            const std::int64_t line = (plane * dst[2] + y) * dst[3];
            for (std::int64_t x = 0; x < dst[3]; ++x) dst.data[line + x] = from[x * src[3] / dst[3]] + (op.adds ? like[line + x] : T(0));
        }
    });
}

/// Sources in order along the channels.
template <class T>
void concat(const std::vector<View<const T>>& sources, const View<T>& dst, int threads) {
    const std::int64_t area = dst[2] * dst[3];
    parallel_for(threads, dst[0], [&](int, std::int64_t image) {
        T* to = dst.data + image * dst[1] * area;
        for (const View<const T>& src : sources) to = std::copy_n(src.data + image * src[1] * area, src[1] * area, to);
    });
}

/// Calls body(first, last) for slices of [0, count).
template <class Body>
void elementwise(std::int64_t count, int threads, const Body& body) {
    constexpr std::int64_t slice = 16384;
    parallel_for(threads, (count + slice - 1) / slice, [&](int, std::int64_t task) { body(task * slice, std::min(count, (task + 1) * slice)); });
}

template <class T>
void activate(const ops::Activate& op, const View<const T>& src, const View<T>& dst, int threads) {
    elementwise(dst.shape.numel(), threads, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i) dst.data[i] = kernels::activated(op.activation, src.data[i]);
    });
}

template <class T>
void add(const ops::Add& op, const View<const T>& left, const T* right, const View<T>& dst, int threads) {
    elementwise(dst.shape.numel(), threads, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i) dst.data[i] = kernels::activated(op.activation, left.data[i] + right[i]);
    });
}

}  // namespace regulus::reference
