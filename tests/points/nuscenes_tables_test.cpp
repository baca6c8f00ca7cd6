#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include <regulus/data/nuscenes_tables.hpp>

#include "points/drive.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Replaces `from` in row `row` of a table; the message of the refusal, without what all begin with.
std::string spoilt(const std::string& table, std::size_t row, const std::string& from, const std::string& to, const NuScenesOptions& options = {.annotations = true}) {
    Drive drive;
    std::string& text = drive.rows.at(table).at(row);
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    drive.write();
    try {
        read_nuscenes_tables(drive.folder(), options);
    } catch (const FileError& error) {
        const std::string begin = "read_nuscenes_tables: \"" + drive.folder() + "/", what = error.what();
        return what.starts_with(begin) ? what.substr(begin.size()) : what;
    }
    return "nothing was refused";
}

}  // namespace

TEST_CASE("nuScenes tables: what stands still in the world stands still in the loaded sweeps, and each has its age") {
    const Drive drive;
    const NuScenesTables tables = read_nuscenes_tables(drive.write());
    CHECK(tables.scenes.size() == 2);
    CHECK(tables.lidar.size() == 30);
    REQUIRE(tables.samples.size() == 6);
    CHECK(tables.annotations.empty());
    for (const std::size_t sample : {2, 5}) {  // record 13 of either scene
        const LidarFrame frame = tables.frame(sample, drive.folder());
        CHECK(frame.path == drive.folder() + "/" + "laser/sd" + (sample == 2 ? "0" : "1") + "_13.pcd.bin");
        const PointCloud cloud = load_sweeps(frame).cloud;
        REQUIRE(cloud.size() == 11);
        const auto expected = Drive::seen_post(13);
        for (std::size_t i = 0; i < 11; ++i) {
            for (std::size_t c = 0; c < 3; ++c) CHECK(std::fabs(cloud[i][c] - expected[c]) <= 1e-5);  // float32 of 30 m, moved once
            CHECK(std::fabs(cloud[i][3] - 0.05 * double(i)) < 1e-6);
        }
    }
}

TEST_CASE("nuScenes tables: near the beginning of a scene there are fewer sweeps, none from another scene") {
    const Drive drive;
    const NuScenesTables tables = read_nuscenes_tables(drive.write());
    CHECK(tables.frame(0, "root").sweeps.size() == 3);
    CHECK(tables.frame(3, "root").sweeps.size() == 3);
    CHECK(tables.frame(1, "root").sweeps.size() == 8);
    CHECK(tables.frame(1, "root", 2).sweeps.size() == 2);
    CHECK(tables.frame(1, "root", 2).sweeps[0].path == "root/laser/sd0_7.pcd.bin");
    CHECK_THROWS_WITH_AS(tables.frame(6, "root"), "nuscenes: sample 6 of 6 was asked for", ArgumentError);
}

TEST_CASE("nuScenes tables: chosen scenes alone are kept") {
    const Drive drive;
    drive.write();
    const NuScenesTables tables = read_nuscenes_tables(drive.folder(), {.scenes = {"scene-1"}, .annotations = true});
    CHECK(tables.scenes.size() == 1);
    CHECK(tables.samples.size() == 3);
    CHECK(tables.lidar.size() == 15);
    CHECK(tables.annotations.size() == 3);
    CHECK(tables.samples[0].token == "sa1_0");
    CHECK_THROWS_WITH_AS(read_nuscenes_tables(drive.folder(), {.scenes = {"scene-1", "scene-7"}}), ("read_nuscenes_tables: \"" + drive.folder() + "/scene.json\" names no scene \"scene-7\"").c_str(), ArgumentError);
}

TEST_CASE("nuScenes tables: objects have their class, attributes and the velocity between their neighbours") {
    Drive drive;
    drive.rows.at("sample_annotation.json").push_back(R"({"token": "alone", "sample_token": "sa0_0", "instance_token": "in0", "size": [1, 2, 3], "translation": [0, 0, 0], "rotation": [1, 0, 0, 0], "prev": "", "next": "", "num_lidar_pts": null})");
    drive.rows.at("sample_annotation.json").push_back(R"({"token": "late", "sample_token": "sa1_0", "instance_token": "in1", "size": [1, 2, 3], "translation": [9, 9, 9], "rotation": [1, 0, 0, 0], "prev": "alone", "next": "", "num_lidar_pts": 5})");
    const NuScenesTables tables = read_nuscenes_tables(drive.write(), {.annotations = true});
    REQUIRE(tables.annotations.size() == 8);
    for (std::size_t i = 0; i < 6; ++i) {
        const NuScenesAnnotation& annotation = tables.annotations[i];
        CHECK(annotation.sample == i);
        CHECK(tables.categories[annotation.category] == "human.pedestrian.adult");
        REQUIRE(annotation.attributes.size() == 1);
        CHECK(tables.attributes[annotation.attributes[0]] == "pedestrian.moving");
        CHECK(annotation.velocity[0] == doctest::Approx(0.1 / 0.25).epsilon(1e-5));  // microseconds counted in doubles of seconds since 1970
        CHECK(annotation.velocity[1] == 0);
        CHECK(annotation.size == std::array<double, 3>{0.6, 0.7, 1.8});
        CHECK(annotation.num_lidar_pts == 1);
        CHECK(annotation.num_radar_pts == 0);
    }
    CHECK(std::isnan(tables.annotations[6].velocity[0]));  // no neighbour
    CHECK(tables.annotations[6].num_lidar_pts == -1);
    CHECK(std::isnan(tables.annotations[7].velocity[1]));  // 1000 s after its neighbour
}

TEST_CASE("nuScenes tables: time stamps may have fractions, as Lyft's do") {
    Drive drive;
    for (std::string& row : drive.rows.at("sample_data.json")) row.replace(row.find("000, \"fileformat\""), 3, "000.25");
    const NuScenesTables tables = read_nuscenes_tables(drive.write());
    CHECK(tables.lidar[0].timestamp == 1500000000000000.25 / 1e6);
}

TEST_CASE("nuScenes tables: a wrong row is refused, and says which and why") {
    CHECK(spoilt("sample_data.json", 0, "\"ca2\"", "2") == "sample_data.json\": row 0: \"calibrated_sensor_token\" must be a text");
    CHECK(spoilt("sample_data.json", 0, "sa0_0", "sa9") == "sample_data.json\": row 0: \"sample_token\" must be the token of a row of sample.json");
    CHECK(spoilt("sample_data.json", 2, "\"sd0_1\"", "\"sd0_0\"") == "sample_data.json\": row 2: \"token\" must be a text that no other row has");
    CHECK(spoilt("sample_data.json", 2, "\"filename\"", "\"fileName\"") == "sample_data.json\": row 2: lacks \"filename\", which must be a text");
    CHECK(spoilt("sample_data.json", 2, "laser/", "../") == "sample_data.json\": row 2: \"filename\" must be a path relative to the data's folder, without \"..\"");
    CHECK(spoilt("sample_data.json", 4, "false", "true") == "sample_data.json\": row 6: \"is_key_frame\" must be false: its sample has another key frame of this channel");
    CHECK(spoilt("sample_data.json", 6, "true", "false") == "sample_data.json\": sample \"sa0_0\" has no key frame of channel \"LIDAR_TOP\"");
    CHECK(spoilt("sample_data.json", 4, "\"sd0_1\"", "\"gone\"") == "sample_data.json\" has no row \"gone\", the sweep before \"laser/sd0_2.pcd.bin\"");
    CHECK(spoilt("sample_data.json", 4, "\"sd0_1\"", "\"sd0_2\"") == "sample_data.json\": the sweep before \"laser/sd0_2.pcd.bin\" is not older than it");
    CHECK(spoilt("sample_data.json", 4, "1500000000100000", "\"soon\"") == "sample_data.json\": row 4: \"timestamp\" must be a number");
    CHECK(spoilt("ego_pose.json", 0, "egosd0_0", "gone") == "ego_pose.json\" has no row \"egosd0_0\", the pose of \"laser/sd0_0.pcd.bin\"");
    CHECK(spoilt("ego_pose.json", 0, "[1,", "[2,") == "ego_pose.json\": row 0: \"rotation\": pose: a quaternion that is a rotation has the length 1, this one 2");
    CHECK(spoilt("ego_pose.json", 0, "[1000,", "[[],") == "ego_pose.json\": row 0: \"translation\" must be 3 numbers");
    CHECK(spoilt("calibrated_sensor.json", 1, "\"rotation\": [", "\"rotation\": [7, ") == "calibrated_sensor.json\": row 1: \"rotation\" must be 4 numbers");
    CHECK(spoilt("sample.json", 1, "sc0", "sc8") == "sample.json\": row 1: \"scene_token\" must be the token of a row of scene.json");
    CHECK(spoilt("sensor.json", 1, "LIDAR_TOP", "LIDAR_FRONT") == "sensor.json\" has no channel \"LIDAR_TOP\"");
    CHECK(spoilt("instance.json", 0, "c2", "c3") == "instance.json\": row 0: \"category_token\" must be the token of a row of category.json");
    CHECK(spoilt("sample_annotation.json", 0, "in0", "in5") == "sample_annotation.json\": row 0: \"instance_token\" must be the token of a row of instance.json");
    CHECK(spoilt("sample_annotation.json", 0, "\"a2\"", "\"a3\"") == "sample_annotation.json\": row 0: \"attribute_tokens\" must be tokens of rows of attribute.json");
    CHECK(spoilt("sample_annotation.json", 0, "[0.6", "[-0.6") == "sample_annotation.json\": row 0: \"size\" must be width, length and height, none negative");
    CHECK(spoilt("sample_annotation.json", 0, "\"an0_1\"", "\"an7\"") == "sample_annotation.json\": row \"an0_0\" names a neighbour \"an7\" that is not there");
    CHECK(spoilt("scene.json", 1, "}", "").find("scene.json\": row 1: offset ") == 0);
    CHECK_THROWS_WITH_AS(read_nuscenes_tables("/nowhere"), "cannot open \"/nowhere/scene.json\": No such file or directory", FileError);
}
