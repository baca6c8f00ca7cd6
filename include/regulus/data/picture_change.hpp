#pragma once
// How a picture and what is marked on it became another one: a part is cut out and resized, of that again a part is shown, at the end perhaps as in a mirror.
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/resize.hpp>

namespace regulus {

/// Some pixels of a picture, in rows and columns from its upper left corner.
struct PictureWindow {
    std::int64_t top = 0, left = 0, height = 0, width = 0;

    friend constexpr bool operator==(const PictureWindow&, const PictureWindow&) = default;
};

struct PictureChange {
    PictureSize resized;                         ///< of the part, or of the whole picture
    bool is_flipped = false;                     ///< left to right
    std::optional<PictureWindow> part = {};      ///< of the picture, before it is resized; none: all of it
    std::optional<PictureWindow> shown = {};     ///< of the resized part; below and to the right of its pixels is padding; none: all of it

    /// Of what comes out.
    PictureSize size() const noexcept { return shown ? PictureSize{shown->height, shown->width} : resized; }
    bool is_cut() const noexcept { return part.has_value() || shown.has_value(); }

    friend bool operator==(const PictureChange&, const PictureChange&) = default;
};

/// Throws ArgumentError, naming `who`, for a part that is not within a picture of this size, for a window that begins before the picture, and for either without pixels.
void check_change(const PictureChange& change, PictureSize size, const char* who);

/// The changed picture, but for its flip; padding is grey (128), as detectron2's FixedSizeCrop has it. Throws as check_change and resize() do.
Image cut_picture(const Image& image, const PictureChange& change, Interpolation interpolation);

/// What lies within 0 .. width and 0 .. height of the inside of a ring x0 y0 x1 y1 ...: one ring; where the inside falls into several parts they hang together by lines without area
/// at the edges. Empty when nothing lies within. Throws ArgumentError for an odd count.
std::vector<double> clipped(const std::vector<double>& ring, double width, double height);

/// The smallest box, x1 y1 x2 y2, round what of rings lies within 0 .. width and 0 .. height; x2 < x1 when nothing does.
std::array<double, 4> clipped_box(const std::vector<std::vector<double>>& rings, double width, double height);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/picture_change-impl.hpp>
#endif
