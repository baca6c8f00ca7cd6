#pragma once
// From pictures to the input of a classifier: the short side to a size, a crop of the middle, normalised; to the bit as the code bases do it.
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/core/tensor.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/data/preprocess.hpp>

namespace regulus {

/// Which program's resizing; it decides how the long side and the crop's offset round, too.
enum class ClassifyResize : std::uint8_t {
    opencv_float,     ///< pycls: cv2 INTER_LINEAR on float32 values / 255; offset rounded up
    opencv_u8,        ///< mmpretrain: cv2 INTER_LINEAR on 8-bit values; offset half to even, as in all below
    pillow_bilinear,  ///< torchvision
    pillow_bicubic,   ///< timm; torchvision's SWAG weights
};

/// How a classifier wants its pictures; the defaults are those of pycls.
struct ClassifyPreprocessing {
    std::int64_t short_side = 256;
    std::int64_t crop = 224;  ///< height and width of the network's input
    ClassifyResize resize = ClassifyResize::opencv_float;
    ChannelOrder channel_order = ChannelOrder::bgr;
    /// What 8-bit values are divided by before mean and std: 255 or 1. Always 255 for opencv_float.
    float divisor = 255;
    /// In channel_order, in units of values / divisor.
    std::array<float, 3> mean = {0.406f, 0.456f, 0.485f};
    std::array<float, 3> std = {0.225f, 0.224f, 0.229f};

    /// How the program that it was trained with opens files: OpenCV (pycls, mmpretrain) turns them, Pillow (torchvision, timm) does not.
    ExifOrientation exif = ExifOrientation::applied;

    friend bool operator==(const ClassifyPreprocessing&, const ClassifyPreprocessing&) = default;
};

/// A picture's file, opened as `preprocessing.exif` says. Throws as read_image does.
Image read_classify_image(const std::string& path, const ClassifyPreprocessing& preprocessing);

/// The size before cropping: the short side becomes `short_side`, the long one is rounded down.
PictureSize classify_size(PictureSize size, const ClassifyPreprocessing& preprocessing);

/// Where the crop begins when `rest` pixels are left over on an axis.
std::int64_t crop_offset(std::int64_t rest, ClassifyResize resize);

/// The resized and cropped picture, [crop, crop, 3], red first. Throws ArgumentError for opencv_float, which has no 8-bit stage, and as
/// classify_preprocess does.
Image classify_crop(const Image& image, const ClassifyPreprocessing& preprocessing);

/// The network's input [n, 3, crop, crop], float32: (x / divisor - mean) / std, divisions as such. Pictures may have any sizes.
/// Throws ShapeError for no picture, an empty one, or one so thin that its resized form passes 2^26 pixels; ArgumentError for a crop larger than short_side, sizes
/// outside 1 .. 8192, a divisor or std that is not > 0.
Tensor classify_preprocess(std::span<const Image> images, const ClassifyPreprocessing& preprocessing);
Tensor classify_preprocess(const Image& image, const ClassifyPreprocessing& preprocessing);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/classify_preprocess-impl.hpp>
#endif
