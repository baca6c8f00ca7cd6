// KITTI: rules of the evaluation, label files, detections from laser boxes.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <regulus/evaluate/kitti_evaluation.hpp>

#include "evaluate3d/random_boxes.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

constexpr double pi = 3.14159265358979323846;

KittiObject car_at(double x, double z, double score = 0) {
    KittiObject o;
    o.type = "Car";
    o.truncated = 0;
    o.occluded = 0;
    o.alpha = 0.25;
    o.bbox = {600 + 10 * x, 150, 660 + 10 * x, 200};
    o.height = 1.5, o.width = 1.75, o.length = 4;
    o.location = {x, 1.7, z};
    o.rotation_y = 0.5;
    o.score = score;
    return o;
}

/// 82 frames with one car, found exactly, each with its own score: 41 steps of recall.
std::vector<KittiFrame> perfect() {
    std::vector<KittiFrame> frames;
    for (int i = 0; i < 82; ++i) frames.push_back({std::to_string(i), {car_at(0, 20)}, {car_at(0, 20, 0.1 + 0.01 * i)}});
    return frames;
}

double car_ap(const std::vector<KittiFrame>& frames, KittiMetric metric, std::size_t difficulty = 1) {
    KittiSettings settings;
    settings.classes = {{"Car", 0.7, {0.7, 0.5}}};
    return evaluate_kitti(frames, settings).curve(0, metric, difficulty, 0).ap40();
}

void refused(const std::string& text, const std::string& message) { CHECK_THROWS_WITH_AS(parse_kitti_objects(text, "f", true), ("f: " + message).c_str(), FileError); }

const std::string line = "Car 0.5 1 -1.5 10 20 30 45 1.5 1.6 3.9 1 1.6 20 0.3 0.875";

}  // namespace

TEST_CASE("evaluate_kitti: what is found exactly has 100, and orientation follows the cosine") {
    std::vector<KittiFrame> frames = perfect();
    for (const KittiMetric metric : {KittiMetric::picture, KittiMetric::birds_eye, KittiMetric::space, KittiMetric::orientation}) {
        CAPTURE(int(metric));
        CHECK(std::fabs(car_ap(frames, metric) - 100) <= 1e-9);
    }
    for (KittiFrame& frame : frames) frame.found[0].alpha += pi / 2;
    CHECK(std::fabs(car_ap(frames, KittiMetric::orientation) - 50) <= 1e-9);
    CHECK(std::fabs(car_ap(frames, KittiMetric::picture) - 100) <= 1e-9);
    for (KittiFrame& frame : frames) frame.found[0].alpha += pi / 2;
    CHECK(std::fabs(car_ap(frames, KittiMetric::orientation)) <= 1e-9);
    for (KittiFrame& frame : frames) frame.found[0].alpha = -10;
    KittiSettings settings;
    CHECK_FALSE(evaluate_kitti(frames, settings).has_orientation);
}

TEST_CASE("evaluate_kitti: a wrong detection beside each right one halves precision; in a DontCare region or on a Van it does not count") {
    std::vector<KittiFrame> frames = perfect();
    for (KittiFrame& frame : frames) frame.found.push_back(car_at(30, 40, frame.found[0].score));
    CHECK(std::fabs(car_ap(frames, KittiMetric::picture) - 50) <= 1e-9);
    CHECK(std::fabs(car_ap(frames, KittiMetric::space) - 50) <= 1e-9);
    std::vector<KittiFrame> with_region = frames, with_van = frames;
    for (KittiFrame& frame : with_region) {
        KittiObject region;
        region.type = "DontCare";
        region.bbox = {850, 100, 1000, 250};
        frame.truth.push_back(region);
    }
    CHECK(std::fabs(car_ap(with_region, KittiMetric::picture) - 100) <= 1e-9);
    CHECK(std::fabs(car_ap(with_region, KittiMetric::space) - 50) <= 1e-9);  // regions are of the picture
    for (KittiFrame& frame : with_van) {
        frame.truth.push_back(car_at(30, 40));
        frame.truth.back().type = "Van";
    }
    CHECK(std::fabs(car_ap(with_van, KittiMetric::picture) - 100) <= 1e-9);
    CHECK(std::fabs(car_ap(with_van, KittiMetric::space) - 100) <= 1e-9);
}

TEST_CASE("evaluate_kitti: what is too low, hidden or cut off need not be found, by difficulty") {
    std::vector<KittiFrame> frames = perfect();
    for (KittiFrame& frame : frames) frame.truth.push_back(car_at(-30, 30));
    CHECK(car_ap(frames, KittiMetric::space) < 51);
    const auto changed = [&](auto&& change) {
        std::vector<KittiFrame> result = frames;
        for (KittiFrame& frame : result) change(frame.truth[1]);
        std::array<bool, 3> needed = {};
        for (std::size_t d = 0; d < 3; ++d) needed[d] = car_ap(result, KittiMetric::space, d) < 99;
        return needed;
    };
    using Needed = std::array<bool, 3>;
    CHECK(changed([](KittiObject&) {}) == Needed{true, true, true});
    CHECK(changed([](KittiObject& o) { o.occluded = 1; }) == Needed{false, true, true});
    CHECK(changed([](KittiObject& o) { o.occluded = 2; }) == Needed{false, false, true});
    CHECK(changed([](KittiObject& o) { o.occluded = 3; }) == Needed{false, false, false});
    CHECK(changed([](KittiObject& o) { o.truncated = 0.15; }) == Needed{true, true, true});
    CHECK(changed([](KittiObject& o) { o.truncated = 0.3; }) == Needed{false, true, true});
    CHECK(changed([](KittiObject& o) { o.truncated = 0.5; }) == Needed{false, false, true});
    CHECK(changed([](KittiObject& o) { o.bbox[3] = o.bbox[1] + 40; }) == Needed{false, true, true});
    CHECK(changed([](KittiObject& o) { o.bbox[3] = o.bbox[1] + 25; }) == Needed{false, false, false});
}

TEST_CASE("evaluate_kitti: numbers that are not finite and settings out of range are refused") {
    std::vector<KittiFrame> frames = perfect();
    frames[3].found[0].bbox[2] = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_WITH_AS(evaluate_kitti(frames), "evaluate_kitti: frame 3 detection 0 holds a number that is not finite or beyond 1e12", ArgumentError);
    KittiSettings settings;
    settings.classes = {{"Car", 1.5, {0.7, 0.5}}};
    CHECK_THROWS_AS(evaluate_kitti({}, settings), ArgumentError);
    const KittiEvaluation nothing = evaluate_kitti({});
    CHECK(nothing.mean_ap40(KittiMetric::space, 0, 0) == 0);
}

TEST_CASE("KITTI files: what is written is read back within its digits; faults are refused by line") {
    const std::vector<KittiObject> one = parse_kitti_objects(line + "\r\n\n", "f", true);
    REQUIRE(one.size() == 1);
    CHECK(one[0].occluded == 1);
    CHECK(one[0].length == 3.9);
    CHECK(one[0].location == std::array<double, 3>{1, 1.6, 20});
    CHECK(one[0].score == 0.875);
    CHECK(kitti_results_text(one) == "Car -1 -1 -1.5000 10.0000 20.0000 30.0000 45.0000 1.5000 1.6000 3.9000 1.0000 1.6000 20.0000 0.3000 0.875000000\n");
    CHECK(parse_kitti_objects("DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10\n", "f", false)[0].height == -1);
    CHECK(parse_kitti_objects("", "f", true).empty());
    refused("\n" + line + " 1", "line 2: expected 16 fields (type truncated occluded alpha x1 y1 x2 y2 h w l x y z rotation_y score), got 17");
    refused("Car 0 0 nan 1 2 3 4 1 1 1 1 1 1 1 1", "line 1: field 4 must be a finite number not beyond 1e12, got nan");
    refused("Car 0 0.5 0 1 2 3 4 1 1 1 1 1 1 1 1", "line 1: occlusion must be a whole number");
    refused("Car 0 1e9 0 1 2 3 4 1 1 1 1 1 1 1 1", "line 1: occlusion must be a whole number");
    refused("C\rar" + line.substr(3), "line 1: the type must be of ASCII letters, digits and signs");
    std::string many;
    for (int i = 0; i < 10001; ++i) many += line + "\n";
    refused(many, "line 10001: more than 10,000 objects");
    RandomBoxes random(8);
    for (int i = 0; i < 3000; ++i) {
        std::string text = line + "\n" + line + "\n";
        for (int k = random.whole(1, 3); k > 0; --k) text[std::size_t(random.whole(0, int(text.size()) - 1))] = char(random.whole(0, 255));
        try {
            parse_kitti_objects(text.substr(0, std::size_t(random.whole(0, int(text.size())))), "f", true);
        } catch (const FileError&) {
        }
    }
    KittiObject bad = one[0];
    bad.type = "a b";
    CHECK_THROWS_WITH_AS(kitti_results_text({&bad, 1}), "kitti_results_text: object 0: the type is empty or holds white space", ArgumentError);
    CHECK_THROWS_AS(read_kitti_frames("/nowhere", "/nowhere"), FileError);
    CHECK_THROWS_AS(read_kitti_frames("/nowhere", "/nowhere", std::vector<std::string>{"../secret"}), FileError);
}

TEST_CASE("kitti_detection: place, turn, angle and rectangle of a box, against the box's points projected one by one") {
    KittiCalibration calibration;
    calibration.p2 = {700, 0, 600, 45, 0, 700, 180, 0.2, 0, 0, 1, 0.003};
    calibration.velo_to_cam = {{0, -1, 0, 0, 0, -1, 1, 0, 0}, {0.1, -0.08, -0.27}};  // x ahead, y left, z up -> x right, y down, z ahead
    RandomBoxes random(9);
    int seen = 0, clipped = 0;
    for (int i = 0; i < 300; ++i) {
        const Box3d box{float(random.real(-10, 60)), float(random.real(-30, 30)), float(random.real(-2, 0)), float(random.real(0.5, 5)), float(random.real(0.5, 2)), float(random.real(1, 2)),
                        float(random.real(-4, 4)), 0, 0};
        double x1 = 1e300, y1 = 1e300, x2 = -1e300, y2 = -1e300;
        bool crosses = false;
        for (int u = -1; u <= 1; u += 2) {
            for (int v = -1; v <= 1; v += 2) {
                for (int w = 0; w <= 1; ++w) {
                    const double a = u * double(box.length) / 2, b = v * double(box.width) / 2, c = std::cos(double(box.yaw)), s = std::sin(double(box.yaw));
                    const double lx = box.x + a * c - b * s, ly = box.y + a * s + b * c, lz = double(box.z) + w * double(box.height);
                    const double x = -ly + 0.1, y = -lz - 0.08, z = lx - 0.27;
                    crosses = crosses || z < 0.1;
                    const double depth = z + 0.003;
                    x1 = std::min(x1, (700 * x + 600 * z + 45) / depth), x2 = std::max(x2, (700 * x + 600 * z + 45) / depth);
                    y1 = std::min(y1, (700 * y + 180 * z + 0.2) / depth), y2 = std::max(y2, (700 * y + 180 * z + 0.2) / depth);
                }
            }
        }
        const auto object = kitti_detection(box, 0.5, "Car", calibration, 1242, 375);
        if (crosses) {
            clipped += object.has_value();
            if (object) CHECK((object->bbox[0] >= 0 && object->bbox[2] <= 1242 && object->bbox[0] < object->bbox[2]));
            continue;
        }
        const bool visible = x1 < 1242 && y1 < 375 && x2 > 0 && y2 > 0;
        CHECK(object.has_value() == visible);
        if (!object) continue;
        ++seen;
        CHECK(std::fabs(object->bbox[0] - std::max(x1, 0.0)) <= 1e-9);
        CHECK(std::fabs(object->bbox[1] - std::max(y1, 0.0)) <= 1e-9);
        CHECK(std::fabs(object->bbox[2] - std::min(x2, 1242.0)) <= 1e-9);
        CHECK(std::fabs(object->bbox[3] - std::min(y2, 375.0)) <= 1e-9);
        CHECK(std::fabs(object->location[0] - (0.1 - double(box.y))) <= 1e-12);
        CHECK(std::fabs(object->location[1] - (-0.08 - double(box.z))) <= 1e-12);
        CHECK(std::fabs(object->location[2] - (double(box.x) - 0.27)) <= 1e-12);
        CHECK(std::fabs(std::remainder(object->rotation_y - (-double(box.yaw) - pi / 2), 2 * pi)) <= 1e-12);
        CHECK(std::fabs(std::remainder(object->alpha - (object->rotation_y - std::atan2(-double(box.y), double(box.x))), 2 * pi)) <= 1e-12);
        CHECK(std::fabs(object->rotation_y) <= pi);
        CHECK(std::fabs(object->alpha) <= pi);
    }
    CHECK(seen > 50);
    CHECK(clipped > 0);
    CHECK_FALSE(kitti_detection({-20, 0, -1, 4, 2, 1.5f, 0, 0, 0}, 0.5, "Car", calibration, 1242, 375).has_value());
    CHECK_THROWS_AS(kitti_detection({NAN, 0, -1, 4, 2, 1.5f, 0, 0, 0}, 0.5, "Car", calibration, 1242, 375), ArgumentError);
}
