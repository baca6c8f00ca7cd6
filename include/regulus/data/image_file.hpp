#pragma once
// JPEG and PNG files to pictures and back.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/picture_limits.hpp>

namespace regulus {

/// Whether pictures are turned as their EXIF tag asks: OpenCV does, Pillow's open() does not.
enum class ExifOrientation : std::uint8_t { applied, ignored };

/// Reads a JPEG or PNG file; the first bytes decide which, not the suffix. The bytes equal those of OpenCV's
/// imread(IMREAD_COLOR): EXIF orientation applied (unless ignored), grey and palette made colour, CMYK read as Adobe's inverted one,
/// alpha dropped, 16-bit samples cut to their high byte, no colour management.
/// Throws FileError, naming the file: it cannot be read, is no picture, is broken or cut off, or is over the limits.
Image read_image(const std::string& path, const PictureLimits& limits = {}, ExifOrientation exif = ExifOrientation::applied);

/// The same from memory. `name` stands for the file in messages.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name = "picture", const PictureLimits& limits = {}, ExifOrientation exif = ExifOrientation::applied);

/// PNG bytes, 8-bit RGB, lossless. Throws ShapeError for an empty picture, FileError when libpng refuses it.
std::vector<std::uint8_t> encode_png(const Image& image);

/// JPEG bytes at quality 1..100: 4:2:0 below 90, 4:4:4 from 90 on. Throws ShapeError for an empty picture or a side over
/// 65500, ArgumentError for another quality.
std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality = 92);

/// Writes the file under another name beside it and renames it, so that a reader never meets half a picture and an older
/// file survives a failure. Throws FileError when it cannot be written, and what the encoders throw.
void write_png(const std::string& path, const Image& image);
void write_jpeg(const std::string& path, const Image& image, int quality = 92);

/// write_png or write_jpeg by the suffix (.png, .jpg, .jpeg in any case); FileError for another one.
void write_image(const std::string& path, const Image& image);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/image_file-impl.hpp>
#endif
