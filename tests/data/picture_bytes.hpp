#pragma once
// Pictures made byte by byte for the tests: PNG files of any kind, and EXIF blocks.
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/data/image.hpp>

namespace regulus::testing {

using Bytes = std::vector<std::uint8_t>;

inline void append(Bytes& bytes, const Bytes& more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

inline Bytes big_endian(std::uint32_t value) { return {std::uint8_t(value >> 24), std::uint8_t(value >> 16), std::uint8_t(value >> 8), std::uint8_t(value)}; }

inline std::uint32_t crc32_of(const Bytes& bytes) {
    std::uint32_t crc = 0xFFFFFFFFu;
    for (const std::uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

inline Bytes png_chunk(const std::string& name, const Bytes& content) {
    Bytes named(name.begin(), name.end());
    append(named, content);
    Bytes chunk = big_endian(std::uint32_t(content.size()));
    append(chunk, named);
    append(chunk, big_endian(crc32_of(named)));
    return chunk;
}

/// A zlib stream of stored blocks.
inline Bytes zlib_stored(const Bytes& content) {
    Bytes stream = {0x78, 0x01};
    std::uint32_t a = 1, b = 0;
    for (const std::uint8_t byte : content) {
        a = (a + byte) % 65521;
        b = (b + a) % 65521;
    }
    for (std::size_t at = 0; at < content.size() || at == 0; at += 65535) {
        const std::size_t count = std::min<std::size_t>(65535, content.size() - at);
        append(stream, {std::uint8_t(at + count == content.size()), std::uint8_t(count), std::uint8_t(count >> 8), std::uint8_t(~count), std::uint8_t(~count >> 8)});
        stream.insert(stream.end(), content.begin() + std::ptrdiff_t(at), content.begin() + std::ptrdiff_t(at + count));
    }
    append(stream, big_endian(b << 16 | a));
    return stream;
}

/// `rows` holds a filter byte (0) before each row. colour: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
inline Bytes png_file(std::uint32_t height, std::uint32_t width, std::uint8_t depth, std::uint8_t colour, const Bytes& rows, const Bytes& chunks_before = {},
                      bool interlaced = false) {
    Bytes file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    Bytes header = big_endian(width);
    append(header, big_endian(height));
    append(header, {depth, colour, 0, 0, std::uint8_t(interlaced)});
    append(file, png_chunk("IHDR", header));
    append(file, chunks_before);
    append(file, png_chunk("IDAT", zlib_stored(rows)));
    append(file, png_chunk("IEND", {}));
    return file;
}

/// A TIFF block with the orientation tag alone.
inline Bytes exif_block(std::uint8_t orientation, bool little_endian) {
    if (little_endian) return {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0};
    return {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0};
}

/// The JPEG file with an APP1 segment behind its start mark.
inline Bytes with_app1(const Bytes& jpeg, const Bytes& content) {
    Bytes file = {0xFF, 0xD8, 0xFF, 0xE1, std::uint8_t((content.size() + 2) >> 8), std::uint8_t(content.size() + 2)};
    append(file, content);
    file.insert(file.end(), jpeg.begin() + 2, jpeg.end());
    return file;
}

inline Bytes exif_segment(const Bytes& tiff) {
    Bytes content = {'E', 'x', 'i', 'f', 0, 0};
    append(content, tiff);
    return content;
}

/// A smooth picture with different corners.
inline Image gradient(std::int64_t height, std::int64_t width) {
    Image image(height, width);
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            image.pixel(y, x)[0] = std::uint8_t(255 * x / std::max<std::int64_t>(width - 1, 1));
            image.pixel(y, x)[1] = std::uint8_t(255 * y / std::max<std::int64_t>(height - 1, 1));
            image.pixel(y, x)[2] = std::uint8_t(40 + (x * 7 + y * 13) % 60);
        }
    }
    return image;
}

/// Where a stored pixel belongs under an EXIF orientation (TIFF 6.0, tag 274).
inline Image turned(const Image& stored, int orientation) {
    const std::int64_t h = stored.height, w = stored.width;
    Image shown(orientation < 5 ? h : w, orientation < 5 ? w : h);
    for (std::int64_t r = 0; r < h; ++r) {
        for (std::int64_t c = 0; c < w; ++c) {
            const std::int64_t to[9][2] = {{0, 0}, {r, c}, {r, w - 1 - c}, {h - 1 - r, w - 1 - c}, {h - 1 - r, c}, {c, r}, {c, h - 1 - r}, {w - 1 - c, h - 1 - r}, {w - 1 - c, r}};
            for (int k = 0; k < 3; ++k) shown.pixel(to[orientation][0], to[orientation][1])[k] = stored.pixel(r, c)[k];
        }
    }
    return shown;
}

}  // namespace regulus::testing
