#pragma once
// Maps in NHWC: layout changes, elementwise steps, pooling, resizing. Index kernels take one output element a call, channels fastest, so that neighbouring
// threads read neighbouring addresses; memory bounds them all.
#include <limits>

#include <regulus/cuda/kernels/storage.hpp>
#include <regulus/core/bilinear_tap.hpp>
#include <regulus/graph/kernels/candidates.hpp>

namespace regulus::cuda {

/// Maps have fewer than 2^31 elements (the plan sees to it), so 32 bits index them.
struct MapSize {
    std::uint32_t n, h, w, c;
    REGULUS_HOST_DEVICE std::uint32_t elements() const { return n * h * w * c; }
};

/// The picture [n, c, h, w] float32 as the caller gives it -> NHWC.
template <class T>
struct FromPlanes {
    const float* src;
    T* dst;
    MapSize map;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return map.elements(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t c = i % map.c, pixel = i / map.c, area = map.h * map.w;
        store(dst + i, src[(pixel / area * map.c + c) * area + pixel % area]);
    }
};

/// NHWC -> [n, c, h, w] float32 as the caller gets it. A table [rows, c] is a map of one pixel a row.
template <class T>
struct ToPlanes {
    const T* src;
    float* dst;
    MapSize map;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return map.elements(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t area = map.h * map.w, x = i % area, plane = i / area;
        dst[i] = widened(src[(plane / map.c * area + x) * map.c + plane % map.c]);
    }
};

template <class T>
struct Activating {
    const T* src;
    T* dst;
    std::uint32_t count;
    Activation activation;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return count; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const { store(dst + i, kernels::activated(activation, widened(src[i]))); }
};

template <class T>
struct Adding {
    const T* left;
    const T* right;
    T* dst;
    std::uint32_t count;
    Activation activation;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return count; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const { store(dst + i, kernels::activated(activation, widened(left[i]) + widened(right[i]))); }
};

/// Mean of up to `most` sources.
template <class T>
struct Averaging {
    static constexpr int most = 16;
    const T* src[most];
    std::int32_t sources;
    T* dst;
    std::uint32_t count;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return count; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        float sum = 0;
        for (int s = 0; s < sources; ++s) sum += widened(src[s][i]);
        store(dst + i, sum / float(sources));
    }
};

/// The channels of one source into their place among `dst_channels`.
template <class T>
struct Placing {
    const T* src;
    T* dst;
    std::uint32_t pixels, channels, dst_channels, first;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return pixels * channels; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const { dst[i / channels * dst_channels + first + i % channels] = src[i]; }
};

/// dst = activation(src * scale + shift + residual) per channel; scale and residual may be absent. Also the epilogue of a convolution without one.
template <class T>
struct ScaleShift {
    const T* src;
    const float* scale;
    const float* shift;
    const T* residual;
    T* dst;
    std::uint32_t count, channels;
    Activation activation;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return count; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t c = i % channels;
        float x = widened(src[i]);
        if (scale != nullptr) x *= scale[c];
        x += shift[c];
        if (residual != nullptr) x += widened(residual[i]);
        store(dst + i, kernels::activated(activation, x));
    }
};

/// As the reference: a window over padding only gives 0, a NaN in the window makes the result NaN.
template <class T>
struct Pooling {
    const T* src;
    T* dst;
    MapSize from, to;
    std::int32_t kernel, stride, padding;
    bool maximum;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return to.elements(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t c = i % to.c, x = i / to.c % to.w, y = i / to.c / to.w % to.h, image = i / to.c / to.w / to.h;
        const std::int32_t above = std::int32_t(y) * stride - padding, before = std::int32_t(x) * stride - padding;
        const std::int32_t top = above > 0 ? above : 0, bottom = above + kernel < std::int32_t(from.h) ? above + kernel : std::int32_t(from.h);
        const std::int32_t left = before > 0 ? before : 0, right = before + kernel < std::int32_t(from.w) ? before + kernel : std::int32_t(from.w);
        float best = -std::numeric_limits<float>::infinity(), sum = 0;
        for (std::int32_t sy = top; sy < bottom; ++sy) {
            for (std::int32_t sx = left; sx < right; ++sx) {
                const float value = widened(src[((image * from.h + std::uint32_t(sy)) * from.w + std::uint32_t(sx)) * from.c + c]);
                sum += value;
                if (value > best || value != value) best = value;
            }
        }
        if (bottom <= top || right <= left) best = sum = 0;
        else sum /= float((bottom - top) * (right - left));
        store(dst + i, maximum ? best : sum);
    }
};

/// Mean over height and width. A block takes 32 channels of an image; its threads are 32 channels x (count / 32) runs of pixels, added up in order.
/// Shared memory: a double a thread.
template <class T>
struct GlobalAverage {
    static constexpr std::int32_t channels = 32;
    static constexpr unsigned threads = 512;
    static constexpr std::size_t shared_bytes = threads * sizeof(double);
    const T* src;
    T* dst;
    MapSize map;
    REGULUS_HOST_DEVICE std::uint32_t strips() const { return (map.c + channels - 1) / channels; }
    REGULUS_HOST_DEVICE std::int32_t phases(const Thread&) const { return 2; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        const std::uint32_t image = std::uint32_t(thread.block) / strips(), c = std::uint32_t(thread.block) % strips() * channels + std::uint32_t(thread.index % channels);
        const std::uint32_t area = map.h * map.w, runs = std::uint32_t(thread.count / channels), which = std::uint32_t(thread.index / channels);
        double* const sums = thread.shared_as<double>();
        if (c >= map.c) return;
        if (phase == 0) {
            double sum = 0;
            for (std::uint32_t pixel = which; pixel < area; pixel += runs) sum += double(widened(src[(image * area + pixel) * map.c + c]));
            sums[thread.index] = sum;
        } else if (which == 0) {
            double sum = 0;
            for (std::uint32_t r = 0; r < runs; ++r) sum += sums[r * channels + std::uint32_t(thread.index)];
            store(dst + image * map.c + c, float(sum / double(area)));
        }
    }
};

template <class T>
struct ScalingChannels {
    const T* src;
    const T* gate;
    T* dst;
    MapSize map;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return map.elements(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const { store(dst + i, widened(src[i]) * widened(gate[i / (map.h * map.w * map.c) * map.c + i % map.c])); }
};

/// Nearest: source index floor(dst * in / out); bilinear: the four neighbours, mixed along x first; `like` is added when it is given.
template <class T>
struct Resizing {
    const T* src;
    const T* like;
    T* dst;
    MapSize from, to;
    bool bilinear;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return to.elements(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t c = i % to.c, x = i / to.c % to.w, y = i / to.c / to.w % to.h, image = i / to.c / to.w / to.h;
        const auto pixel = [&](std::int64_t source_y, std::int64_t source_x) { return widened(src[((image * from.h + std::uint32_t(source_y)) * from.w + std::uint32_t(source_x)) * from.c + c]); };
        float value;
        if (bilinear) {
            const kernels::BilinearTap<float> rows = kernels::bilinear_tap<float>(y, from.h, to.h), columns = kernels::bilinear_tap<float>(x, from.w, to.w);
            const float above = pixel(rows.first, columns.first) * (1 - columns.weight) + pixel(rows.first, columns.second) * columns.weight;
            const float below = pixel(rows.second, columns.first) * (1 - columns.weight) + pixel(rows.second, columns.second) * columns.weight;
            value = above * (1 - rows.weight) + below * rows.weight;
        } else {
            value = pixel(std::int64_t(y) * from.h / to.h, std::int64_t(x) * from.w / to.w);
        }
        store(dst + i, like != nullptr ? value + widened(like[i]) : value);
    }
};

/// Softmax over rows of `width` logits, one block a row. Shared memory: a float a thread and two.
struct SoftmaxRows {
    static constexpr unsigned threads = 128;
    static constexpr std::size_t shared_bytes = (threads + 2) * sizeof(float);
    Elements src;
    float* dst;
    std::int32_t rows, width;
    REGULUS_HOST_DEVICE std::int32_t phases(const Thread&) const { return 4; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        float* const parts = thread.shared_as<float>();
        float* const result = parts + thread.count;  // greatest logit, sum of the exponentials
        const std::int64_t first = std::int64_t(thread.block) * width;
        if (phase == 0) {
            float greatest = -std::numeric_limits<float>::infinity();
            for (std::int32_t i = thread.index; i < width; i += thread.count) greatest = src[first + i] > greatest ? src[first + i] : greatest;
            parts[thread.index] = greatest;
        } else if (phase == 1) {
            if (thread.index != 0) return;
            float greatest = parts[0];
            for (std::int32_t t = 1; t < thread.count; ++t) greatest = parts[t] > greatest ? parts[t] : greatest;
            result[0] = greatest;
        } else if (phase == 2) {
            float sum = 0;
            for (std::int32_t i = thread.index; i < width; i += thread.count) {
                const float power = std::exp(src[first + i] - result[0]);
                dst[first + i] = power;
                sum += power;
            }
            parts[thread.index] = sum;
        } else {
            float sum = 0;
            for (std::int32_t t = 0; t < thread.count; ++t) sum += parts[t];
            for (std::int32_t i = thread.index; i < width; i += thread.count) dst[first + i] /= sum;
        }
    }
};

}  // namespace regulus::cuda
