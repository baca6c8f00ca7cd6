#pragma once
// What the fuzz targets of pictures share: what is read is whole and within the limits, and survives being written as PNG and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include <regulus/data/image_file.hpp>
#include <regulus/data/label_map.hpp>

namespace regulus::fuzz {

/// Decodes with small limits, turned and not; errors other than FileError are crashes, and every refusal names the file.
inline void read_picture(std::span<const std::uint8_t> bytes) {
    PictureLimits limits;
    limits.max_pixels = 1 << 12;
    for (const ExifOrientation exif : {ExifOrientation::applied, ExifOrientation::ignored}) {
        try {
            const Image image = decode_image(bytes, "fuzzed", limits, exif);
            if (image.width < 1 || image.height < 1 || image.width * image.height > limits.max_pixels) std::abort();
            if (image.pixels.size() != std::size_t(image.width * image.height * 3)) std::abort();
            const Image again = decode_image(encode_png(image), "written");
            if (again.width != image.width || again.height != image.height || again.pixels != image.pixels) std::abort();
        } catch (const FileError& error) {
            if (std::strstr(error.what(), "fuzzed") == nullptr) std::abort();
        }
    }
}

/// The same for label maps.
inline void read_labels(std::span<const std::uint8_t> bytes) {
    PictureLimits limits;
    limits.max_pixels = 1 << 12;
    try {
        const SegmentMap map = decode_label_map(bytes, "fuzzed", limits);
        if (map.width < 1 || map.height < 1 || map.width * map.height > limits.max_pixels) std::abort();
        if (!(decode_label_map(encode_label_map(map), "written") == map)) std::abort();
    } catch (const FileError& error) {
        if (std::strstr(error.what(), "fuzzed") == nullptr) std::abort();
    }
}

}  // namespace regulus::fuzz
