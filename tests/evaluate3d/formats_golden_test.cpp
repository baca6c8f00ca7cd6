// Boxes of a laser's frame as entries of results files, against those that mmdetection3d wrote.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <regulus/evaluate/lyft_results.hpp>
#include <regulus/evaluate/nuscenes_convert.hpp>

#include "evaluate3d/nuscenes_inputs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

Pose golden_pose(const Json& rows) {
    Pose pose;
    for (std::size_t r = 0; r < 3; ++r) {
        for (std::size_t c = 0; c < 3; ++c) pose.rotation[r * 3 + c] = number(list(list(rows)[r])[c]);
        pose.translation[r] = number(list(list(rows)[r])[3]);
    }
    return pose;
}

Box3d golden_box(const Tensor& boxes, std::size_t i) {
    const std::size_t columns = std::size_t(boxes.shape()[1]);
    const float* v = boxes.data<float>() + i * columns;
    Box3d box{v[0], v[1], v[2], v[3], v[4], v[5], v[6], 0, 0};
    if (columns == 9) box.vx = v[7], box.vy = v[8];
    return box;
}

template <std::size_t N>
double difference(const Json& expected, const std::array<double, N>& got) {
    double greatest = 0;
    const auto values = array_of<N>(expected);
    for (std::size_t i = 0; i < N; ++i) greatest = std::max(greatest, std::fabs(values[i] - got[i]));
    return greatest;
}

/// q and -q are one rotation.
double rotation_difference(const Json& expected, std::array<double, 4> got) {
    const double as_is = difference(expected, got);
    for (double& v : got) v = -v;
    return std::min(as_is, difference(expected, got));
}

// The peer's poses are float32 matrices whose columns are of length 1 within 1e-7, made rotations again; positions are some 1,000 m.
constexpr double tolerance = 1e-5;

}  // namespace

TEST_CASE("nuscenes_detection: entries of the golden file, in its order, without those out of range") {
    const std::string name = "golden/detection3d/ops/output_formats";
    REGULUS_REQUIRE_SHARED(name + ".json");
    const GoldenFile golden(name);
    const Json& facts = member(member(golden.facts, "cases"), "nuscenes");
    const Pose lidar_to_ego = golden_pose(member(facts, "lidar2ego")), ego_to_global = golden_pose(member(facts, "ego2global"));
    const Tensor& boxes = golden.tensor("nuscenes.in_boxes");
    const auto& expected = list(member(facts, "expected"));
    std::size_t next = 0;
    for (std::size_t i = 0; i < std::size_t(boxes.shape()[0]); ++i) {
        const int label = nuscenes_label_of(text_of(list(member(facts, "classes"))[std::size_t(golden.tensor("nuscenes.in_labels").data<std::int32_t>()[i])]));
        const double score = double(golden.tensor("nuscenes.in_scores").data<float>()[i]);
        const auto box = nuscenes_detection(golden_box(boxes, i), score, label, lidar_to_ego, ego_to_global);
        if (!box) continue;
        CAPTURE(i);
        REQUIRE(next < expected.size());
        const Json& entry = expected[next++];
        CHECK(difference(member(entry, "translation"), box->translation) <= 1e-4);  // float32 at 1,000 m
        CHECK(difference(member(entry, "size"), box->size) <= 1e-12);
        CHECK(rotation_difference(member(entry, "rotation"), box->rotation) <= tolerance);
        CHECK(difference(member(entry, "velocity"), box->velocity) <= tolerance);
        CHECK(text_of(member(entry, "detection_name")) == nuscenes_class_names[std::size_t(box->label)]);
        CHECK(text_of(member(entry, "attribute_name")) == (box->attribute < 0 ? "" : nuscenes_attribute_names[std::size_t(box->attribute)]));
        CHECK(number(member(entry, "detection_score")) == box->score);
    }
    CHECK(next == expected.size());
    CHECK(next < std::size_t(boxes.shape()[0]));
}

TEST_CASE("lyft_detection: entries and CSV turns of the golden file") {
    const std::string name = "golden/detection3d/ops/output_formats";
    REGULUS_REQUIRE_SHARED(name + ".json");
    const GoldenFile golden(name);
    const Json& facts = member(member(golden.facts, "cases"), "lyft");
    const Pose lidar_to_ego = golden_pose(member(facts, "lidar2ego")), ego_to_global = golden_pose(member(facts, "ego2global"));
    const Tensor& boxes = golden.tensor("lyft.in_boxes");
    const auto& expected = list(member(facts, "expected"));
    REQUIRE(expected.size() == std::size_t(boxes.shape()[0]));
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        const std::string class_name = text_of(list(member(facts, "classes"))[std::size_t(golden.tensor("lyft.in_labels").data<std::int32_t>()[i])]);
        const LyftBox box = lyft_detection(golden_box(boxes, i), double(golden.tensor("lyft.in_scores").data<float>()[i]), class_name, lidar_to_ego, ego_to_global);
        CHECK(difference(member(expected[i], "translation"), box.translation) <= 1e-4);
        CHECK(difference(member(expected[i], "size"), box.size) <= 1e-12);
        CHECK(rotation_difference(member(expected[i], "rotation"), box.rotation) <= tolerance);
        CHECK(text_of(member(expected[i], "name")) == box.name);
        CHECK(number(member(expected[i], "score")) == box.score);
        const double turn = std::fabs(number(member(expected[i], "csv_yaw")) - lyft_csv_yaw(box.rotation));
        CHECK(std::min(turn, std::fabs(turn - 2 * 3.14159265358979323846)) <= tolerance);
    }
}

TEST_CASE("nuscenes_attribute_by_speed: above 0.2 m/s and below, class by class") {
    const auto name_of = [](const char* class_name, double speed) -> std::string {
        const int attribute = nuscenes_attribute_by_speed(nuscenes_label_of(class_name), speed);
        return attribute < 0 ? "" : nuscenes_attribute_names[std::size_t(attribute)];
    };
    for (const char* vehicle : {"car", "truck", "trailer", "construction_vehicle"}) {
        CHECK(name_of(vehicle, 0.2) == "vehicle.parked");
        CHECK(name_of(vehicle, 0.21) == "vehicle.moving");
    }
    CHECK(name_of("bus", 0.2) == "vehicle.stopped");
    CHECK(name_of("bus", 5) == "vehicle.moving");
    CHECK(name_of("bicycle", 0) == "cycle.without_rider");
    CHECK(name_of("motorcycle", 3) == "cycle.with_rider");
    CHECK(name_of("pedestrian", 0.1) == "pedestrian.standing");
    CHECK(name_of("pedestrian", 1) == "pedestrian.moving");
    CHECK(name_of("barrier", 1) == "");
    CHECK(name_of("traffic_cone", 0) == "");
}
