#pragma once
// Masks as COCO run lengths: columns one after another, runs of off and on pixels in turn, off first.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>

namespace regulus {

/// A binary mask [height, width], rows from the top, one byte a pixel: 0 or 1.
struct BitMask {
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::vector<std::uint8_t> bits = {};

    bool at(std::int64_t y, std::int64_t x) const noexcept { return bits[std::size_t(y * width + x)] != 0; }
    friend bool operator==(const BitMask&, const BitMask&) = default;
};

/// Run lengths of a mask. Valid when the counts sum to height * width; functions that take one throw ShapeError otherwise.
struct Rle {
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::vector<std::uint32_t> counts = {};

    bool empty() const noexcept { return counts.empty(); }
    friend bool operator==(const Rle&, const Rle&) = default;
};

/// Throws ShapeError unless height and width are >= 0, height * width < 2^32 and the counts sum to it.
void check_rle(const Rle& rle);

Rle rle_encode(const BitMask& mask);
BitMask rle_decode(const Rle& rle);

/// Number of pixels that are on.
std::int64_t rle_area(const Rle& rle);

/// The smallest box round the pixels that are on: x, y, width, height; zeros when there are none.
std::array<double, 4> rle_box(const Rle& rle);

/// The string of COCO's json ("counts" of a compressed segmentation): printable ASCII, may hold a backslash.
std::string rle_to_string(const Rle& rle);

/// The mask of such a string. Throws FileError for a byte outside '0'..'o', a number that is cut off, negative or too large, or runs
/// that do not fill height * width.
Rle rle_from_string(std::string_view text, std::int64_t height, std::int64_t width);

/// Pixels that are on in both. Throws ShapeError when the sizes differ.
std::int64_t rle_intersection(const Rle& a, const Rle& b);

/// Intersection over union, 0 when both are empty. For a crowd truth the detection's area stands for the union, as pycocotools has it.
double rle_iou(const Rle& detection, const Rle& truth, bool truth_is_crowd = false);

/// Union (or intersection) of masks of one size. Throws ShapeError when there are none or the sizes differ.
Rle rle_merge(std::span<const Rle> masks, bool intersect = false);

/// The inside of one closed ring x0 y0 x1 y1 ..., in pixels, by COCO's rasteriser (cocoapi, rleFrPoly). Throws ArgumentError for an odd
/// count, fewer than 3 points, a coordinate that is not finite or beyond 2^24, or a ring whose length is out of all proportion.
Rle rle_from_polygon(std::span<const double> ring, std::int64_t height, std::int64_t width);

/// Union of several rings: the "segmentation" of a COCO annotation.
Rle rle_from_polygons(std::span<const std::vector<double>> rings, std::int64_t height, std::int64_t width);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/rle-impl.hpp>
#endif
