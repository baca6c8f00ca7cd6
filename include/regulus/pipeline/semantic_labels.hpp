#pragma once
// The class of each pixel from a semantic head's coarse logits.
#include <cstdint>
#include <span>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>

namespace regulus {

/// A label for each pixel [height, width], rows from the top.
struct LabelMap {
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::vector<std::uint8_t> labels = {};

    PictureSize size() const noexcept { return {height, width}; }
    std::uint8_t at(std::int64_t y, std::int64_t x) const noexcept { return labels[std::size_t(y * width + x)]; }
    friend bool operator==(const LabelMap&, const LabelMap&) = default;
};

/// Logits [classes, map.height, map.width] are enlarged by `factor`, cropped to `resized` (what is beyond is the batch's padding), resized to `picture`, and each
/// pixel takes the class of the greatest, the first of equal ones. Both resizes are bilinear (align_corners false), in float32 and in the order of detectron2's
/// sem_seg_postprocess. A few rows of all classes are in memory at a time, never whole maps at the picture's size.
/// Throws ShapeError for sizes below 1, classes outside 1 .. 256, other than classes * height * width logits, and a crop larger than the enlarged map.
LabelMap semantic_labels(std::span<const float> logits, int classes, PictureSize map, int factor, PictureSize resized, PictureSize picture);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/semantic_labels-impl.hpp>
#endif
