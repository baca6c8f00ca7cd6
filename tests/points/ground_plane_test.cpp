// The ground's planes of KITTI's frames.
#include <cmath>

#include <doctest/doctest.h>

#include <regulus/data/ground_plane.hpp>
#include <regulus/data/kitti_calibration.hpp>

using namespace regulus;

namespace {

const char* const published = "# Plane\nWidth 4\nHeight 1\n-1.851372e-02 -9.998285e-01 -5.362310e-04 1.678761e+00\n";

std::string refusal(const std::string& text) {
    try {
        parse_kitti_plane(text, "000008.txt");
    } catch (const FileError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("ground plane: a file's four numbers, and the same plane seen from the laser") {
    const GroundPlane plane = parse_kitti_plane(published, "000008.txt");
    CHECK(plane.normal[1] == doctest::Approx(-0.9998285).epsilon(1e-6));
    CHECK(plane.offset == doctest::Approx(1.678761).epsilon(1e-6));
    CHECK(std::hypot(plane.normal[0], plane.normal[1], plane.normal[2]) == doctest::Approx(1).epsilon(1e-15));
    // The camera's y points down: what stands 1.68 m below it lies on the ground.
    CHECK(std::abs(plane.distance({0, 1.679049, 0})) < 1e-5);

    KittiCalibration calibration;
    calibration.velo_to_cam = {{0.1, -0.995, 0, 0, 0, -1, 0.995, 0.1, 0}, {0.02, -0.08, -0.27}};
    for (double& value : calibration.velo_to_cam.rotation) value /= std::abs(value) == 1 ? 1 : std::hypot(0.1, 0.995);
    const Pose to_camera = calibration.velo_to_rect();
    const GroundPlane seen = transformed_plane(inverse(to_camera), plane);
    for (const std::array<double, 3>& point : {std::array<double, 3>{10, 2, -1.6}, {30, -7, -1.9}, {0, 0, 0}}) {
        CHECK(seen.distance(point) == doctest::Approx(plane.distance(transformed(to_camera, point))).epsilon(1e-12));
    }
    CHECK(seen.normal[2] > 0.99);  // up
}

TEST_CASE("ground plane: files without one are refused by name") {
    CHECK(refusal("") == "read_kitti_plane: \"000008.txt\": no line has the four numbers of a plane alone");
    CHECK(refusal("0 -1 0\n") != "");
    CHECK(refusal("0 -1 0 nan\n") != "");
    CHECK(refusal("0 -1 0 1e13\n") != "");
    CHECK(refusal("0 -2 0 1\n") == "read_kitti_plane: \"000008.txt\": the normal has the length 2.000000, not 1");
    CHECK(refusal("0 0 0 1\n") != "");
    CHECK_THROWS_AS(read_kitti_plane("/nowhere/000008.txt"), FileError);
}
