#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include <regulus/data/kitti_calibration.hpp>

#include "points/clouds.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// A camera 0.27 m ahead of and 0.08 m below the laser that looks ahead, tilted by 0.01; its picture is 1242 x 375.
const std::string p2 = "P2: 700 0 610 45 0 700 170 -0.3 0 0 1 0.005\n", r0 = "R0_rect: 9.9995e-01 0 9.9998e-03 0 1 0 -9.9998e-03 0 9.9995e-01\n",
                  velo = "Tr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27\n", others = "P0: 1 2 3\nTr_imu_to_velo: nonsense\n\n";

std::string refusal(const std::string& text) {
    try {
        parse_kitti_calibration(text, "000008.txt");
    } catch (const FileError& error) {
        const std::string begin = "read_kitti_calibration: \"000008.txt\": ", what = error.what();
        return what.starts_with(begin) ? what.substr(begin.size()) : what;
    }
    return "nothing was refused";
}

}  // namespace

TEST_CASE("KITTI calibration: a point ahead of the laser falls into the picture where the pinhole camera sees it") {
    const TemporaryPath path(".txt");
    write_file(path.text(), others + p2 + r0 + velo);
    const KittiCalibration calibration = read_kitti_calibration(path.text());
    const double x = 20, y = 3, z = -1;  // ahead, left, up
    const double right = -y, down = -z - 0.08, ahead = x - 0.27;
    const double rect_x = 0.99995 * right + 0.0099998 * ahead, rect_z = -0.0099998 * right + 0.99995 * ahead;
    const auto rectified = transformed(calibration.velo_to_rect(), {x, y, z});
    CHECK(rectified[0] == doctest::Approx(rect_x));
    CHECK(rectified[1] == doctest::Approx(down));
    CHECK(rectified[2] == doctest::Approx(rect_z));
    const auto pixel = calibration.project(rectified);
    CHECK(pixel[2] == doctest::Approx(rect_z + 0.005));
    CHECK(pixel[0] == doctest::Approx((700 * rect_x + 610 * rect_z + 45) / (rect_z + 0.005)));
    CHECK(pixel[1] == doctest::Approx((700 * down + 170 * rect_z - 0.3) / (rect_z + 0.005)));
}

TEST_CASE("KITTI calibration: what is missing, double, short or no rotation is refused by its key") {
    CHECK(refusal(p2 + r0) == "the line Tr_velo_to_cam is missing");
    CHECK(refusal(r0 + velo) == "the line P2 is missing");
    CHECK(refusal("") == "the line P2 is missing");
    CHECK(refusal(p2 + r0 + velo + r0) == "R0_rect stands there twice");
    CHECK(refusal("P2: 1 2 3\n" + r0 + velo) == "P2 must be followed by 12 numbers");
    CHECK(refusal("P2: 1 2 3 4 5 6 7 8 9 10 11 nan\n" + r0 + velo) == "P2 must be followed by 12 numbers");
    CHECK(refusal(p2 + "R0_rect: 2 0 0 0 1 0 0 0 1\n" + velo) == "R0_rect is not a rotation: column 0 has the length 2");
    CHECK(refusal(p2 + r0 + "Tr_velo_to_cam: 0 1 0 0 0 0 -1 0 1 0 0 0\n") == "Tr_velo_to_cam is not a rotation: it mirrors");
    const TemporaryPath path;
    write_file(path.text(), std::string(70000, ' '));
    CHECK_THROWS_WITH_AS(read_kitti_calibration(path.text()), ("read_kitti_calibration: \"" + path.text() + "\" has 70000 bytes, a calibration has less than 64 KiB").c_str(), FileError);
}
