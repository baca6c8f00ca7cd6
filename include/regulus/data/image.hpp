#pragma once
// data/: pictures from files, their resizing and normalising, and masks. It includes core/ only.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/core/error.hpp>

namespace regulus {

/// Height and width of a picture, in pixels.
struct PictureSize {
    std::int64_t height = 0;
    std::int64_t width = 0;

    friend constexpr bool operator==(const PictureSize&, const PictureSize&) = default;
};

/// An 8-bit colour picture, rows from the top, pixels interleaved: [height, width, 3], red first.
/// A plain value: copies own their pixels.
struct Image {
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::vector<std::uint8_t> pixels;

    Image() = default;

    /// A black picture. Throws ShapeError when a size is negative or the bytes do not fit the address space.
    Image(std::int64_t rows, std::int64_t columns) : height(rows), width(columns) {
        if (rows < 0 || columns < 0 || (columns != 0 && rows > PTRDIFF_MAX / 3 / columns)) {
            throw ShapeError("image: " + std::to_string(rows) + " x " + std::to_string(columns) + " is not a picture size");
        }
        pixels.resize(std::size_t(rows) * std::size_t(columns) * 3);
    }

    bool empty() const noexcept { return height == 0 || width == 0; }
    PictureSize size() const noexcept { return {height, width}; }

    const std::uint8_t* row(std::int64_t y) const noexcept { return pixels.data() + y * width * 3; }
    std::uint8_t* row(std::int64_t y) noexcept { return pixels.data() + y * width * 3; }
    const std::uint8_t* pixel(std::int64_t y, std::int64_t x) const noexcept { return row(y) + x * 3; }
    std::uint8_t* pixel(std::int64_t y, std::int64_t x) noexcept { return row(y) + x * 3; }

    friend bool operator==(const Image&, const Image&) = default;
};

/// Throws ShapeError, naming `who`, when the sizes and the number of bytes do not belong together.
inline void check_image(const Image& image, const char* who) {
    const bool fits = image.height >= 0 && image.width >= 0 && (image.width == 0 || image.height <= PTRDIFF_MAX / 3 / image.width);
    if (fits && image.pixels.size() == std::size_t(image.height * image.width) * 3) return;
    throw ShapeError(std::string(who) + ": a picture of " + std::to_string(image.height) + " x " + std::to_string(image.width) +
                     " pixels needs 3 bytes for each, got " + std::to_string(image.pixels.size()));
}

/// The same picture with red and blue swapped: bytes in OpenCV's order.
inline Image bgr(Image image) {
    for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3) {
        const std::uint8_t red = image.pixels[i];
        image.pixels[i] = image.pixels[i + 2];
        image.pixels[i + 2] = red;
    }
    return image;
}

}  // namespace regulus
