#pragma once
// The plane that a scene's ground lies in, as KITTI's users publish one a frame.
#include <array>
#include <string>
#include <string_view>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/pose.hpp>

namespace regulus {

/// The points p with normal . p + offset = 0; metres, the normal has length 1.
struct GroundPlane {
    std::array<double, 3> normal = {0, 0, 1};
    double offset = 0;

    /// How far a point lies on the side to which the normal points.
    double distance(const std::array<double, 3>& point) const { return normal[0] * point[0] + normal[1] * point[1] + normal[2] * point[2] + offset; }
};

/// The same plane in the frame that `pose` leads to.
GroundPlane transformed_plane(const Pose& pose, const GroundPlane& plane);

/// One of the files planes/*.txt, in the rectified camera's frame: the first line of four numbers alone, normal and offset. Throws FileError naming the file where there is none, and for
/// numbers that are not finite or beyond 1e12 and a normal whose length is not 1 within 1e-3; it is made 1 exactly.
GroundPlane read_kitti_plane(const std::string& path);

/// The same from text; `name` stands for the path in messages.
GroundPlane parse_kitti_plane(std::string_view text, const std::string& name);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/ground_plane-impl.hpp>
#endif
