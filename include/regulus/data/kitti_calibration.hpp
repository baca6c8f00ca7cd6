#pragma once
// Calibration of KITTI's object benchmark: where the camera stands from the laser.
#include <array>
#include <string>
#include <string_view>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/pose.hpp>

namespace regulus {

/// One of the files calib/*.txt. The rectified camera frame has x to the right, y down, z ahead.
struct KittiCalibration {
    std::array<double, 12> p2 = {};                                    ///< left colour camera: rectified camera frame to pixels, rows of 4 one after another
    std::array<double, 9> r0_rect = {1, 0, 0, 0, 1, 0, 0, 0, 1};      ///< reference camera to rectified camera frame
    Pose velo_to_cam = {};                                            ///< laser to reference camera

    /// From the laser to the rectified camera frame.
    Pose velo_to_rect() const;

    /// The pixel x y of a point in the rectified camera frame, and its depth along the camera's axis; a point with depth <= 0 is behind the camera.
    std::array<double, 3> project(const std::array<double, 3>& rectified) const;
};

/// Reads P2, R0_rect and Tr_velo_to_cam; other lines are not looked at. Throws FileError naming file and key for what is missing, there twice, not that
/// many numbers, or no rotation.
KittiCalibration read_kitti_calibration(const std::string& path);

/// The same from text; `name` stands for the path in messages.
KittiCalibration parse_kitti_calibration(std::string_view text, const std::string& name);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/kitti_calibration-impl.hpp>
#endif
