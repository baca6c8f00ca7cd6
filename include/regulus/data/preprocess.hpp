#pragma once
// From pictures to the input of a network: resize, normalise, pad, stack.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/tensor.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/resize.hpp>

namespace regulus {

enum class ResizeRule : std::uint8_t {
    none,               ///< pictures go in at their own size
    mmdet_keep_ratio,   ///< fit_keep_ratio_mmdet(size, long_side, short_side)
    detectron2_short,   ///< fit_detectron2(size, short_side, long_side)
    torchvision_short,  ///< fit_torchvision(size, short_side, long_side)
};

enum class ChannelOrder : std::uint8_t { rgb, bgr };

/// How a model wants its pictures; the defaults are mmdetection's for RegNet detectors (BGR, pycls statistics, 1333 x 800).
struct Preprocessing {
    ResizeRule resize_rule = ResizeRule::mmdet_keep_ratio;
    std::int64_t long_side = 1333;
    std::int64_t short_side = 800;
    Interpolation interpolation = Interpolation::opencv_bilinear;
    ChannelOrder channel_order = ChannelOrder::bgr;
    /// What 8-bit values are divided by before mean and std: 1, or 255 (torchvision).
    float divisor = 1;
    /// In channel_order, in units of values / divisor.
    std::array<float, 3> mean = {103.53f, 116.28f, 123.675f};
    std::array<float, 3> std = {57.375f, 57.12f, 58.395f};
    /// Height and width of the batch are rounded up to a multiple of this.
    std::int64_t pad_divisor = 32;

    friend bool operator==(const Preprocessing&, const Preprocessing&) = default;
};

/// What enters the network.
struct PreparedBatch {
    /// [n, 3, h, w] float32; each picture sits in the upper left corner, the rest is 0 (after normalising).
    Tensor input;
    /// [n, 4] float32: height and width of the resized picture, scale_h and scale_w = resized / original.
    Tensor image_info;
    std::vector<PictureSize> original_sizes;
    std::vector<PictureSize> resized_sizes;
};

/// The size that a picture gets before padding. Throws as the fit_* functions do.
PictureSize resized_size(PictureSize size, const Preprocessing& preprocessing);

/// Prepares pictures of any sizes as one batch. Values are (x / divisor - mean) / std in float32, divisions as such, as mmengine, detectron2 and
/// torchvision compute them; pictures are resized before, with torch_bilinear after. Throws ShapeError for no or an empty picture, ArgumentError for
/// a divisor or std that is not > 0 or a pad_divisor < 1.
PreparedBatch preprocess(std::span<const Image> images, const Preprocessing& preprocessing);
PreparedBatch preprocess(const Image& image, const Preprocessing& preprocessing);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/preprocess-impl.hpp>
#endif
