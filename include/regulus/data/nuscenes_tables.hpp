#pragma once
// The tables of nuScenes and Lyft Level 5 (scene.json, sample.json, sample_data.json, ...): which laser files there are, when and where they were taken, and what
// people marked in them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/pose.hpp>
#include <regulus/data/sweeps.hpp>

namespace regulus {

struct NuScenesScene {
    std::string token;
    std::string name;
};

/// A moment with marked objects.
struct NuScenesSample {
    std::string token;
    std::size_t scene = 0;
    double timestamp = 0;  ///< seconds; the age of sweeps is counted from here
    std::size_t key = 0;   ///< its laser record
};

/// A file of the laser scanner.
struct NuScenesLidarRecord {
    static constexpr std::size_t none = SIZE_MAX;

    std::string file;                ///< relative to the data set's folder
    double timestamp = 0;            ///< seconds
    std::size_t calibration = 0;     ///< which of sensor_to_ego
    Pose ego_to_global = {};         ///< the vehicle in the world
    std::size_t previous = none;     ///< the record before it in its scene
};

/// A marked object, in the global frame.
struct NuScenesAnnotation {
    std::string token;
    std::size_t sample = 0;
    std::size_t category = 0;
    std::vector<std::size_t> attributes = {};
    std::array<double, 3> centre = {};
    std::array<double, 3> size = {};                ///< width, length, height
    std::array<double, 4> rotation = {1, 0, 0, 0};  ///< quaternion w x y z
    std::array<double, 2> velocity = {};            ///< x y, from the object's places before and after; NaN when they are more than 1.5 s away or missing
    std::int64_t num_lidar_pts = -1;                ///< points of the laser inside; -1: not told
    std::int64_t num_radar_pts = -1;
};

/// Indices are positions in these lists, which keep the order of the files.
struct NuScenesTables {
    std::vector<NuScenesScene> scenes;
    std::vector<NuScenesSample> samples;
    std::vector<NuScenesLidarRecord> lidar;
    std::vector<Pose> sensor_to_ego;
    std::vector<std::string> categories;            ///< with annotations only, as the three below
    std::vector<std::string> attributes;
    std::vector<NuScenesAnnotation> annotations;

    /// The sample's key frame and up to `max_sweeps` records before it, whether or not they belong to a sample, nearest first; the poses take each into the
    /// frame of the key. `root` is the data set's folder. Throws ArgumentError for a sample that is not there.
    LidarFrame frame(std::size_t sample, const std::string& root, std::size_t max_sweeps = 10) const;
};

struct NuScenesOptions {
    std::string channel = "LIDAR_TOP";
    std::vector<std::string> scenes = {};  ///< by name: only these; empty: all
    bool annotations = false;
};

/// Reads the tables in `folder` (.../v1.0-trainval). Files are mapped and one row after another is parsed: memory is that of the result, for the chosen scenes and
/// channel, whatever the files hold besides. Throws FileError naming file, row and member for what is missing, of a wrong type, there twice, refers to nothing, or
/// is no rotation; ArgumentError for a scene that the tables do not name.
NuScenesTables read_nuscenes_tables(const std::string& folder, const NuScenesOptions& options = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/nuscenes_tables-impl.hpp>
#endif
