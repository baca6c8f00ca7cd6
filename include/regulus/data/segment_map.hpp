#pragma once
// Pictures cut into segments: a number for each pixel, and COCO's way to write it as colours.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/data/image.hpp>

namespace regulus {

/// The segment that each pixel belongs to [height, width], rows from the top; 0: to none (void).
struct SegmentMap {
    /// Ids are below 2^24, the colours of a picture.
    static constexpr std::uint32_t max_id = (std::uint32_t{1} << 24) - 1;

    std::int64_t height = 0;
    std::int64_t width = 0;
    std::vector<std::uint32_t> ids = {};

    PictureSize size() const noexcept { return {height, width}; }
    std::uint32_t at(std::int64_t y, std::int64_t x) const noexcept { return ids[std::size_t(y * width + x)]; }
    friend bool operator==(const SegmentMap&, const SegmentMap&) = default;
};

/// Throws ShapeError, naming `who`, when the size and the number of ids do not belong together.
inline void check_segment_map(const SegmentMap& map, const std::string& who) {
    const bool fits = map.height >= 0 && map.width >= 0 && (map.width == 0 || map.height <= PTRDIFF_MAX / 4 / map.width);
    if (fits && map.ids.size() == std::size_t(map.height * map.width)) return;
    throw ShapeError(who + ": a map of " + std::to_string(map.height) + " x " + std::to_string(map.width) + " pixels needs an id for each, got " + std::to_string(map.ids.size()));
}

/// Ids from colours: red + 256 green + 65536 blue. Throws ShapeError for a picture that contradicts itself.
inline SegmentMap segments_from_colours(const Image& picture) {
    check_image(picture, "segments_from_colours");
    SegmentMap map{picture.height, picture.width, {}};
    map.ids.resize(std::size_t(picture.height * picture.width));
    const std::uint8_t* colour = picture.pixels.data();
    for (std::uint32_t& id : map.ids) {
        id = std::uint32_t(colour[0]) | std::uint32_t(colour[1]) << 8 | std::uint32_t(colour[2]) << 16;
        colour += 3;
    }
    return map;
}

/// The colours of ids. Throws ShapeError for a map that contradicts itself, ArgumentError for an id of 2^24 or more.
inline Image segments_as_colours(const SegmentMap& map) {
    check_segment_map(map, "segments_as_colours");
    Image picture(map.height, map.width);
    std::uint8_t* colour = picture.pixels.data();
    for (const std::uint32_t id : map.ids) {
        if (id > SegmentMap::max_id) throw ArgumentError("segments_as_colours: segment " + std::to_string(id) + " has no colour; ids are below 2^24");
        colour[0] = std::uint8_t(id);
        colour[1] = std::uint8_t(id >> 8);
        colour[2] = std::uint8_t(id >> 16);
        colour += 3;
    }
    return picture;
}

}  // namespace regulus
