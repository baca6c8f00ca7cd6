#pragma once
// Several sweeps of a laser scanner as one cloud in the frame of the newest.
#include <cstddef>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/point_cloud_options.hpp>
#include <regulus/data/pose.hpp>

namespace regulus {

/// An earlier sweep.
struct LidarSweep {
    std::string path;
    double timestamp = 0;  ///< seconds
    Pose to_key = {};      ///< from the sensor at that time to the sensor at the time of the key frame
};

/// A key frame and the sweeps before it, nearest first.
struct LidarFrame {
    std::string path;
    double timestamp = 0;  ///< seconds
    std::vector<LidarSweep> sweeps = {};
};

/// `exact`: p R^T + t for the pose (R, t). `mmdetection3d_1_4`: p R^T + R^T t, what mmdetection3d 1.x computes, off by centimetres when the vehicle turns;
/// for comparison with its numbers.
enum class SweepTransform { exact, mmdetection3d_1_4 };

struct SweepOptions {
    int columns = 5;                   ///< of .bin files
    std::size_t max_sweeps = 10;       ///< the first of them are taken; 0: the key frame alone
    bool remove_close = false;         ///< drop the sweeps' points (not the key frame's) with |x| and |y| below 1 m, before they are moved
    bool pad_empty = false;            ///< without any sweep, repeat the key frame max_sweeps times
    bool complete_last_point = false;  ///< as in PointCloudOptions
    SweepTransform transform = SweepTransform::exact;
    std::size_t max_points = std::size_t{1} << 28;  ///< of all sweeps together
};

/// x, y, z and the seconds that the point is older than the key frame (0 for its own), the key frame first: what networks trained on nuScenes and Lyft take.
/// `dropped` counts the points of all files. Throws FileError, naming the sweep, for a file that is missing or wrong, or a time stamp or pose that is
/// not finite or not a rotation.
PointCloudFile load_sweeps(const LidarFrame& frame, const SweepOptions& options = {});

/// Reads a frame from a file of this form:
///
///     {"key_file": "a.bin", "timestamp": 12.5,
///      "sweeps": [{"file": "b.bin", "timestamp": 12.45, "sensor2lidar_rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "sensor2lidar_translation": [0.1, 0, 0]}]}
///
/// Files are relative to `root`, or to the folder of the file when that is empty; other members are not looked at. Throws FileError naming file and member.
LidarFrame read_lidar_frame(const std::string& path, const std::string& root = "");

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/sweeps-impl.hpp>
#endif
