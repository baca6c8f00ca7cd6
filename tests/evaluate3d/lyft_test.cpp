// Lyft: overlaps against counted points, rules of the evaluation, files.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <regulus/data/file.hpp>
#include <regulus/evaluate/box_geometry.hpp>
#include <regulus/evaluate/lyft_results.hpp>

#include "evaluate3d/random_boxes.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

LyftBox box_at(double x, double y, double yaw, double score = 0.5) {
    return {{x, y, 0}, {2, 4, 1.5}, {std::cos(yaw / 2), 0, 0, std::sin(yaw / 2)}, "car", score};
}

bool inside(const evaluate_detail::Rectangle& r, double x, double y) {
    const double dx = x - r.x, dy = y - r.y;
    const double l = r.along[0] * r.along[0] + r.along[1] * r.along[1], w = r.across[0] * r.across[0] + r.across[1] * r.across[1];
    return std::fabs(dx * r.along[0] + dy * r.along[1]) <= l && std::fabs(dx * r.across[0] + dy * r.across[1]) <= w;
}

void refused_csv(const std::string& text, const std::string& message) { CHECK_THROWS_WITH_AS(parse_lyft_csv(text, "f"), ("f: " + message).c_str(), FileError); }

}  // namespace

TEST_CASE("common area of turned rectangles: as many as points of a grid say, whichever comes first, wherever they are") {
    RandomBoxes random(11);
    int overlapping = 0;
    for (int i = 0; i < 60; ++i) {
        const auto a = evaluate_detail::rectangle(0, 0, random.real(1, 5), random.real(0.5, 3), random.real(-4, 4));
        const auto b = evaluate_detail::rectangle(random.real(-3, 3), random.real(-3, 3), random.real(1, 5), random.real(0.5, 3), random.real(-4, 4));
        const double area = evaluate_detail::common_area(a, b);
        constexpr int n = 300;
        int count = 0;
        for (int u = 0; u < n; ++u) {
            for (int v = 0; v < n; ++v) {  // cells of a, in its own axes
                const double s = (2 * u + 1.0) / n - 1, t = (2 * v + 1.0) / n - 1;
                count += inside(b, a.x + s * a.along[0] + t * a.across[0], a.y + s * a.along[1] + t * a.across[1]);
            }
        }
        overlapping += count > 0;
        CHECK(std::fabs(area - a.area() * count / (n * n)) <= 0.01 * a.area());  // a border crosses at most about 4 n of n^2 cells, half of them wrongly
        CHECK(std::fabs(area - evaluate_detail::common_area(b, a)) <= 1e-12);
        auto far_a = a, far_b = b;
        far_a.x += 1000, far_b.x += 1000, far_a.y -= 2000, far_b.y -= 2000;
        CHECK(std::fabs(area - evaluate_detail::common_area(far_a, far_b)) <= 1e-9);
    }
    CHECK(overlapping > 20);
}

TEST_CASE("common area: the same, touching, apart, one within the other, without an area, mirrored corners") {
    using evaluate_detail::common_area;
    using evaluate_detail::rectangle;
    const auto r = rectangle(3, -2, 4, 2, 0.7);
    CHECK(std::fabs(common_area(r, r) - 8) <= 1e-12);
    CHECK(common_area(rectangle(0, 0, 2, 2, 0), rectangle(2, 0, 2, 2, 0)) == 0);
    CHECK(common_area(rectangle(0, 0, 2, 2, 0), rectangle(9, 0, 2, 2, 0)) == 0);
    CHECK(std::fabs(common_area(rectangle(0, 0, 9, 9, 1), rectangle(0.5, 0.2, 1, 2, 2)) - 2) <= 1e-12);
    CHECK(common_area(rectangle(0, 0, 0, 2, 0), rectangle(0, 0, 2, 2, 0)) == 0);
    auto mirrored = r;
    mirrored.across = {-r.across[0], -r.across[1]};
    CHECK(std::fabs(common_area(r, mirrored) - 8) <= 1e-12);
    CHECK(std::fabs(common_area(mirrored, r) - 8) <= 1e-12);
}

TEST_CASE("lyft_iou: boxes shifted along an axis and in height, turned by a quarter") {
    CHECK(std::fabs(lyft_iou(box_at(0, 0, 0), box_at(2, 0, 0)) - 1.0 / 3) <= 1e-12);
    CHECK(std::fabs(lyft_iou(box_at(0, 0, 0), box_at(0, 0, 1.57079632679489662)) - 4.0 / 12) <= 1e-12);
    LyftBox high = box_at(0, 0, 0);
    high.translation[2] = 0.75;
    CHECK(std::fabs(lyft_iou(box_at(0, 0, 0), high) - 1.0 / 3) <= 1e-12);
    high.translation[2] = 1.5;
    CHECK(lyft_iou(box_at(0, 0, 0), high) == 0);
}

TEST_CASE("evaluate_lyft: earlier of equal scores first; a second find of an object is wrong; strangers and silent classes") {
    std::vector<LyftSample> truth = {{"a", {box_at(0, 0, 0), box_at(20, 0, 0)}}, {"b", {}}};
    std::vector<LyftSample> results = {{"a", {box_at(0, 0, 0), box_at(50, 0, 0)}}};
    CHECK(evaluate_lyft(truth, results).mean_ap == 0.5);
    std::swap(results[0].boxes[0], results[0].boxes[1]);
    CHECK(evaluate_lyft(truth, results).mean_ap == 0.25);
    results[0].boxes = {box_at(0, 0, 0, 0.9), box_at(0, 0, 0, 0.8), box_at(20, 0, 0, 0.7)};
    CHECK(std::fabs(evaluate_lyft(truth, results).mean_ap - (0.5 + 0.5 * 2 / 3)) <= 1e-12);
    results[0].boxes[1].name = "submarine";
    truth[1].boxes = {box_at(0, 0, 0)};
    truth[1].boxes[0].name = "bus";
    const LyftEvaluation evaluation = evaluate_lyft(truth, results);
    CHECK(evaluation.strangers == 1);
    CHECK(evaluation.class_names == std::vector<std::string>{"bus", "car"});
    CHECK(evaluation.class_ap == std::vector<double>{0, 1});
    CHECK(evaluation.mean_ap == 0.5);
}

TEST_CASE("evaluate_lyft: what it refuses") {
    const std::vector<LyftSample> good = {{"a", {box_at(0, 0, 0)}}}, twice = {{"a", {}}, {"a", {}}};
    CHECK_THROWS_WITH_AS(evaluate_lyft(twice, good), "evaluate_lyft: the sample a is there twice in the ground truth", ArgumentError);
    std::vector<LyftSample> bad = good;
    bad[0].boxes[0].size[1] = -1;
    CHECK_THROWS_WITH_AS(evaluate_lyft(good, bad), "evaluate_lyft: box 0 of sample a in the results: sizes must be above 0 and not beyond 1e12", ArgumentError);
    LyftSettings settings;
    settings.iou_thresholds = {1.5};
    CHECK_THROWS_WITH_AS(evaluate_lyft(good, good, settings), "evaluate_lyft: iou_thresholds must be 1 .. 64 numbers of 0 .. 1", ArgumentError);
}

TEST_CASE("Lyft CSV: rows in the order of the ids, empty ones too; read back with turns") {
    std::vector<LyftSample> samples = {{"a", {box_at(1.25, 2, 0.5, 0.75), box_at(-3, 1e-7, -2)}}, {"b", {}}};
    const std::vector<std::string> ids = {"c", "b", "a"};
    CHECK(lyft_csv(samples, ids).substr(0, 35) == "Id,PredictionString\nc,\nb,\na,0.75 1.");
    const std::vector<LyftSample> read = parse_lyft_csv(lyft_csv(samples, ids), "f");
    REQUIRE(read.size() == 3);
    CHECK(read[0].boxes.empty());
    REQUIRE(read[2].boxes.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
        CHECK(read[2].boxes[i].translation == samples[0].boxes[i].translation);
        CHECK(read[2].boxes[i].size == samples[0].boxes[i].size);
        CHECK(read[2].boxes[i].score == samples[0].boxes[i].score);
        CHECK(read[2].boxes[i].name == "car");
        for (std::size_t k = 0; k < 4; ++k) CHECK(std::fabs(read[2].boxes[i].rotation[k] - samples[0].boxes[i].rotation[k]) <= 1e-15);
    }
    CHECK(lyft_csv(samples) == "Id,PredictionString\n" + lyft_csv(samples, ids).substr(26, std::string::npos) + "b,\n");
    CHECK_THROWS_WITH_AS(lyft_csv(samples, std::vector<std::string>{"b", "c"}), "lyft_csv: 1 samples are not among the ids, one is a", ArgumentError);
    samples[0].boxes[0].name = "big car";
    CHECK_THROWS_WITH_AS(lyft_csv(samples), "lyft_csv: box 0 of sample a: the class name holds white space, a comma or a quote", ArgumentError);
}

TEST_CASE("Lyft CSV: every kind of fault is refused by line") {
    const std::string head = "Id,PredictionString\r\n", row = "a,0.5 1 2 3 2 4 1.5 0.1 car";
    CHECK(parse_lyft_csv(head + row + "\r\n", "f")[0].boxes.size() == 1);
    CHECK(parse_lyft_csv(head + row + " ", "f")[0].boxes.size() == 1);
    refused_csv("", "the first line must be Id,PredictionString");
    refused_csv("a,b\n", "the first line must be Id,PredictionString");
    refused_csv(head + "a\n", "line 2: expected an id, a comma and a prediction string");
    refused_csv(head + row + "\n" + row, "line 3: the id a is there twice");
    refused_csv(head + row + " 0.5", "line 2: a prediction string has 9 words a box (score x y z w l h yaw class), this one has 10");
    for (const char* bad : {"a,high 1 2 3 2 4 1.5 0.1 car", "a,0.5 1 2 nan 2 4 1.5 0.1 car", "a,0.5 1 2 1e13 2 4 1.5 0.1 car", "a,0.5 1 2 3 2 0 1.5 0.1 car", "a,0.5 1 2 3x 2 4 1.5 0.1 car"})
        CHECK_THROWS_AS(parse_lyft_csv(head + bad, "f"), FileError);
    RandomBoxes random(6);
    const std::string whole = head + row + "\n";
    for (int i = 0; i < 3000; ++i) {
        std::string text = whole;
        for (int k = random.whole(1, 3); k > 0; --k) text[std::size_t(random.whole(0, int(text.size()) - 1))] = char(random.whole(0, 255));
        try {
            parse_lyft_csv(text.substr(0, std::size_t(random.whole(0, int(text.size())))), "f");
        } catch (const FileError&) {
        }
    }
}

TEST_CASE("Lyft JSON: what is written is read back; the flat list of the sdk too; faults are refused") {
    const std::vector<LyftSample> samples = {{"a", {box_at(1.25, 2, 0.5, 0.75), box_at(-3, 1e-7, -2)}}, {"b", {}}};
    const auto read = parse_lyft_json(lyft_json(samples), "f", true);
    REQUIRE(read.size() == 2);
    REQUIRE(read[0].boxes.size() == 2);
    CHECK(read[0].boxes[1].rotation == samples[0].boxes[1].rotation);
    CHECK(read[0].boxes[0].score == 0.75);
    CHECK_THROWS_WITH_AS(parse_lyft_json(lyft_json(samples, false), "f", true), "f: sample a box 0: lacks \"score\", which must be a number, not beyond 1e12", FileError);
    const std::string box = "{\"sample_token\":\"t\",\"translation\":[1,2,3],\"size\":[2,4,1.5],\"rotation\":[1,0,0,0],\"name\":\"car\"}";
    const auto flat = parse_lyft_json("[" + box + "," + box + "]", "f", false);
    REQUIRE(flat.size() == 1);
    CHECK(flat[0].boxes.size() == 2);
    CHECK_THROWS_WITH_AS(parse_lyft_json("[3]", "f", false), "f: box 0: must be an object", FileError);
    CHECK_THROWS_WITH_AS(parse_lyft_json("{}", "f", false), "f: lacks \"results\": boxes stand in {\"results\": {sample token: [boxes]}} or in one array", FileError);
    const std::string whole = lyft_json(samples);
    for (std::size_t length = 0; length + 2 < whole.size(); ++length) CHECK_THROWS_AS(parse_lyft_json(whole.substr(0, length), "f", true), FileError);
}
