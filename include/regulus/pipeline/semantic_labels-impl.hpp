#pragma once
#include <regulus/pipeline/semantic_labels.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <string>
#if defined(_OPENMP)
#include <omp.h>
#endif

#include <regulus/core/bilinear_tap.hpp>

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

/// dst = near * upper + far * lower, `count` values.
inline void mix(const float* upper, float near, const float* lower, float far, std::size_t count, float* dst) {
#if defined(_OPENMP)
#pragma omp simd
#endif
    for (std::size_t i = 0; i < count; ++i) dst[i] = upper[i] * near + lower[i] * far;
}

/// The greatest of `count` values; NaN where the first is, others are passed over. Sixteen at a time, which compilers turn into vectors.
inline float greatest_of(const float* values, std::size_t count) {
    constexpr std::size_t side = 16;
    float best[side];
    std::fill(best, best + side, values[0]);
    std::size_t i = 0;
    for (; i + side <= count; i += side) {
        for (std::size_t k = 0; k < side; ++k) best[k] = values[i + k] > best[k] ? values[i + k] : best[k];
    }
    for (; i < count; ++i) best[0] = values[i] > best[0] ? values[i] : best[0];
    for (const float other : best) best[0] = other > best[0] ? other : best[0];
    return best[0];
}

/// Two rows, kept by the parity of their number: two neighbours never push each other out.
class RowPair {
public:
    explicit RowPair(std::size_t size) : rows_{std::vector<float>(size), std::vector<float>(size)} {}

    bool has(std::int32_t number) const noexcept { return number_[number & 1] == number; }
    float* row(std::int32_t number) noexcept { return rows_[number & 1].data(); }
    float* begin(std::int32_t number) noexcept {
        number_[number & 1] = number;
        return row(number);
    }

private:
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

/// Labels row after row. Each step is torch's: along the row first, then between two rows. The classes of a pixel lie side by side, as steps along a row go from pixel
/// to pixel.
class Rows {
public:
    Rows(std::span<const float> logits, const Sizes& sizes)
        : logits_(logits),
          sizes_(sizes),
          coarse_(sizes.classes * sizes.enlarge_x.size()),
          enlarged_(sizes.classes * sizes.resize_x.size()),
          source_(sizes.classes * std::size_t(sizes.map.width)),
          line_(sizes.classes * sizes.enlarge_x.size()),
          value_(sizes.classes) {}

    void labels(std::int64_t y, std::uint8_t* dst) {
        const Taps& taps = sizes_.resize_y;
        const std::size_t at = std::size_t(y), classes = sizes_.classes;
        make_enlarged(taps.first[at]);
        make_enlarged(taps.second[at]);
        const float *upper = enlarged_.row(taps.first[at]), *lower = enlarged_.row(taps.second[at]);
        float* const value = value_.data();
        for (std::size_t x = 0; x < sizes_.resize_x.size(); ++x) {
            mix(upper + x * classes, taps.near[at], lower + x * classes, taps.far[at], classes, value);
            const float* const first = std::find(value, value + classes, greatest_of(value, classes));
            dst[x] = std::uint8_t(first == value + classes ? 0 : first - value);  // none equals NaN
        }
    }

private:
    void resize_row(const Taps& taps, const float* src, float* dst) const {
        const std::size_t classes = sizes_.classes;
        for (std::size_t x = 0; x < taps.size(); ++x) mix(src + std::size_t(taps.first[x]) * classes, taps.near[x], src + std::size_t(taps.second[x]) * classes, taps.far[x], classes, dst + x * classes);
    }

    /// A row of the coarse map, enlarged along itself.
    void make_coarse(std::int32_t number) {
        if (coarse_.has(number)) return;
        const std::size_t width = std::size_t(sizes_.map.width), plane = std::size_t(sizes_.map.height) * width;
        for (std::size_t c = 0; c < sizes_.classes; ++c) {
            const float* const src = logits_.data() + c * plane + std::size_t(number) * width;
            for (std::size_t x = 0; x < width; ++x) source_[x * sizes_.classes + c] = src[x];
        }
        resize_row(sizes_.enlarge_x, source_.data(), coarse_.begin(number));
    }

    /// A row of the enlarged map, resized along itself.
    void make_enlarged(std::int32_t number) {
        if (enlarged_.has(number)) return;
        const Taps& taps = sizes_.enlarge_y;
        const std::size_t at = std::size_t(number);
        make_coarse(taps.first[at]);
        make_coarse(taps.second[at]);
        mix(coarse_.row(taps.first[at]), taps.near[at], coarse_.row(taps.second[at]), taps.far[at], line_.size(), line_.data());
        resize_row(sizes_.resize_x, line_.data(), enlarged_.begin(number));
    }

    std::span<const float> logits_;
    const Sizes& sizes_;
    RowPair coarse_, enlarged_;
    std::vector<float> source_, line_, value_;
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
