#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <regulus/data/rle.hpp>

#include "data/golden_file.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

BitMask random_mask(std::int64_t height, std::int64_t width, std::uint32_t seed, unsigned on_of_16) {
    BitMask mask{height, width, {}};
    for (std::int64_t i = 0; i < height * width; ++i) mask.bits.push_back(((seed = seed * 1664525u + 1013904223u) >> 28) < on_of_16);
    return mask;
}

std::vector<double> box_of(const Rle& rle) {
    const auto box = rle_box(rle);
    return {box.begin(), box.end()};
}

std::int64_t count(const BitMask& mask) { return std::count(mask.bits.begin(), mask.bits.end(), 1); }

}  // namespace

TEST_CASE("rle: polygons, masks, strings, areas and boxes equal pycocotools'") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/coco_rle.json");
    const GoldenFile golden("golden/detection2d/ops/coco_rle");
    int masks = 0, pairs = 0;
    for (const Json& entry : list(member(golden.facts, "cases"))) {
        const std::int64_t height = whole(list(member(entry, "size"))[0]), width = whole(list(member(entry, "size"))[1]);
        if (entry.find("a") != nullptr) {
            const Tensor& expected = golden.tensor("iou.iou");
            std::size_t at = 0;
            for (const Json& a : list(member(entry, "a"))) {
                std::size_t column = 0;
                for (const Json& b : list(member(entry, "b"))) {
                    const bool crowd = whole(list(member(entry, "crowd"))[column++]) != 0;
                    const double ours = rle_iou(rle_from_string(text_of(a), height, width), rle_from_string(text_of(b), height, width), crowd);
                    CHECK(ours == expected.data<double>()[at++]);
                    ++pairs;
                }
            }
            continue;
        }
        CAPTURE(text_of(member(entry, "name")));
        const Tensor& pixels = golden.tensor(text_of(member(member(entry, "outputs"), "mask")));
        const BitMask mask{height, width, {pixels.data<std::uint8_t>(), pixels.data<std::uint8_t>() + pixels.numel()}};
        const Rle rle = rle_from_string(text_of(member(entry, "counts")), height, width);
        CHECK(rle_decode(rle) == mask);
        CHECK(rle_to_string(rle_encode(mask)) == text_of(member(entry, "counts")));
        CHECK(double(rle_area(rle)) == number(member(entry, "area")));
        CHECK(box_of(rle) == numbers(member(entry, "bbox")));
        if (const Json* polygons = entry.find("polygons")) {
            std::vector<std::vector<double>> rings;
            for (const Json& ring : list(*polygons)) rings.push_back(numbers(ring));
            CHECK(rle_to_string(rle_from_polygons(rings, height, width)) == text_of(member(entry, "counts")));
        }
        ++masks;
    }
    CHECK(masks == 9);
    CHECK(pairs == 12);
}

TEST_CASE("rle: the fact sheet's vectors") {
    const auto polygon = [](std::vector<double> ring, std::int64_t h, std::int64_t w) { return rle_from_polygon(ring, h, w); };
    CHECK(polygon({1, 1, 5, 1, 5, 4, 1, 4}, 6, 8).counts == std::vector<std::uint32_t>{7, 3, 3, 3, 3, 3, 3, 3, 20});
    CHECK(rle_to_string(polygon({1, 1, 5, 1, 5, 4, 1, 4}, 6, 8)) == "73300000a0");
    CHECK(rle_to_string(polygon({1.5, 1.5, 5.5, 1.5, 5.5, 4.5, 1.5, 4.5}, 6, 8)) == ">3300000:");
    CHECK(polygon({.3, .2, 6.7, 2.1, 2.4, 5.6}, 6, 8).counts == std::vector<std::uint32_t>{7, 2, 4, 4, 2, 4, 2, 3, 4, 1, 15});
    CHECK(rle_to_string(polygon({-2, -3, 4, -3, 9, 8, 3.2, 2.2}, 6, 8)) == "<151O1O11O2N");
    const Rle large = polygon({10, 10, 300, 40, 200, 220, 50.5, 170.25}, 240, 320);
    CHECK(large.counts.size() == 581);
    CHECK(rle_area(large) == 38523);
    CHECK(rle_to_string(rle_encode({3, 2, {1, 1, 0, 1, 0, 0}})) == "0121O");
    CHECK(rle_to_string(rle_encode({3, 2, {0, 0, 0, 0, 0, 0}})) == "6");
}

TEST_CASE("rle: encoding, decoding and the string are inverse, areas and boxes are those of the bitmap") {
    for (const auto& [height, width] : {std::pair{1, 1}, {1, 40}, {40, 1}, {13, 9}, {64, 3}}) {
        for (const unsigned density : {0u, 1u, 8u, 15u, 16u}) {
            const BitMask mask = random_mask(height, width, 5 + density, density);
            const Rle rle = rle_encode(mask);
            CHECK(rle_decode(rle) == mask);
            CHECK(rle_from_string(rle_to_string(rle), height, width) == rle);
            CHECK(rle_area(rle) == count(mask));
            std::int64_t left = width, top = height, right = -1, bottom = -1;
            for (std::int64_t y = 0; y < height; ++y) {
                for (std::int64_t x = 0; x < width; ++x) {
                    if (!mask.at(y, x)) continue;
                    left = std::min(left, x);
                    right = std::max(right, x);
                    top = std::min(top, y);
                    bottom = std::max(bottom, y);
                }
            }
            if (right < 0) left = top = 0, right = bottom = -1;
            CHECK(box_of(rle) == std::vector<double>{double(left), double(top), double(right - left + 1), double(bottom - top + 1)});
        }
    }
}

TEST_CASE("rle: union, intersection and IoU are those of the bitmaps") {
    const BitMask a = random_mask(17, 23, 1, 5), b = random_mask(17, 23, 2, 9);
    BitMask either = a, both = a;
    for (std::size_t i = 0; i < a.bits.size(); ++i) {
        either.bits[i] |= b.bits[i];
        both.bits[i] &= b.bits[i];
    }
    const std::vector<Rle> masks = {rle_encode(a), rle_encode(b)};
    CHECK(rle_merge(masks) == rle_encode(either));
    CHECK(rle_merge(masks, true) == rle_encode(both));
    CHECK(rle_intersection(masks[0], masks[1]) == count(both));
    CHECK(rle_iou(masks[0], masks[1]) == double(count(both)) / double(count(either)));
    CHECK(rle_iou(masks[0], masks[1], true) == double(count(both)) / double(count(a)));
    const Rle nothing = rle_encode(random_mask(17, 23, 1, 0));
    CHECK(rle_iou(nothing, nothing) == 0);
    CHECK(rle_iou(nothing, nothing, true) == 0);
}

TEST_CASE("rle: runs of length zero in the middle are understood") {
    const Rle rle = {4, 2, {0, 2, 0, 1, 5}};
    CHECK(rle_area(rle) == 3);
    CHECK(box_of(rle) == std::vector<double>{0, 0, 1, 3});
    CHECK(rle_encode(rle_decode(rle)).counts == std::vector<std::uint32_t>{0, 3, 5});
    CHECK(rle_intersection(rle, rle) == 3);
    CHECK(rle_from_string(rle_to_string(rle), 4, 2) == rle);
}

TEST_CASE("rle: hostile strings are refused in words, whatever they hold") {
    const auto refused = [](const std::string& bytes) { rle_from_string(bytes, 6, 8); };
    CHECK_THROWS_WITH_AS(refused("73 0"), "rle_from_string: byte 2 is not one of '0' .. 'o'", FileError);
    CHECK_THROWS_WITH_AS(refused("7P"), "rle_from_string: the last number is cut off", FileError);
    CHECK_THROWS_WITH_AS(refused("ooooooooooo0"), "rle_from_string: the number before byte 7 is too large", FileError);
    CHECK_THROWS_WITH_AS(refused("73"), "rle_from_string: the runs cover 10 pixels, the mask of 6 x 8 has 48", FileError);
    CHECK_THROWS_WITH_AS(refused("O"), "rle_from_string: run 0 is -1 long, which a mask of 6 x 8 cannot hold", FileError);
    CHECK_THROWS_WITH_AS(refused("a21"), "rle_from_string: run 0 is 81 long, which a mask of 6 x 8 cannot hold", FileError);
    CHECK_THROWS_AS(refused(""), FileError);
    CHECK_THROWS_WITH_AS(rle_from_string("0", 1 << 20, 1 << 20), "rle_from_string: a mask has fewer than 2^32 pixels, got 1048576 x 1048576", ShapeError);
    CHECK_THROWS_AS(rle_from_string("0", -1, 4), ShapeError);
    CHECK(rle_from_string("", 0, 4).counts.empty());

    std::uint32_t seed = 99;
    int accepted = 0;
    for (int round = 0; round < 20000; ++round) {
        std::string bytes;
        for (int i = 0; i < round % 9; ++i) bytes += char(47 + ((seed = seed * 1664525u + 1013904223u) >> 24) % 66);
        try {
            check_rle(rle_from_string(bytes, 3, 5));  // a ShapeError from here would fail the test
            ++accepted;
        } catch (const FileError&) {
        }
    }
    CHECK(accepted > 0);
}

TEST_CASE("rle: polygons that make no sense are refused, huge ones end soon") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const auto ring = [](std::vector<double> numbers) { return rle_from_polygon(numbers, 10, 12); };
    CHECK_THROWS_WITH_AS(ring({1, 2, 3, 4}), "rle_from_polygon: a ring is x0 y0 x1 y1 x2 y2 ..., got 4 numbers", ArgumentError);
    CHECK_THROWS_AS(ring({1, 2, 3, 4, 5, 6, 7}), ArgumentError);
    CHECK_THROWS_WITH_AS(ring({1, 2, nan, 4, 5, 6}), "rle_from_polygon: a coordinate is not finite or beyond 2^24", ArgumentError);
    CHECK_THROWS_AS(ring({1, 2, 1e9, 4, 5, 6}), ArgumentError);
    CHECK(rle_area(ring({3, 3, 3, 3, 3, 3})) == 0);
    CHECK(rle_area(ring({-1e5, -1e5, 1e5, -1e5, 1e5, 1e5, -1e5, 1e5})) == 120);
    std::vector<double> zigzag;
    for (int i = 0; i < 1000; ++i) zigzag.insert(zigzag.end(), {i % 2 == 0 ? -1e7 : 1e7, double(i)});
    CHECK_THROWS_WITH_AS(ring(zigzag), "rle_from_polygon: the ring is longer than 5e7 pixels", ArgumentError);
}

TEST_CASE("rle: masks that contradict themselves are refused") {
    CHECK_THROWS_WITH_AS(rle_decode({4, 4, {3, 4}}), "rle: the runs cover 7 pixels, the mask of 4 x 4 has 16", ShapeError);
    CHECK_THROWS_AS(rle_decode({4, 4, {UINT32_MAX, UINT32_MAX, 18}}), ShapeError);
    CHECK_THROWS_AS(rle_encode({4, 4, {1, 0}}), ShapeError);
    CHECK_THROWS_WITH_AS(rle_intersection({2, 2, {4}}, {4, 1, {4}}), "rle_intersection: masks must have one size, got 2 x 2 and 4 x 1", ShapeError);
    CHECK_THROWS_WITH_AS(rle_merge({}), "rle_merge: needs one mask or more, got none", ShapeError);
}
