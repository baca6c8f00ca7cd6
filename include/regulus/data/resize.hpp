#pragma once
// Resizing of 8-bit pictures, bit for bit as OpenCV and Pillow do it, and the three projects' rules for the new size.
#include <cstdint>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>

namespace regulus {

enum class Interpolation : std::uint8_t {
    opencv_bilinear,  ///< cv2.resize(INTER_LINEAR) on uint8: two taps, no antialiasing (checked against 4.9)
    pillow_bilinear,  ///< Image.resize(BILINEAR): antialiased when shrinking
    pillow_bicubic,   ///< Image.resize(BICUBIC), a = -0.5, antialiased when shrinking
    torch_bilinear,   ///< torch's interpolate on float32 values, which preprocess has normalised before (torchvision's detectors): two taps, no antialiasing
};

/// The picture at another size. Pillow's results are those of 10.4, columns first; Pillow 13 does rows first for some changes of shape that make a
/// picture wider and lower, which may differ by a few units there. Only Pillow's kinds, on large pictures, use OpenMP threads.
/// Throws ShapeError when the picture or the new size is empty, ArgumentError for torch_bilinear, which has no 8-bit result.
Image resize(const Image& image, PictureSize size, Interpolation interpolation);

/// mmcv's rescale_size: the largest scale that keeps the long side <= long_side and the short side <= short_side;
/// each side int(side * scale + 0.5), in double, at least 1. Throws ShapeError for an empty picture or limit.
PictureSize fit_keep_ratio_mmdet(PictureSize size, std::int64_t long_side, std::int64_t short_side);

/// detectron2's ResizeShortestEdge: short side to `short_side`, unless the long one would pass `max_side`.
PictureSize fit_detectron2(PictureSize size, std::int64_t short_side, std::int64_t max_side);

/// torchvision's GeneralizedRCNNTransform (0.16): the scale in double, sides rounded down. Older ones had the scale in float32.
PictureSize fit_torchvision(PictureSize size, std::int64_t min_size, std::int64_t max_size);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/resize-impl.hpp>
#endif
