#pragma once
#include <regulus/data/preprocess.hpp>
#include <regulus/core/bilinear_tap.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

namespace regulus {
namespace data_detail {

/// All 256 values that a channel can have; exact, and cheaper than a division for each pixel.
using NormaliseTable = std::array<std::array<float, 256>, 3>;

inline NormaliseTable normalise_table(const Preprocessing& p) {
    NormaliseTable table{};
    for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t v = 0; v < 256; ++v) table[c][v] = (float(v) / p.divisor - p.mean[c]) / p.std[c];
    }
    return table;
}

/// Writes one picture to its three planes [3, h, w] and zeros to the right of and below it.
inline void write_planes(const Image& image, const NormaliseTable& table, ChannelOrder order, float* planes, std::int64_t h, std::int64_t w) {
    for (std::int64_t y = 0; y < h; ++y) {
        for (int c = 0; c < 3; ++c) {
            float* dst = planes + (c * h + y) * w;
            std::int64_t x = 0;
            if (y < image.height) {
                const std::uint8_t* src = image.row(y) + (order == ChannelOrder::rgb ? c : 2 - c);
                const float* values = table[std::size_t(c)].data();
                for (; x < image.width; ++x) dst[x] = values[src[3 * x]];
            }
            std::fill(dst + x, dst + w, 0.0f);
        }
    }
}

/// The same of a picture whose normalised values are resized by torch's rule: first along rows, of which the last two are kept, then across them.
inline void write_sampled(const Image& image, PictureSize size, const NormaliseTable& table, ChannelOrder order, float* planes, std::int64_t h, std::int64_t w) {
    std::vector<kernels::BilinearTap<float>> columns;
    for (std::int64_t x = 0; x < size.width; ++x) columns.push_back(kernels::bilinear_tap<float>(x, image.width, size.width));
    std::vector<float> memory(2 * std::size_t(size.width));
    for (int c = 0; c < 3; ++c) {
        const float* const values = table[std::size_t(c)].data();
        const int channel = order == ChannelOrder::rgb ? c : 2 - c;
        float* rows[2] = {memory.data(), memory.data() + size.width};
        std::int64_t held[2] = {-1, -1};  // which source row each has
        const auto hold = [&](int k, std::int64_t row) {
            if (held[k] == row) return;
            const std::uint8_t* const src = image.row(row) + channel;
            for (std::size_t x = 0; x < columns.size(); ++x) rows[k][x] = values[src[3 * columns[x].first]] * (1.0f - columns[x].weight) + values[src[3 * columns[x].second]] * columns[x].weight;
            held[k] = row;
        };
        for (std::int64_t y = 0; y < h; ++y) {
            float* const dst = planes + (c * h + y) * w;
            std::int64_t x = 0;
            if (y < size.height) {
                const auto tap = kernels::bilinear_tap<float>(y, image.height, size.height);
                if (held[1] == tap.first) std::swap(rows[0], rows[1]), std::swap(held[0], held[1]);
                hold(0, tap.first);
                hold(1, tap.second);
                for (; x < size.width; ++x) dst[x] = rows[0][x] * (1.0f - tap.weight) + rows[1][x] * tap.weight;
            }
            std::fill(dst + x, dst + w, 0.0f);
        }
    }
}

}  // namespace data_detail

REGULUS_INLINE PictureSize resized_size(PictureSize size, const Preprocessing& preprocessing) {
    switch (preprocessing.resize_rule) {
        case ResizeRule::mmdet_keep_ratio: return fit_keep_ratio_mmdet(size, preprocessing.long_side, preprocessing.short_side);
        case ResizeRule::detectron2_short: return fit_detectron2(size, preprocessing.short_side, preprocessing.long_side);
        case ResizeRule::torchvision_short: return fit_torchvision(size, preprocessing.short_side, preprocessing.long_side);
        case ResizeRule::none: break;
    }
    return size;
}

REGULUS_INLINE PreparedBatch preprocess(std::span<const Image> images, const Preprocessing& preprocessing) {
    if (images.empty()) throw ShapeError("preprocess: needs one picture or more, got none");
    if (!(preprocessing.divisor > 0)) throw ArgumentError("preprocess: divisor must be > 0, got " + std::to_string(preprocessing.divisor));
    for (const float deviation : preprocessing.std) {
        if (!(deviation > 0)) throw ArgumentError("preprocess: each std must be > 0, got " + std::to_string(deviation));
    }
    if (preprocessing.pad_divisor < 1) throw ArgumentError("preprocess: pad_divisor must be >= 1, got " + std::to_string(preprocessing.pad_divisor));

    PreparedBatch batch;
    PictureSize largest;
    for (const Image& image : images) {
        check_image(image, "preprocess");
        if (image.empty()) throw ShapeError("preprocess: a picture has no pixels");
        batch.original_sizes.push_back(image.size());
        batch.resized_sizes.push_back(resized_size(image.size(), preprocessing));
        largest.height = std::max(largest.height, batch.resized_sizes.back().height);
        largest.width = std::max(largest.width, batch.resized_sizes.back().width);
    }
    const auto round_up = [&](std::int64_t side) { return (side + preprocessing.pad_divisor - 1) / preprocessing.pad_divisor * preprocessing.pad_divisor; };
    const std::int64_t n = std::int64_t(images.size()), h = round_up(largest.height), w = round_up(largest.width);
    batch.input = Tensor({n, 3, h, w}, DType::f32);
    batch.image_info = Tensor({n, 4}, DType::f32);

    const data_detail::NormaliseTable table = data_detail::normalise_table(preprocessing);
    float* planes = batch.input.data<float>();
    float* info = batch.image_info.data<float>();
    for (std::size_t i = 0; i < images.size(); ++i, planes += 3 * h * w, info += 4) {
        const PictureSize size = batch.resized_sizes[i];
        if (size == images[i].size()) data_detail::write_planes(images[i], table, preprocessing.channel_order, planes, h, w);
        else if (preprocessing.interpolation == Interpolation::torch_bilinear) data_detail::write_sampled(images[i], size, table, preprocessing.channel_order, planes, h, w);
        else data_detail::write_planes(resize(images[i], size, preprocessing.interpolation), table, preprocessing.channel_order, planes, h, w);
        info[0] = float(size.height);
        info[1] = float(size.width);
        info[2] = float(size.height) / float(images[i].height);
        info[3] = float(size.width) / float(images[i].width);
    }
    return batch;
}

REGULUS_INLINE PreparedBatch preprocess(const Image& image, const Preprocessing& preprocessing) {
    return preprocess(std::span<const Image>(&image, 1), preprocessing);
}

}  // namespace regulus
