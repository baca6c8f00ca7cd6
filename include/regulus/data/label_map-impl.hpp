#pragma once
#include <regulus/data/label_map.hpp>

#include <algorithm>

#include <regulus/data/file.hpp>
#include <regulus/data/png-impl.hpp>

namespace regulus {

REGULUS_INLINE SegmentMap decode_label_map(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits) {
    static constexpr std::uint8_t magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    if (bytes.size() < sizeof magic || !std::equal(std::begin(magic), std::end(magic), bytes.begin())) throw FileError("read_label_map: \"" + name + "\" is no PNG file");
    return data_detail::decode_grey_png(bytes, name, limits);
}

REGULUS_INLINE SegmentMap read_label_map(const std::string& path, const PictureLimits& limits) { return decode_label_map(read_file(path, limits.max_file_bytes), path, limits); }

REGULUS_INLINE std::vector<std::uint8_t> encode_label_map(const SegmentMap& map) {
    check_segment_map(map, "encode_label_map");
    if (map.ids.empty()) throw ShapeError("encode_label_map: the map has no pixels");
    const std::uint32_t greatest = *std::max_element(map.ids.begin(), map.ids.end());
    if (greatest > 65535) throw ArgumentError("encode_label_map: the id " + std::to_string(greatest) + " is beyond 65535");
    const bool wide = greatest > 255;
    std::vector<std::uint8_t> samples;
    samples.reserve(map.ids.size() * (wide ? 2 : 1));
    for (const std::uint32_t id : map.ids) {
        if (wide) samples.push_back(std::uint8_t(id >> 8));
        samples.push_back(std::uint8_t(id));
    }
    return data_detail::encode_grey_png(samples, map.height, map.width, wide);
}

REGULUS_INLINE void write_label_map(const std::string& path, const SegmentMap& map) { write_file(path, encode_label_map(map)); }

}  // namespace regulus
