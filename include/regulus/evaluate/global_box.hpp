#pragma once
// Boxes of a laser's frame in the frame of the city, as results of nuScenes and Lyft want them.
#include <array>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/box3d.hpp>
#include <regulus/data/pose.hpp>

namespace regulus {

struct GlobalBox {
    std::array<double, 3> translation = {};         ///< centre, metres
    std::array<double, 3> size = {};                ///< width, length, height
    std::array<double, 4> rotation = {1, 0, 0, 0};  ///< quaternion w x y z, length 1, w not negative
    std::array<double, 2> velocity = {};            ///< x y, m/s
    double ego_distance = 0;                        ///< from the vehicle's origin, seen from above in its frame, metres
};

/// Takes a box from the laser's frame to the vehicle's, then to the global one. Throws ArgumentError when a number of the box is not finite.
GlobalBox global_box(const Box3d& box, const Pose& lidar_to_ego, const Pose& ego_to_global);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/global_box-impl.hpp>
#endif
