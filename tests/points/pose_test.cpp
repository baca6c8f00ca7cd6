#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <regulus/data/pose.hpp>
#include <regulus/eigen.hpp>

using namespace regulus;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

/// Rotation by `angle` about the axis `axis`, written out.
Pose turn(int axis, double angle, std::array<double, 3> translation = {}) {
    const std::size_t a = std::size_t(axis + 1) % 3, b = std::size_t(axis + 2) % 3;
    Pose pose;
    pose.translation = translation;
    pose.rotation[3 * a + a] = pose.rotation[3 * b + b] = std::cos(angle);
    pose.rotation[3 * a + b] = -std::sin(angle);
    pose.rotation[3 * b + a] = std::sin(angle);
    return pose;
}

void check_close(const Pose& a, const Pose& b, double tolerance = 1e-12) {
    for (std::size_t i = 0; i < 9; ++i) CHECK(std::fabs(a.rotation[i] - b.rotation[i]) <= tolerance);
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::fabs(a.translation[i] - b.translation[i]) <= tolerance);
}

}  // namespace

TEST_CASE("pose: a quaternion about an axis is the matrix about that axis, and comes back") {
    for (int axis = 0; axis < 3; ++axis) {
        for (const double angle : {-3.0, -0.5, 0.0, 0.1, 1.5, 3.1}) {
            std::array<double, 4> q = {std::cos(angle / 2), 0, 0, 0};
            q[std::size_t(axis) + 1] = std::sin(angle / 2);
            const Pose pose = pose_from_quaternion(q, {1, 2, 3});
            check_close(pose, turn(axis, angle, {1, 2, 3}));
            const auto back = quaternion_of(pose);
            CHECK(back[0] >= 0);
            for (std::size_t i = 0; i < 4; ++i) CHECK(back[i] == doctest::Approx(q[i] * (q[0] < 0 ? -1 : 1)));
        }
    }
}

TEST_CASE("pose: a product moves a point as its factors one after another, the inverse moves it back") {
    const Pose a = turn(2, 0.7, {1, -2, 0.5}), b = turn(0, -1.1, {0.3, 4, -1});
    const std::array<double, 3> p = {2, -3, 5};
    const auto both = transformed(a * b, p), steps = transformed(a, transformed(b, p)), back = transformed(inverse(a), transformed(a, p));
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(both[i] == doctest::Approx(steps[i]));
        CHECK(back[i] == doctest::Approx(p[i]));
    }
    check_close(inverse(a) * a, Pose{});
}

TEST_CASE("pose: points of a cloud move as single points do, their further numbers stay") {
    const Pose pose = turn(1, 0.4, {10, 20, 30}) * turn(2, -2.0);
    PointCloud cloud{5, {1, 2, 3, 4, 5, -6, 7, -8, 9, 10}};
    const PointCloud before = cloud;
    transform_points(cloud, pose);
    for (std::size_t i = 0; i < 2; ++i) {
        const auto moved = transformed(pose, {before[i][0], before[i][1], before[i][2]});
        for (std::size_t c = 0; c < 3; ++c) CHECK(std::fabs(cloud[i][c] - moved[c]) < 4e-6);  // float32 between 16 and 64
        CHECK(cloud[i][3] == before[i][3]);
        CHECK(cloud[i][4] == before[i][4]);
    }
}

TEST_CASE("pose: what is no rotation is named") {
    CHECK(rotation_problem(turn(1, 0.3).rotation).empty());
    CHECK(rotation_problem({1.0005, 0, 0, 0, 1, 0, 0, 0, 1}).empty());  // six digits of a calibration file
    CHECK(rotation_problem({1, 0, 0, 0, 1, 0, 0, 0, -1}) == "it mirrors");
    CHECK(rotation_problem({1, 0, 0, 0, 2, 0, 0, 0, 1}) == "column 1 has the length 2");
    CHECK(rotation_problem({}) == "column 0 has the length 0");
    CHECK(rotation_problem({1, 0.6, 0, 0, 0.8, 0, 0, 0, 1}) == "columns 0 and 1 are not orthogonal, their product is 0.6");
    CHECK(rotation_problem({nan_value, 0, 0, 0, 1, 0, 0, 0, 1}) == "it holds a number that is not finite");
    CHECK_THROWS_WITH_AS(pose_from_quaternion({1, 1, 0, 0}, {}), "pose: a quaternion that is a rotation has the length 1, this one 1.41421", ArgumentError);
    CHECK_THROWS_AS(pose_from_quaternion({0, 0, 0, 0}, {}), ArgumentError);
    CHECK_THROWS_AS(pose_from_quaternion({nan_value, 0, 0, 0}, {}), ArgumentError);
    CHECK_THROWS_WITH_AS(pose_from_quaternion({1, 0, 0, 0}, {0, nan_value, 0}), "pose: a translation is not finite", ArgumentError);
}

TEST_CASE("pose: Eigen's isometries say the same, there and back") {
    const Pose pose = turn(0, 0.2, {1, 2, 3}) * turn(2, 1.3, {-4, 5, 6});
    CHECK(to_pose(to_eigen(pose)) == pose);
    const Eigen::Vector3d moved = to_eigen(pose) * Eigen::Vector3d(7, 8, 9);
    const auto expected = transformed(pose, {7, 8, 9});
    for (int i = 0; i < 3; ++i) CHECK(moved[i] == doctest::Approx(expected[std::size_t(i)]));
    Eigen::Isometry3d skewed = to_eigen(pose);
    skewed.linear() *= 2;
    CHECK_THROWS_WITH_AS(to_pose(skewed), "to_pose: the linear part is not a rotation: column 0 has the length 2", ArgumentError);

    const Eigen::Vector3d nose = to_eigen(Box3d{1, 2, 3, 4, 2, 1.5f, float(EIGEN_PI / 2), 0, 0}) * Eigen::Vector3d(2, 0, 0);
    CHECK(nose[0] == doctest::Approx(1));
    CHECK(nose[1] == doctest::Approx(4));
    CHECK(nose[2] == doctest::Approx(3.75));

    PointCloud cloud{4, {1, 2, 3, 4, 5, 6, 7, 8}};
    as_eigen(cloud).col(1).array() += 10;
    CHECK(cloud.values == std::vector<float>{1, 12, 3, 4, 5, 16, 7, 8});
}
