#pragma once
// Group norm of NHWC maps in three steps: statistics of chunks of pixels, channel by channel; from them mean and scale of every channel; then every element.
#include <cmath>

#include <regulus/cuda/kernels/maps.hpp>

namespace regulus::cuda {

/// How a map is cut. Statistics are [n, chunks, 2, c]: means and sums of squared distances from them; scales [n, 2, c]: means and factors.
struct GroupMap {
    static constexpr std::uint32_t chunk = 1024;  // pixels
    MapSize map;
    std::uint32_t groups;
    REGULUS_HOST_DEVICE std::uint32_t area() const { return map.h * map.w; }
    REGULUS_HOST_DEVICE std::uint32_t chunks() const { return (area() + chunk - 1) / chunk; }
    REGULUS_HOST_DEVICE std::uint32_t pixels_of(std::uint32_t k) const { return area() - k * chunk < chunk ? area() - k * chunk : chunk; }
};

/// A block takes 32 channels of a chunk; its threads are 32 channels x (count / 32) runs of pixels, added up in order, in double.
/// Shared memory: a double a thread, and the means.
template <class T>
struct GroupChunks {
    static constexpr std::int32_t channels = 32;
    static constexpr unsigned threads = 512;
    static constexpr std::size_t shared_bytes = (threads + channels) * sizeof(double);
    const T* src;
    float* statistics;
    GroupMap cut;
    REGULUS_HOST_DEVICE std::uint32_t strips() const { return (cut.map.c + channels - 1) / channels; }
    REGULUS_HOST_DEVICE std::int32_t phases(const Thread&) const { return 4; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        const std::uint32_t part = std::uint32_t(thread.block) / strips(), c = std::uint32_t(thread.block) % strips() * channels + std::uint32_t(thread.index % channels);
        const std::uint32_t image = part / cut.chunks(), k = part % cut.chunks(), pixels = cut.pixels_of(k);
        const std::uint32_t runs = std::uint32_t(thread.count / channels), which = std::uint32_t(thread.index / channels), width = cut.map.c;
        double* const sums = thread.shared_as<double>();
        double& mean = sums[thread.count + thread.index % channels];
        if (c >= width) return;
        if (phase == 0 || phase == 2) {
            const T* const first = src + (image * cut.area() + k * GroupMap::chunk) * width + c;
            double sum = 0;
            for (std::uint32_t pixel = which; pixel < pixels; pixel += runs) {
                const double value = double(widened(first[pixel * width]));
                sum += phase == 0 ? value : (value - mean) * (value - mean);
            }
            sums[thread.index] = sum;
        } else if (which == 0) {
            double sum = 0;
            for (std::uint32_t r = 0; r < runs; ++r) sum += sums[r * channels + std::uint32_t(thread.index)];
            if (phase == 1) mean = sum / double(pixels);
            else {
                statistics[2 * part * width + c] = float(mean);
                statistics[(2 * part + 1) * width + c] = float(sum);
            }
        }
    }
};

/// Joins the chunks of one group, in double; one call a picture and group.
struct GroupScales {
    const float* statistics;
    const float* weight;
    float* scales;
    GroupMap cut;
    double eps;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return cut.map.n * cut.groups; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t image = i / cut.groups, channels = cut.map.c / cut.groups, first = i % cut.groups * channels, width = cut.map.c;
        const double count = double(cut.area()) * double(channels);
        double sum = 0, squares = 0;
        for (std::uint32_t k = 0; k < cut.chunks(); ++k) {
            const float* const means = statistics + 2 * (image * cut.chunks() + k) * width + first;
            for (std::uint32_t c = 0; c < channels; ++c) sum += double(cut.pixels_of(k)) * double(means[c]);
        }
        const double mean = sum / count;
        for (std::uint32_t k = 0; k < cut.chunks(); ++k) {
            const float* const means = statistics + 2 * (image * cut.chunks() + k) * width + first;
            for (std::uint32_t c = 0; c < channels; ++c) {
                const double away = double(means[c]) - mean;
                squares += double(means[width + c]) + double(cut.pixels_of(k)) * away * away;
            }
        }
        const double factor = 1 / std::sqrt(squares / count + eps);
        float* const to = scales + 2 * image * width + first;
        for (std::uint32_t c = 0; c < channels; ++c) {
            to[c] = float(mean);
            to[width + c] = float(factor * double(weight[first + c]));
        }
    }
};

/// The difference first, which keeps the digits of maps far from 0.
template <class T>
struct NormalisingGroups {
    const T* src;
    const float* scales;
    const float* bias;
    T* dst;
    MapSize map;
    Activation activation;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return map.elements(); }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t c = i % map.c;
        const float* const own = scales + 2 * (i / (map.h * map.w * map.c)) * map.c + c;
        store(dst + i, kernels::activated(activation, (widened(src[i]) - own[0]) * own[map.c] + bias[c]));
    }
};

}  // namespace regulus::cuda
