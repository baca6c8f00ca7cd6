#pragma once
#include <regulus/data/resize.hpp>

#if defined(_OPENMP)
#include <omp.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace regulus {
namespace data_detail {

/// The two source positions of each output position of one axis, with OpenCV's 11-bit weights.
struct LinearTaps {
    std::vector<std::int32_t> first, second;
    std::vector<std::int16_t> first_weight, second_weight;
};

/// Only columns lose their fraction at the border; rows keep it and have their numbers clamped, which rounds differently.
inline LinearTaps opencv_taps(std::int64_t in, std::int64_t out, bool is_column) {
    LinearTaps taps;
    for (auto* list : {&taps.first, &taps.second}) list->resize(std::size_t(out));
    for (auto* list : {&taps.first_weight, &taps.second_weight}) list->resize(std::size_t(out));
    const double scale = 1.0 / (double(out) / double(in));
    for (std::int64_t d = 0; d < out; ++d) {
        const float position = float((double(d) + 0.5) * scale - 0.5);
        std::int64_t index = std::int64_t(std::floor(position));
        float fraction = position - float(index);
        if (is_column && index < 0) { index = 0; fraction = 0; }
        if (is_column && index >= in - 1) { index = in - 1; fraction = 0; }
        const std::size_t i = std::size_t(d);
        taps.first[i] = std::int32_t(std::clamp<std::int64_t>(index, 0, in - 1));
        taps.second[i] = std::int32_t(std::clamp<std::int64_t>(index + 1, 0, in - 1));
        taps.first_weight[i] = std::int16_t(std::nearbyint((1.0f - fraction) * 2048.0f));
        taps.second_weight[i] = std::int16_t(std::nearbyint(fraction * 2048.0f));
    }
    return taps;
}

/// One source row at the new width; the sums lose four bits here, as the vertical step would cut them anyway.
inline void opencv_row(const std::uint8_t* src, const LinearTaps& columns, std::int16_t* dst) {
    const std::size_t width = columns.first.size();
    for (std::size_t x = 0; x < width; ++x) {
        const std::uint8_t* left = src + columns.first[x] * std::ptrdiff_t{3};
        const std::uint8_t* right = src + columns.second[x] * std::ptrdiff_t{3};
        const int a = columns.first_weight[x], b = columns.second_weight[x];
        dst[0] = std::int16_t((left[0] * a + right[0] * b) >> 4);
        dst[1] = std::int16_t((left[1] * a + right[1] * b) >> 4);
        dst[2] = std::int16_t((left[2] * a + right[2] * b) >> 4);
        dst += 3;
    }
}

/// Two such rows to one of the picture. Every step fits 16 bits, so that compilers use 16-bit multiplications.
inline void opencv_blend(const std::int16_t* upper, const std::int16_t* lower, int a, int b, std::uint8_t* dst, std::size_t count) {
#if defined(_OPENMP)
#pragma omp simd
#endif
    for (std::size_t i = 0; i < count; ++i) {
        dst[i] = std::uint8_t((((a * upper[i]) >> 16) + ((b * lower[i]) >> 16) + 2) >> 2);
    }
}

inline Image resize_opencv_bilinear(const Image& image, PictureSize size) {
    const LinearTaps columns = opencv_taps(image.width, size.width, true);
    const LinearTaps rows = opencv_taps(image.height, size.height, false);
    const std::size_t count = std::size_t(size.width) * 3;
    Image result(size.height, size.width);
    std::vector<std::int16_t> memory(2 * count);
    std::int16_t* buffers[2] = {memory.data(), memory.data() + count};
    std::int32_t held[2] = {-1, -1};  // which source row each buffer has
    for (std::int64_t y = 0; y < size.height; ++y) {
        const std::int32_t wanted[2] = {rows.first[std::size_t(y)], rows.second[std::size_t(y)]};
        if (held[0] != wanted[0] && held[1] == wanted[0]) {
            std::swap(buffers[0], buffers[1]);
            std::swap(held[0], held[1]);
        }
        for (int k = 0; k < 2; ++k) {
            if (held[k] == wanted[k]) continue;
            if (k == 1 && wanted[1] == held[0]) std::copy_n(buffers[0], count, buffers[1]);
            else opencv_row(image.row(wanted[k]), columns, buffers[k]);
            held[k] = wanted[k];
        }
        opencv_blend(buffers[0], buffers[1], rows.first_weight[std::size_t(y)], rows.second_weight[std::size_t(y)], result.row(y), count);
    }
    return result;
}

/// Pillow's taps of one axis: output d takes weights[offset[d] ...] of sources first[d] .. first[d] + count[d] - 1.
struct FilterTaps {
    std::vector<std::int32_t> first, count;
    std::vector<std::size_t> offset;
    std::vector<std::int32_t> weights;  // 22 fractional bits
};

inline double pillow_filter(double x, Interpolation interpolation) {
    x = std::fabs(x);
    if (interpolation == Interpolation::pillow_bilinear) return x < 1.0 ? 1.0 - x : 0.0;
    constexpr double a = -0.5;
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

inline FilterTaps pillow_taps(std::int64_t in, std::int64_t out, Interpolation interpolation) {
    const double scale = double(in) / double(out);
    const double filter_scale = std::max(scale, 1.0);
    const double support = (interpolation == Interpolation::pillow_bilinear ? 1.0 : 2.0) * filter_scale;
    const double step = 1.0 / filter_scale;
    FilterTaps taps;
    std::vector<double> exact;
    for (std::int64_t d = 0; d < out; ++d) {
        const double centre = (double(d) + 0.5) * scale;
        const std::int64_t first = std::max<std::int64_t>(std::int64_t(centre - support + 0.5), 0);
        const std::int64_t end = std::min<std::int64_t>(std::int64_t(centre + support + 0.5), in);
        exact.clear();
        double sum = 0;
        for (std::int64_t i = first; i < end; ++i) {
            exact.push_back(pillow_filter((double(i) - centre + 0.5) * step, interpolation));
            sum += exact.back();
        }
        taps.first.push_back(std::int32_t(first));
        taps.count.push_back(std::int32_t(exact.size()));
        taps.offset.push_back(taps.weights.size());
        for (const double weight : exact) {
            const double fixed = (sum != 0.0 ? weight / sum : weight) * double(1 << 22);
            taps.weights.push_back(std::int32_t(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
        }
    }
    return taps;
}

inline std::uint8_t pillow_round(std::int32_t sum) { return std::uint8_t(std::clamp(sum >> 22, 0, 255)); }

/// Below this many products threads cost more than they bring.
inline constexpr std::int64_t parallel_products = std::int64_t{1} << 24;

inline Image pillow_columns(const Image& image, std::int64_t width, Interpolation interpolation) {
    const FilterTaps taps = pillow_taps(image.width, width, interpolation);
    Image result(image.height, width);
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) if (image.height * std::int64_t(taps.weights.size()) > parallel_products)
#endif
    for (std::int64_t y = 0; y < image.height; ++y) {
        std::uint8_t* dst = result.row(y);
        for (std::size_t x = 0; x < std::size_t(width); ++x, dst += 3) {
            const std::uint8_t* src = image.pixel(y, taps.first[x]);
            const std::int32_t* weight = taps.weights.data() + taps.offset[x];
            std::int32_t red = 1 << 21, green = 1 << 21, blue = 1 << 21;
            for (std::int32_t k = 0; k < taps.count[x]; ++k, src += 3) {
                red += src[0] * weight[k];
                green += src[1] * weight[k];
                blue += src[2] * weight[k];
            }
            dst[0] = pillow_round(red);
            dst[1] = pillow_round(green);
            dst[2] = pillow_round(blue);
        }
    }
    return result;
}

inline Image pillow_rows(const Image& image, std::int64_t height, Interpolation interpolation) {
    const FilterTaps taps = pillow_taps(image.height, height, interpolation);
    const std::size_t count = std::size_t(image.width) * 3;
    Image result(height, image.width);
#if defined(_OPENMP)
    const int threads = image.width * std::int64_t(taps.weights.size()) > parallel_products ? omp_get_max_threads() : 1;
#else
    const int threads = 1;
#endif
    std::vector<std::int32_t> sums_of_threads(count * std::size_t(threads));  // made here: nothing may throw among the threads
#if defined(_OPENMP)
#pragma omp parallel num_threads(threads)
#endif
    {
#if defined(_OPENMP)
        std::int32_t* const sums = sums_of_threads.data() + count * std::size_t(omp_get_thread_num());
#pragma omp for schedule(static)
#else
        std::int32_t* const sums = sums_of_threads.data();
#endif
        for (std::int64_t y = 0; y < height; ++y) {
            const std::size_t d = std::size_t(y);
            std::fill(sums, sums + count, 1 << 21);
            for (std::int32_t k = 0; k < taps.count[d]; ++k) {
                const std::int32_t weight = taps.weights[taps.offset[d] + std::size_t(k)];
                const std::uint8_t* src = image.row(taps.first[d] + k);
#if defined(_OPENMP)
#pragma omp simd
#endif
                for (std::size_t i = 0; i < count; ++i) sums[i] += src[i] * weight;
            }
            std::uint8_t* dst = result.row(y);
#if defined(_OPENMP)
#pragma omp simd
#endif
            for (std::size_t i = 0; i < count; ++i) dst[i] = pillow_round(sums[i]);
        }
    }
    return result;
}

inline void check_fit(const char* who, PictureSize size, std::int64_t a, std::int64_t b) {
    if (size.height > 0 && size.width > 0 && a > 0 && b > 0) return;
    throw ShapeError(std::string(who) + ": sizes must be > 0, got a picture of " + std::to_string(size.height) + " x " + std::to_string(size.width) +
                     " and limits " + std::to_string(a) + ", " + std::to_string(b));
}

/// A side of a very thin picture would round to nothing.
inline std::int64_t at_least_one(double side) { return std::max<std::int64_t>(std::int64_t(side), 1); }

}  // namespace data_detail

REGULUS_INLINE Image resize(const Image& image, PictureSize size, Interpolation interpolation) {
    check_image(image, "resize");
    if (image.empty() || size.height < 1 || size.width < 1 || std::max({image.height, image.width, size.height, size.width}) > (1 << 29)) {
        throw ShapeError("resize: sizes must be 1 .. 2^29, got " + std::to_string(image.height) + " x " + std::to_string(image.width) + " to " +
                         std::to_string(size.height) + " x " + std::to_string(size.width));
    }
    if (interpolation == Interpolation::torch_bilinear) throw ArgumentError("resize: torch_bilinear has no 8-bit result; preprocess resizes normalised values so");
    if (size == image.size()) return image;
    if (interpolation == Interpolation::opencv_bilinear) return data_detail::resize_opencv_bilinear(image, size);
    if (size.width == image.width) return data_detail::pillow_rows(image, size.height, interpolation);
    Image wide = data_detail::pillow_columns(image, size.width, interpolation);
    return size.height == image.height ? wide : data_detail::pillow_rows(wide, size.height, interpolation);
}

REGULUS_INLINE PictureSize fit_keep_ratio_mmdet(PictureSize size, std::int64_t long_side, std::int64_t short_side) {
    data_detail::check_fit("fit_keep_ratio_mmdet", size, long_side, short_side);
    if (long_side < short_side) std::swap(long_side, short_side);
    const double h = double(size.height), w = double(size.width);
    const double scale = std::min(double(long_side) / std::max(h, w), double(short_side) / std::min(h, w));
    return {data_detail::at_least_one(h * scale + 0.5), data_detail::at_least_one(w * scale + 0.5)};
}

REGULUS_INLINE PictureSize fit_detectron2(PictureSize size, std::int64_t short_side, std::int64_t max_side) {
    data_detail::check_fit("fit_detectron2", size, short_side, max_side);
    const double h = double(size.height), w = double(size.width), side = double(short_side);
    const double scale = side / std::min(h, w);
    double new_h = h < w ? side : scale * h;
    double new_w = h < w ? scale * w : side;
    if (const double longer = std::max(new_h, new_w); longer > double(max_side)) {
        const double shrink = double(max_side) / longer;
        new_h *= shrink;
        new_w *= shrink;
    }
    return {data_detail::at_least_one(new_h + 0.5), data_detail::at_least_one(new_w + 0.5)};
}

REGULUS_INLINE PictureSize fit_torchvision(PictureSize size, std::int64_t min_size, std::int64_t max_size) {
    data_detail::check_fit("fit_torchvision", size, min_size, max_size);
    const double shorter = double(std::min(size.height, size.width)), longer = double(std::max(size.height, size.width));
    const double scale = std::min(double(min_size) / shorter, double(max_size) / longer);
    return {data_detail::at_least_one(std::floor(double(size.height) * scale)), data_detail::at_least_one(std::floor(double(size.width) * scale))};
}

}  // namespace regulus
