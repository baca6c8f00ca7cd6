#pragma once
#include <regulus/data/classify_preprocess.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace regulus {
namespace data_detail {

inline void check_classify(const ClassifyPreprocessing& p) {
    if (p.crop < 1 || p.short_side < p.crop || p.short_side > 8192) {
        throw ArgumentError("classify_preprocess: needs 1 <= crop <= short_side <= 8192, got crop " + std::to_string(p.crop) + " of short_side " + std::to_string(p.short_side));
    }
    for (const float value : {p.divisor, p.std[0], p.std[1], p.std[2]}) {
        if (!(value > 0)) throw ArgumentError("classify_preprocess: divisor and each std must be > 0, got " + std::to_string(value));
    }
}

inline void check_classify_size(const Image& image, PictureSize size) {
    if (size.height <= (std::int64_t{1} << 26) / size.width) return;
    throw ShapeError("classify_preprocess: a picture of " + std::to_string(image.height) + " x " + std::to_string(image.width) + " is too thin: resized it would be " +
                     std::to_string(size.height) + " x " + std::to_string(size.width));
}

/// OpenCV's taps for float32 values: two positions, the fraction of the second. In double, unlike those for 8-bit values.
struct FloatTaps {
    std::vector<std::int64_t> first, second;
    std::vector<float> fraction;
};

/// Of outputs [begin, begin + count) of an axis.
inline FloatTaps float_taps(std::int64_t in, std::int64_t out, std::int64_t begin, std::int64_t count) {
    FloatTaps taps;
    const double scale = 1.0 / (double(out) / double(in));
    for (std::int64_t d = begin; d < begin + count; ++d) {
        const double position = (double(d) + 0.5) * scale - 0.5;
        std::int64_t index = std::int64_t(std::floor(position));
        double fraction = position - double(index);
        if (index < 0) index = 0, fraction = 0;
        if (index >= in - 1) index = in - 1, fraction = 0;
        taps.first.push_back(index);
        taps.second.push_back(std::min(index + 1, in - 1));
        taps.fraction.push_back(float(fraction));
    }
    return taps;
}

/// pycls: resized as float32, only where the crop needs it. `light` is added before the statistics.
inline void write_float_planes(const Image& image, PictureSize size, const ClassifyPreprocessing& p, const std::array<float, 3>& light, float* planes) {
    const std::int64_t crop = p.crop;
    const FloatTaps rows = float_taps(image.height, size.height, crop_offset(size.height - crop, p.resize), crop);
    const FloatTaps columns = float_taps(image.width, size.width, crop_offset(size.width - crop, p.resize), crop);
    for (std::int64_t y = 0; y < crop; ++y) {
        const std::uint8_t* upper = image.row(rows.first[std::size_t(y)]);
        const std::uint8_t* lower = image.row(rows.second[std::size_t(y)]);
        const float down = rows.fraction[std::size_t(y)];
        for (std::int64_t x = 0; x < crop; ++x) {
            const std::ptrdiff_t left = 3 * columns.first[std::size_t(x)], right = 3 * columns.second[std::size_t(x)];
            const float across = columns.fraction[std::size_t(x)];
            for (int c = 0; c < 3; ++c) {
                const int channel = p.channel_order == ChannelOrder::rgb ? c : 2 - c;
                const auto blend = [&](const std::uint8_t* row) {
                    return float(row[left + channel]) / p.divisor * (1.0f - across) + float(row[right + channel]) / p.divisor * across;
                };
                const float value = blend(upper) * (1.0f - down) + blend(lower) * down;
                planes[(c * crop + y) * crop + x] = (value + light[std::size_t(c)] - p.mean[std::size_t(c)]) / p.std[std::size_t(c)];
            }
        }
    }
}

inline void write_u8_planes(const Image& image, const ClassifyPreprocessing& p, const std::array<float, 3>& light, float* planes) {
    std::array<std::array<float, 256>, 3> table{};
    for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t v = 0; v < 256; ++v) table[c][v] = (float(v) / p.divisor + light[c] - p.mean[c]) / p.std[c];
    }
    const std::int64_t plane = image.height * image.width;
    for (int c = 0; c < 3; ++c) {
        const std::uint8_t* src = image.pixels.data() + (p.channel_order == ChannelOrder::rgb ? c : 2 - c);
        for (std::int64_t i = 0; i < plane; ++i) planes[c * plane + i] = table[std::size_t(c)][src[3 * i]];
    }
}

inline Image resize_u8(const Image& image, PictureSize size, ClassifyResize kind) {
    const Interpolation kinds[] = {Interpolation::opencv_bilinear, Interpolation::opencv_bilinear, Interpolation::pillow_bilinear, Interpolation::pillow_bicubic};
    return resize(image, size, kinds[int(kind)]);
}

/// The crop's size out of the middle.
inline Image middle_of(const Image& image, const ClassifyPreprocessing& p) {
    if (image.height == p.crop && image.width == p.crop) return image;
    const std::int64_t top = crop_offset(image.height - p.crop, p.resize), left = crop_offset(image.width - p.crop, p.resize);
    Image result(p.crop, p.crop);
    for (std::int64_t y = 0; y < p.crop; ++y) std::copy_n(image.pixel(top + y, left), 3 * p.crop, result.row(y));
    return result;
}

}  // namespace data_detail

REGULUS_INLINE Image read_classify_image(const std::string& path, const ClassifyPreprocessing& preprocessing) {
    return read_image(path, {}, preprocessing.exif);
}

REGULUS_INLINE PictureSize classify_size(PictureSize size, const ClassifyPreprocessing& preprocessing) {
    if (size.height < 1 || size.width < 1) throw ShapeError("classify_preprocess: a picture has no pixels");
    const std::int64_t side = preprocessing.short_side;
    const auto longer = [&](std::int64_t long_side, std::int64_t short_side) {
        // pycls divides first; the others multiply first.
        if (preprocessing.resize == ClassifyResize::opencv_float) return std::int64_t(std::floor(double(long_side) / double(short_side) * double(side)));
        return std::int64_t(double(side) * double(long_side) / double(short_side));
    };
    return size.height < size.width ? PictureSize{side, longer(size.width, size.height)} : PictureSize{longer(size.height, size.width), side};
}

REGULUS_INLINE std::int64_t crop_offset(std::int64_t rest, ClassifyResize resize) {
    const std::int64_t half = rest / 2;
    if (rest % 2 == 0) return half;
    return resize == ClassifyResize::opencv_float || half % 2 == 1 ? half + 1 : half;
}

REGULUS_INLINE Image classify_crop(const Image& image, const ClassifyPreprocessing& preprocessing) {
    data_detail::check_classify(preprocessing);
    check_image(image, "classify_preprocess");
    if (preprocessing.resize == ClassifyResize::opencv_float) throw ArgumentError("classify_crop: pycls resizes float values; there is no 8-bit crop");
    const PictureSize size = classify_size(image.size(), preprocessing);
    data_detail::check_classify_size(image, size);
    return data_detail::middle_of(data_detail::resize_u8(image, size, preprocessing.resize), preprocessing);
}

REGULUS_INLINE Tensor classify_preprocess(std::span<const Image> images, const ClassifyPreprocessing& preprocessing) {
    if (images.empty()) throw ShapeError("classify_preprocess: needs one picture or more, got none");
    data_detail::check_classify(preprocessing);
    for (const Image& image : images) {
        check_image(image, "classify_preprocess");
        data_detail::check_classify_size(image, classify_size(image.size(), preprocessing));
    }
    const std::int64_t crop = preprocessing.crop;
    Tensor input({std::int64_t(images.size()), 3, crop, crop}, DType::f32);
    float* planes = input.data<float>();
    for (const Image& image : images) {
        if (preprocessing.resize == ClassifyResize::opencv_float) data_detail::write_float_planes(image, classify_size(image.size(), preprocessing), preprocessing, {}, planes);
        else data_detail::write_u8_planes(classify_crop(image, preprocessing), preprocessing, {}, planes);
        planes += 3 * crop * crop;
    }
    return input;
}

REGULUS_INLINE Tensor classify_preprocess(const Image& image, const ClassifyPreprocessing& preprocessing) {
    return classify_preprocess(std::span<const Image>(&image, 1), preprocessing);
}

}  // namespace regulus
