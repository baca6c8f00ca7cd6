// Marked objects of nuScenes' and Lyft's tables and of KITTI's frames as truths: back where a detection of the same box would come from.
#include <cmath>

#include <doctest/doctest.h>

#include <regulus/evaluate/global_box.hpp>
#include <regulus/train/cloud_truths.hpp>

using namespace regulus;
using namespace regulus::train;

namespace {

const std::vector<std::string> names{"car", "truck", "trailer", "bus", "construction_vehicle", "bicycle", "motorcycle", "pedestrian", "traffic_cone", "barrier"};

/// Two samples of a vehicle that stands turned.
NuScenesTables tables_without_objects() {
    NuScenesTables tables;
    tables.sensor_to_ego.push_back(pose_from_quaternion({std::sqrt(0.5), 0, 0, -std::sqrt(0.5)}, {0.9, 0.1, 1.8}));
    for (std::size_t i = 0; i < 2; ++i) {
        NuScenesLidarRecord record;
        record.ego_to_global = pose_from_quaternion({std::cos(0.2 + 0.3 * double(i)), 0, 0, std::sin(0.2 + 0.3 * double(i))}, {600 + double(i), 1200, 0.5});
        tables.lidar.push_back(record);
        NuScenesSample sample;
        sample.key = 1 - i;
        tables.samples.push_back(sample);
    }
    tables.categories = {"vehicle.car", "human.pedestrian.adult", "animal"};
    return tables;
}

/// A box of the laser's frame of a sample, marked in the global frame.
NuScenesAnnotation marked(const NuScenesTables& tables, std::size_t sample, const Box3d& box, std::size_t category) {
    const NuScenesLidarRecord& key = tables.lidar[tables.samples[sample].key];
    const GlobalBox global = global_box(box, tables.sensor_to_ego[key.calibration], key.ego_to_global);
    NuScenesAnnotation annotation;
    annotation.sample = sample;
    annotation.category = category;
    annotation.centre = global.translation;
    annotation.size = global.size;
    annotation.rotation = global.rotation;
    annotation.velocity = global.velocity;
    annotation.num_lidar_pts = 3;
    return annotation;
}

void check_equal(const Box3d& got, const Box3d& expected) {
    const float pairs[][2] = {{got.x, expected.x}, {got.y, expected.y}, {got.z, expected.z}, {got.length, expected.length}, {got.width, expected.width}, {got.height, expected.height}, {got.vx, expected.vx}, {got.vy, expected.vy}};
    for (const auto& pair : pairs) CHECK(std::abs(pair[0] - pair[1]) < 1e-5f);  // float32 of tens of metres
    CHECK(std::abs(std::remainder(double(got.yaw) - double(expected.yaw), 2 * 3.14159265358979323846)) < 1e-6);
}

}  // namespace

TEST_CASE("nuScenes' objects: a detection's way to the global frame leads back to its box, sample by sample") {
    NuScenesTables tables = tables_without_objects();
    const Box3d car{10, -4, -1.6f, 4.5f, 1.9f, 1.7f, 2.5f, 3, -1}, walker{-7, 12, -1.4f, 0.7f, 0.6f, 1.8f, -0.4f, 0, 1};
    tables.annotations = {marked(tables, 1, car, 0), marked(tables, 0, walker, 1), marked(tables, 1, walker, 1)};
    const auto objects = nuscenes_objects(tables, names);
    REQUIRE(objects.size() == 2);
    REQUIRE(objects[0].size() == 1);
    REQUIRE(objects[1].size() == 2);
    check_equal(objects[0][0].box, walker);
    check_equal(objects[1][0].box, car);
    check_equal(objects[1][1].box, walker);
    CHECK(objects[0][0].label == 7);
    CHECK(objects[1][0].label == 0);
}

TEST_CASE("nuScenes' objects: of other categories and without a laser point they are left out, unknown velocities are zero") {
    NuScenesTables tables = tables_without_objects();
    const Box3d box{10, -4, -1.6f, 4.5f, 1.9f, 1.7f, 2.5f, 3, -1};
    NuScenesAnnotation unseen = marked(tables, 0, box, 0), untold = unseen, slow = unseen;
    unseen.num_lidar_pts = 0;
    untold.num_lidar_pts = -1;
    slow.velocity = {NAN, NAN};
    tables.annotations = {unseen, marked(tables, 0, box, 2), untold, slow};
    const auto objects = nuscenes_objects(tables, names);
    REQUIRE(objects[0].size() == 2);
    CHECK(objects[1].empty());
    CHECK(objects[0][0].box.vx == doctest::Approx(3));
    CHECK(objects[0][1].box.vx == 0);
    CHECK(objects[0][1].box.vy == 0);
    CHECK(nuscenes_objects(tables, std::vector<std::string>{"pedestrian"})[0].empty());
}

TEST_CASE("Lyft's objects: a category is a class's name, none is left out for its laser points") {
    NuScenesTables tables = tables_without_objects();
    tables.categories = {"other_vehicle", "vehicle.car", "animal"};
    const Box3d box{10, -4, -1.6f, 4.5f, 1.9f, 1.7f, 2.5f, 3, -1};
    NuScenesAnnotation unseen = marked(tables, 1, box, 2);
    unseen.num_lidar_pts = 0;
    tables.annotations = {marked(tables, 0, box, 1), unseen, marked(tables, 1, box, 0)};
    const auto objects = lyft_objects(tables, std::vector<std::string>{"animal", "car", "other_vehicle"});
    REQUIRE(objects.size() == 2);
    CHECK(objects[0].empty());
    REQUIRE(objects[1].size() == 2);
    check_equal(objects[1][0].box, box);
    CHECK(objects[1][0].label == 0);
    CHECK(objects[1][1].label == 2);
    CHECK(lyft_objects(tables, std::vector<std::string>{"car"})[1].empty());
}

TEST_CASE("cloud truths: objects inside the range seen from above, yaws within a turn, velocities where boxes have them") {
    const PointCloudRange range{-50, -50, -5, 50, 50, 3};
    const std::vector<CloudObject> objects{{{1, 2, 30, 4, 2, 1.5f, 4, 5, 6}, 3}, {{50, 0, 0, 1, 1, 1, 0, 0, 0}, 1}, {{0, -50.5f, 0, 1, 1, 1, 0, 0, 0}, 1}, {{-3, 4, 0, 1, 1, 1, -3.5f, 0, 0}, 9}};
    const Truth3d nine = truth_in_range(objects, range, 9), seven = truth_in_range(objects, range, 7);
    REQUIRE(nine.boxes.shape() == Shape{2, 9});
    REQUIRE(seven.boxes.shape() == Shape{2, 7});
    CHECK(nine.labels.data<std::int32_t>()[0] == 3);
    CHECK(nine.labels.data<std::int32_t>()[1] == 9);
    const float* const first = nine.boxes.data<float>();
    CHECK(first[2] == 30);  // z plays no part
    CHECK(first[6] == doctest::Approx(4 - 2 * 3.14159265358979323846));
    CHECK(first[7] == 5);
    CHECK(first[8] == 6);
    CHECK(seven.boxes.data<float>()[7 + 6] == doctest::Approx(2 * 3.14159265358979323846 - 3.5));
    CHECK(truth_in_range({}, range, 9).boxes.shape() == Shape{0, 9});
    CHECK_THROWS_AS(truth_in_range(objects, range, 8), ArgumentError);
    const std::vector<CloudObject> broken{{{1, 2, NAN, 4, 2, 1.5f, 4, 5, 6}, 3}};
    CHECK_THROWS_WITH_AS(truth_in_range(broken, range, 9), "truth_in_range: object 0 has a number that is not finite", ArgumentError);
}

TEST_CASE("KITTI's objects: a detection's way to the camera leads back to its box; other classes stay out, and what is no box is refused") {
    KittiCalibration calibration;
    calibration.p2 = {721.5, 0, 609.6, 44.9, 0, 721.5, 172.9, 0.2, 0, 0, 1, 0.003};
    calibration.velo_to_cam = {{0, -1, 0, 0, 0, -1, 1, 0, 0}, {0.02, -0.08, -0.27}};
    const std::vector<std::string> classes{"Pedestrian", "Cyclist", "Car"};
    const Box3d boxes[] = {{12.3f, 2.1f, -1.7f, 3.9f, 1.6f, 1.5f, 0.4f}, {25, -6, -1.5f, 1.8f, 0.6f, 1.7f, -2.9f}, {8, 1, -1.6f, 0.8f, 0.6f, 1.8f, 3.1f}};
    const char* const types[] = {"Car", "Cyclist", "Pedestrian"};
    std::vector<KittiObject> annotated;
    for (std::size_t i = 0; i < 3; ++i) annotated.push_back(kitti_detection(boxes[i], 1, types[i], calibration, 1242, 375).value());
    KittiObject other = annotated[0];
    other.type = "Van";
    annotated.insert(annotated.begin() + 1, other);
    other.type = "DontCare";
    other.height = other.width = other.length = -1;
    annotated.push_back(other);
    const std::vector<CloudObject> objects = kitti_objects(annotated, calibration, classes);
    REQUIRE(objects.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(classes[std::size_t(objects[i].label)] == types[i]);
        check_equal(objects[i].box, boxes[i]);
        CHECK(std::abs(objects[i].box.yaw) <= 3.1415927f);
    }
    annotated[0].width = -1;
    CHECK_THROWS_WITH_AS(kitti_objects(annotated, calibration, classes), "kitti_objects: a side of a Car is -1.000000 m", ArgumentError);
    annotated[0].width = 1;
    annotated[0].rotation_y = std::nan("");
    CHECK_THROWS_WITH_AS(kitti_objects(annotated, calibration, classes), "kitti_objects: place or turn of a Car is not finite", ArgumentError);
}
