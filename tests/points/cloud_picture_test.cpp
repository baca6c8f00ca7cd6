#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include <regulus/draw/birds_eye.hpp>
#include <regulus/draw/outline.hpp>
#include <regulus/draw/palette.hpp>
#include <regulus/draw/perspective.hpp>
#include <regulus/pipeline/draw3d.hpp>

using namespace regulus;

/// fontconfig keeps some memory until the end of the program and leaves it to the system.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\n"; }

namespace {

constexpr double quarter = 1.5707963267948966;

/// 20 metres to each side in 400 x 400 pixels, ten pixels a metre, nothing but points and boxes.
BirdsEyeStyle plain() {
    BirdsEyeStyle style;
    style.width = style.height = 400;
    style.reach = 20;
    style.ring_spacing = -1;
    style.low = -2;
    style.high = 2;
    style.point_size = 3;
    style.labels = style.legend = style.colour_scale = false;
    return style;
}

/// How far a pixel is from the empty sheet.
int light(const Image& image, double x, double y) {
    const std::uint8_t* const pixel = image.pixel(std::int64_t(y), std::int64_t(x));
    return std::abs(pixel[0] - 15) + std::abs(pixel[1] - 18) + std::abs(pixel[2] - 26);
}

bool near(const Image& image, double x, double y, Colour colour, int tolerance) {
    const std::uint8_t* const pixel = image.pixel(std::int64_t(y), std::int64_t(x));
    return std::abs(pixel[0] - colour.red) <= tolerance && std::abs(pixel[1] - colour.green) <= tolerance && std::abs(pixel[2] - colour.blue) <= tolerance;
}

std::int64_t differing(const Image& a, const Image& b) {
    std::int64_t count = 0;
    for (std::size_t i = 0; i < a.pixels.size(); i += 3) count += a.pixels[i] != b.pixels[i] || a.pixels[i + 1] != b.pixels[i + 1] || a.pixels[i + 2] != b.pixels[i + 2];
    return count;
}

}  // namespace

TEST_CASE("bird's eye: x is up and y is left; with the direction y, y is up and x is right") {
    const PointCloud cloud{4, {10, 0, 0, 9, 0, 15, 0, 9}};
    BirdsEyeStyle style = plain();
    const Image x_up = draw_birds_eye(cloud, {}, style);
    CHECK(light(x_up, 200, 100) > 100);  // 10 m ahead
    CHECK(light(x_up, 50, 200) > 100);   // 15 m to the left
    CHECK(light(x_up, 200, 50) == 0);
    style.forward = quarter;
    const Image y_up = draw_birds_eye(cloud, {}, style);
    CHECK(light(y_up, 300, 200) > 100);
    CHECK(light(y_up, 200, 50) > 100);
    CHECK(light(y_up, 50, 200) == 0);
    style.forward = 0;
    style.centre = {5, 0};
    CHECK(light(draw_birds_eye(cloud, {}, style), 200, 150) > 100);
}

TEST_CASE("bird's eye: colour tells the height, and the higher point lies on top whatever its place in the cloud") {
    const PointCloud low{3, {10, 0, -2}}, high{3, {10, 0, 2}}, both{3, {10, 0, 2, 10, 0, -2}}, turned{3, {10, 0, -2, 10, 0, 2}};
    const Image only_low = draw_birds_eye(low, {}, plain()), only_high = draw_birds_eye(high, {}, plain());
    CHECK(only_low.pixel(100, 200)[2] > only_low.pixel(100, 200)[0]);    // blue below
    CHECK(only_high.pixel(100, 200)[0] > only_high.pixel(100, 200)[2]);  // red above
    CHECK(draw_birds_eye(both, {}, plain()) == draw_birds_eye(turned, {}, plain()));
    CHECK(draw_birds_eye(both, {}, plain()).pixel(100, 200)[0] > 200);
}

TEST_CASE("bird's eye: a box is an outline of its class's colour, turned by its yaw, with a line past its front") {
    DrawnBox3d drawn;
    drawn.box = {0, -10, -1, 8, 4, 2, float(quarter / 2), 0, 0};
    drawn.class_index = 4;
    const Image image = draw_birds_eye({3, {}}, std::vector<DrawnBox3d>{drawn}, plain());
    const auto at = [&](double along, double across) {  // pixels of a place in the box's own frame
        const double c = std::cos(quarter / 2), x = c * along - c * across, y = -10 + c * along + c * across;
        return OutlinePoint{200 - 10 * y, 200 - 10 * x};
    };
    for (const auto& [along, across] : {std::pair{4.0, 1.0}, {-4.0, 0.5}, {1.0, 2.0}, {1.0, -2.0}}) CHECK(near(image, at(along, across).x, at(along, across).y, class_colour(4), 90));
    CHECK(near(image, at(2, 0).x, at(2, 0).y, class_colour(4), 90));                 // from the centre ...
    CHECK(near(image, at(4.3, 0).x, at(4.3, 0).y, class_colour(4), 90));             // ... past the front
    CHECK(!near(image, at(-2, 0).x, at(-2, 0).y, class_colour(4), 90));              // not to the rear
    CHECK(light(image, at(-2, 0).x, at(-2, 0).y) > 10);                              // the ground of the box is tinted
    CHECK(light(image, at(-4.6, 0).x, at(-4.6, 0).y) == 0);
}

TEST_CASE("bird's eye: rings lie at their distance around the sensor and have labels") {
    BirdsEyeStyle style = plain();
    const Image without = draw_birds_eye({3, {}}, {}, style);
    style.ring_spacing = 8;
    const Image with = draw_birds_eye({3, {}}, {}, style);
    for (const double angle : {0.3, 2.0, 3.9, 5.9}) {
        int ring = 0, between = 0;
        for (double r = 7.8; r <= 8.25; r += 0.01) ring = std::max(ring, light(with, 200 + 10 * r * std::cos(angle), 200 - 10 * r * std::sin(angle)));
        for (double r = 8.6; r <= 15.4; r += 0.05) between = std::max(between, light(with, 200 + 10 * r * std::cos(angle), 200 - 10 * r * std::sin(angle)));
        CHECK(ring > 30);
        CHECK(between < 10);
    }
    CHECK(light(without, 280, 200) == 0);
    std::int64_t white = 0;  // letters of "8 m" to the front right
    for (int y = 120; y < 146; ++y) {
        for (int x = 254; x < 290; ++x) white += light(with, x, y) > 300;
    }
    CHECK(white > 10);
}

TEST_CASE("bird's eye: without a reach the picture holds the points, a scanner that sees all around stays in the middle") {
    BirdsEyeStyle style = plain();
    style.reach = 0;
    style.high = 4;
    PointCloud ahead{3, {}};
    for (int i = 0; i < 200; ++i) ahead.values.insert(ahead.values.end(), {float(i % 20) * 3 + 5, float(i / 20) - 5, 4});
    const auto middle = [&](const Image& image) {  // of the white arrow
        double sum = 0, count = 0;
        for (int y = 0; y < 400; ++y) {
            for (int x = 0; x < 400; ++x) {
                if (near(image, x, y, {244, 244, 244}, 14)) sum += y, ++count;
            }
        }
        return sum / count;
    };
    CHECK(middle(draw_birds_eye(ahead, {}, style)) > 360);
    PointCloud around = ahead;
    for (std::size_t i = 0; i < 200; ++i) around.values.insert(around.values.end(), {-ahead[i][0] * 0.6f, ahead[i][1] * 8, ahead[i][2]});
    CHECK(std::fabs(middle(draw_birds_eye(around, {}, style)) - 200) < 4);
    int lit = 0;
    const Image image = draw_birds_eye(ahead, {}, style);
    for (int y = 0; y < 400; ++y) {
        for (int x = 0; x < 400; ++x) lit += near(image, x, y, {236, 84, 96}, 60);
    }
    CHECK(lit > 1000);  // all 200 points of 3 x 3 pixels, less their soft rims
}

TEST_CASE("cloud pictures: tags and the legend show each class, and go when not wanted") {
    std::vector<DrawnBox3d> boxes(3);
    for (int i = 0; i < 3; ++i) boxes[std::size_t(i)] = {{float(6 * i), float(5 - 5 * i), 0, 4, 2, 2, 0, 0, 0}, i, "thing", 0.9f - 0.1f * float(i)};
    BirdsEyeStyle style = plain();
    const Image bare = draw_birds_eye({3, {}}, boxes, style);
    style.labels = true;
    const Image tagged = draw_birds_eye({3, {}}, boxes, style);
    style.legend = true;
    const Image with_legend = draw_birds_eye({3, {}}, boxes, style);
    style.colour_scale = true;
    const Image with_scale = draw_birds_eye({3, {}}, boxes, style);
    style.caption = "caption";
    CHECK(differing(bare, tagged) > 600);
    CHECK(differing(tagged, with_legend) > 1000);
    CHECK(differing(with_legend, with_scale) > 500);
    CHECK(differing(with_scale, draw_birds_eye({3, {}}, boxes, style)) > 50);
}

TEST_CASE("perspective: what is ahead is in the middle, near things are lower and larger, what is behind the camera is not there") {
    PerspectiveStyle style;
    style.width = 640;
    style.height = 360;
    style.ring_spacing = -1;
    style.low = -2;
    style.high = 2;
    style.ground = -1.8;
    style.labels = style.legend = style.colour_scale = false;
    const auto centre = [&](float x, float y) {  // of the light
        const Image image = draw_perspective({3, {x, y, 2}}, {}, style);
        double sum_x = 0, sum_y = 0, sum = 0;
        for (int row = 0; row < 360; ++row) {
            for (int column = 0; column < 640; ++column) {
                const double l = light(image, column, row);
                sum_x += l * (column + 0.5);
                sum_y += l * (row + 0.5);
                sum += l;
            }
        }
        return std::array<double, 3>{sum_x / sum, sum_y / sum, sum};
    };
    CHECK(std::fabs(centre(20, 0)[0] - 320) < 0.6);
    CHECK(centre(20, 5)[0] < 300);   // y is to the left
    CHECK(centre(20, -5)[0] > 340);
    CHECK(centre(5, 0)[1] > centre(20, 0)[1]);
    CHECK(centre(20, 0)[1] > centre(60, 0)[1]);
    CHECK(centre(0, 0)[2] > centre(60, 0)[2]);

    const Image empty = draw_perspective({3, {}}, {}, style);
    CHECK(draw_perspective({3, {-60, 0, 0}}, {}, style) == empty);
    DrawnBox3d drawn;
    drawn.box = {-60, 0, -1, 4, 2, 2, 0, 0, 0};
    CHECK(draw_perspective({3, {}}, std::vector<DrawnBox3d>{drawn}, style) == empty);
    drawn.box.x = 20;
    CHECK(differing(draw_perspective({3, {}}, std::vector<DrawnBox3d>{drawn}, style), empty) > 150);
    drawn.box.x = -22;  // around the camera
    CHECK_NOTHROW(draw_perspective({3, {}}, std::vector<DrawnBox3d>{drawn}, style));
}

TEST_CASE("perspective: a box's front corner is where the pinhole camera sees it") {
    PerspectiveStyle style;
    style.width = 800;
    style.height = 600;
    style.ring_spacing = -1;
    style.labels = style.legend = style.colour_scale = false;
    style.behind = 10;
    style.above = 10;
    style.look_ahead = 10;
    style.ground = -10;  // 45 degrees down
    style.field_of_view = 90;
    DrawnBox3d drawn;
    drawn.box = {18, 0, 0, 4, 6, 0, 0, 0, 0};
    drawn.class_index = 2;
    const Image image = draw_perspective({3, {}}, std::vector<DrawnBox3d>{drawn}, style);
    // the front edge: 30 m ahead of the camera and 10 m below it, 3 m to either side; depth and drop along the turned axes
    const double s = std::sqrt(0.5), depth = s * 30 + s * 10, drop = -s * 30 + s * 10;
    for (const double side : {-2.5, -1.0, 1.5, 2.5}) CHECK(near(image, 400 + 400 * side / depth, 300 + 400 * drop / depth, class_colour(2), 90));
    CHECK(light(image, 400 + 400 * 3.4 / depth, 300 + 400 * drop / depth) == 0);
}

TEST_CASE("cloud pictures: hostile points, boxes and labels do no harm") {
    const float huge = std::numeric_limits<float>::max(), nan = std::numeric_limits<float>::quiet_NaN(), infinite = std::numeric_limits<float>::infinity();
    const PointCloud cloud{3, {huge, -huge, huge, nan, 0, 0, 0, infinite, 0, 1, 2, 3, -huge, huge, 0}};
    std::vector<DrawnBox3d> boxes(4);
    boxes[0].box = {huge, huge, huge, huge, huge, huge, huge, 0, 0};
    boxes[1].box = {0, 0, 0, huge, 1, 1, 1, 0, 0};
    boxes[2] = {{1, 1, 0, 0, 0, 0, 0, 0, 0}, -7, std::string("\xFF\xFE\n").append(500, 'W'), 2e30f};
    boxes[3] = {{1, 1, 0, -3, -2, -1, 0.5f, 0, 0}, 2147483647, "", 0.5f};
    for (const auto& [width, height] : {std::pair{16, 16}, {16, 900}, {900, 16}, {300, 300}}) {
        BirdsEyeStyle birds_eye;
        PerspectiveStyle perspective;
        birds_eye.width = perspective.width = width;
        birds_eye.height = perspective.height = height;
        birds_eye.caption = perspective.caption = "\xFF caption";
        CHECK_NOTHROW(draw_birds_eye(cloud, boxes, birds_eye));
        CHECK_NOTHROW(draw_perspective(cloud, boxes, perspective));
        CHECK_NOTHROW(draw_birds_eye({3, {}}, {}, birds_eye));
        CHECK_NOTHROW(draw_perspective({3, {}}, {}, perspective));
    }
}

TEST_CASE("cloud pictures: a refused call names the reason") {
    std::vector<DrawnBox3d> boxes(1);
    boxes[0].label = "car";
    boxes[0].box.yaw = std::numeric_limits<float>::quiet_NaN();
    BirdsEyeStyle style;
    PerspectiveStyle perspective;
    CHECK_THROWS_WITH_AS(draw_birds_eye({3, {}}, boxes, style), "draw_birds_eye: a box of \"car\" is not finite", ArgumentError);
    CHECK_THROWS_WITH_AS(draw_perspective({3, {}}, boxes, perspective), "draw_perspective: a box of \"car\" is not finite", ArgumentError);
    CHECK_THROWS_WITH_AS(draw_birds_eye({2, {1, 2}}, {}, style), "draw_birds_eye: a point has 2 numbers, at least x, y and z are needed", ShapeError);
    style.width = 0;
    CHECK_THROWS_WITH_AS(draw_birds_eye({3, {}}, {}, style), "draw_birds_eye: sides must be 16 .. 16384 pixels, got 1400 x 0", ArgumentError);
    style.width = 100;
    style.reach = -1;
    CHECK_THROWS_WITH_AS(draw_birds_eye({3, {}}, {}, style), "draw_birds_eye: reach must be 0 .. 1e5 metres and the centre within as much", ArgumentError);
    perspective.field_of_view = 180;
    CHECK_THROWS_WITH_AS(draw_perspective({3, {}}, {}, perspective), "draw_perspective: the field of view must be 10 .. 150 degrees", ArgumentError);
}

TEST_CASE("cloud pictures: a detector's list becomes boxes one by one") {
    DetectionList3d list;
    list.items = {{{1, 2, 3, 4, 5, 6, 7, 8, 9}, 0.25f, 3, "bus"}, {{}, 0.5f, 1, "car"}};
    const std::vector<DrawnBox3d> boxes = drawn_boxes(list);
    REQUIRE(boxes.size() == 2);
    CHECK(boxes[0].box.yaw == 7);
    CHECK(boxes[0].class_index == 3);
    CHECK(boxes[0].label == "bus");
    CHECK(boxes[1].score == 0.5f);
}
