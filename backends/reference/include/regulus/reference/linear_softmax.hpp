#pragma once
// Linear layers and softmax.
#include <algorithm>
#include <cmath>
#include <vector>

#include <regulus/graph/kernels/candidates.hpp>
#include <regulus/reference/multiply.hpp>
#include <regulus/reference/parallel.hpp>

namespace regulus::reference {

/// The weight [out, in] as linear takes it: [in, out].
template <class T>
std::vector<T> transposed(const ops::Linear& op, const T* weight) {
    std::vector<T> result(std::size_t(op.in_features) * std::size_t(op.out_features));
    constexpr int tile = 32;  // whole cache lines of both
    for (int row = 0; row < op.out_features; row += tile) {
        for (int in = 0; in < op.in_features; ++in) {
            for (int out = row; out < std::min(row + tile, op.out_features); ++out) result[std::size_t(in) * op.out_features + out] = weight[std::size_t(out) * op.in_features + in];
        }
    }
    return result;
}

/// src [rows, in] (flattened), `weight` as transposed() gives it, dst [rows, out].
template <class T>
void linear(const ops::Linear& op, const T* src, const T* weight, const T* bias, const View<T>& dst, int threads) {
    constexpr std::int64_t block = 16;  // rows that share one pass over the weight
    const std::int64_t in = op.in_features, out = op.out_features;
    parallel_for(threads, (dst[0] + block - 1) / block, [&](int, std::int64_t task) {
        const std::int64_t first = task * block;
        const std::int64_t rows = std::min(block, dst[0] - first);
        T* sums = dst.data + first * out;
        for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t o = 0; o < out; ++o) sums[row * out + o] = bias == nullptr ? T(0) : bias[o];
        }
        multiply_add(rows, out, in, src + first * in, in, weight, out, sums, out);
        for (std::int64_t i = 0; i < rows * out; ++i) sums[i] = kernels::activated(op.activation, sums[i]);
    });
}

/// Over the last axis; the greatest element is taken out first so that exp stays finite.
template <class T>
void softmax(const View<const T>& src, const View<T>& dst, int threads) {
    const std::int64_t width = src.shape.rank() == 0 ? 1 : src[src.shape.rank() - 1];
    const std::int64_t rows = width == 0 ? 0 : src.shape.numel() / width;
    parallel_for(threads, rows, [&](int, std::int64_t row) {
        const T* from = src.data + row * width;
        T* to = dst.data + row * width;
        const T greatest = *std::max_element(from, from + width);
        T sum = 0;
        for (std::int64_t i = 0; i < width; ++i) sum += to[i] = std::exp(from[i] - greatest);
        for (std::int64_t i = 0; i < width; ++i) to[i] /= sum;
    });
}

}  // namespace regulus::reference
