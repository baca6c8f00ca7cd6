#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/data/classify_augment.hpp>
#include <regulus/data/classify_preprocess-impl.hpp>
#include <regulus/data/flip.hpp>

namespace regulus {
namespace data_detail {

/// exp(x) for |x| < 10 by fused operations: the same bits everywhere.
inline double exact_exp(double x) noexcept {
    const double y = x / 64;  // |y| < 0.16
    double sum = 1;
    for (int k = 12; k >= 1; --k) sum = std::fma(sum, y * (1.0 / k), 1.0);
    for (int i = 0; i < 6; ++i) sum *= sum;
    return sum;
}

inline double exact_log_of(double x) noexcept { return x <= 1 ? detail::exact_log(x) : -detail::exact_log(1 / x); }

inline void check_augmentation(const ClassifyAugmentation& a) {
    const bool areas = a.area[0] > 0 && a.area[0] <= a.area[1] && a.area[1] <= 1, ratios = a.ratio[0] >= 0.01 && a.ratio[0] <= a.ratio[1] && a.ratio[1] <= 100;
    if (areas && ratios && a.tries >= 0 && a.flip >= 0 && a.flip <= 1 && a.lighting >= 0 && std::isfinite(a.lighting)) return;
    throw ArgumentError("random_view: needs 0 < area <= 1, 0.01 <= ratio <= 100, each from the least to the greatest, tries >= 0, 0 <= flip <= 1 and a finite lighting >= 0, got area " + std::to_string(a.area[0]) + " .. " +
                        std::to_string(a.area[1]) + ", ratio " + std::to_string(a.ratio[0]) + " .. " + std::to_string(a.ratio[1]) + ", " + std::to_string(a.tries) + " tries, flip " + std::to_string(a.flip) + ", lighting " +
                        std::to_string(a.lighting));
}

/// The part when no random one lay inside.
inline void middle_part(PictureSize size, const ClassifyAugmentation& augmentation, ClassifyView& view) {
    view.height = size.height, view.width = size.width;
    if (augmentation.rule == RandomCrop::pycls) {
        view.is_middle = true;
        return;
    }
    const double ratio = double(size.width) / double(size.height);
    if (ratio < augmentation.ratio[0]) view.height = std::clamp<std::int64_t>(std::int64_t(std::nearbyint(double(size.width) / augmentation.ratio[0])), 1, size.height);
    else if (ratio > augmentation.ratio[1]) view.width = std::clamp<std::int64_t>(std::int64_t(std::nearbyint(double(size.height) * augmentation.ratio[1])), 1, size.width);
    view.top = (size.height - view.height) / 2, view.left = (size.width - view.width) / 2;
}

inline Image part_of(const Image& image, const ClassifyView& view) {
    Image part(view.height, view.width);
    for (std::int64_t y = 0; y < view.height; ++y) std::copy_n(image.pixel(view.top + y, view.left), 3 * view.width, part.row(y));
    return part;
}

}  // namespace data_detail

REGULUS_INLINE ClassifyView random_view(PictureSize size, const ClassifyAugmentation& augmentation, std::uint64_t key) {
    data_detail::check_augmentation(augmentation);
    if (size.height < 1 || size.width < 1) throw ShapeError("random_view: a picture has no pixels");
    RandomStream random(key);
    const auto between = [&](double low, double high) { return low + (high - low) * random.uniform(); };
    const bool is_pycls = augmentation.rule == RandomCrop::pycls;
    const double low = augmentation.ratio[0], high = augmentation.ratio[1];
    ClassifyView view;
    for (int i = 0; i < augmentation.tries && view.height == 0; ++i) {
        const double area = between(augmentation.area[0], augmentation.area[1]) * double(size.height) * double(size.width);
        const double ratio = is_pycls ? between(low, high) : data_detail::exact_exp(between(data_detail::exact_log_of(low), data_detail::exact_log_of(high)));
        std::int64_t width = std::int64_t(std::nearbyint(std::sqrt(area * ratio))), height = std::int64_t(std::nearbyint(std::sqrt(area / ratio)));
        if (is_pycls && random.uniform() < 0.5) std::swap(width, height);
        if (height < 1 || width < 1 || height > size.height || width > size.width) continue;
        const std::int64_t last = is_pycls ? 0 : 1;  // whether the last place counts
        view.height = height, view.width = width;
        view.top = std::int64_t(random.below(std::uint64_t(size.height - height + last)));
        view.left = std::int64_t(random.below(std::uint64_t(size.width - width + last)));
    }
    if (view.height == 0) data_detail::middle_part(size, augmentation, view);
    view.is_flipped = random.uniform() < augmentation.flip;
    // Standard deviations of ImageNet's colours (values / 255) along their principal directions; rows are red, green, blue.
    constexpr double values[3] = {0.2175, 0.0188, 0.0045};
    constexpr double vectors[3][3] = {{-0.5675, 0.7192, 0.4009}, {-0.5808, -0.0045, -0.8140}, {-0.5836, -0.6948, 0.4203}};
    if (augmentation.lighting > 0) {
        double alpha[3];
        for (int k = 0; k < 3; ++k) alpha[k] = augmentation.lighting * random.normal() * values[k];
        for (std::size_t c = 0; c < 3; ++c) view.light[c] = std::fma(vectors[c][0], alpha[0], std::fma(vectors[c][1], alpha[1], vectors[c][2] * alpha[2]));
    }
    return view;
}

REGULUS_INLINE void write_view(const Image& image, const ClassifyView& view, const ClassifyPreprocessing& p, float* planes) {
    data_detail::check_classify(p);
    check_image(image, "write_view");
    if (view.top < 0 || view.left < 0 || view.height < 1 || view.width < 1 || view.height > image.height - view.top || view.width > image.width - view.left) {
        throw ShapeError("write_view: the part of " + std::to_string(view.height) + " x " + std::to_string(view.width) + " at row " + std::to_string(view.top) + ", column " + std::to_string(view.left) +
                         " does not lie in a picture of " + std::to_string(image.height) + " x " + std::to_string(image.width));
    }
    // Resized as for validation, where the short side becomes the crop's and the middle is all that there is; a part becomes a square whatever its form.
    const std::int64_t crop = p.crop;
    ClassifyPreprocessing square = p;
    square.short_side = crop;
    PictureSize size{crop, crop};
    if (view.is_middle) {
        size = std::min(view.height, view.width) == crop ? PictureSize{view.height, view.width} : classify_size({view.height, view.width}, square);
        data_detail::check_classify_size(image, size);
    }
    const bool is_whole = view.height == image.height && view.width == image.width;
    const Image cut = is_whole ? Image() : data_detail::part_of(image, view);
    const Image& part = is_whole ? image : cut;
    std::array<float, 3> light{};  // of the planes, in units of values / divisor
    for (std::size_t c = 0; c < 3; ++c) light[c] = float(view.light[p.channel_order == ChannelOrder::rgb ? c : 2 - c] * 255 / double(p.divisor));
    if (p.resize == ClassifyResize::opencv_float) data_detail::write_float_planes(part, size, square, light, planes);
    else data_detail::write_u8_planes(data_detail::middle_of(data_detail::resize_u8(part, size, p.resize), square), square, light, planes);
    if (!view.is_flipped) return;
    for (std::int64_t row = 0; row < 3 * crop; ++row) std::reverse(planes + row * crop, planes + (row + 1) * crop);
}

REGULUS_INLINE Tensor classify_augment(std::span<const Image> images, std::span<const std::uint64_t> keys, const ClassifyPreprocessing& preprocessing, const ClassifyAugmentation& augmentation) {
    if (images.size() != keys.size()) throw ArgumentError("classify_augment: " + std::to_string(images.size()) + " pictures have " + std::to_string(keys.size()) + " keys; give one for each");
    if (images.empty()) throw ShapeError("classify_augment: needs one picture or more, got none");
    data_detail::check_classify(preprocessing);
    const std::int64_t crop = preprocessing.crop;
    Tensor input({std::int64_t(images.size()), 3, crop, crop}, DType::f32);
    for (std::size_t i = 0; i < images.size(); ++i) {
        write_view(images[i], random_view(images[i].size(), augmentation, keys[i]), preprocessing, input.data<float>() + std::int64_t(i) * 3 * crop * crop);
    }
    return input;
}

}  // namespace regulus
