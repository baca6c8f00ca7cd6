#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <regulus/core/json.hpp>
#include <regulus/evaluate/coco_results.hpp>

#include "data/golden_file.hpp"

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("coco_results_json: the exact text of small results") {
    CHECK(coco_results_json({}) == "[]\n");
    std::vector<CocoResult> results(2);
    results[0] = {7, 3, coco_box({1.5f, 2.0f, 4.25f, 10.0f}), 0.5f, Rle{3, 2, {0, 1, 2, 2, 1}}};
    results[1] = {-8, 90, {0, 0, 1e-7, 1e21}, 0.1f, std::nullopt};
    CHECK(coco_results_json(results) ==
          "[\n"
          "{\"image_id\":7,\"category_id\":3,\"bbox\":[1.5,2,2.75,8],\"score\":0.5,\"segmentation\":{\"size\":[3,2],\"counts\":\"0121O\"}},\n"
          "{\"image_id\":-8,\"category_id\":90,\"bbox\":[0,0,1e-07,1e+21],\"score\":0.1}\n"
          "]\n");
}

TEST_CASE("coco_results_json: keypoints as pycocotools reads them, and none that is not finite") {
    CocoResult result{7, 1, {0, 0, 1, 1}, 0.5f};
    result.keypoints = {1.5f, 2.f, 0.25f, -0.5f, 0.f, 1.f};
    CHECK(coco_results_json({&result, 1}) == "[\n{\"image_id\":7,\"category_id\":1,\"bbox\":[0,0,1,1],\"score\":0.5,\"keypoints\":[1.5,2,0.25,-0.5,0,1]}\n]\n");
    result.keypoints[4] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH_AS(coco_results_json({&result, 1}), "coco_results_json: a keypoint is not finite, and JSON has no such number", ArgumentError);
}

TEST_CASE("coco_results_json: every number and mask reads back to the same value") {
    std::uint32_t seed = 3;
    const auto next = [&] { return float((seed = seed * 1664525u + 1013904223u) >> 8) / 16777216.0f; };
    std::vector<CocoResult> results;
    for (int i = 0; i < 500; ++i) {
        const float x = 1333 * next(), y = 800 * next();
        BitMask mask{9, 11, {}};
        for (int k = 0; k < 99; ++k) mask.bits.push_back(next() < 0.4f);
        results.push_back({i, i % 80 + 1, coco_box({x, y, x + 300 * next(), y + 200 * next()}), next(), rle_encode(mask)});
    }
    const Json parsed = parse_json(coco_results_json(results), "results");
    REQUIRE(list(parsed).size() == results.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
        const Json& entry = list(parsed)[i];
        const std::vector<double> box = numbers(member(entry, "bbox"));
        REQUIRE(box == std::vector<double>(results[i].bbox.begin(), results[i].bbox.end()));
        REQUIRE(float(number(member(entry, "score"))) == results[i].score);
        REQUIRE(whole(member(entry, "category_id")) == results[i].category_id);
        REQUIRE(rle_from_string(text_of(member(member(entry, "segmentation"), "counts")), 9, 11) == *results[i].segmentation);  // backslashes survive
    }
}

TEST_CASE("coco_box: widths in double bring the far corner back exactly") {
    const std::array<float, 4> box = {0.1f, 123.456f, 1e-3f, 999.9f};
    const auto coco = coco_box(box);
    CHECK(float(coco[0] + coco[2]) == box[2]);
    CHECK(float(coco[1] + coco[3]) == box[3]);
}

TEST_CASE("coco_results_json: what JSON cannot say is refused") {
    std::vector<CocoResult> results(1);
    results[0].score = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH_AS(coco_results_json(results), "coco_results_json: a score is not finite, and JSON has no such number", ArgumentError);
    results[0].score = 1;
    results[0].bbox[2] = std::numeric_limits<double>::infinity();
    CHECK_THROWS_WITH_AS(coco_results_json(results), "coco_results_json: a box is not finite, and JSON has no such number", ArgumentError);
    results[0].bbox[2] = 1;
    results[0].segmentation = Rle{3, 3, {1}};
    CHECK_THROWS_AS(coco_results_json(results), ShapeError);
}

TEST_CASE("write_coco_results: a missing folder is a clear error") {
    CHECK_THROWS_WITH_AS(write_coco_results("no_such_folder/results.json", {}), "write: \"no_such_folder/results.json\" cannot be created: No such file or directory", FileError);
}
