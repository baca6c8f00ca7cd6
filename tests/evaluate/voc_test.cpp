// evaluate_voc against numbers of the script voc_cases.py, its rules one by one, and its files.
#include <doctest/doctest.h>

#include <cmath>

#include <regulus/evaluate/voc_evaluation.hpp>

#include "evaluate/judged_cases.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

VocBox box_of(const Json& json) {
    const std::vector<double> values = numbers_of(json);
    return {values[0], values[1], values[2], values[3]};
}

std::vector<VocPicture> pictures_of(const Json& json) {
    std::vector<VocPicture> pictures;
    for (const Json& picture : *json.array()) {
        pictures.push_back({*picture.find("id")->text(), {}});
        for (const Json& object : *picture.find("objects")->array())
            pictures.back().objects.push_back({*object.find("name")->text(), box_of(*object.find("box")), *object.find("difficult")->boolean()});
    }
    return pictures;
}

std::vector<VocDetection> detections_of(const Json& json) {
    std::vector<VocDetection> detections;
    for (const Json& each : *json.array())
        detections.push_back({*each.find("picture")->text(), *each.find("name")->text(), *each.find("score")->real(), box_of(*each.find("box"))});
    return detections;
}

constexpr VocBox here = {1, 1, 10, 10}, there = {101, 101, 110, 110};

std::vector<VocPicture> two_dogs() { return {{"a", {{"dog", here, false}, {"dog", there, false}}}}; }

std::string object_xml(const std::string& members) { return "<annotation><folder>VOC2007</folder><object><name>dog</name>" + members + "</object></annotation>"; }

const std::string bndbox = "<bndbox><xmin>8</xmin><ymin>12</ymin><xmax>352.5</xmax><ymax>498</ymax></bndbox>";

}  // namespace

TEST_CASE("evaluate_voc: average precision of every class and overlap, by both rules") {
    const JudgedCases cases("voc.json");
    CHECK(cases.size() == 24);
    for (const auto& judged : cases) {
        const std::vector<VocPicture> pictures = pictures_of(parse_json(judged.at("pictures"), "pictures"));
        const std::vector<VocDetection> detections = detections_of(parse_json(judged.at("detections"), "detections"));
        for (const VocRule rule : {VocRule::eleven_points, VocRule::area}) {
            const VocEvaluation evaluation = evaluate_voc(pictures, detections, {rule, rule == VocRule::area ? 1 : 3});
            const Json expected = parse_json(judged.at(rule == VocRule::area ? "area" : "points"), "expected");
            std::vector<double> all;
            for (const Json& row : *expected.array()) {
                for (const double value : numbers_of(row)) all.push_back(value);
            }
            CHECK(greatest_difference(all, evaluation.ap) <= 1e-9);
            double sum = 0, sum50 = 0;
            int count = 0;
            const std::size_t classes = evaluation.class_names.size();
            for (std::size_t i = 0; i < all.size(); ++i) {
                if (all[i] < 0) continue;
                sum += all[i];
                sum50 += i < classes ? all[i] : 0;
                ++count;
            }
            CHECK(std::fabs(evaluation.number("AP") - sum / count) <= 1e-9);
            CHECK(std::fabs(evaluation.number("AP50") - 10 * sum50 / count) <= 1e-9);
        }
    }
}

TEST_CASE("evaluate_voc: a box is a pixel longer than the difference of its corners") {
    // 10 x 10 pixels in 10 x 20: one half, which is not above 0.5; a row less is.
    const std::vector<VocPicture> pictures = {{"a", {{"dog", here, false}}}};
    CHECK(evaluate_voc(pictures, std::vector<VocDetection>{{"a", "dog", 0.5, {1, 1, 10, 20}}}).number("AP50") == 0);
    CHECK(evaluate_voc(pictures, std::vector<VocDetection>{{"a", "dog", 0.5, {1, 1, 10, 19}}}).number("AP50") == 1);
}

TEST_CASE("evaluate_voc: an object is found once, and difficult ones neither count as found nor as missed") {
    std::vector<VocPicture> pictures = two_dogs();
    std::vector<VocDetection> detections = {{"a", "dog", 0.9, here}, {"a", "dog", 0.8, here}, {"a", "dog", 0.7, there}};
    CHECK(evaluate_voc(pictures, detections).number("AP50") == doctest::Approx(0.5 * 1 + 0.5 * 2 / 3));
    pictures[0].objects[0].difficult = true;
    const VocEvaluation evaluation = evaluate_voc(pictures, detections);
    CHECK(evaluation.number("AP50") == 1);
    CHECK(evaluation.truths[0] == 1);
    CHECK(evaluation.difficult == 1);
    pictures[0].objects[1].difficult = true;
    CHECK(evaluate_voc(pictures, detections).number("AP") == -1);
}

TEST_CASE("evaluate_voc: eleven points take what the area does not") {
    const std::vector<VocDetection> detections = {{"a", "dog", 0.9, here}};
    CHECK(evaluate_voc(two_dogs(), detections, {VocRule::eleven_points, 0}).number("AP50") == doctest::Approx(6.0 / 11));  // recalls 0 to 0.5
    CHECK(evaluate_voc(two_dogs(), detections, {VocRule::area, 0}).number("AP50") == doctest::Approx(0.5));
}

TEST_CASE("evaluate_voc: says what it refuses") {
    const std::vector<VocPicture> pictures = two_dogs();
    const auto judge = [&](VocDetection detection) { evaluate_voc(pictures, std::vector<VocDetection>{detection}); };
    CHECK_THROWS_WITH_AS(judge({"b", "dog", 1, here}), "evaluate_voc: a detection is on the picture b, which is not there: these are results of other pictures", ArgumentError);
    CHECK_THROWS_WITH_AS(judge({"a", "dog", std::nan(""), here}), "evaluate_voc: a detection on a has a number that is not finite or beyond 1e12", ArgumentError);
    CHECK_THROWS_WITH_AS(judge({"a", "cat", 1, {0, 0, 1e300, 0}}), "evaluate_voc: a detection on a has a number that is not finite or beyond 1e12", ArgumentError);
    CHECK_THROWS_WITH_AS(evaluate_voc(std::vector<VocPicture>{{"a", {}}, {"a", {}}}, {}), "evaluate_voc: the picture a is there twice", ArgumentError);
    CHECK(evaluate_voc(pictures, std::vector<VocDetection>{{"a", "cat", 1, here}}).strangers == 1);
}

TEST_CASE("voc_table: numbers for people") {
    const VocEvaluation evaluation = evaluate_voc(two_dogs(), std::vector<VocDetection>{{"a", "dog", 0.9, here}});
    CHECK(voc_table(evaluation) == "boxes: 1 pictures, 2 objects and 0 difficult ones, 1 detections, area under the curve\nnumber      %  what\nAP      50.00  IoU 0.50:0.95\n"
                                   "AP50    50.00  IoU 0.50\nAP75    50.00  IoU 0.75\n");
    CHECK(voc_class_table(evaluation) == "class  objects     AP   AP50   AP75\ndog          2  50.00  50.00  50.00\n");
}

TEST_CASE("parse_voc_annotation: objects with their corners; parts are not looked at") {
    const auto objects = parse_voc_annotation(object_xml("<pose>Left</pose><difficult>1</difficult><part><name>head</name>" + bndbox + "</part>" + bndbox), "t").objects;
    REQUIRE(objects.size() == 1);
    CHECK(objects[0].class_name == "dog");
    CHECK(objects[0].box == VocBox{8, 12, 352.5, 498});
    CHECK(objects[0].difficult);
    CHECK(!parse_voc_annotation(object_xml(bndbox), "t").objects[0].difficult);
    CHECK(parse_voc_annotation("<annotation/>", "t").objects.empty());
    CHECK(parse_voc_annotation("<annotation/>", "t").size == PictureSize{});
    CHECK(parse_voc_annotation("<annotation><size><width>500</width><height>375</height><depth>3</depth></size></annotation>", "t").size == PictureSize{375, 500});
}

TEST_CASE("parse_voc_annotation: says what it refuses") {
    const auto refused = [](const std::string& text, const std::string& why) { CHECK_THROWS_WITH_AS(parse_voc_annotation(text, "t"), ("t: " + why).c_str(), FileError); };
    refused("<html/>", "must hold an <annotation>, holds <html>");
    refused("{}", "line 1 of the XML text: expected an element");
    refused("<annotation><object/></annotation>", "object 0: <object> lacks <name>");
    refused("<annotation><object><name> </name></object></annotation>", "object 0: <name> must be the name of a class");
    refused(object_xml("<part>" + bndbox + "</part>"), "object 0: <object> lacks <bndbox>");
    refused(object_xml("<bndbox><xmin>8</xmin></bndbox>"), "object 0: <bndbox> lacks <ymin>");
    refused(object_xml("<bndbox><xmin>nan</xmin></bndbox>"), "object 0: <xmin> must be a number, not beyond 1e12");
    refused(object_xml("<bndbox><xmin>9</xmin><ymin>1</ymin><xmax>8</xmax><ymax>2</ymax></bndbox>"), "object 0: <bndbox> must have xmin <= xmax and ymin <= ymax");
    refused(object_xml("<difficult>2</difficult>" + bndbox), "object 0: <difficult> must be 0 or 1");
    refused("<annotation><size><width>500</width></size></annotation>", "<size> must have a <height> in whole pixels");
    refused("<annotation><size><width>1e9</width><height>3</height></size></annotation>", "<size> must have a <width> in whole pixels");
}

TEST_CASE("voc_as_coco: classes by name, corners in continuous pixels, difficult objects too") {
    const std::vector<VocPicture> pictures{{"b", {{"dog", {1, 1, 10, 20}, true}, {"cat", {3, 4, 3, 4}, false}}, {30, 40}}, {"a", {}, {5, 6}}};
    const CocoDataset dataset = voc_as_coco(pictures);
    REQUIRE(dataset.categories.size() == 2);
    CHECK(dataset.categories[0].name == "cat");
    REQUIRE(dataset.images.size() == 2);
    CHECK(dataset.images[0].file_name == "b.jpg");
    CHECK(dataset.images[0].width == 40);
    REQUIRE(dataset.annotations.size() == 2);
    CHECK(dataset.annotations[0].category_id == 1);
    CHECK(dataset.annotations[0].bbox == std::array<double, 4>{0, 0, 10, 20});
    CHECK(dataset.annotations[1].bbox == std::array<double, 4>{2, 3, 1, 1});
    CHECK(coco_dataset_problem(dataset).empty());
    CHECK_THROWS_WITH_AS(voc_as_coco(std::vector<VocPicture>{{"a", {}, {}}}), "voc_as_coco: the size of picture a is not known; its annotation lacks <size>", ArgumentError);
}

TEST_CASE("parse_voc_ids and parse_voc_results: lines, and what they refuse") {
    CHECK(parse_voc_ids("000001\r\n\n 000002 \n", "t") == std::vector<std::string>{"000001", "000002"});
    CHECK_THROWS_WITH_AS(parse_voc_ids("1\n2 -1\n", "t"), "t: line 2: expected the id of a picture alone", FileError);
    CHECK_THROWS_WITH_AS(parse_voc_ids("1\n1\n", "t"), "t: line 2: the picture 1 is there twice", FileError);
    CHECK_THROWS_WITH_AS(parse_voc_ids("\n", "t"), "t: lists no pictures", FileError);
    const auto found = parse_voc_results("000001 0.913 8.0 12.5 352.0 498.0\n", "dog", "t");
    REQUIRE(found.size() == 1);
    CHECK(found[0].picture == "000001");
    CHECK(found[0].score == 0.913);
    CHECK(found[0].box == VocBox{8, 12.5, 352, 498});
    for (const char* line : {"000001 0.5 1 2 3", "000001 0.5 1 2 3 4 5", "000001 x 1 2 3 4", "000001 0.5 1 2 3 inf"})
        CHECK_THROWS_WITH_AS(parse_voc_results(line, "dog", "t"), "t: line 1: expected a picture, a score and 4 corners, none beyond 1e12", FileError);
}

TEST_CASE("voc_result_line: detectron2's rounding, the first pixel is 1") {
    CHECK(voc_result_line("000001", 0.98765, {0, 9.04f, 20.06f, 30}) == "000001 0.988 1.0 10.0 20.1 30.0");
    CHECK_THROWS_WITH_AS(voc_result_line("7", std::nan(""), {0, 0, 1, 1}), "voc_result_line: a number of a detection on 7 is not finite", ArgumentError);
}
