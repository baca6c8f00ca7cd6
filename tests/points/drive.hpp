#pragma once
// A made-up data set in the tables of nuScenes: a vehicle drives and turns, its laser sees one post.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <unistd.h>

#include <regulus/data/file.hpp>
#include <regulus/data/point_cloud_file.hpp>

namespace regulus::testing {

/// Two scenes of 15 laser records, 0.05 s apart; records 3, 8 and 13 are the key frames of samples. A pedestrian is marked in every sample, 0.1 m further along x
/// each time. `rows` are texts by table, to be spoilt before write().
class Drive {
public:
    std::map<std::string, std::vector<std::string>> rows;

    Drive() {
        static int count = 0;
        folder_ = "drive_" + std::to_string(::getpid()) + "_" + std::to_string(count++);
        rows["sensor.json"] = {R"({"token": "se1", "channel": "CAM_FRONT", "modality": "camera"})", R"({"token": "se2", "channel": "LIDAR_TOP", "modality": "lidar"})"};
        rows["calibrated_sensor.json"] = {R"({"token": "ca1", "sensor_token": "se1", "translation": [0, 0, 0], "rotation": [9, 9, 9, 9], "camera_intrinsic": [[1, 0, 0]]})",
                                          R"({"token": "ca2", "sensor_token": "se2", )" + pose_text({0.9, 0.1, 1.8}, sensor_yaw) + R"(, "camera_intrinsic": []})"};
        rows["category.json"] = {R"({"token": "c1", "name": "vehicle.car"})", R"({"token": "c2", "name": "human.pedestrian.adult"})"};
        rows["attribute.json"] = {R"({"token": "a1", "name": "pedestrian.standing"})", R"({"token": "a2", "name": "pedestrian.moving"})"};
        for (int scene = 0; scene < 2; ++scene) {
            const std::string s = std::to_string(scene);
            rows["scene.json"].push_back(R"({"token": "sc)" + s + R"(", "name": "scene-)" + s + R"(", "nbr_samples": 3})");
            rows["instance.json"].push_back(R"({"token": "in)" + s + R"(", "category_token": "c2"})");
            for (int record = 0; record < records; ++record) add_record(scene, record);
            for (int sample = 0; sample < 3; ++sample) add_sample(scene, sample);
        }
    }
    ~Drive() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Drive(const Drive&) = delete;
    Drive& operator=(const Drive&) = delete;

    const std::string& folder() const noexcept { return folder_; }

    /// Writes tables and points. Returns the folder.
    const std::string& write() const {
        std::filesystem::create_directories(folder_ + "/laser");
        for (const auto& [table, lines] : rows) {
            std::string text = "[\n";
            for (std::size_t i = 0; i < lines.size(); ++i) text += lines[i] + (i + 1 < lines.size() ? ",\n" : "\n");
            write_file(folder_ + "/" + table, text + "]\n");
        }
        for (const auto& [file, cloud] : clouds_) write_bin(folder_ + "/" + file, cloud);
        return folder_;
    }

    static constexpr int records = 15;
    static constexpr double sensor_yaw = -1.5, post[3] = {1030, 2012, 2.5};

    /// Where a laser record sees the post: into the vehicle's frame, then into the sensor's, each by a turn written out.
    static std::array<double, 3> seen_post(int record) {
        const auto [x, y, yaw] = vehicle(record);
        const std::array<double, 3> in_vehicle = turned_back(post[0] - x, post[1] - y, post[2], yaw);
        return turned_back(in_vehicle[0] - 0.9, in_vehicle[1] - 0.1, in_vehicle[2] - 1.8, sensor_yaw);
    }

private:
    static std::array<double, 3> vehicle(int record) { return {1000 + 0.4 * record, 2000 + 0.01 * record * record, 0.02 * record}; }

    static std::array<double, 3> turned_back(double x, double y, double z, double yaw) {
        return {std::cos(yaw) * x + std::sin(yaw) * y, -std::sin(yaw) * x + std::cos(yaw) * y, z};
    }

    static std::string number(double value) {
        char text[40];
        std::snprintf(text, sizeof text, "%.17g", value);
        return text;
    }

    static std::string pose_text(const std::array<double, 3>& translation, double yaw) {
        return R"("translation": [)" + number(translation[0]) + ", " + number(translation[1]) + ", " + number(translation[2]) + R"(], "rotation": [)" + number(std::cos(yaw / 2)) + ", 0, 0, " +
               number(std::sin(yaw / 2)) + "]";
    }

    static std::string record_token(int scene, int record) { return "sd" + std::to_string(scene) + "_" + std::to_string(record); }
    static std::string sample_token(int scene, int sample) { return "sa" + std::to_string(scene) + "_" + std::to_string(sample); }
    static std::string time(int scene, int record) { return std::to_string(1500000000000000 + scene * 1000000000ll + 50000 * record); }

    void add_record(int scene, int record) {
        const std::string token = record_token(scene, record), file = "laser/" + token + ".pcd.bin";
        const auto [x, y, yaw] = vehicle(record);
        const auto row = [&](const std::string& name, const std::string& calibration, const std::string& path, bool key) {
            return R"({"token": ")" + name + R"(", "sample_token": ")" + sample_token(scene, std::min((record + 1) / 5, 2)) + R"(", "ego_pose_token": "ego)" + token +
                   R"(", "calibrated_sensor_token": ")" + calibration + R"(", "timestamp": )" + time(scene, record) + R"(, "fileformat": "pcd", "is_key_frame": )" + (key ? "true" : "false") +
                   R"(, "height": 0, "width": 0, "filename": ")" + path + R"(", "prev": ")" + (record > 0 ? record_token(scene, record - 1) : "") + R"(", "next": ")" +
                   (record + 1 < records ? record_token(scene, record + 1) : "") + "\"}";
        };
        rows["sample_data.json"].push_back(row(token, "ca2", file, record % 5 == 3));
        rows["sample_data.json"].push_back(row("camera" + token, "ca1", "camera/" + token + ".jpg", record % 5 == 3));
        rows["ego_pose.json"].push_back(R"({"token": "ego)" + token + R"(", "timestamp": )" + time(scene, record) + ", " + pose_text({x, y, 0}, yaw) + "}");
        rows["ego_pose.json"].push_back(R"({"token": "unused)" + token + R"(", "translation": "", "rotation": ""})");
        const auto p = seen_post(record);
        clouds_[file] = {5, {float(p[0]), float(p[1]), float(p[2]), 40, 7}};
    }

    void add_sample(int scene, int sample) {
        const auto neighbour = [&](int s) { return s < 0 || s > 2 ? std::string() : "an" + std::to_string(scene) + "_" + std::to_string(s); };
        rows["sample.json"].push_back(R"({"token": ")" + sample_token(scene, sample) + R"(", "timestamp": )" + time(scene, 5 * sample + 3) + R"(, "scene_token": "sc)" + std::to_string(scene) + "\"}");
        rows["sample_annotation.json"].push_back(R"({"token": ")" + neighbour(sample) + R"(", "sample_token": ")" + sample_token(scene, sample) + R"(", "instance_token": "in)" + std::to_string(scene) +
                                                 R"(", "attribute_tokens": ["a2"], "size": [0.6, 0.7, 1.8], )" + pose_text({1030 + 0.1 * sample, 2012, 0.9}, 0.5) + R"(, "prev": ")" +
                                                 neighbour(sample - 1) + R"(", "next": ")" + neighbour(sample + 1) + R"(", "num_lidar_pts": 1, "num_radar_pts": 0})");
    }

    std::string folder_;
    std::map<std::string, PointCloud> clouds_;
};

}  // namespace regulus::testing
