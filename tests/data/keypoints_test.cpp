#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <algorithm>
#include <limits>
#include <vector>

#include <regulus/data/keypoints.hpp>

#include "data/golden_file.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

std::vector<float> random_maps(int count, int side, std::uint32_t seed) {
    std::vector<float> maps(std::size_t(count) * std::size_t(side) * std::size_t(side));
    for (float& value : maps) value = 20 * float((seed = seed * 1664525u + 1013904223u) >> 8) / float(1 << 24) - 10;
    return maps;
}

double cubic(double x) {
    constexpr double a = -0.75;
    x = std::fabs(x);
    return x <= 1 ? (a + 2) * x * x * x - (a + 3) * x * x + 1 : x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}

/// The definition in double: the whole resized map, pixel by pixel, border values repeated.
std::vector<double> resized(const float* map, int side, int height, int width) {
    std::vector<double> result;
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const double v = (y + 0.5) * side / height - 0.5, u = (x + 0.5) * side / width - 0.5;
            double sum = 0;
            for (int i = int(std::floor(v)) - 1; i < int(std::floor(v)) + 3; ++i) {
                for (int j = int(std::floor(u)) - 1; j < int(std::floor(u)) + 3; ++j) {
                    sum += cubic(v - i) * cubic(u - j) * double(map[std::clamp(i, 0, side - 1) * side + std::clamp(j, 0, side - 1)]);
                }
            }
            result.push_back(sum);
        }
    }
    return result;
}

double softmax_score(const float* map, int side, double greatest) {
    double sum = 0;
    for (int i = 0; i < side * side; ++i) sum += std::exp(double(map[i]) - greatest);
    return 1 / sum;
}

}  // namespace

TEST_CASE("decode_keypoints: equals detectron2 and torchvision on the golden file") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/keypoints.json");
    const GoldenFile file("golden/detection2d/ops/keypoints");
    const Tensor &maps = file.tensor("decode.maps"), &rois = file.tensor("decode.rois"), &detectron2 = file.tensor("decode.detectron2"), &torchvision = file.tensor("decode.torchvision"), &scores = file.tensor("decode.torchvision_scores");
    REQUIRE(maps.shape() == Shape{3, 17, 56, 56});
    for (std::int64_t i = 0; i < 3; ++i) {
        const float* r = rois.data<float>() + 4 * i;
        const std::span<const float> logits(maps.data<float>() + i * 17 * 3136, 17 * 3136);
        const auto ours = decode_keypoints(logits, 17, 56, {r[0], r[1], r[2], r[3]}), plain = decode_keypoints(logits, 17, 56, {r[0], r[1], r[2], r[3]}, KeypointScore::logit);
        REQUIRE(ours.size() == 17);
        for (std::int64_t k = 0; k < 17; ++k) {
            const float* theirs = detectron2.data<float>() + 4 * (17 * i + k);
            CHECK(ours[std::size_t(k)].x == doctest::Approx(theirs[0]).epsilon(1e-6));
            CHECK(ours[std::size_t(k)].y == doctest::Approx(theirs[1]).epsilon(1e-6));
            CHECK(plain[std::size_t(k)].score == doctest::Approx(theirs[2]).epsilon(1e-5));
            CHECK(ours[std::size_t(k)].score == doctest::Approx(theirs[3]).epsilon(1e-5));
            CHECK(plain[std::size_t(k)].x == doctest::Approx(torchvision.data<float>()[3 * (17 * i + k)]).epsilon(1e-6));
            CHECK(plain[std::size_t(k)].y == doctest::Approx(torchvision.data<float>()[3 * (17 * i + k) + 1]).epsilon(1e-6));
            CHECK(plain[std::size_t(k)].score == doctest::Approx(scores.data<float>()[17 * i + k]).epsilon(1e-5));
        }
    }
}

TEST_CASE("decode_keypoints: the point is the greatest pixel of the map resized by the definition, for boxes smaller and larger than the map") {
    for (const int side : {1, 2, 7, 56}) {
        for (const auto& [width, height] : std::vector<std::pair<float, float>>{{0.2f, 0.4f}, {1, 1}, {3.5f, 40.25f}, {56, 56}, {61.75f, 200.5f}, {311.3f, 17}}) {
            CAPTURE(side);
            const std::vector<float> maps = random_maps(3, side, std::uint32_t(side) + std::uint32_t(width));
            const auto points = decode_keypoints(maps, 3, side, {10, 20, 10 + width, 20 + height});
            const auto logits = decode_keypoints(maps, 3, side, {10, 20, 10 + width, 20 + height}, KeypointScore::logit);
            const double w = std::max(width, 1.f), h = std::max(height, 1.f);
            const int columns = int(std::ceil(w)), rows = int(std::ceil(h));
            for (std::size_t k = 0; k < 3; ++k) {
                const float* map = maps.data() + k * std::size_t(side * side);
                const std::vector<double> whole = resized(map, side, rows, columns);
                const double greatest = *std::max_element(whole.begin(), whole.end());
                CHECK(std::fabs(double(logits[k].score) - greatest) < 2e-5);  // float32 sums of sixteen products of up to 10
                const double column = (double(points[k].x) - 10) * columns / w - 0.5, row = (double(points[k].y) - 20) * rows / h - 0.5;
                REQUIRE(std::fabs(column - std::round(column)) < 1e-3);
                CHECK(greatest - whole[std::size_t(std::lround(row) * columns + std::lround(column))] < 2e-5);
                CHECK(points[k].score == doctest::Approx(softmax_score(map, side, greatest)).epsilon(1e-4));
            }
        }
    }
}

TEST_CASE("decode_keypoints: the fact sheet's bicubic numbers") {
    const Keypoint point = decode_keypoints(std::vector<float>{0, 1, 2, 4}, 1, 2, {0, 0, 5, 3}, KeypointScore::logit)[0];
    CHECK(point.x == 4.5f);
    CHECK(point.y == 2.5f);
    CHECK(point.score == doctest::Approx(4.490487).epsilon(1e-6));
}

TEST_CASE("decode_keypoints: of equal pixels the first in reading order counts") {
    std::vector<float> map(16, 0.f);
    map[1 * 4 + 2] = map[2 * 4 + 1] = 5;
    const auto points = decode_keypoints(map, 1, 4, {0, 0, 4, 4});  // every pixel is one of the map's
    CHECK(points[0].x == 2.5f);
    CHECK(points[0].y == 1.5f);
    const auto flat = decode_keypoints(std::vector<float>(9, 2.f), 1, 3, {5, 6, 8, 9});
    CHECK(flat[0] == Keypoint{5.5f, 6.5f, 1.f / 9});
}

TEST_CASE("decode_keypoints: logits that are not finite give a score of 0 and a point of the box") {
    const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    for (const float odd : {infinity, -infinity, nan}) {
        for (const bool all : {false, true}) {
            std::vector<float> map(49, all ? odd : 1.f);
            map[17] = odd;
            for (const KeypointScore rule : {KeypointScore::softmax, KeypointScore::logit}) {
                const Keypoint point = decode_keypoints(map, 1, 7, {3, 4, 33, 44}, rule)[0];
                CHECK(point.x >= 3);
                CHECK(point.x <= 33);
                CHECK(point.y >= 4);
                CHECK(point.y <= 44);
                CHECK(std::isfinite(point.score));
                if (all) CHECK(point.score == 0);
            }
        }
    }
}

TEST_CASE("decode_keypoints: a box of 4 billion pixels takes no map of that size, and little time where the map has a peak") {
    std::vector<float> map(3136);
    for (int y = 0; y < 56; ++y) {
        for (int x = 0; x < 56; ++x) map[std::size_t(56 * y + x)] = -0.1f * float((x - 20) * (x - 20) + (y - 30) * (y - 30));
    }
    const Keypoint point = decode_keypoints(map, 1, 56, {0, 0, 65535, 65535})[0];
    CHECK(std::fabs(point.x - 20.5f * 65535 / 56) < 2);
    CHECK(std::fabs(point.y - 30.5f * 65535 / 56) < 2);
}

TEST_CASE("decode_keypoints: wrong sizes and boxes are refused") {
    const std::vector<float> map(9);
    CHECK_THROWS_WITH_AS(decode_keypoints(map, 1, 4, {0, 0, 1, 1}), "decode_keypoints: expected 1 maps with sides of 1 .. 1024, here 4, got 9 logits", ShapeError);
    CHECK_THROWS_AS(decode_keypoints(map, -1, 3, {0, 0, 1, 1}), ShapeError);
    CHECK_THROWS_AS(decode_keypoints({}, 1, 0, {0, 0, 1, 1}), ShapeError);
    CHECK_THROWS_AS(decode_keypoints({}, 0, 2000, {0, 0, 1, 1}), ShapeError);
    CHECK(decode_keypoints({}, 0, 56, {0, 0, 1, 1}).empty());
    for (const float odd : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 70000.f}) {
        CHECK_THROWS_WITH_AS(decode_keypoints(map, 1, 3, {0, 0, odd, 1}), "decode_keypoints: the box must be finite, its sides at most 65535 pixels", ArgumentError);
        CHECK_THROWS_AS(decode_keypoints(map, 1, 3, {0, -odd, 1, 1}), ArgumentError);
    }
}
