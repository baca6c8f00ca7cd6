// evaluate_lvis against the package lvis, against evaluate_coco where both have one rule, and its rules one by one.
#include <algorithm>

#include <doctest/doctest.h>

#include <regulus/evaluate/lvis_evaluation.hpp>

#include "evaluate/coco_inputs.hpp"
#include "evaluate/judged_cases.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

std::vector<double> values_of(const CocoEvaluation& evaluation) {
    std::vector<double> values;
    for (const CocoNumber& number : evaluation.numbers) values.push_back(number.value);
    return values;
}

/// Every category is verified on every picture, nothing is left unannotated.
LvisDataset known_throughout(const CocoDataset& coco) {
    LvisDataset dataset{coco, {}, {}};
    std::vector<std::int64_t> ids;
    for (const CocoCategory& category : coco.categories) ids.push_back(category.id);
    std::sort(ids.begin(), ids.end());
    dataset.pictures.assign(coco.images.size(), {ids, {}});
    dataset.frequencies.assign(coco.categories.size(), LvisFrequency::common);
    return dataset;
}

/// A picture, an object of category 1 at 0 0 10 10, and the categories 1 (rare) and 2 (frequent).
LvisDataset one_object() {
    LvisDataset dataset;
    dataset.coco.images = {{1, 100, 100, "a.jpg"}};
    dataset.coco.categories = {{1, "one", ""}, {2, "two", ""}};
    CocoAnnotation object;
    object.id = object.image_id = object.category_id = 1;
    object.bbox = {0, 0, 10, 10};
    object.area = 100;
    dataset.coco.annotations = {object};
    dataset.pictures = {{}};
    dataset.frequencies = {LvisFrequency::rare, LvisFrequency::frequent};
    return dataset;
}

CocoDetection detection(std::int64_t category, double score, std::array<double, 4> box) { return {1, category, score, box, std::nullopt, {}}; }

constexpr std::array<double, 4> hit = {0, 0, 10, 10}, miss = {50, 50, 10, 10};

}  // namespace

TEST_CASE("evaluate_lvis: numbers and categories as the package lvis has them") {
    const JudgedCases cases("lvis.json");
    CHECK(cases.size() == 8);
    for (const auto& judged : cases) {
        const LvisDataset dataset = parse_lvis_annotations(judged.at("annotations"), "annotations");
        const std::vector<CocoDetection> results = parse_coco_results(judged.at("results"), "results");
        CHECK(dataset.coco.images[0].file_name.rfind("val2017/0000000000", 0) == 0);
        LvisSettings settings;
        settings.max_dets = int(*parse_json(judged.at("max_dets"), "max_dets").integer());
        for (const bool masks : {false, true}) {
            CAPTURE(masks);
            const Json expected = parse_json(judged.at(masks ? "segm" : "bbox"), "expected");
            const CocoEvaluation evaluation = evaluate_lvis(dataset, results, masks ? CocoKind::masks : CocoKind::boxes, settings);
            CHECK(greatest_difference(numbers_of(*expected.find("numbers")), values_of(evaluation)) <= 1e-9);
            std::vector<double> categories;
            for (std::size_t k = 0; k < evaluation.category_ids.size(); ++k) categories.push_back(evaluation.category_ap(k));
            CHECK(greatest_difference(numbers_of(*expected.find("categories")), categories) <= 1e-9);
        }
    }
}

TEST_CASE("evaluate_lvis: is evaluate_coco where all is known, nothing is a crowd and few detections are there") {
    for (std::uint32_t seed = 0; seed < 40; ++seed) {
        RandomCoco input(seed);
        for (CocoAnnotation& object : input.dataset.annotations) {
            object.iscrowd = false;
            object.area = std::max(object.area, 1.0);
        }
        CocoSettings settings;
        settings.max_dets = {300};
        for (const CocoKind kind : {CocoKind::boxes, CocoKind::masks}) {
            std::vector<double> expected = values_of(evaluate_coco(input.dataset, input.results, kind, settings));
            const CocoEvaluation evaluation = evaluate_lvis(known_throughout(input.dataset), input.results, kind);
            expected.insert(expected.begin() + 6, {-1, expected[0], -1});  // all categories are common
            CHECK(values_of(evaluation) == expected);
        }
    }
}

TEST_CASE("evaluate_lvis: what is not known of a picture counts for nothing") {
    LvisDataset dataset = one_object();
    const std::vector<CocoDetection> results = {detection(1, 0.9, miss), detection(1, 0.8, hit), detection(2, 0.7, miss), detection(5, 0.7, miss)};
    // precision 1 / 2 at every recall
    CocoEvaluation evaluation = evaluate_lvis(dataset, results, CocoKind::boxes);
    CHECK(evaluation.number("AP") == doctest::Approx(0.5));
    CHECK(evaluation.number("APr") == evaluation.number("AP"));
    CHECK(evaluation.number("APc") == -1);
    CHECK(evaluation.number("APf") == -1);
    CHECK(evaluation.number("AR_300") == 1);
    CHECK(evaluation.detections == 2);
    CHECK(evaluation.strangers == 1);
    dataset.pictures[0].absent = {2};
    CHECK(evaluate_lvis(dataset, results, CocoKind::boxes).detections == 3);
    dataset.pictures[0].not_exhaustive = {1};  // what lies beside the object may be one that nobody annotated
    CHECK(evaluate_lvis(dataset, results, CocoKind::boxes).number("AP") == doctest::Approx(1));
}

TEST_CASE("evaluate_lvis: iscrowd is not looked at, and what has no area is not there") {
    LvisDataset dataset = one_object();
    dataset.coco.annotations[0].iscrowd = true;
    CHECK(evaluate_lvis(dataset, std::vector<CocoDetection>{detection(1, 0.9, hit)}, CocoKind::boxes).number("AP") == doctest::Approx(1));
    dataset.coco.annotations.push_back(dataset.coco.annotations[0]);
    dataset.coco.annotations[1].id = 2;
    dataset.coco.annotations[1].area = 0;
    const CocoEvaluation evaluation = evaluate_lvis(dataset, std::vector<CocoDetection>{detection(1, 0.95, {50, 50, 0, 10}), detection(1, 0.9, hit)}, CocoKind::boxes);
    CHECK(evaluation.number("AP") == doctest::Approx(1));
    CHECK(evaluation.truths[0] == 1);
}

TEST_CASE("evaluate_lvis: the best detections of a picture count, of whatever category") {
    LvisSettings settings;
    settings.max_dets = 2;
    const LvisDataset dataset = one_object();
    const std::vector<CocoDetection> results = {detection(1, 0.5, hit), detection(2, 0.9, miss), detection(5, 0.8, miss)};
    CHECK(evaluate_lvis(dataset, results, CocoKind::boxes, settings).number("AP") == 0);
    settings.max_dets = 3;
    CHECK(evaluate_lvis(dataset, results, CocoKind::boxes, settings).number("AP") == doctest::Approx(1));
}

TEST_CASE("evaluate_lvis: any number of threads gives the same digits") {
    const JudgedCases cases("lvis.json");
    const LvisDataset dataset = parse_lvis_annotations(cases.begin()->at("annotations"), "annotations");
    const std::vector<CocoDetection> results = parse_coco_results(cases.begin()->at("results"), "results");
    LvisSettings one, four;
    one.threads = 1;
    four.threads = 4;
    CHECK(evaluate_lvis(dataset, results, CocoKind::masks, one).precision == evaluate_lvis(dataset, results, CocoKind::masks, four).precision);
}

TEST_CASE("evaluate_lvis: says what it refuses") {
    LvisDataset dataset = one_object();
    const auto judge = [&](CocoDetection result, CocoKind kind = CocoKind::boxes) { evaluate_lvis(dataset, std::vector<CocoDetection>{result}, kind); };
    CHECK_THROWS_WITH_AS(judge(detection(1, 0.5, hit), CocoKind::keypoints), "evaluate_lvis: LVIS has no keypoints; judge boxes or masks", ArgumentError);
    CHECK_THROWS_WITH_AS(judge(detection(1, 0.5, hit), CocoKind::masks), "evaluate_coco: results[0] has no segmentation: masks cannot be judged", ArgumentError);
    CHECK_THROWS_WITH_AS(judge(detection(1, std::nan(""), hit)), "evaluate_coco: results[0] has a score that is not finite", ArgumentError);
    dataset.pictures.clear();
    CHECK_THROWS_WITH_AS(judge(detection(1, 0.5, hit)), "evaluate_lvis: 0 pictures and 2 frequencies are given for 1 images and 2 categories", ArgumentError);
}

TEST_CASE("parse_lvis_annotations: names of pictures, and what it refuses") {
    const std::string image = R"({"id":1,"width":10,"height":10,"neg_category_ids":[2,1],"not_exhaustive_category_ids":[])";
    const auto parse = [](const std::string& images, const std::string& categories) {
        return parse_lvis_annotations(R"({"images":[)" + images + R"(],"categories":[)" + categories + R"(],"annotations":[]})", "file");
    };
    const std::string category = R"({"id":1,"name":"a","frequency":"f"})";
    const auto name = [&](const std::string& members) { return parse(image + members + "}", category).coco.images[0].file_name; };
    CHECK(name(R"(,"file_name":"COCO_val2014_000000000139.jpg")") == "000000000139.jpg");
    CHECK(name(R"(,"file_name":"street.jpg","coco_url":"http://images/val2017/1.jpg")") == "street.jpg");
    CHECK(name(R"(,"coco_url":"http://images/val2017/000000000139.jpg")") == "val2017/000000000139.jpg");
    CHECK(name(R"(,"coco_url":"1.jpg")") == "1.jpg");
    CHECK(name("") == "");
    CHECK(parse(image + "}", category).pictures[0].absent == std::vector<std::int64_t>{1, 2});
    CHECK(parse(image + "}", category).frequencies[0] == LvisFrequency::frequent);
    CHECK_THROWS_WITH_AS(parse(R"({"id":1,"width":10,"height":10})", category), "file: images[0]: lacks \"neg_category_ids\", which must be a list of category ids", FileError);
    CHECK_THROWS_WITH_AS(parse(image + R"(,"x":0},{"id":2,"width":1,"height":1,"neg_category_ids":[],"not_exhaustive_category_ids":["a"]})", category),
                         "file: images[1]: \"not_exhaustive_category_ids\" must be a list of category ids", FileError);
    CHECK_THROWS_WITH_AS(parse(image + "}", R"({"id":1,"name":"a"})"), "file: categories[0]: lacks \"frequency\", which must be \"r\", \"c\" or \"f\"", FileError);
    CHECK_THROWS_WITH_AS(parse(image + "}", R"({"id":1,"name":"a","frequency":"q"})"), "file: categories[0]: \"frequency\" must be \"r\", \"c\" or \"f\"", FileError);
}
