#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <regulus/data/mask.hpp>

#include "data/golden_file.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// The definition in double over all pixels of the picture; `margin` is the distance of the value from the threshold.
double pasted_value(const std::vector<float>& map, int side, const std::array<float, 4>& box, std::int64_t y, std::int64_t x) {
    const double u = (double(x) + 0.5 - box[0]) * side / (double(box[2]) - box[0]) - 0.5, v = (double(y) + 0.5 - box[1]) * side / (double(box[3]) - box[1]) - 0.5;
    double sum = 0;
    for (int dy = 0; dy < 2; ++dy) {
        for (int dx = 0; dx < 2; ++dx) {
            const double i = std::floor(v) + dy, j = std::floor(u) + dx;
            if (i < 0 || j < 0 || i >= side || j >= side) continue;
            sum += (1 - std::fabs(v - i)) * (1 - std::fabs(u - j)) * double(map[std::size_t(i) * std::size_t(side) + std::size_t(j)]);
        }
    }
    return sum;
}

std::vector<float> random_map(int side, std::uint32_t seed) {
    std::vector<float> map(std::size_t(side) * std::size_t(side));
    for (float& value : map) value = float((seed = seed * 1664525u + 1013904223u) >> 8) / float(1 << 24);
    return map;
}

}  // namespace

TEST_CASE("paste_mask: equals mmdetection's and detectron2's CPU masks on the golden file") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/mask_paste.json");
    const GoldenFile golden("golden/detection2d/ops/mask_paste");
    int compared = 0;
    for (const Json& entry : list(member(golden.facts, "cases"))) {
        const Tensor& maps = golden.tensor(text_of(member(member(entry, "inputs"), "masks")));
        const Tensor& boxes = golden.tensor(text_of(member(member(entry, "inputs"), "boxes")));
        const PictureSize size = {whole(member(entry, "height")), whole(member(entry, "width"))};
        const Tensor& expected = golden.tensor(text_of(member(member(entry, "outputs"), "mmdet_mask")));
        const int side = int(maps.shape()[2]);
        for (std::int64_t i = 0; i < maps.shape()[0]; ++i, ++compared) {
            const float* b = boxes.data<float>() + 4 * i;
            const BitMask mask = paste_mask({maps.data<float>() + i * side * side, std::size_t(side) * std::size_t(side)}, side, {b[0], b[1], b[2], b[3]}, size);
            const auto* want = static_cast<const std::uint8_t*>(expected.raw()) + i * size.height * size.width;
            std::int64_t different = 0;
            for (std::size_t p = 0; p < mask.bits.size(); ++p) different += mask.bits[p] != want[p];
            CAPTURE(side);
            CAPTURE(i);
            CHECK(different == 0);
        }
    }
    CHECK(compared == 24);
}

TEST_CASE("paste_mask: torchvision's rule equals its masks at any threshold on the golden file, as a bitmap and as run lengths") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/mask_paste.json");
    const GoldenFile golden("golden/detection2d/ops/mask_paste");
    int compared = 0;
    std::int64_t different = 0, near = 0;
    for (const Json& entry : list(member(golden.facts, "cases"))) {
        const Tensor& maps = golden.tensor(text_of(member(member(entry, "inputs"), "masks")));
        const Tensor& boxes = golden.tensor(text_of(member(member(entry, "inputs"), "boxes")));
        const PictureSize size = {whole(member(entry, "height")), whole(member(entry, "width"))};
        const Tensor& soft = golden.tensor(text_of(member(member(entry, "outputs"), "torchvision_soft")));
        const int side = int(maps.shape()[2]);
        for (std::int64_t i = 0; i < maps.shape()[0]; ++i, ++compared) {
            const std::span<const float> map{maps.data<float>() + i * side * side, std::size_t(side) * std::size_t(side)};
            const float* b = boxes.data<float>() + 4 * i;
            for (const float threshold : {0.5f, 0.1f, 0.9f}) {
                const BitMask mask = paste_mask(map, side, {b[0], b[1], b[2], b[3]}, size, threshold, {}, PasteRule::torchvision);
                CHECK(rle_decode(paste_mask_rle(map, side, {b[0], b[1], b[2], b[3]}, size, threshold, PasteRule::torchvision)) == mask);
                const float* const value = soft.data<float>() + i * size.height * size.width;
                for (std::size_t p = 0; p < mask.bits.size(); ++p) {
                    const bool close = std::fabs(value[p] - threshold) < 1e-6f;  // a fused product may round over the threshold
                    near += close ? 1 : 0;
                    different += !close && (mask.bits[p] != 0) != (value[p] >= threshold) ? 1 : 0;
                }
            }
        }
    }
    CHECK(different == 0);
    CHECK(near < 10);
    CHECK(compared == 24);
}

TEST_CASE("paste_mask: torchvision's rule on odd boxes: beyond the picture, inside out, of one point, huge") {
    const std::vector<float> map(784, 1.0f);
    const auto area = [&](const std::array<float, 4>& box) {
        const BitMask mask = paste_mask(map, 28, box, {50, 60}, 0.5f, {}, PasteRule::torchvision);
        const Rle runs = paste_mask_rle(map, 28, box, {50, 60}, 0.5f, PasteRule::torchvision);
        CHECK(rle_decode(runs) == mask);
        return rle_area(runs);
    };
    CHECK(area({-100, -100, -50, -50}) == 0);
    CHECK(area({100, 100, 150, 150}) == 0);
    CHECK(area({20, 20, 10, 10}) == 0);
    CHECK(area({7.5f, 7.5f, 7.5f, 7.5f}) == 1);  // the pixel that the point is in
    CHECK(area({0, 0, 56, 28}) == 57 * 29);        // 60 x 30 with the border, cut to -2 .. 58 and -1 .. 29; its outermost pixels are below the threshold
    CHECK(area({-3e38f, -3e38f, 3e38f, 3e38f}) == 3000);
    CHECK(area({3e38f, 0, 3.2e38f, 9}) == 0);
}

TEST_CASE("paste_mask: recorded maps of a whole network give mmdetection's run lengths") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/mm_mask_rcnn_regnetx_3.2gf/case.json");
    const std::string folder = "golden/detection2d/mm_mask_rcnn_regnetx_3.2gf/";
    const GoldenFile golden(folder + "case.json", folder + "expected.safetensors");
    const Tensor& logits = golden.tensor("mask_logits_of_label");
    const Tensor& boxes = golden.tensor("boxes.0");
    const Tensor& runs = golden.tensor("masks.0_runs");
    const Tensor& offsets = golden.tensor("masks.0_offsets");
    std::int64_t different = 0, area = 0;
    for (std::int64_t k = 0; k < logits.shape()[0]; ++k) {
        std::vector<float> map;
        for (std::int64_t i = 0; i < 784; ++i) map.push_back(1.0f / (1.0f + std::exp(-logits.data<float>()[k * 784 + i])));
        const float* b = boxes.data<float>() + 4 * k;
        const Rle ours = paste_mask_rle(map, 28, {b[0], b[1], b[2], b[3]}, {374, 500});
        const std::int32_t* first = runs.data<std::int32_t>() + offsets.data<std::int32_t>()[k];
        const Rle theirs = {374, 500, {first, runs.data<std::int32_t>() + offsets.data<std::int32_t>()[k + 1]}};
        different += rle_area(ours) + rle_area(theirs) - 2 * rle_intersection(ours, theirs);
        area += rle_area(theirs);
    }
    // exp() of two libraries may differ in the last bit, which can move a pixel that lies on the threshold.
    MESSAGE("mask pixels that differ: " << different << " of " << area);
    CHECK(different <= 3);
}

TEST_CASE("paste_mask: agrees with the definition in double wherever the value is not on the threshold") {
    struct Place {
        std::array<float, 4> box;
        PictureSize size;
    };
    for (const Place& place : {Place{{3.2f, 5.7f, 44.1f, 39.9f}, {50, 61}}, Place{{-20.5f, -9.25f, 30.0f, 90.0f}, {50, 61}}, Place{{0, 0, 61, 50}, {50, 61}},
                               Place{{10.1f, 10.2f, 10.9f, 11.0f}, {50, 61}}, Place{{100, 100, 120, 120}, {50, 61}}, Place{{30, 40, 20, 12}, {50, 61}},
                               Place{{-500, -500, 900, 700}, {33, 20}}}) {
        for (const int side : {1, 2, 7, 28}) {
            const std::vector<float> map = random_map(side, 77);
            const BitMask mask = paste_mask(map, side, place.box, place.size);
            std::int64_t wrong = 0;
            for (std::int64_t y = 0; y < place.size.height; ++y) {
                for (std::int64_t x = 0; x < place.size.width; ++x) {
                    // The peers look at the box and one pixel around it only; a box whose corners are swapped has little inside.
                    const bool looked_at = x >= std::floor(place.box[0]) - 1 && x < std::ceil(place.box[2]) + 1 && y >= std::floor(place.box[1]) - 1 && y < std::ceil(place.box[3]) + 1;
                    const double value = looked_at ? pasted_value(map, side, place.box, y, x) : 0;
                    if (std::fabs(value - 0.5) > 1e-4) wrong += mask.at(y, x) != (value > 0.5);  // float32 positions are good to 1e-5 of a cell here
                }
            }
            CAPTURE(side);
            CAPTURE(place.box[0]);
            CHECK(wrong == 0);
            CHECK(rle_decode(paste_mask_rle(map, side, place.box, place.size)) == mask);
        }
    }
}

TEST_CASE("paste_mask: the fact sheet's example") {
    const std::vector<float> map = {0, 1, 1, 0};
    const BitMask mask = paste_mask(map, 2, {1, 1, 5, 5}, {6, 6});
    for (std::int64_t y = 0; y < 6; ++y) {
        for (std::int64_t x = 0; x < 6; ++x) {
            const bool upper = (y == 1 || y == 2) && (x == 3 || x == 4), lower = (y == 3 || y == 4) && (x == 1 || x == 2);
            CHECK(mask.at(y, x) == (upper || lower));
        }
    }
}

TEST_CASE("paste_mask: a bitmap's memory serves again, whatever it held") {
    const std::vector<float> map{0.9f, 0.2f, 0.6f, 0.8f};
    const std::array<float, 4> box{3.5f, 2.f, 17.f, 9.25f};
    const BitMask expected = paste_mask(map, 2, box, {20, 30});
    REQUIRE(std::count(expected.bits.begin(), expected.bits.end(), 1) > 20);
    for (const std::size_t size : {0, 17, 600, 5000}) {
        CHECK(paste_mask(map, 2, box, {20, 30}, 0.5f, BitMask{1, std::int64_t(size), std::vector<std::uint8_t>(size, 1)}) == expected);
    }
}

TEST_CASE("paste_mask: odd inputs neither crash nor pass silently") {
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> map(784, 1.0f);
    CHECK(rle_area(paste_mask_rle(map, 28, {3e38f, 0, 3.2e38f, 9}, {50, 60})) == 0);
    CHECK(rle_area(paste_mask_rle(map, 28, {-3e38f, -3e38f, 3e38f, 3e38f}, {50, 60})) <= 3000);
    CHECK(paste_mask_rle(map, 28, {0, 0, 5, 5}, {0, 60}).counts == std::vector<std::uint32_t>{0});
    CHECK(rle_area(paste_mask_rle(std::vector<float>(784, nan), 28, {0, 0, 50, 50}, {50, 60})) == 0);
    CHECK(rle_area(paste_mask_rle(std::vector<float>(784, infinity), 28, {5, 5, 25, 25}, {50, 60})) > 0);
    CHECK_THROWS_WITH_AS(paste_mask(map, 28, {0, nan, 1, 1}, {5, 5}), "paste_mask: the box and the threshold must be finite", ArgumentError);
    CHECK_THROWS_WITH_AS(paste_mask(map, 14, {0, 0, 1, 1}, {5, 5}), "paste_mask: a map of side 14 (1 .. 1024) has side * side values, got 784", ShapeError);
    CHECK_THROWS_AS(paste_mask_rle(map, 28, {0, 0, 1, 1}, {1 << 20, 1 << 20}), ShapeError);
}
