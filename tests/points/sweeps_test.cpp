#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <regulus/data/point_cloud_file.hpp>
#include <regulus/data/point_cloud_filter.hpp>
#include <regulus/data/sweeps.hpp>

#include "data/golden_file.hpp"
#include "points/clouds.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

LidarFrame frame_of(const Json& facts) {
    LidarFrame frame{shared_path(text_of(member(facts, "key_file"))), number(member(facts, "timestamp")), {}};
    if (const Json* sweeps = facts.find("sweeps")) {
        for (const Json& entry : list(*sweeps)) {
            LidarSweep sweep{shared_path(text_of(member(entry, "file"))), number(member(entry, "timestamp")), {}};
            for (std::size_t row = 0; row < 3; ++row) {
                const std::vector<double> part = numbers(list(member(entry, "sensor2lidar_rotation"))[row]);
                for (std::size_t column = 0; column < 3; ++column) sweep.to_key.rotation[3 * row + column] = part[column];
                sweep.to_key.translation[row] = numbers(member(entry, "sensor2lidar_translation"))[row];
            }
            frame.sweeps.push_back(sweep);
        }
    }
    return frame;
}

bool flag(const Json& facts, const char* name) {
    const Json* found = facts.find(name);
    return found != nullptr && *found->boolean();
}

/// A frame of one point and sweeps of one point each, at x = 10 + i, 0.1 s apart.
struct SmallFrame {
    std::vector<std::unique_ptr<TemporaryPath>> files;
    LidarFrame frame;

    explicit SmallFrame(std::size_t sweeps) {
        for (std::size_t i = 0; i <= sweeps; ++i) {
            files.push_back(std::make_unique<TemporaryPath>());
            write_bin(files.back()->text(), {5, {10 + float(i), 0, 0, 7, 7}});
            if (i == 0) frame.path = files.back()->text();
            else frame.sweeps.push_back({files.back()->text(), 100 - 0.1 * double(i), {}});
        }
        frame.timestamp = 100;
    }
};

}  // namespace

TEST_CASE("sweeps: the loader of mmdetection3d, both formulas, point by point") {
    REGULUS_REQUIRE_SHARED("golden/detection3d/ops/loader.json");
    const GoldenFile golden("golden/detection3d/ops/loader");
    int compared = 0;
    for (const auto& entry : *member(golden.facts, "cases").object()) {
        const std::string& name = entry.first;
        const Json& facts = entry.second;
        if (name == "range_filter") continue;
        const LidarFrame frame = frame_of(facts);
        for (const bool exact : {false, true}) {
            const Tensor* const expected = golden.tensors.find(name + (exact ? ".out_v0" : ".out_v1"));
            if (expected == nullptr) continue;
            INFO(name << " " << exact);
            SweepOptions options;
            options.remove_close = flag(facts, "remove_close");
            options.pad_empty = flag(facts, "pad_empty_sweeps");
            options.transform = exact ? SweepTransform::exact : SweepTransform::mmdetection3d_1_4;
            const PointCloudFile loaded = load_sweeps(frame, options);
            CHECK(loaded.dropped == 0);
            REQUIRE(loaded.cloud.features == 4);
            REQUIRE(std::int64_t(loaded.cloud.values.size()) == expected->numel());
            const std::size_t key_points = read_point_cloud(frame.path, {.columns = 5}).cloud.size();
            double worst = 0;
            bool key_equal = true, seconds_equal = true;
            for (std::size_t i = 0; i < loaded.cloud.values.size(); ++i) {
                const float got = loaded.cloud.values[i], want = expected->data<float>()[i];
                worst = std::max(worst, double(std::fabs(got - want)));
                if (i / 4 < key_points) key_equal &= got == want;
                if (i % 4 == 3) seconds_equal &= got == want;
            }
            CHECK(key_equal);
            CHECK(seconds_equal);
            CHECK(worst <= 1e-5);  // moved points: order of summation, a float32 inverse in the files of 1.4.0
            ++compared;
        }
    }
    CHECK(compared == 8);
}

TEST_CASE("sweeps: clouds of ten sweeps have as many points, loaded and in range, as mmdetection3d counts") {
    for (const char* const name : {"nus_secfpn", "lyft_secfpn", "lyft_range100_regnetx400mf_secfpn"}) {
        const std::string folder = std::string("golden/detection3d/") + name;
        REGULUS_REQUIRE_SHARED(folder + "/case.json");
        const GoldenFile golden(folder + "/case.json", folder + "/expected.safetensors");
        const LidarFrame frame = read_lidar_frame(shared_path(text_of(member(golden.facts, "points_file"))), shared_folder());
        REQUIRE(frame.sweeps.size() == 10);
        PointCloud cloud = load_sweeps(frame, {.transform = SweepTransform::mmdetection3d_1_4}).cloud;
        CHECK(std::int64_t(cloud.size()) == whole(member(golden.facts, "points_loaded")));
        const Tensor &rows = golden.tensor("points_loaded@rows"), &values = golden.tensor("points_loaded@value");
        double worst = 0;
        for (std::int64_t i = 0; i < rows.numel(); ++i) {
            const std::size_t row = std::size_t(rows.dtype() == DType::i32 ? rows.data<std::int32_t>()[i] : rows.data<std::int64_t>()[i]);
            for (std::size_t c = 0; c < 4; ++c) worst = std::max(worst, double(std::fabs(cloud[row][c] - values.data<float>()[std::size_t(i) * 4 + c])));
        }
        CHECK(worst <= 2e-5);  // float32 beyond 64 m steps by 7.6e-6
        const std::vector<double> range = numbers(member(member(member(member(golden.facts, "detector"), "data_preprocessor"), "voxel_layer"), "point_cloud_range"));
        keep_in_range(cloud, {float(range[0]), float(range[1]), float(range[2]), float(range[3]), float(range[4]), float(range[5])});
        CHECK(std::int64_t(cloud.size()) == whole(member(golden.facts, "points_in_range")));
    }
}

TEST_CASE("sweeps: the first of them are taken, each with its age; the key frame comes first") {
    const SmallFrame small(12);
    const PointCloud cloud = load_sweeps(small.frame).cloud;
    REQUIRE(cloud.size() == 11);
    for (std::size_t i = 0; i < 11; ++i) {
        CHECK(cloud[i][0] == 10 + float(i));
        CHECK(cloud[i][3] == doctest::Approx(0.1 * double(i)));
    }
    CHECK(load_sweeps(small.frame, {.max_sweeps = 3}).cloud.size() == 4);
    CHECK(load_sweeps(small.frame, {.max_sweeps = 0}).cloud.size() == 1);
    CHECK(load_sweeps(SmallFrame(2).frame).cloud.size() == 3);  // near the beginning of a drive there are fewer
    CHECK(load_sweeps(SmallFrame(0).frame, {.pad_empty = true}).cloud.size() == 11);
    CHECK(load_sweeps(SmallFrame(1).frame, {.pad_empty = true}).cloud.size() == 2);
    const TemporaryPath empty;
    write_bin(empty.text(), {5, {}});
    CHECK(load_sweeps({empty.text(), 0, {}}, {.pad_empty = true}).cloud.empty());
}

TEST_CASE("sweeps: the exact formula puts a point of the world where the key frame sees it") {
    // The vehicle drove 3 m ahead and turned by 0.3; a post stands at (20, 5) of the world in which the sweep's sensor was at the origin.
    SmallFrame small(1);
    const double turn = 0.3, post[2] = {20, 5};
    write_bin(small.frame.sweeps[0].path, {5, {float(post[0]), float(post[1]), 1, 0, 0}});
    const Pose key_in_world = pose_from_quaternion({std::cos(turn / 2), 0, 0, std::sin(turn / 2)}, {3, 0, 0});
    small.frame.sweeps[0].to_key = inverse(key_in_world);
    const double x = post[0] - 3, y = post[1];
    const PointCloud exact = load_sweeps(small.frame).cloud, other = load_sweeps(small.frame, {.transform = SweepTransform::mmdetection3d_1_4}).cloud;
    CHECK(exact[1][0] == doctest::Approx(std::cos(turn) * x + std::sin(turn) * y));
    CHECK(exact[1][1] == doctest::Approx(-std::sin(turn) * x + std::cos(turn) * y));
    CHECK(exact[1][2] == 1);
    CHECK(std::fabs(other[1][1] - exact[1][1]) > 0.5);
}

TEST_CASE("sweeps: a missing file, a pose that is no rotation, a time stamp that is none, too many points: one error that names the sweep") {
    SmallFrame small(2);
    LidarFrame broken = small.frame;
    broken.sweeps[1].path = "nowhere.bin";
    CHECK_THROWS_WITH_AS(load_sweeps(broken), ("load_sweeps: sweep 2 of 2 before \"" + broken.path + "\": cannot open \"nowhere.bin\": No such file or directory").c_str(), FileError);
    broken = small.frame;
    broken.sweeps[0].to_key.rotation[0] = 2;
    CHECK_THROWS_WITH_AS(load_sweeps(broken), ("load_sweeps: the pose of \"" + broken.sweeps[0].path + "\" is not a rotation: column 0 has the length 2").c_str(), FileError);
    broken = small.frame;
    broken.sweeps[0].to_key.translation[2] = std::numeric_limits<double>::infinity();
    CHECK_THROWS_WITH_AS(load_sweeps(broken), ("load_sweeps: the pose of \"" + broken.sweeps[0].path + "\" has a translation that is not finite").c_str(), FileError);
    broken = small.frame;
    broken.sweeps[0].timestamp = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_WITH_AS(load_sweeps(broken), ("load_sweeps: the time stamps of \"" + broken.sweeps[0].path + "\" and of its key frame are not seconds of one drive").c_str(), FileError);
    CHECK_THROWS_WITH_AS(load_sweeps(small.frame, {.max_points = 2}), "load_sweeps: the sweeps have more points than the limit of 2", FileError);
}

TEST_CASE("sweeps: points that are not finite, before or after the motion, are dropped and counted") {
    SmallFrame small(1);
    const float nan = std::numeric_limits<float>::quiet_NaN(), huge = std::numeric_limits<float>::max();
    write_bin(small.frame.path, {5, {nan, 0, 0, 0, 0, 1, 2, 3, 4, 5}});
    write_bin(small.frame.sweeps[0].path, {5, {huge, huge, huge, 0, 0, 1, 1, 1, 0, 0}});
    small.frame.sweeps[0].to_key = pose_from_quaternion({std::cos(0.4), 0, 0, std::sin(0.4)}, {});  // the y of the first point grows by 1.4
    const PointCloudFile file = load_sweeps(small.frame);
    CHECK(file.cloud.size() == 2);
    CHECK(file.dropped == 2);
}

TEST_CASE("sweeps: a frame file with a wrong member is refused, and says which") {
    const TemporaryPath path(".json");
    const auto refusal = [&](const std::string& content) {
        write_file(path.text(), content);
        try {
            read_lidar_frame(path.text());
        } catch (const FileError& error) {
            const std::string begin = "read_lidar_frame: \"" + path.text() + "\": ", what = error.what();
            return what.starts_with(begin) ? what.substr(begin.size()) : what;
        }
        return std::string("nothing was refused");
    };
    const std::string head = R"({"key_file": "a.bin", "timestamp": 12, "sweeps": [{"file": "b.bin", "timestamp": 11, )";
    write_file(path.text(), head + R"("sensor2lidar_rotation": [[0, -1, 0], [1, 0, 0], [0, 0, 1]], "sensor2lidar_translation": [1, 2, 3]}]})");
    const LidarFrame frame = read_lidar_frame(path.text(), "drive");
    CHECK(frame.path == "drive/a.bin");
    CHECK(frame.timestamp == 12);
    REQUIRE(frame.sweeps.size() == 1);
    CHECK(frame.sweeps[0].path == "drive/b.bin");
    CHECK(frame.sweeps[0].to_key == Pose{{0, -1, 0, 1, 0, 0, 0, 0, 1}, {1, 2, 3}});
    CHECK(refusal("[]") == "must be an object");
    CHECK(refusal("{}") == "lacks \"key_file\", which must be a text");
    CHECK(refusal(R"({"key_file": "a.bin", "timestamp": "12"})") == "\"timestamp\" must be a number");
    CHECK(refusal(R"({"key_file": "../a.bin", "timestamp": 12})") == "\"key_file\" must be a path relative to the data's folder, without \"..\"");
    CHECK(refusal(R"({"key_file": "/a.bin", "timestamp": 12})") == "\"key_file\" must be a path relative to the data's folder, without \"..\"");
    CHECK(refusal(R"({"key_file": "a.bin", "timestamp": 12, "sweeps": 3})") == "\"sweeps\" must be a list");
    CHECK(refusal(head + R"("sensor2lidar_rotation": [[1, 0, 0], [0, 1, 0]], "sensor2lidar_translation": [1, 2, 3]}]})") == "sweeps[0]: \"sensor2lidar_rotation\" must be 3 rows of 3 numbers");
    CHECK(refusal(head + R"("sensor2lidar_rotation": [[1, 0, 0], [0, 1, 0], [0, 0, -1]], "sensor2lidar_translation": [1, 2, 3]}]})") ==
          "sweeps[0]: \"sensor2lidar_rotation\" is not a rotation: it mirrors");
    CHECK(refusal(head + R"("sensor2lidar_rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "sensor2lidar_translation": [1, 2]}]})") == "sweeps[0]: \"sensor2lidar_translation\" must be 3 numbers");
    CHECK(refusal(R"({"key_file": )").find("offset 13") != std::string::npos);
}
