#pragma once
#include <regulus/evaluate/global_box.hpp>

#include <cmath>

namespace regulus {

REGULUS_INLINE GlobalBox global_box(const Box3d& box, const Pose& lidar_to_ego, const Pose& ego_to_global) {
    for (const float v : {box.x, box.y, box.z, box.length, box.width, box.height, box.yaw, box.vx, box.vy}) {
        if (!std::isfinite(v)) throw ArgumentError("global_box: the box holds a number that is not finite");
    }
    const Pose lidar_to_global = ego_to_global * lidar_to_ego;
    const double c = std::cos(double(box.yaw)), s = std::sin(double(box.yaw));
    const Pose box_to_lidar{{c, -s, 0, s, c, 0, 0, 0, 1}, {box.x, box.y, double(box.z) + double(box.height) / 2}};
    const Pose box_to_global = lidar_to_global * box_to_lidar;
    const auto in_ego = transformed(lidar_to_ego, box_to_lidar.translation);
    const auto velocity = transformed(Pose{lidar_to_global.rotation, {}}, {box.vx, box.vy, 0});
    return {box_to_global.translation, {box.width, box.length, box.height}, quaternion_of(box_to_global), {velocity[0], velocity[1]}, std::hypot(in_ego[0], in_ego[1])};
}

}  // namespace regulus
