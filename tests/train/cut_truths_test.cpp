// Pictures that are cut, and their truths against detectron2's rules, carried out with its tools (data_files/train/cut_truths.py).
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/data/detect_augment.hpp>
#include <regulus/train/coco_truths.hpp>

#include "support/shared_json.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

PictureSize size_of(const Json& pair) {
    const std::vector<double> sides = numbers(pair);
    return {std::int64_t(sides[0]), std::int64_t(sides[1])};
}

std::optional<PictureWindow> window_of(const Json& four) {
    if (four.is_null()) return std::nullopt;
    const std::vector<double> n = numbers(four);
    return PictureWindow{std::int64_t(n[0]), std::int64_t(n[1]), std::int64_t(n[2]), std::int64_t(n[3])};
}

/// A picture of which each pixel tells its place.
Image numbered(std::int64_t height, std::int64_t width) {
    Image image(height, width);
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) image.pixel(y, x)[0] = std::uint8_t(y), image.pixel(y, x)[1] = std::uint8_t(x);
    }
    return image;
}

bool shows(const Image& image, std::int64_t y, std::int64_t x, std::uint8_t row, std::uint8_t column) { return image.pixel(y, x)[0] == row && image.pixel(y, x)[1] == column; }

}  // namespace

TEST_CASE("cut truths: boxes round what is left of masks, and the masks, are detectron2's") {
    const std::string path = std::string(REGULUS_TEST_DATA) + "/train/cut_truths.json";
    const auto bytes = read_file(path, 1 << 24);
    const Json file = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
    const CocoTruths truths(read_coco_annotations(path), {3, 7}, TruthRule::detectron2);
    for (const Json& expected : list(member(file, "changes"))) {
        const PictureChange change{size_of(member(expected, "resized")), *member(expected, "flipped").boolean(), window_of(member(expected, "part")), window_of(member(expected, "shown"))};
        CAPTURE(change.resized.width);
        CAPTURE(change.is_flipped);
        const PictureTruth found = truths.truth(0, change, true);
        const Json::Array &boxes = list(member(expected, "boxes")), &masks = list(member(expected, "masks"));
        const std::vector<double> labels = numbers(member(expected, "labels"));
        REQUIRE(found.truth.labels.numel() == std::int64_t(boxes.size()));
        REQUIRE(found.masks.size() == masks.size());
        for (std::size_t i = 0; i < boxes.size(); ++i) {
            CAPTURE(i);
            CHECK(found.truth.labels.data<std::int32_t>()[i] == std::int32_t(labels[i]));
            const std::vector<double> box = numbers(boxes[i]);
            for (std::size_t k = 0; k < 4; ++k) CHECK(double(found.truth.boxes.data<float>()[4 * i + k]) == doctest::Approx(box[k]).epsilon(1e-6));  // where lines meet edges, the order of the steps shows
            CocoAnnotation drawn;
            drawn.polygons = found.masks[i].polygons;
            const PictureSize size = change.size();
            const Rle mask = drawn.polygons.empty() ? found.masks[i].bitmap : coco_mask(drawn, {1, size.width, size.height, ""});
            CHECK(mask == rle_from_string(text_of(masks[i]), size.height, size.width));
        }
    }
}

TEST_CASE("cut truths: other rules have no cuts, and a part must lie in its picture") {
    CocoDataset dataset;
    dataset.images = {{1, 30, 20, ""}};
    dataset.categories = {{1, "a", ""}};
    dataset.annotations = {{1, 1, 1, {5, 5, 10, 10}, 100, false, {{5, 5, 15, 5, 15, 15, 5, 15}}, {}, {}, 0}};
    const PictureChange cut{{20, 30}, false, {}, PictureWindow{0, 0, 16, 16}};
    CHECK_THROWS_WITH_AS(CocoTruths(dataset, {1}, TruthRule::mmdetection).truth(0, cut), "coco truths: pictures are cut as detectron2 does it; its rule is another", ArgumentError);
    const CocoTruths truths(dataset, {1}, TruthRule::detectron2);
    CHECK_THROWS_WITH_AS(truths.truth(0, {{20, 30}, false, PictureWindow{0, 1, 20, 30}}), "coco truths: a part of 20 x 30 pixels from row 0, column 1 on does not fit a picture of 20 x 30", ArgumentError);
    CHECK_THROWS_AS(truths.truth(0, {{20, 30}, false, {}, PictureWindow{0, -1, 20, 30}}), ArgumentError);
    CHECK(truths.truth(0, {{20, 30}, false, PictureWindow{15, 15, 5, 15}}, true).truth.labels.numel() == 0);
    const PictureTruth boxes = truths.truth(0, {{20, 30}, false, PictureWindow{10, 5, 10, 15}});  // without masks, boxes end at the edges
    CHECK(boxes.truth.boxes.data<float>()[2] == 20);
    CHECK(boxes.truth.boxes.data<float>()[3] == 10);
}

TEST_CASE("cut pictures: the part, its size, the window and what is grey") {
    const Image image = numbered(20, 30);
    const PictureChange change{{10, 12}, true, PictureWindow{4, 6, 10, 12}, PictureWindow{3, 2, 9, 11}};
    const Image cut = cut_picture(image, change, Interpolation::pillow_bilinear);
    CHECK(cut.size() == change.size());
    CHECK(shows(cut, 0, 0, 7, 8));
    CHECK(shows(cut, 6, 9, 13, 17));
    CHECK(shows(cut, 7, 0, 128, 128));
    CHECK(shows(cut, 0, 10, 128, 128));
    CHECK(cut_picture(image, {{20, 30}}, Interpolation::pillow_bilinear) == image);
    CHECK(cut_picture(image, {{7, 9}}, Interpolation::pillow_bilinear) == resize(image, {7, 9}, Interpolation::pillow_bilinear));
    CHECK(shows(cut_picture(image, {{20, 30}, false, {}, PictureWindow{50, 50, 2, 2}}, Interpolation::pillow_bilinear), 0, 0, 128, 128));
    CHECK_THROWS_AS(cut_picture(image, {{20, 30}, false, PictureWindow{0, 0, 21, 30}}, Interpolation::pillow_bilinear), ArgumentError);
    CHECK_THROWS_AS(cut_picture(image, {{20, 30}, false, {}, PictureWindow{0, 0, 0, 30}}, Interpolation::pillow_bilinear), ArgumentError);
}

TEST_CASE("cut views: parts of nine tenths or more, jitter between a tenth and two, all that is cut lies in the picture") {
    DetectAugmentation part;
    part.least_part = 0.9;
    DetectAugmentation jitter;
    jitter.jitter = DetectAugmentation::Jitter{};
    Preprocessing preprocessing;
    preprocessing.resize_rule = ResizeRule::detectron2_short;
    std::int64_t least = 1 << 20, greatest = 0, whole = 0;
    for (std::uint64_t key = 0; key < 2000; ++key) {
        const PictureSize size{1 + std::int64_t(key % 700), 1 + std::int64_t(key * 7 % 900)};
        const PictureChange cut = change_of(random_view(part, key), size, preprocessing);
        REQUIRE(cut.part.has_value());
        CHECK_NOTHROW(check_change(cut, size, "test"));
        CHECK(double(cut.part->height) >= 0.9 * double(size.height) - 1);
        CHECK(cut.resized == resized_size({cut.part->height, cut.part->width}, preprocessing));

        const PictureChange jittered = change_of(random_view(jitter, key), size, preprocessing);
        CHECK(jittered.size() == PictureSize{1024, 1024});
        CHECK_NOTHROW(check_change(jittered, size, "test"));
        const std::int64_t longer = std::max(jittered.resized.height, jittered.resized.width);
        least = std::min(least, longer), greatest = std::max(greatest, longer);
        whole += jittered.shown->top == 0 && jittered.shown->left == 0;
        CHECK(jittered.shown->top + 1024 <= std::max<std::int64_t>(1024, jittered.resized.height));
    }
    CHECK(least < 120);
    CHECK(least >= 102);
    CHECK(greatest > 2000);
    CHECK(greatest <= 2048);
    CHECK(std::abs(double(whole) / 2000 - 0.9 / 1.9) < 0.05);  // those that fit
    CHECK(random_view(part, 5) == random_view(part, 5));
    part.least_part = 0;
    CHECK_THROWS_AS(random_view(part, 1), ArgumentError);
    jitter.jitter->least = 3;
    CHECK_THROWS_AS(random_view(jitter, 1), ArgumentError);
    CHECK_THROWS_AS(change_of(DetectView{}, {0, 5}, preprocessing), ShapeError);
}

TEST_CASE("rings at the edges: corners, tongues and nothing") {
    const std::vector<double> square{-5, -5, 5, -5, 5, 5, -5, 5};
    CHECK(clipped_box({square}, 10, 10) == std::array<double, 4>{0, 0, 5, 5});
    CHECK(clipped({1, 1, 4, 1, 4, 3}, 10, 10) == std::vector<double>{1, 1, 4, 1, 4, 3});
    CHECK(clipped({-4, 2, -1, 2, -1, 5}, 10, 10).empty());
    CHECK(clipped({-1, 12, 12, -1, 30, 30}, 5, 5).empty());  // beyond a corner
    CHECK(clipped_box({{-1, 12, 12, -1, 30, 30}}, 5, 5)[2] < 0);
    CHECK(clipped_box({{-9, -9, 20, -9, 20, 20, -9, 20}}, 10, 8) == std::array<double, 4>{0, 0, 10, 8});  // all round
    CHECK(clipped({}, 5, 5).empty());
    CHECK_THROWS_AS(clipped({1, 2, 3}, 5, 5), ArgumentError);
}
