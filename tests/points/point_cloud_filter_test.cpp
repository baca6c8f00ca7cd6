#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <regulus/data/point_cloud_file.hpp>
#include <regulus/data/point_cloud_filter.hpp>

#include "data/golden_file.hpp"

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("point filter: a point on the border is outside, one step further in it is inside") {
    const PointCloudRange range = {-50, -50, -5, 50, 50, 3};
    for (int axis = 0; axis < 3; ++axis) {
        for (const int side : {axis, axis + 3}) {
            PointCloud cloud{4, {0, 0, 0, 7}};
            cloud.values[std::size_t(axis)] = range[std::size_t(side)];
            CHECK(keep_in_range(cloud, range) == 1);
            CHECK(cloud.empty());
            cloud.values = {0, 0, 0, 7};
            cloud.values[std::size_t(axis)] = std::nextafter(range[std::size_t(side)], 0.0f);
            CHECK(keep_in_range(cloud, range) == 0);
            CHECK(cloud.size() == 1);
        }
    }
}

TEST_CASE("point filter: what stays keeps its order and its further numbers; NaN does not stay") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    PointCloud cloud{5, {1, 1, 1, 10, 11, 9, 1, 1, 12, 13, 2, 2, 2, 14, nan, nan, 1, 1, 15, 16, -1, -1, -1, 17, 18}};
    CHECK(keep_in_range(cloud, {-2, -2, -2, 3, 3, 3}) == 2);
    REQUIRE(cloud.size() == 3);
    CHECK(cloud[0][3] == 10);
    CHECK(cloud[1][3] == 14);
    CHECK(cloud[2][4] == 18);
}

TEST_CASE("point filter: remove_close takes the square around the sensor, its border stays") {
    PointCloud cloud{3, {0, 0, 0, 0.9f, -0.9f, 5, 1, 0, 0, 0, -1, 0, 0.5f, 3, 0}};
    CHECK(remove_close(cloud) == 2);
    CHECK(cloud.values == std::vector<float>{1, 0, 0, 0, -1, 0, 0.5f, 3, 0});
    PointCloud none;
    CHECK(remove_close(none) == 0);
}

TEST_CASE("point filter: the range filter of mmdetection3d, point by point") {
    REGULUS_REQUIRE_SHARED("golden/detection3d/ops/loader.json");
    const GoldenFile golden("golden/detection3d/ops/loader");
    const Tensor &in = golden.tensor("range_filter.in_points"), &out = golden.tensor("range_filter.out_points");
    PointCloud cloud{4, {in.data<float>(), in.data<float>() + in.numel()}};
    keep_in_range(cloud, {-50, -50, -5, 50, 50, 3});
    REQUIRE(cloud.values.size() == std::size_t(out.numel()));
    CHECK(std::memcmp(cloud.values.data(), out.data<float>(), out.bytes()) == 0);
}

TEST_CASE("point filter: real frames keep as many points in range as mmdetection3d keeps") {
    for (const char* const name : {"nus_fpn", "lyft_fpn", "lyft_range100_regnetx400mf_fpn", "kitti_secfpn_3class"}) {
        const std::string folder = std::string("golden/detection3d/") + name;
        REGULUS_REQUIRE_SHARED(folder + "/case.json");
        const GoldenFile golden(folder + "/case.json", folder + "/expected.safetensors");
        const std::string points = text_of(member(golden.facts, "points_file"));
        PointCloud cloud = read_point_cloud(shared_path(points), {.columns = points.find("kitti") == std::string::npos ? 5 : 4}).cloud;
        CHECK(std::int64_t(cloud.size()) == whole(member(golden.facts, "points_loaded")));
        const std::vector<double> range = numbers(member(member(member(member(golden.facts, "detector"), "data_preprocessor"), "voxel_layer"), "point_cloud_range"));
        keep_in_range(cloud, {float(range[0]), float(range[1]), float(range[2]), float(range[3]), float(range[4]), float(range[5])});
        CHECK(std::int64_t(cloud.size()) == whole(member(golden.facts, "points_in_range")));
    }
}
