// sum_cityscapes against the package cityscapesscripts, its rules one by one, and the files of results.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include <unistd.h>

#include <regulus/data/file.hpp>
#include <regulus/data/label_map.hpp>
#include <regulus/evaluate/cityscapes_results.hpp>

#include "evaluate/judged_cases.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

CityscapesPicture picture_of(const Json& json, std::int64_t height, std::int64_t width) {
    SegmentMap truth{height, width, {}};
    const std::vector<double> runs = numbers_of(*json.find("ids"));
    for (std::size_t i = 0; i + 1 < runs.size(); i += 2) truth.ids.insert(truth.ids.end(), std::size_t(runs[i + 1]), std::uint32_t(runs[i]));
    std::vector<CityscapesInstance> found;
    for (const Json& each : *json.find("found")->array()) {
        CityscapesInstance instance{*each.find("label")->integer(), *each.find("confidence")->real(), {height, width, {}}};
        for (const double count : numbers_of(*each.find("counts"))) instance.mask.counts.push_back(std::uint32_t(count));
        found.push_back(std::move(instance));
    }
    return judge_cityscapes_picture(truth, found, "street");
}

/// -1 for NaN.
std::vector<double> or_minus_one(std::vector<double> values) {
    for (double& value : values) value = std::isnan(value) ? -1 : value;
    return values;
}

/// 20 x 20 pixels of road with a rectangle of the id.
SegmentMap street(std::uint32_t id, std::int64_t rows, std::int64_t columns) {
    SegmentMap map{20, 20, std::vector<std::uint32_t>(400, 7)};
    for (std::int64_t y = 0; y < rows; ++y) {
        for (std::int64_t x = 0; x < columns; ++x) map.ids[std::size_t(20 * y + x)] = id;
    }
    return map;
}

Rle block(std::int64_t rows, std::int64_t columns) {
    BitMask mask{20, 20, std::vector<std::uint8_t>(400)};
    for (std::int64_t y = 0; y < rows; ++y) {
        for (std::int64_t x = 0; x < columns; ++x) mask.bits[std::size_t(20 * y + x)] = 1;
    }
    return rle_encode(mask);
}

double ap50(const SegmentMap& truth, const std::vector<CityscapesInstance>& found) {
    const CityscapesPicture picture = judge_cityscapes_picture(truth, found, "street");
    return sum_cityscapes({&picture, 1}).number("AP50");
}

}  // namespace

TEST_CASE("sum_cityscapes: every class and overlap as the package cityscapesscripts has them") {
    const JudgedCases cases("cityscapes.json");
    CHECK(cases.size() == 12);
    for (const auto& judged : cases) {
        const std::int64_t height = *parse_json(judged.at("height"), "height").integer(), width = *parse_json(judged.at("width"), "width").integer();
        std::vector<CityscapesPicture> pictures;
        const Json list = parse_json(judged.at("pictures"), "pictures");
        for (const Json& picture : *list.array()) pictures.push_back(picture_of(picture, height, width));
        const CityscapesEvaluation evaluation = sum_cityscapes(pictures);
        std::vector<double> expected;
        const Json rows = parse_json(judged.at("ap"), "ap");
        for (const Json& row : *rows.array()) {
            for (const double value : or_minus_one(numbers_of(row))) expected.push_back(value);
        }
        CHECK(greatest_difference(expected, evaluation.ap) <= 1e-9);
        CHECK(greatest_difference(or_minus_one(numbers_of(parse_json(judged.at("all"), "all"))), {evaluation.number("AP"), evaluation.number("AP50")}) <= 1e-9);
    }
}

TEST_CASE("sum_cityscapes: the more confident of two masks is right, and an overlap of the threshold is none") {
    const SegmentMap truth = street(26001, 10, 10);
    CHECK(ap50(truth, {{26, 0.5, block(10, 10)}}) == 1);
    CHECK(ap50(truth, {{26, 0.5, block(10, 20)}}) == 0);                            // 100 of 200 pixels
    CHECK(ap50(truth, {{26, 0.5, block(10, 10)}, {26, 0.9, block(10, 10)}}) == doctest::Approx(1));
    CHECK(ap50(truth, {{25, 0.5, block(10, 10)}}) == 0);                            // another class
    CHECK(ap50(street(7, 10, 10), {{26, 0.5, block(10, 10)}}) == -1);
}

TEST_CASE("sum_cityscapes: what lies on void, groups and small objects is not wrong") {
    SegmentMap truth = street(26001, 10, 10);
    for (std::int64_t y = 12; y < 20; ++y) {
        for (std::int64_t x = 0; x < 20; ++x) truth.ids[std::size_t(20 * y + x)] = 26002;
    }
    const auto with = [&](std::uint32_t id) {  // the lower part as that id, and a mask on it
        SegmentMap map = truth;
        for (std::uint32_t& pixel : map.ids) pixel = pixel == 26002 ? id : pixel;
        BitMask lower{20, 20, std::vector<std::uint8_t>(400)};
        for (std::size_t i = 240; i < 400; ++i) lower.bits[i] = 1;
        return ap50(map, {{26, 0.5, block(10, 10)}, {26, 0.9, rle_encode(lower)}});
    };
    CHECK(with(4) == 1);      // void
    CHECK(with(26) == 1);     // a group of cars
    CHECK(with(26002) == 1);  // another car, found
    CHECK(with(8) < 1);       // a sidewalk
    CHECK(with(25) < 1);      // a group of riders
    CHECK(ap50(street(26001, 9, 11), {{26, 0.5, block(9, 11)}}) == -1);  // 99 pixels: nothing to find
}

TEST_CASE("judge_cityscapes_picture and sum_cityscapes: say what they refuse, and leave out what does not count") {
    const SegmentMap truth = street(26001, 10, 10);
    const auto judge = [&](CityscapesInstance instance) { return judge_cityscapes_picture(truth, {&instance, 1}, "a"); };
    CHECK(judge({23, 0.5, {1, 1, {1}}}).found.empty());        // sky
    CHECK(judge({26, 0.5, {20, 20, {400}}}).found.empty());    // no pixel
    CHECK_THROWS_WITH_AS(judge({26, 0.5, {1, 2, {2}}}), "judge_cityscapes_picture: an instance on a has a mask of 1 x 2 pixels, the picture has 20 x 20 (height x width)", ShapeError);
    CHECK_THROWS_WITH_AS(judge({26, std::nan(""), block(1, 1)}), "judge_cityscapes_picture: an instance on a has a confidence that is not finite", ArgumentError);
    CityscapesPicture picture = judge({26, 0.5, block(10, 10)});
    CHECK(picture.found[0].overlaps[0].pixels == 100);
    picture.found[0].overlaps[0].truth = 7;
    CHECK_THROWS_WITH_AS(sum_cityscapes({&picture, 1}), "sum_cityscapes: pictures[0] contradicts itself", ArgumentError);
}

TEST_CASE("cityscapes_annotations: pixels of each object, groups as crowds") {
    SegmentMap truth{4, 5, std::vector<std::uint32_t>(20, 7)};
    const auto put = [&](std::int64_t y, std::int64_t x, std::uint32_t id) { truth.ids[std::size_t(y * 5 + x)] = id; };
    put(1, 1, 26001), put(1, 2, 26001), put(3, 2, 26001), put(0, 4, 24), put(1, 4, 24), put(3, 4, 30001);
    const std::vector<CocoAnnotation> annotations = cityscapes_annotations(truth);
    REQUIRE(annotations.size() == 2);
    CHECK(annotations[0].category_id == 24);
    CHECK(annotations[0].iscrowd);
    CHECK(annotations[0].area == 2);
    CHECK(annotations[0].rle->counts == std::vector<std::uint32_t>{16, 2, 2});
    CHECK(annotations[1].category_id == 26);
    CHECK_FALSE(annotations[1].iscrowd);
    CHECK(annotations[1].bbox == std::array<double, 4>{1, 1, 2, 3});
    CHECK(annotations[1].rle->counts == std::vector<std::uint32_t>{5, 1, 3, 1, 1, 1, 8});
    CHECK(cityscapes_annotations(SegmentMap{}).empty());
    CHECK_THROWS_AS(cityscapes_annotations(SegmentMap{4, 5, {1}}), ShapeError);
}

TEST_CASE("cityscapes_table: numbers for people") {
    const SegmentMap truth = street(26001, 10, 10);
    const CityscapesInstance found{26, 0.5, block(10, 10)};
    const CityscapesPicture picture = judge_cityscapes_picture(truth, {&found, 1}, "a");
    const CityscapesEvaluation evaluation = sum_cityscapes({&picture, 1});
    CHECK(cityscapes_table(evaluation) == "instances: 1 pictures, 1 objects, 1 detections\nnumber       %  what\nAP      100.00  IoU 0.50:0.95\nAP50    100.00  IoU 0.50\n");
    CHECK(cityscapes_class_table(evaluation).find("car               1  100.00  100.00\n") != std::string::npos);
    CHECK(cityscapes_class_table(evaluation).find("rider             0       -       -\n") != std::string::npos);
}

TEST_CASE("cityscapes results: masks through files and back") {
    const std::string folder = (std::filesystem::temp_directory_path() / ("regulus_cityscapes_" + std::to_string(::getpid()))).string();
    std::filesystem::create_directories(folder);
    const Rle mask = block(3, 5);
    write_label_map(folder + "/a_0.png", cityscapes_mask(mask));
    const std::string line = cityscapes_result_line({"a_0.png", 26, 0.1});
    CHECK(line == "a_0.png 26 0.1\n");
    write_file(folder + "/a.txt", line + "absent.png 23 0.5\n");  // a class that is not judged: its mask is not looked for
    const auto found = read_cityscapes_results(folder + "/a.txt");
    REQUIRE(found.size() == 1);
    CHECK(found[0].label == 26);
    CHECK(found[0].confidence == 0.1);
    CHECK(found[0].mask == mask);
    std::filesystem::remove_all(folder);
}

TEST_CASE("parse_cityscapes_results: says what it refuses") {
    const auto refused = [](const std::string& text, const std::string& why) { CHECK_THROWS_WITH_AS(parse_cityscapes_results(text, "t"), ("t: line 2: " + why).c_str(), FileError); };
    CHECK(parse_cityscapes_results("masks/a.png 26.0 1e-3\r\n\n", "t")[0].label == 26);
    CHECK(parse_cityscapes_results("\xEF\xBB\xBF""a.png 26 0.5", "t")[0].file == "a.png");
    refused("\n\xEF\xBB\xBF""a.png 26 0.5", "a byte order mark stands at the beginning of a text only");
    refused("\na.png 26", "expected a mask's file, a label and a confidence");
    refused("\n/a.png 26 1", "the mask's file must lie in the text's folder or below");
    refused("\nb/../../a.png 26 1", "the mask's file must lie in the text's folder or below");
    refused("a.png 26 1\na.png 26 1", "the mask's file is there twice");
    refused("\na.png 26.5 1", "the label must be a whole number of -1 .. 33");
    refused("\na.png 34 1", "the label must be a whole number of -1 .. 33");
    refused("\na.png 26 nan", "the confidence must be a number, not beyond 1e12");
}
