#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <jpeglib.h>

#include <regulus/data/image_file.hpp>

#include "data/picture_bytes.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

enum class Coding { baseline, progressive, restarts, arithmetic };

/// A JPEG file of any kind, written with libjpeg itself.
Bytes jpeg_file(const Bytes& samples, unsigned height, unsigned width, int components, J_COLOR_SPACE in, J_COLOR_SPACE stored, Coding coding) {
    jpeg_compress_struct info;
    jpeg_error_mgr errors;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* output = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &output, &size);
    info.image_width = width;
    info.image_height = height;
    info.input_components = components;
    info.in_color_space = in;
    jpeg_set_defaults(&info);
    jpeg_set_colorspace(&info, stored);
    jpeg_set_quality(&info, 100, TRUE);
    if (coding == Coding::progressive) jpeg_simple_progression(&info);
    if (coding == Coding::restarts) info.restart_interval = 1;
    info.arith_code = coding == Coding::arithmetic;
    jpeg_start_compress(&info, TRUE);
    for (unsigned y = 0; y < height; ++y) {
        JSAMPROW row = const_cast<JSAMPROW>(samples.data() + std::size_t(y) * width * unsigned(components));
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    Bytes file(output, output + size);
    jpeg_destroy_compress(&info);
    std::free(output);
    return file;
}

Bytes colour_jpeg(const Image& image, Coding coding) {
    return jpeg_file(image.pixels, unsigned(image.height), unsigned(image.width), 3, JCS_RGB, JCS_YCbCr, coding);
}

double mean_difference(const Image& a, const Image& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int(a.pixels[i]) - int(b.pixels[i]));
    return sum / double(a.pixels.size());
}

}  // namespace

TEST_CASE("jpeg: what is written is nearly read back, nearer at higher quality") {
    const Image image = gradient(61, 83);
    double last = 1e9;
    for (const int quality : {20, 60, 92, 100}) {
        const Image back = decode_image(encode_jpeg(image, quality));
        REQUIRE(back.size() == image.size());
        const double difference = mean_difference(back, image);
        CHECK(difference < last);
        last = difference;
    }
    CHECK(last < 1.0);
    CHECK(decode_image(encode_jpeg(gradient(1, 1))).size() == PictureSize{1, 1});
    CHECK(decode_image(encode_jpeg(gradient(1, 33), 50)).size() == PictureSize{1, 33});
}

TEST_CASE("jpeg: every coding of one picture gives the same pixels") {
    const Image image = gradient(40, 56), baseline = decode_image(colour_jpeg(image, Coding::baseline));
    for (const Coding coding : {Coding::progressive, Coding::restarts, Coding::arithmetic}) CHECK(decode_image(colour_jpeg(image, coding)) == baseline);
}

TEST_CASE("jpeg: grey becomes colour") {
    Bytes grey;
    for (int i = 0; i < 16 * 24; ++i) grey.push_back(std::uint8_t(i % 24 * 10));
    const Image image = decode_image(jpeg_file(grey, 16, 24, 1, JCS_GRAYSCALE, JCS_GRAYSCALE, Coding::baseline));
    for (int i = 0; i < 16 * 24; ++i) {
        const std::uint8_t* pixel = image.pixels.data() + 3 * i;
        REQUIRE(pixel[0] == pixel[1]);
        REQUIRE(pixel[1] == pixel[2]);
        REQUIRE(std::abs(int(pixel[0]) - int(grey[std::size_t(i)])) <= 2);  // quality 100
    }
}

TEST_CASE("jpeg: CMYK and YCCK are read as Adobe writes them, 255 meaning no ink") {
    for (const J_COLOR_SPACE stored : {JCS_CMYK, JCS_YCCK}) {
        for (const auto& [c, m, y, k] : {std::array{255, 255, 255, 255}, std::array{0, 255, 255, 255}, std::array{200, 100, 50, 180}, std::array{255, 255, 255, 0}}) {
            Bytes inks;
            for (int i = 0; i < 64; ++i) append(inks, {std::uint8_t(c), std::uint8_t(m), std::uint8_t(y), std::uint8_t(k)});
            const Image image = decode_image(jpeg_file(inks, 8, 8, 4, JCS_CMYK, stored, Coding::baseline));
            INFO("inks " << int(inks[0]) << ' ' << int(inks[1]) << ' ' << int(inks[2]) << ' ' << int(inks[3]));
            CHECK(std::fabs(image.pixels[0] - c * k / 255.0) <= 3);  // quantisation at quality 100 and the rounding of the formula
            CHECK(std::fabs(image.pixels[1] - m * k / 255.0) <= 3);
            CHECK(std::fabs(image.pixels[2] - y * k / 255.0) <= 3);
        }
    }
}

TEST_CASE("jpeg: all eight EXIF orientations are applied, in both byte orders") {
    const Bytes file = colour_jpeg(gradient(16, 40), Coding::baseline);
    const Image upright = decode_image(file);
    for (int orientation = 1; orientation <= 8; ++orientation) {
        for (const bool little_endian : {false, true}) {
            CAPTURE(orientation);
            CHECK(decode_image(with_app1(file, exif_segment(exif_block(std::uint8_t(orientation), little_endian)))) == turned(upright, orientation));
        }
    }
    for (const int orientation : {0, 9, 255}) {
        CHECK(decode_image(with_app1(file, exif_segment(exif_block(std::uint8_t(orientation), true)))) == upright);
    }
}

TEST_CASE("jpeg: an XMP segment before the EXIF one does not hide it") {
    const Bytes file = colour_jpeg(gradient(16, 40), Coding::baseline);
    const std::string xmp("http://ns.adobe.com/xap/1.0/\0<x/>", 33);
    const Bytes both = with_app1(with_app1(file, exif_segment(exif_block(6, false))), Bytes(xmp.begin(), xmp.end()));
    CHECK(decode_image(both) == turned(decode_image(file), 6));
}

TEST_CASE("jpeg: broken EXIF blocks leave the picture as it is stored") {
    const Bytes file = colour_jpeg(gradient(8, 16), Coding::baseline);
    const Image upright = decode_image(file);
    const Bytes good = exif_block(6, true);
    for (std::size_t length = 0; length < 22; ++length) {
        CHECK(decode_image(with_app1(file, exif_segment(Bytes(good.begin(), good.begin() + std::ptrdiff_t(length))))) == upright);
    }
    for (std::size_t at = 0; at < good.size(); ++at) {
        Bytes odd = good;
        odd[at] = 0xFF;
        const Image image = decode_image(with_app1(file, exif_segment(odd)));
        CHECK((image == upright || image == turned(upright, 6)));
    }
}

TEST_CASE("jpeg: a cut file is refused, unless no pixel is missing") {
    for (const Coding coding : {Coding::baseline, Coding::progressive, Coding::restarts, Coding::arithmetic}) {
        const Bytes file = colour_jpeg(gradient(24, 33), coding);
        const Image whole = decode_image(file);
        std::size_t shortest_accepted = file.size();
        for (std::size_t length = file.size(); length-- > 0;) {
            CAPTURE(int(coding));
            CAPTURE(length);
            CAPTURE(file.size());
            try {
                const Image image = decode_image(std::span(file).first(length));
                REQUIRE(image == whole);
                shortest_accepted = length;
            } catch (const FileError&) {
            }
        }
        CHECK(shortest_accepted + 4 >= file.size());  // the end mark of two bytes, and padding bits before it
        if (coding == Coding::progressive || coding == Coding::arithmetic) CHECK(shortest_accepted == file.size());
    }
}

TEST_CASE("jpeg: no flipped byte does harm") {
    for (const Coding coding : {Coding::baseline, Coding::progressive, Coding::restarts, Coding::arithmetic}) {
        const Bytes file = colour_jpeg(gradient(17, 19), coding);
        for (std::size_t at = 2; at < file.size(); ++at) {
            for (const int flip : {1, 0x80, 0xFF}) {
                Bytes broken = file;
                broken[at] = std::uint8_t(broken[at] ^ flip);
                try {
                    const Image image = decode_image(broken, "broken", {.max_pixels = 1 << 20, .max_file_bytes = 1 << 20});
                    REQUIRE(image.pixels.size() == std::size_t(image.height * image.width * 3));
                } catch (const FileError&) {
                }
            }
        }
    }
}

TEST_CASE("jpeg: a small file that claims to be huge is refused before memory is taken") {
    for (const Coding coding : {Coding::baseline, Coding::progressive}) {
        Bytes file = colour_jpeg(gradient(16, 16), coding);
        for (std::size_t at = 2; at + 8 < file.size(); ++at) {
            if (file[at] != 0xFF || (file[at + 1] != 0xC0 && file[at + 1] != 0xC2)) continue;
            file[at + 5] = file[at + 7] = 0x3E;  // 15872 and some rows and columns
            break;
        }
        CHECK_THROWS_WITH_AS(decode_image(file, "bomb.jpg"),
                             ("read_image: \"bomb.jpg\" is a broken or cut off JPEG file: " + std::to_string(file.size()) + " bytes cannot hold 15888 x 15888 pixels").c_str(), FileError);
    }
}

TEST_CASE("encode_jpeg: bad arguments are refused in words") {
    CHECK_THROWS_WITH_AS(encode_jpeg(gradient(2, 2), 0), "encode_jpeg: quality is 1 .. 100, got 0", ArgumentError);
    CHECK_THROWS_WITH_AS(encode_jpeg(Image(0, 3)), "encode_jpeg: sides must be 1 .. 65500, got 0 x 3", ShapeError);
    CHECK_THROWS_WITH_AS(encode_png(Image(0, 3)), "encode_png: the picture has no pixels", ShapeError);
}
