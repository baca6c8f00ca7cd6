#pragma once
// PNG files whose grey values are labels or ids, not brightness: Cityscapes' instanceIds, masks.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/picture_limits.hpp>
#include <regulus/data/segment_map.hpp>

namespace regulus {

/// Reads a grey PNG file of 1 to 16 bits a pixel; ids are its values as stored. Throws FileError, naming the file: it cannot be read, is no PNG, has colours or alpha, is
/// broken or cut off, or is over the limits.
SegmentMap read_label_map(const std::string& path, const PictureLimits& limits = {});

/// The same from memory. `name` stands for the file in messages.
SegmentMap decode_label_map(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits = {});

/// PNG bytes, grey, of 8 bits a pixel, or 16 where an id is beyond 255. Throws ShapeError for a map without pixels or that contradicts itself, ArgumentError for an id
/// beyond 65535.
std::vector<std::uint8_t> encode_label_map(const SegmentMap& map);

/// encode_label_map into a file, replaced in one step. Throws FileError when it cannot be written.
void write_label_map(const std::string& path, const SegmentMap& map);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/label_map-impl.hpp>
#endif
