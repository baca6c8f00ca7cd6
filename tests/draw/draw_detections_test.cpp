#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include <regulus/draw/draw_detections.hpp>

using namespace regulus;

/// fontconfig keeps some memory until the end of the program and leaves it to the system.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\n"; }

namespace {

Image grey(std::int64_t height, std::int64_t width, std::uint8_t value = 128) {
    Image image(height, width);
    for (auto& v : image.pixels) v = value;
    return image;
}

Rle rectangle(std::int64_t height, std::int64_t width, std::int64_t y1, std::int64_t x1, std::int64_t y2, std::int64_t x2) {
    BitMask mask{height, width, std::vector<std::uint8_t>(std::size_t(height * width))};
    for (std::int64_t y = y1; y < y2; ++y) {
        for (std::int64_t x = x1; x < x2; ++x) mask.bits[std::size_t(y * width + x)] = 1;
    }
    return rle_encode(mask);
}

bool near(const std::uint8_t* pixel, Colour colour, int tolerance) {
    return std::abs(pixel[0] - colour.red) <= tolerance && std::abs(pixel[1] - colour.green) <= tolerance && std::abs(pixel[2] - colour.blue) <= tolerance;
}

std::int64_t changed(const Image& a, const Image& b) {
    std::int64_t count = 0;
    for (std::size_t i = 0; i < a.pixels.size(); i += 3) count += a.pixels[i] != b.pixels[i] || a.pixels[i + 1] != b.pixels[i + 1] || a.pixels[i + 2] != b.pixels[i + 2];
    return count;
}

}  // namespace

TEST_CASE("draw_detections: nothing to draw leaves every byte") {
    Image image(37, 41);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = std::uint8_t(i * 31);
    const Image before = image;
    draw_detections(image, {});
    CHECK(image == before);
}

TEST_CASE("draw_detections: a box is a line of its class's colour and leaves its inside alone") {
    Image image = grey(200, 300);
    const std::vector<DrawnObject> objects = {{{50, 60, 250, 160}, 3, "", -1, {}}};
    draw_detections(image, objects, {.line_width = 4});
    for (const auto& [y, x] : {std::pair{60, 150}, {159, 150}, {110, 50}, {110, 249}}) CHECK(near(image.pixel(y, x), class_colour(3), 12));
    CHECK(near(image.pixel(110, 150), {128, 128, 128}, 0));
    CHECK(near(image.pixel(10, 10), {128, 128, 128}, 0));
}

TEST_CASE("draw_detections: keypoints are dots, a person's are joined; uncertain ones are left out with their lines") {
    DrawnObject person{{50, 20, 250, 180}, 0, "", -1, {}, std::vector<Keypoint>(17, Keypoint{10, 10, 0.f})};
    person.keypoints[5] = {100, 60, 0.9f};   // shoulders
    person.keypoints[6] = {200, 60, 0.9f};
    person.keypoints[7] = {100, 150, 0.9f};  // left elbow
    person.keypoints[8] = {200, 150, 0.04f};
    const DrawStyle style{.boxes = false, .line_width = 4};
    Image image = grey(200, 300);
    draw_detections(image, std::vector{person}, style);
    CHECK(near(image.pixel(60, 150), class_colour(0), 12));   // between the shoulders
    CHECK(near(image.pixel(105, 100), class_colour(1), 12));  // left arm
    CHECK(near(image.pixel(150, 100), class_colour(1), 12));
    CHECK(near(image.pixel(60, 200), class_colour(2), 12));
    CHECK(near(image.pixel(105, 200), {128, 128, 128}, 0));  // no right arm
    CHECK(near(image.pixel(150, 200), {128, 128, 128}, 0));
    CHECK(near(image.pixel(10, 10), {128, 128, 128}, 0));

    Image hidden = grey(200, 300);
    DrawStyle without = style;
    without.keypoints = false;
    draw_detections(hidden, std::vector{person}, without);
    CHECK(hidden == grey(200, 300));

    DrawnObject other = person;  // no person: dots without lines
    other.keypoints.resize(9);
    Image dots = grey(200, 300);
    draw_detections(dots, std::vector{other}, style);
    CHECK(near(dots.pixel(60, 100), class_colour(0), 12));
    CHECK(near(dots.pixel(60, 150), {128, 128, 128}, 0));
}

TEST_CASE("draw_detections: keypoints far outside the picture end at its border; one that is not finite is refused and leaves the picture") {
    DrawnObject person{{50, 20, 250, 180}, 0, "person", -1, {}, std::vector<Keypoint>(17, Keypoint{1e30f, -1e30f, 1})};
    Image image = grey(200, 300);
    CHECK_NOTHROW(draw_detections(image, std::vector{person}));
    for (const float odd : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        person.keypoints[3].y = odd;
        const Image before = image;
        CHECK_THROWS_WITH_AS(draw_detections(image, std::vector{person}), "draw_detections: a keypoint of \"person\" is not finite", ArgumentError);
        CHECK(image == before);
    }
}

TEST_CASE("draw_detections: a mask tints its pixels by its opacity, holes stay clear") {
    Image image = grey(100, 100);
    BitMask ring = rle_decode(rectangle(100, 100, 20, 20, 80, 80));
    for (std::int64_t y = 40; y < 60; ++y) {
        for (std::int64_t x = 40; x < 60; ++x) ring.bits[std::size_t(y * 100 + x)] = 0;
    }
    const std::vector<DrawnObject> objects = {{{20, 20, 80, 80}, 1, "", -1, rle_encode(ring)}};
    DrawStyle style;
    style.boxes = false;
    style.mask_opacity = 0.5;
    style.line_width = 4;
    draw_detections(image, objects, style);
    const Colour colour = class_colour(1);
    const Colour half = {std::uint8_t((128 + colour.red) / 2), std::uint8_t((128 + colour.green) / 2), std::uint8_t((128 + colour.blue) / 2)};
    CHECK(near(image.pixel(30, 50), half, 3));
    CHECK(near(image.pixel(50, 50), {128, 128, 128}, 0));
    CHECK(near(image.pixel(10, 10), {128, 128, 128}, 0));
    CHECK(near(image.pixel(20, 50), class_colour(1), 20));  // the contour
}

TEST_CASE("draw_detections: tags stay inside the picture and show the label") {
    for (const std::array<float, 4>& box : {std::array<float, 4>{0, 0, 20, 10}, {380, 0, 400, 300}, {-50, 290, 10, 400}, {390, 290, 400, 300}}) {
        Image plain = grey(300, 400), tagged = grey(300, 400);
        const DrawnObject object = {box, 2, "washer", 0.97f, {}};
        DrawStyle style;
        style.labels = false;
        draw_detections(plain, std::span(&object, 1), style);
        style.labels = true;
        draw_detections(tagged, std::span(&object, 1), style);
        std::int64_t filled = 0, ink = 0;
        for (std::int64_t i = 0; i < 300 * 400; ++i) {
            if (near(tagged.pixels.data() + 3 * i, class_colour(2), 14) && !near(plain.pixels.data() + 3 * i, class_colour(2), 14)) ++filled;
            if (near(tagged.pixels.data() + 3 * i, text_colour(class_colour(2)), 50)) ++ink;
        }
        CHECK(filled > 250);  // a tag of about 70 x 10 pixels, less its letters and their soft edges
        CHECK(ink > 40);
    }
}

TEST_CASE("draw_detections: where there is room, tags of crowded objects do not cover each other") {
    Image image = grey(400, 600);
    std::vector<DrawnObject> objects;
    for (int i = 0; i < 4; ++i) objects.push_back({{200, 200, 300, 300}, i, "x", 0.9f - 0.1f * float(i), {}});
    DrawStyle style;
    style.boxes = false;
    draw_detections(image, objects, style);
    for (int i = 0; i < 4; ++i) {
        std::int64_t area = 0;
        for (std::size_t p = 0; p < image.pixels.size(); p += 3) area += near(image.pixels.data() + p, class_colour(i), 14);
        CHECK(area > 150);
    }
}

TEST_CASE("draw_detections: the most certain object lies on top") {
    Image image = grey(100, 100);
    const Rle mask = rectangle(100, 100, 10, 10, 90, 90);
    std::vector<DrawnObject> objects = {{{10, 10, 90, 90}, 0, "", 0.9f, mask}, {{10, 10, 90, 90}, 1, "", 0.2f, mask}};
    DrawStyle style;
    style.labels = style.boxes = false;
    style.mask_opacity = 1;
    draw_detections(image, objects, style);
    CHECK(near(image.pixel(50, 50), class_colour(0), 0));
}

TEST_CASE("draw_detections: the legend takes the emptiest corner and shows each colour") {
    Image image = grey(480, 640);
    const std::vector<DrawnObject> objects = {{{0, 240, 320, 480}, 0, "nut", 0.9f, {}}, {{10, 250, 300, 470}, 0, "nut", 0.8f, {}}, {{0, 0, 320, 230}, 4, "pin", 0.8f, {}},
                                              {{330, 0, 640, 230}, 4, "pin", 0.7f, {}}, {{335, 5, 630, 220}, 4, "pin", 0.6f, {}}};
    DrawStyle style;
    style.boxes = style.labels = false;
    style.legend = count_legend(objects);
    REQUIRE(style.legend.size() == 2);
    CHECK(style.legend[0].name == "pin");
    CHECK(style.legend[0].count == 3);
    CHECK(style.legend[1].count == 2);
    const Image before = image;
    draw_detections(image, objects, style);
    bool first = false, second = false;
    for (std::int64_t y = 0; y < 480; ++y) {
        for (std::int64_t x = 0; x < 640; ++x) {
            const std::uint8_t* pixel = image.pixel(y, x);
            if (y < 240 || x < 320) REQUIRE(near(pixel, {128, 128, 128}, 0));  // the lower right corner is free
            first |= near(pixel, class_colour(0), 2);
            second |= near(pixel, class_colour(4), 2);
        }
    }
    CHECK(first);
    CHECK(second);
    CHECK(changed(image, before) > 1000);
}

TEST_CASE("draw_detections: hostile labels, boxes and sizes do no harm") {
    const std::string odd("\xFF\xFEnut\0\n\t\xE2\x82 \xF0\x9F\x94\xA9", 15);
    for (const PictureSize size : {PictureSize{1, 1}, {1, 500}, {500, 1}, {64, 64}}) {
        Image image = grey(size.height, size.width);
        const std::vector<DrawnObject> objects = {{{-3e38f, -3e38f, 3e38f, 3e38f}, -7, odd, 1.0f, rectangle(size.height, size.width, 0, 0, 1, 1)},
                                                  {{5, 5, 1, 1}, 2147483647, std::string(300, 'W'), 2e30f, {}}};
        CHECK_NOTHROW(draw_detections(image, objects, {.legend = count_legend(objects)}));
        CHECK(image.size() == size);
    }
}

TEST_CASE("draw_detections: a refused call names the reason and leaves the picture") {
    Image image = grey(10, 10);
    const Image before = image;
    std::vector<DrawnObject> objects(1);
    objects[0].label = "bolt";
    objects[0].box = {0, 0, std::numeric_limits<float>::quiet_NaN(), 4};
    CHECK_THROWS_WITH_AS(draw_detections(image, objects), "draw_detections: a box of \"bolt\" is not finite", ArgumentError);
    objects[0].box = {0, 0, 4, 4};
    objects[0].mask = {3, 3, {9}};
    CHECK_THROWS_WITH_AS(draw_detections(image, objects), "draw_detections: a mask is 3 x 3, the picture 10 x 10", ShapeError);
    objects[0].mask = {10, 10, {9}};
    CHECK_THROWS_AS(draw_detections(image, objects), ShapeError);
    Image empty;
    CHECK_THROWS_WITH_AS(draw_detections(empty, {}), "draw_detections: sides must be 1 .. 32767, got 0 x 0", ShapeError);
    CHECK(image == before);
}
