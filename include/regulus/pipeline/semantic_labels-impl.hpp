#pragma once
#include <regulus/pipeline/semantic_labels.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#if defined(_OPENMP)
#include <omp.h>
#endif

#include <regulus/graph/kernels/bilinear.hpp>

namespace regulus {
namespace detail::semantic {

/// Two neighbours and their weights for each of the first `count` pixels of an axis that is resized from `in` to `out`.
struct Taps {
    std::vector<std::int32_t> first, second;
    std::vector<float> near, far;

    Taps(std::int64_t in, std::int64_t out, std::int64_t count) {
        for (std::int64_t at = 0; at < count; ++at) {
            const auto tap = kernels::bilinear_tap<float>(at, in, out);
            first.push_back(std::int32_t(tap.first));
            second.push_back(std::int32_t(tap.second));
            near.push_back(1.0f - tap.weight);
            far.push_back(tap.weight);
        }
    }

    std::size_t size() const noexcept { return first.size(); }
};

inline void resize_row(const Taps& taps, const float* src, float* dst) {
    const std::int32_t *first = taps.first.data(), *second = taps.second.data();
    const float *near = taps.near.data(), *far = taps.far.data();
    for (std::size_t x = 0; x < taps.size(); ++x) dst[x] = src[first[x]] * near[x] + src[second[x]] * far[x];
}

inline void mix_rows(const float* upper, float near, const float* lower, float far, std::size_t count, float* dst) {
#if defined(_OPENMP)
#pragma omp simd
#endif
    for (std::size_t x = 0; x < count; ++x) dst[x] = upper[x] * near + lower[x] * far;
}

/// Two rows of all classes, kept by the parity of their number: two neighbours never push each other out.
class RowPair {
public:
    RowPair(std::size_t classes, std::size_t width) : width_(width), rows_{std::vector<float>(classes * width), std::vector<float>(classes * width)} {}

    bool has(std::int32_t number) const noexcept { return number_[number & 1] == number; }
    void keeps(std::int32_t number) noexcept { number_[number & 1] = number; }
    float* row(std::int32_t number, std::size_t c) noexcept { return rows_[number & 1].data() + c * width_; }

private:
    std::size_t width_;
    std::int32_t number_[2] = {-1, -1};
    std::vector<float> rows_[2];
};

/// What all rows share.
struct Sizes {
    std::size_t classes;
    PictureSize map;
    Taps enlarge_y, enlarge_x;  // coarse to enlarged, cropped
    Taps resize_y, resize_x;    // cropped to the picture
};

/// Labels row after row. Each step is torch's: along the row first, then between two rows.
class Rows {
public:
    Rows(std::span<const float> logits, const Sizes& sizes)
        : logits_(logits),
          sizes_(sizes),
          coarse_(sizes.classes, sizes.enlarge_x.size()),
          enlarged_(sizes.classes, sizes.resize_x.size()),
          line_(sizes.enlarge_x.size()),
          best_(sizes.resize_x.size()),
          value_(sizes.resize_x.size()),
          label_(sizes.resize_x.size()) {}

    void labels(std::int64_t y, std::uint8_t* dst) {
        const Taps& taps = sizes_.resize_y;
        const std::size_t at = std::size_t(y), width = best_.size();
        make_enlarged(taps.first[at]);
        make_enlarged(taps.second[at]);
        for (std::size_t c = 0; c < sizes_.classes; ++c) {
            float* const value = c == 0 ? best_.data() : value_.data();
            mix_rows(enlarged_.row(taps.first[at], c), taps.near[at], enlarged_.row(taps.second[at], c), taps.far[at], width, value);
            if (c == 0) std::fill(label_.begin(), label_.end(), 0);
            else take_greater(std::int32_t(c));
        }
        for (std::size_t x = 0; x < width; ++x) dst[x] = std::uint8_t(label_[x]);
    }

private:
    void take_greater(std::int32_t c) {
        float* const best = best_.data();
        const float* const value = value_.data();
        std::int32_t* const label = label_.data();
        const std::size_t width = best_.size();
#if defined(_OPENMP)
#pragma omp simd
#endif
        for (std::size_t x = 0; x < width; ++x) {
            const bool greater = value[x] > best[x];
            best[x] = greater ? value[x] : best[x];
            label[x] = greater ? c : label[x];
        }
    }

    /// A row of the coarse map, enlarged along itself.
    void make_coarse(std::int32_t number) {
        if (coarse_.has(number)) return;
        const std::size_t width = std::size_t(sizes_.map.width), plane = std::size_t(sizes_.map.height) * width;
        for (std::size_t c = 0; c < sizes_.classes; ++c) resize_row(sizes_.enlarge_x, logits_.data() + c * plane + std::size_t(number) * width, coarse_.row(number, c));
        coarse_.keeps(number);
    }

    /// A row of the enlarged map, resized along itself.
    void make_enlarged(std::int32_t number) {
        if (enlarged_.has(number)) return;
        const Taps& taps = sizes_.enlarge_y;
        const std::size_t at = std::size_t(number);
        make_coarse(taps.first[at]);
        make_coarse(taps.second[at]);
        for (std::size_t c = 0; c < sizes_.classes; ++c) {
            mix_rows(coarse_.row(taps.first[at], c), taps.near[at], coarse_.row(taps.second[at], c), taps.far[at], line_.size(), line_.data());
            resize_row(sizes_.resize_x, line_.data(), enlarged_.row(number, c));
        }
        enlarged_.keeps(number);
    }

    std::span<const float> logits_;
    const Sizes& sizes_;
    RowPair coarse_, enlarged_;
    std::vector<float> line_, best_, value_;
    std::vector<std::int32_t> label_;
};

}  // namespace detail::semantic

REGULUS_INLINE LabelMap semantic_labels(std::span<const float> logits, int classes, PictureSize map, int factor, PictureSize resized, PictureSize picture) {
    using namespace detail::semantic;
    constexpr std::int64_t longest = std::int64_t{1} << 24;  // floats count the pixels of a side
    const auto fits = [&](PictureSize size) { return size.height >= 1 && size.width >= 1 && size.height <= longest && size.width <= longest; };
    const auto words = [](PictureSize size) { return std::to_string(size.height) + " x " + std::to_string(size.width); };
    if (classes < 1 || classes > 256 || factor < 1 || factor > 256 || !fits(map) || !fits(resized) || !fits(picture) || map.height > longest / factor || map.width > longest / factor ||
        std::int64_t(logits.size()) != classes * map.height * map.width || resized.height > factor * map.height || resized.width > factor * map.width) {
        throw ShapeError("semantic_labels: " + std::to_string(logits.size()) + " logits of " + std::to_string(classes) + " classes (1 .. 256) on a map of " + words(map) + ", enlarged by " +
                         std::to_string(factor) + ", do not give " + words(resized) + " pixels for a picture of " + words(picture));
    }
    const Sizes sizes{std::size_t(classes), map, Taps(map.height, factor * map.height, resized.height), Taps(map.width, factor * map.width, resized.width),
                      Taps(resized.height, picture.height, picture.height), Taps(resized.width, picture.width, picture.width)};
    LabelMap result{picture.height, picture.width, {}};
    result.labels.resize(std::size_t(picture.height * picture.width));
    std::exception_ptr error;
#if defined(_OPENMP)
#pragma omp parallel if (picture.height >= 64)
#endif
    {
#if defined(_OPENMP)
        const std::int64_t bands = omp_get_num_threads(), band = omp_get_thread_num();
#else
        const std::int64_t bands = 1, band = 0;
#endif
        try {
            Rows rows(logits, sizes);
            for (std::int64_t y = picture.height * band / bands; y < picture.height * (band + 1) / bands; ++y) rows.labels(y, result.labels.data() + y * picture.width);
        } catch (...) {
#if defined(_OPENMP)
#pragma omp critical(regulus_semantic_labels)
#endif
            error = std::current_exception();
        }
    }
    if (error) std::rethrow_exception(error);
    return result;
}

}  // namespace regulus
