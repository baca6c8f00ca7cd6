#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <regulus/data/image_file.hpp>

#include "data/picture_bytes.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

std::vector<int> pixels_of(const Bytes& file) {
    const Image image = decode_image(file);
    return {image.pixels.begin(), image.pixels.end()};
}

using Pixels = std::vector<int>;

}  // namespace

TEST_CASE("png: what is written is read back, 1x1 and odd sizes included") {
    for (const PictureSize size : {PictureSize{1, 1}, {1, 300}, {300, 1}, {37, 53}}) {
        const Image image = gradient(size.height, size.width);
        CHECK(decode_image(encode_png(image)) == image);
    }
}

TEST_CASE("png: grey of 1, 2, 4, 8 and 16 bits is spread to 0..255") {
    CHECK(pixels_of(png_file(1, 3, 1, 0, {0, 0b10100000})) == Pixels{255, 255, 255, 0, 0, 0, 255, 255, 255});
    CHECK(pixels_of(png_file(1, 3, 2, 0, {0, 0b00011000})) == Pixels{0, 0, 0, 85, 85, 85, 170, 170, 170});
    CHECK(pixels_of(png_file(1, 2, 4, 0, {0, 0x3F})) == Pixels{51, 51, 51, 255, 255, 255});
    CHECK(pixels_of(png_file(2, 1, 8, 0, {0, 17, 0, 200})) == Pixels{17, 17, 17, 200, 200, 200});
    CHECK(pixels_of(png_file(1, 2, 16, 0, {0, 0x12, 0xFF, 0xAB, 0x00})) == Pixels{0x12, 0x12, 0x12, 0xAB, 0xAB, 0xAB});
}

TEST_CASE("png: 16-bit colour keeps the high bytes, alpha is dropped without blending") {
    CHECK(pixels_of(png_file(1, 1, 16, 2, {0, 1, 255, 2, 255, 3, 255})) == Pixels{1, 2, 3});
    CHECK(pixels_of(png_file(1, 2, 8, 6, {0, 9, 8, 7, 0, 6, 5, 4, 128})) == Pixels{9, 8, 7, 6, 5, 4});
    CHECK(pixels_of(png_file(1, 2, 8, 4, {0, 90, 0, 60, 255})) == Pixels{90, 90, 90, 60, 60, 60});
    CHECK(pixels_of(png_file(1, 1, 16, 6, {0, 10, 0, 20, 0, 30, 0, 1, 2})) == Pixels{10, 20, 30});
}

TEST_CASE("png: palettes of 1, 2, 4 and 8 bits, with and without transparency") {
    Bytes palette = png_chunk("PLTE", {1, 2, 3, 40, 50, 60, 255, 0, 127});
    const Pixels expected = {255, 0, 127, 1, 2, 3, 40, 50, 60};
    CHECK(pixels_of(png_file(1, 3, 8, 3, {0, 2, 0, 1}, palette)) == expected);
    CHECK(pixels_of(png_file(1, 3, 4, 3, {0, 0x20, 0x10}, palette)) == expected);
    CHECK(pixels_of(png_file(1, 3, 2, 3, {0, 0b10000100}, palette)) == expected);
    CHECK(pixels_of(png_file(1, 2, 1, 3, {0, 0b01000000}, palette)) == Pixels{1, 2, 3, 40, 50, 60});
    append(palette, png_chunk("tRNS", {0, 128}));
    CHECK(pixels_of(png_file(1, 3, 8, 3, {0, 2, 0, 1}, palette)) == expected);
    CHECK(pixels_of(png_file(1, 1, 8, 2, {0, 5, 6, 7}, png_chunk("tRNS", {0, 5, 0, 6, 0, 7}))) == Pixels{5, 6, 7});
    CHECK_THROWS_AS(decode_image(png_file(1, 1, 8, 3, {0, 0})), FileError);  // no palette at all
}

TEST_CASE("png: a gamma chunk changes nothing") {
    CHECK(pixels_of(png_file(1, 1, 8, 2, {0, 50, 100, 150}, png_chunk("gAMA", {0, 1, 134, 160}))) == Pixels{50, 100, 150});
}

TEST_CASE("png: interlaced files give the same pixels") {
    const Image image = gradient(11, 13);
    static constexpr int passes[7][4] = {{0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4}, {0, 2, 4, 4}, {2, 0, 4, 2}, {0, 1, 2, 2}, {1, 0, 2, 1}};
    Bytes rows;
    for (const auto& [top, left, down, right] : passes) {
        for (std::int64_t y = top; y < image.height; y += down) {
            if (left >= image.width) continue;
            rows.push_back(0);
            for (std::int64_t x = left; x < image.width; x += right) rows.insert(rows.end(), image.pixel(y, x), image.pixel(y, x) + 3);
        }
    }
    const Bytes file = png_file(11, 13, 8, 2, rows, {}, true);
    CHECK(decode_image(file) == image);
    const Bytes cut(file.begin(), file.begin() + std::ptrdiff_t(file.size() / 2));
    CHECK_THROWS_AS(decode_image(cut), FileError);
}

TEST_CASE("png: EXIF orientation is applied wherever the chunk stands") {
    const Image image = gradient(2, 3);
    Bytes rows;
    for (std::int64_t y = 0; y < 2; ++y) {
        rows.push_back(0);
        rows.insert(rows.end(), image.row(y), image.row(y) + 9);
    }
    for (int orientation = 1; orientation <= 8; ++orientation) {
        const Bytes exif = png_chunk("eXIf", exif_block(std::uint8_t(orientation), orientation % 2 == 0));
        CHECK(decode_image(png_file(2, 3, 8, 2, rows, exif)) == turned(image, orientation));
        Bytes late = png_file(2, 3, 8, 2, rows);
        late.insert(late.end() - 12, exif.begin(), exif.end());
        CHECK(decode_image(late) == turned(image, orientation));
    }
}

TEST_CASE("png: every cut is refused, and no flipped byte does harm") {
    const Image image = gradient(9, 7);
    const Bytes file = encode_png(image);
    for (std::size_t length = 0; length < file.size(); ++length) {
        CAPTURE(length);
        REQUIRE_THROWS_AS(decode_image(std::span(file).first(length)), FileError);
    }
    for (std::size_t at = 0; at < file.size(); ++at) {
        for (const int flip : {1, 0x80, 0xFF}) {
            Bytes broken = file;
            broken[at] = std::uint8_t(broken[at] ^ flip);
            try {
                const Image result = decode_image(broken, "broken", {.max_pixels = 1 << 20, .max_file_bytes = 1 << 20});
                REQUIRE(result.pixels.size() == std::size_t(result.height * result.width * 3));
            } catch (const FileError&) {
            }
        }
    }
}

TEST_CASE("png: a small file that claims to be huge is refused before memory is taken") {
    CHECK_THROWS_WITH_AS(decode_image(png_file(20000, 20000, 8, 2, {0, 0, 0, 0}), "bomb.png"),
                         "read_image: \"bomb.png\" is 20000 x 20000 pixels; the limit is 268435456 pixels", FileError);
    const Bytes file = png_file(16000, 16000, 8, 2, {0, 0, 0, 0});
    CHECK_THROWS_WITH_AS(decode_image(file, "bomb.png"),
                         ("read_image: \"bomb.png\" is a broken or cut off PNG file: " + std::to_string(file.size()) + " bytes cannot hold 16000 x 16000 pixels").c_str(), FileError);
    CHECK_THROWS_WITH_AS(decode_image(encode_png(gradient(10, 10)), "x", {.max_pixels = 99}), "read_image: \"x\" is 10 x 10 pixels; the limit is 99 pixels", FileError);
}
