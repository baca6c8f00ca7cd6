#pragma once
// How point clouds are read, and what comes of it.
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <regulus/data/point_cloud.hpp>

namespace regulus {

/// `automatic`: .pcd and .ply are known by their first bytes, whatever the file's name; all else is .bin (nuScenes' *.pcd.bin too).
enum class PointCloudFormat { automatic, bin, pcd, ply };

struct PointCloudOptions {
    PointCloudFormat format = PointCloudFormat::automatic;

    /// .bin: numbers per point, 3 .. 64, all of them kept. KITTI 4 (x y z reflectance), nuScenes and Lyft 5 (x y z intensity ring). 0: a .bin file is refused.
    int columns = 0;

    /// .bin: a file of five columns that ends two numbers too early gets the numbers 100 and 1, as a file of the Lyft training set needs.
    bool complete_last_point = false;

    /// .pcd and .ply: what to keep behind x, y and z, by name, in this order.
    std::vector<std::string> fields = {};

    /// .pcd and .ply: the value of a field that the file lacks; without one such a file is refused.
    std::optional<float> missing = {};

    std::size_t max_points = std::size_t{1} << 28;
};

struct PointCloudFile {
    PointCloud cloud;
    std::size_t dropped = 0;  ///< points left out because one of their numbers is NaN, infinite or too large for float32
};

}  // namespace regulus
