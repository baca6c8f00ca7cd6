// Label maps: ids through PNG and back, other programs' bytes, and what is refused.
#include <doctest/doctest.h>

#include <regulus/data/image_file.hpp>
#include <regulus/data/label_map.hpp>

using namespace regulus;

namespace {

SegmentMap map_of(std::int64_t height, std::int64_t width, std::uint32_t step) {
    SegmentMap map{height, width, {}};
    for (std::uint32_t i = 0; i < std::uint32_t(height * width); ++i) map.ids.push_back(i * step % 65536);
    return map;
}

}  // namespace

TEST_CASE("label maps: ids survive PNG, in 8 bits and in 16") {
    for (const SegmentMap& map : {map_of(5, 7, 1), map_of(16, 16, 1), map_of(5, 7, 26001), map_of(1, 1, 0), map_of(1, 257, 1)}) {
        const auto bytes = encode_label_map(map);
        CHECK(decode_label_map(bytes, "m") == map);
        CHECK(int(bytes[24]) == (map.ids.size() > 256 || map.ids[1 % map.ids.size()] > 255 ? 16 : 8));  // IHDR's bit depth
    }
}

TEST_CASE("label maps: a byte of grey is the value that a picture has in its three colours") {
    const SegmentMap map = map_of(4, 9, 7);
    const Image picture = decode_image(encode_label_map(map), "m");
    for (std::size_t i = 0; i < map.ids.size(); ++i) CHECK(picture.pixels[3 * i] == map.ids[i]);
}

TEST_CASE("label maps: values of few bits, interlaced, stay as stored") {
    // 3 x 5 pixels of 1 bit, x (y + 1) modulo 2, whose passes were put together by hand and wrapped by zlib without packing.
    const std::vector<std::uint8_t> bytes = {
        0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0x00, 0x00, 0x00, 0x0D, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00,
        0x03, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x4A, 0xC8, 0xC3, 0x00, 0x00, 0x00, 0x19, 0x49, 0x44, 0x41, 0x54, 0x78, 0x01, 0x01, 0x0E, 0x00,
        0xF1, 0xFF, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xC0, 0x00, 0xC0, 0x00, 0x00, 0x06, 0x0E, 0x01, 0x81, 0x45, 0xC1, 0x7F,
        0x05, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82};
    CHECK(decode_label_map(bytes, "m").ids == std::vector<std::uint32_t>{0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0});
}

TEST_CASE("label maps: say what they refuse") {
    CHECK_THROWS_WITH_AS(decode_label_map(encode_png(Image(2, 2)), "m"), "read_label_map: \"m\" has colours or alpha; labels are a grey PNG file", FileError);
    const std::vector<std::uint8_t> text = {'t', 'e', 'x', 't'};
    CHECK_THROWS_WITH_AS(decode_label_map(text, "m"), "read_label_map: \"m\" is no PNG file", FileError);
    auto cut = encode_label_map(map_of(20, 20, 31));
    cut.resize(cut.size() / 2);
    CHECK_THROWS_AS(decode_label_map(cut, "m"), FileError);
    CHECK_THROWS_WITH_AS(encode_label_map({1, 1, {65536}}), "encode_label_map: the id 65536 is beyond 65535", ArgumentError);
    CHECK_THROWS_WITH_AS(encode_label_map({0, 0, {}}), "encode_label_map: the map has no pixels", ShapeError);
    CHECK_THROWS_AS(encode_label_map({1, 2, {0}}), ShapeError);
    CHECK_THROWS_AS(read_label_map("no/such/map.png"), FileError);
}
