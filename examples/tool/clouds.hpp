#pragma once
// Which clouds the user means, as a network wants to see them.
#include <cstddef>
#include <string>
#include <vector>

#include <regulus/data/point_cloud.hpp>
#include <regulus/zoo/point_detector_spec.hpp>

namespace tool {

/// Files as given; folders give their *.bin, *.pcd, *.ply and *.json sorted by name. Throws regulus::FileError for what does not exist and a folder without clouds.
std::vector<std::string> find_clouds(const std::vector<std::string>& paths);

/// A cloud as a network was trained to see one: x, y, z, and what its fourth number is.
struct LoadedCloud {
    regulus::PointCloud cloud;
    std::size_t dropped = 0;  // points that are not finite
};

/// `columns`: numbers a point of .bin files; 0: 5 for a network of several sweeps, else 4. A .json names a key frame and earlier sweeps (read_lidar_frame), relative to
/// `root` or, when that is empty, to its own folder. Where the network expects the seconds that a point is older than the key frame, points of a single frame have 0, unless a .pcd or .ply has a field
/// "seconds". Throws regulus::FileError.
LoadedCloud read_cloud(const std::string& path, const regulus::PointDetectorFacts& facts, int columns, const std::string& root = "");

}  // namespace tool
