#pragma once
// The orientation tag of cameras, and what it asks for.
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include <regulus/data/image.hpp>

namespace regulus {

/// The orientation 1..8 of a TIFF block (what follows "Exif\0\0" in a JPEG's APP1, or a PNG's eXIf chunk); 1 when there is none or the
/// block makes no sense. Reads nothing outside the block.
inline int exif_orientation(std::span<const std::uint8_t> tiff) noexcept {
    if (tiff.size() < 8 || tiff[0] != tiff[1] || (tiff[0] != 'I' && tiff[0] != 'M')) return 1;
    const bool little = tiff[0] == 'I';
    const auto u16 = [&](std::size_t at) { return little ? unsigned(tiff[at] | tiff[at + 1] << 8) : unsigned(tiff[at] << 8 | tiff[at + 1]); };
    const auto u32 = [&](std::size_t at) { return little ? u16(at) | std::uint32_t(u16(at + 2)) << 16 : std::uint32_t(u16(at)) << 16 | u16(at + 2); };
    if (u16(2) != 42) return 1;
    const std::size_t directory = u32(4);
    if (directory > tiff.size() - 2) return 1;
    const std::size_t entries = u16(directory);
    for (std::size_t i = 0; i < entries; ++i) {
        const std::size_t entry = directory + 2 + 12 * i;
        if (entry + 12 > tiff.size()) return 1;
        if (u16(entry) != 0x0112) continue;
        const unsigned value = u16(entry + 8);
        return value >= 1 && value <= 8 ? int(value) : 1;
    }
    return 1;
}

/// The picture as it is meant to be seen. Orientation says where row 0 and column 0 of the stored picture belong:
/// 1 top left, 2 top right, 3 bottom right, 4 bottom left; 5 left top, 6 right top, 7 right bottom, 8 left bottom (rows and columns swapped).
inline Image oriented(Image image, int orientation) {
    if (orientation < 2 || orientation > 8) return image;
    const bool swapped = orientation >= 5;
    const bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    Image result(swapped ? image.width : image.height, swapped ? image.height : image.width);
    for (std::int64_t y = 0; y < result.height; ++y) {
        std::uint8_t* dst = result.row(y);
        for (std::int64_t x = 0; x < result.width; ++x, dst += 3) {
            const std::int64_t v = from_bottom ? result.height - 1 - y : y, u = from_right ? result.width - 1 - x : x;
            const std::uint8_t* src = swapped ? image.pixel(u, v) : image.pixel(v, u);
            dst[0] = src[0];
            dst[1] = src[1];
            dst[2] = src[2];
        }
    }
    return result;
}

}  // namespace regulus
