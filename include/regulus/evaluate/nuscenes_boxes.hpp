#pragma once
// What nuScenes' detection task speaks of: its classes, attributes, boxes, and samples of annotated or found boxes.
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace regulus {

/// The ten classes in the order of the official devkit; a box's label is its place here.
inline constexpr std::array<const char*, 10> nuscenes_class_names = {"car",        "truck",      "bus",     "trailer",      "construction_vehicle",
                                                                     "pedestrian", "motorcycle", "bicycle", "traffic_cone", "barrier"};

inline constexpr std::array<const char*, 8> nuscenes_attribute_names = {
    "pedestrian.moving",   "pedestrian.sitting_lying_down", "pedestrian.standing", "cycle.with_rider",
    "cycle.without_rider", "vehicle.moving",                "vehicle.parked",      "vehicle.stopped"};

namespace nuscenes_label {
inline constexpr int car = 0, truck = 1, bus = 2, trailer = 3, construction_vehicle = 4, pedestrian = 5, motorcycle = 6, bicycle = 7, traffic_cone = 8, barrier = 9;
}

/// The label of a class name, -1 for a name that is none of the ten.
constexpr int nuscenes_label_of(std::string_view name) noexcept {
    for (std::size_t i = 0; i < nuscenes_class_names.size(); ++i) {
        if (name == nuscenes_class_names[i]) return int(i);
    }
    return -1;
}

/// The place of an attribute in nuscenes_attribute_names, -1 for a name that is none of them.
constexpr int nuscenes_attribute_of(std::string_view name) noexcept {
    for (std::size_t i = 0; i < nuscenes_attribute_names.size(); ++i) {
        if (name == nuscenes_attribute_names[i]) return int(i);
    }
    return -1;
}

/// The label of an annotation's category ("vehicle.bus.rigid" is a bus); -1 for what the task leaves out.
constexpr int nuscenes_label_of_category(std::string_view category) noexcept {
    struct Row {
        std::string_view category;
        int label;
    };
    using namespace nuscenes_label;
    constexpr Row rows[] = {{"movable_object.barrier", barrier},
                            {"vehicle.bicycle", bicycle},
                            {"vehicle.bus.bendy", bus},
                            {"vehicle.bus.rigid", bus},
                            {"vehicle.car", car},
                            {"vehicle.construction", construction_vehicle},
                            {"vehicle.motorcycle", motorcycle},
                            {"human.pedestrian.adult", pedestrian},
                            {"human.pedestrian.child", pedestrian},
                            {"human.pedestrian.construction_worker", pedestrian},
                            {"human.pedestrian.police_officer", pedestrian},
                            {"movable_object.trafficcone", traffic_cone},
                            {"vehicle.trailer", trailer},
                            {"vehicle.truck", truck}};
    for (const Row& row : rows) {
        if (row.category == category) return row.label;
    }
    return -1;
}

/// A box in the global frame.
struct NuScenesBox {
    std::array<double, 3> translation = {};             ///< centre, metres
    std::array<double, 3> size = {};                    ///< width, length, height, metres
    std::array<double, 4> rotation = {1, 0, 0, 0};      ///< quaternion w, x, y, z; any length
    std::array<double, 2> velocity = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};  ///< m/s; NaN: unknown
    double score = 0;                                   ///< of a detection
    int label = 0;                                      ///< place in nuscenes_class_names
    int attribute = -1;                                 ///< place in nuscenes_attribute_names; -1: none
    std::int64_t points = -1;                           ///< LiDAR and radar points in an annotated box; -1: not counted
};

/// What was found in one sample.
struct NuScenesResult {
    std::string sample_token;
    std::vector<NuScenesBox> boxes;
};

/// What is annotated in one sample.
struct NuScenesTruth {
    std::string sample_token;
    std::array<double, 3> ego = {};          ///< where the vehicle was, global: the pose of the sample's LIDAR_TOP frame
    std::vector<NuScenesBox> boxes;          ///< of the ten classes
    std::vector<NuScenesBox> bicycle_racks;  ///< static_object.bicycle_rack; label and the rest are not looked at
};

}  // namespace regulus
