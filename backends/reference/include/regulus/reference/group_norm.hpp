#pragma once
// Group norm.
#include <cmath>

#include <regulus/graph/kernels/candidates.hpp>
#include <regulus/reference/parallel.hpp>

namespace regulus::reference {

/// Sums in double, the squares in a second pass over distances from the mean.
template <class T>
void group_norm(const ops::GroupNorm& op, const View<const T>& src, const T* weight, const T* bias, const View<T>& dst, int threads) {
    const std::int64_t area = src[2] * src[3], width = src[1] / op.groups;
    parallel_for(threads, src[0] * op.groups, [&](int, std::int64_t task) {
        const std::int64_t first = task * width * area, count = width * area;
        double sum = 0, squares = 0;
        for (std::int64_t i = first; i < first + count; ++i) sum += double(src.data[i]);
        const double mean = sum / double(count);
        for (std::int64_t i = first; i < first + count; ++i) squares += (double(src.data[i]) - mean) * (double(src.data[i]) - mean);
        const double factor = 1 / std::sqrt(squares / double(count) + op.eps);
        for (std::int64_t c = 0; c < width; ++c) {
            const std::int64_t channel = task % op.groups * width + c;
            const double scale = factor * double(weight[channel]);
            for (std::int64_t i = first + c * area; i < first + (c + 1) * area; ++i) dst.data[i] = kernels::activated(op.activation, T((double(src.data[i]) - mean) * scale + double(bias[channel])));
        }
    });
}

}  // namespace regulus::reference
