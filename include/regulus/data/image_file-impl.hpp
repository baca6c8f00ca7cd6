#pragma once
#include <regulus/data/image_file.hpp>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include <regulus/data/exif.hpp>
#include <regulus/data/file.hpp>
#include <regulus/data/jpeg-impl.hpp>
#include <regulus/data/png-impl.hpp>

namespace regulus {

REGULUS_INLINE Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, const PictureLimits& limits, ExifOrientation exif) {
    static constexpr std::uint8_t jpeg_magic[] = {0xFF, 0xD8, 0xFF};
    static constexpr std::uint8_t png_magic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    const auto starts_with = [&](std::span<const std::uint8_t> magic) {
        return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
    };
    if (bytes.empty()) throw FileError("read_image: \"" + name + "\" is empty");
    int orientation = 1;
    Image image;
    if (starts_with(jpeg_magic)) image = data_detail::decode_jpeg(bytes, name, limits, orientation);
    else if (starts_with(png_magic)) image = data_detail::decode_png(bytes, name, limits, orientation);
    else throw FileError("read_image: \"" + name + "\" is neither a JPEG nor a PNG file");
    return exif == ExifOrientation::ignored ? image : oriented(std::move(image), orientation);
}

REGULUS_INLINE Image read_image(const std::string& path, const PictureLimits& limits, ExifOrientation exif) {
    return decode_image(read_file(path, limits.max_file_bytes), path, limits, exif);
}

REGULUS_INLINE std::vector<std::uint8_t> encode_png(const Image& image) {
    check_image(image, "encode_png");
    if (image.empty()) throw ShapeError("encode_png: the picture has no pixels");
    return data_detail::encode_png(image);
}

REGULUS_INLINE std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
    check_image(image, "encode_jpeg");
    if (image.empty() || image.height > 65500 || image.width > 65500) {
        throw ShapeError("encode_jpeg: sides must be 1 .. 65500, got " + std::to_string(image.height) + " x " + std::to_string(image.width));
    }
    if (quality < 1 || quality > 100) throw ArgumentError("encode_jpeg: quality is 1 .. 100, got " + std::to_string(quality));
    return data_detail::encode_jpeg(image, quality);
}

REGULUS_INLINE void write_png(const std::string& path, const Image& image) { write_file(path, encode_png(image)); }

REGULUS_INLINE void write_jpeg(const std::string& path, const Image& image, int quality) { write_file(path, encode_jpeg(image, quality)); }

REGULUS_INLINE void write_image(const std::string& path, const Image& image) {
    const std::size_t dot = path.find_last_of("./");
    std::string suffix = dot == std::string::npos || path[dot] == '/' ? "" : path.substr(dot + 1);
    for (char& c : suffix) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    if (suffix == "png") write_png(path, image);
    else if (suffix == "jpg" || suffix == "jpeg") write_jpeg(path, image);
    else throw FileError("write_image: \"" + path + "\" must end in .png, .jpg or .jpeg");
}

}  // namespace regulus
