#pragma once
// Samples of RoIAlign: which level pools a box, and where along each axis the bins read. The bilinear weights are products of an
// y and an x weight, so each axis has its own small table and a bin is the sum over the product of two ranges.
//
// A box that is not finite reads nothing, so it pools zeros; its level is the finest. Samples outside the map (more than one
// pixel beyond its border) read zero and are left out of the tables, so a giant box costs no more than the map it covers.
#include <algorithm>
#include <cstddef>

#include <regulus/graph/kernels/boxes.hpp>

namespace regulus::kernels {

/// The index (0: finest) of the level that pools `box`, in [0, op.strides.size()).
/// The sums are taken in the order of the code bases, canonical level first, because rounding decides at the boundaries.
template <class T>
inline int roi_level(const ops::RoiAlign& op, const Box<T>& box) {
    const T side = std::sqrt(area(box));
    const T finest = T(op.finest_scale);
    T level = 0;
    switch (op.rule) {
        case ops::LevelRule::mmdetection: level = std::floor(std::log2(side / finest + T(1e-6))); break;
        case ops::LevelRule::detectron2: level = std::floor(T(4) + std::log2(side / (4 * finest) + T(1e-8))) - 2; break;
        case ops::LevelRule::torchvision: level = std::floor(T(4) + std::log2(side / (4 * finest)) + T(1e-6)) - 2; break;
    }
    const int coarsest = int(op.strides.size()) - 1;
    return level > 0 ? int(std::min(level, T(coarsest))) : 0;  // NaN: 0
}

/// One axis of a box on its level, in map pixels.
template <class T>
struct RoiAxis {
    T start;
    T bin;
    std::int64_t samples;  // per bin
};

/// `low` and `high` are the box's ends on this axis, in network pixels.
template <class T>
inline RoiAxis<T> roi_axis(const ops::RoiAlign& op, int stride, T low, T high) {
    constexpr std::int64_t most = 1 << 20;
    const T scale = T(1) / T(stride);
    const T offset = op.aligned ? T(0.5) : T(0);
    const T start = low * scale - offset;
    T length = high * scale - offset - start;
    if (!op.aligned) length = std::max(length, T(1));
    if (!std::isfinite(start) || !std::isfinite(length)) return {T(0), T(0), 0};
    const T bin = length / T(op.size);
    if (op.sampling_ratio > 0) return {start, bin, op.sampling_ratio};
    const T adaptive = std::ceil(bin);
    return {start, bin, adaptive > 0 ? std::int64_t(std::min(adaptive, T(most))) : 0};
}

/// Two neighbouring pixels and their weights.
template <class T>
struct AxisSample {
    std::int32_t low, high;
    T low_weight, high_weight;
};

/// Most samples that roi_axis_samples can write for a map of `length` pixels on this axis.
inline std::size_t roi_axis_capacity(const ops::RoiAlign& op, std::int64_t length) {
    return std::size_t(op.size) * std::size_t(std::max(op.sampling_ratio, 2)) + std::size_t(2 * length + 8);
}

/// Writes the samples inside a map of `length` pixels; bin b owns samples [begin[b], begin[b + 1]), `begin` has op.size + 1 entries.
template <class T>
inline void roi_axis_samples(const ops::RoiAlign& op, const RoiAxis<T>& axis, std::int64_t length, AxisSample<T>* samples, std::int32_t* begin) {
    const std::size_t capacity = roi_axis_capacity(op, length);
    std::size_t count = 0;
    for (int bin = 0; bin < op.size; ++bin) {
        begin[bin] = std::int32_t(count);
        std::int64_t i = 0;
        if (axis.bin > 0) {  // skip what lies before the map
            const T first = (T(-1) - axis.start - T(bin) * axis.bin) / axis.bin * T(axis.samples) - T(2);
            if (first > 0) i = std::int64_t(std::min(first, T(axis.samples)));
        }
        for (; i < axis.samples && count < capacity; ++i) {
            T at = axis.start + T(bin) * axis.bin + (T(i) + T(0.5)) * axis.bin / T(axis.samples);
            if (at > T(length) && axis.bin > 0) break;
            if (!(at >= T(-1) && at <= T(length))) continue;
            at = std::max(at, T(0));
            std::int32_t low = std::int32_t(at);
            std::int32_t high = low + 1;
            if (low >= length - 1) {
                low = high = std::int32_t(length - 1);
                at = T(low);
            }
            const T fraction = at - T(low);
            samples[count++] = {low, high, T(1) - fraction, fraction};
        }
    }
    begin[op.size] = std::int32_t(count);
}

/// Sum over the samples of one bin of one channel; divide by max(samples_y * samples_x, 1), the samples outside included.
template <class T>
inline T roi_bin_sum(const T* plane, std::int64_t width, const AxisSample<T>* y_begin, const AxisSample<T>* y_end, const AxisSample<T>* x_begin, const AxisSample<T>* x_end) {
    T sum = 0;
    for (const AxisSample<T>* y = y_begin; y != y_end; ++y) {
        const T* upper = plane + y->low * width;
        const T* lower = plane + y->high * width;
        for (const AxisSample<T>* x = x_begin; x != x_end; ++x) {
            sum += y->low_weight * x->low_weight * upper[x->low] + y->low_weight * x->high_weight * upper[x->high] + y->high_weight * x->low_weight * lower[x->low] +
                   y->high_weight * x->high_weight * lower[x->high];
        }
    }
    return sum;
}

}  // namespace regulus::kernels
