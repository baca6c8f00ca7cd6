#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <regulus/draw/outline.hpp>

using namespace regulus;

namespace {

/// Twice the signed area; positive when the line runs clockwise on the screen (y grows downwards).
double signed_area(const std::vector<OutlinePoint>& line) {
    double sum = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const OutlinePoint& a = line[i];
        const OutlinePoint& b = line[(i + 1) % line.size()];
        sum += a.x * b.y - b.x * a.y;
    }
    return sum / 2;
}

int windings(const std::vector<std::vector<OutlinePoint>>& lines, double x, double y) {
    int count = 0;
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            const OutlinePoint& a = line[i];
            const OutlinePoint& b = line[(i + 1) % line.size()];
            if ((a.y <= y) == (b.y <= y)) continue;
            const double cross = a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x);
            if (cross > x) count += b.y > a.y ? 1 : -1;
        }
    }
    return count;
}

}  // namespace

TEST_CASE("mask_outlines: a rectangle gives one line around it, clockwise") {
    BitMask mask{8, 9, std::vector<std::uint8_t>(72)};
    for (std::int64_t y = 2; y < 6; ++y) {
        for (std::int64_t x = 3; x < 8; ++x) mask.bits[std::size_t(y * 9 + x)] = 1;
    }
    const auto lines = mask_outlines(rle_encode(mask), 0);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].size() == 18);                                   // one point for each side of a border pixel
    CHECK(signed_area(lines[0]) == doctest::Approx(20 - 4 * 0.125));  // the corners are cut
    for (const OutlinePoint& point : lines[0]) {
        const bool on_border = point.x == 3 || point.x == 8 || point.y == 2 || point.y == 6;
        CHECK(on_border);
    }
}

TEST_CASE("mask_outlines: without smoothing every pixel's centre is inside exactly when it is on, and holes run the other way") {
    std::uint32_t seed = 11;
    for (int round = 0; round < 30; ++round) {
        BitMask mask{11, 14, {}};
        for (int i = 0; i < 11 * 14; ++i) mask.bits.push_back(((seed = seed * 1664525u + 1013904223u) >> 24) < 60u + 5u * unsigned(round));
        const auto lines = mask_outlines(rle_encode(mask), 0);
        for (std::int64_t y = 0; y < 11; ++y) {
            for (std::int64_t x = 0; x < 14; ++x) {
                REQUIRE(windings(lines, double(x) + 0.5 + 1e-6, double(y) + 0.5 + 1e-7) == int(mask.at(y, x)));
            }
        }
    }
}

TEST_CASE("mask_outlines: a ring has an outer line and a hole, nothing gives nothing, one pixel a diamond") {
    BitMask ring{5, 5, std::vector<std::uint8_t>(25, 1)};
    ring.bits[12] = 0;
    const auto lines = mask_outlines(rle_encode(ring), 0);
    REQUIRE(lines.size() == 2);
    CHECK(signed_area(lines[0]) * signed_area(lines[1]) < 0);
    CHECK(mask_outlines(rle_encode({5, 5, std::vector<std::uint8_t>(25)})).empty());
    CHECK(mask_outlines(Rle{}).empty());
    const auto dot = mask_outlines(rle_encode({1, 1, {1}}));
    REQUIRE(dot.size() == 1);
    CHECK(signed_area(dot[0]) == doctest::Approx(0.5));
}

TEST_CASE("mask_outlines: smoothing moves no point by more than a pixel") {
    BitMask mask{40, 40, {}};
    for (int i = 0; i < 1600; ++i) mask.bits.push_back(std::hypot(i / 40 - 20, i % 40 - 20) < 15);
    const auto sharp = mask_outlines(rle_encode(mask), 0), smooth = mask_outlines(rle_encode(mask), 2);
    REQUIRE(sharp.size() == 1);
    REQUIRE(smooth[0].size() == sharp[0].size());
    for (std::size_t i = 0; i < sharp[0].size(); ++i) CHECK(std::hypot(sharp[0][i].x - smooth[0][i].x, sharp[0][i].y - smooth[0][i].y) < 1.0);
}
