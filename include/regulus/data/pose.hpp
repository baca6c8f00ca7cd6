#pragma once
// Where a sensor or a vehicle stands: rigid motions in space. regulus/eigen.hpp gives them as Eigen's.
#include <array>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/point_cloud.hpp>

namespace regulus {

/// Takes points of one frame to another: p -> rotation p + translation. Metres.
struct Pose {
    std::array<double, 9> rotation = {1, 0, 0, 0, 1, 0, 0, 0, 1};  ///< rows one after another
    std::array<double, 3> translation = {};

    friend bool operator==(const Pose&, const Pose&) = default;
};

/// Turns by the quaternion w x y z. Throws ArgumentError when a number is not finite or the quaternion's length is not 1 within 1e-3; it is then made 1 exactly.
Pose pose_from_quaternion(const std::array<double, 4>& wxyz, const std::array<double, 3>& translation);

/// The quaternion w x y z of the rotation, of length 1, w not negative.
std::array<double, 4> quaternion_of(const Pose& pose);

/// First `b`, then `a`.
Pose operator*(const Pose& a, const Pose& b);

/// The way back: inverse(a) * a is the identity.
Pose inverse(const Pose& pose);

std::array<double, 3> transformed(const Pose& pose, const std::array<double, 3>& point);

/// Moves x, y and z of every point, in double, rounded once for the rotation and once for the translation (as NumPy does with float32 points).
void transform_points(PointCloud& cloud, const Pose& pose);

/// What keeps the matrix (rows one after another) from being a rotation, for an error message; empty when it is one. Columns must be orthogonal and of length 1
/// within 1e-3 (published calibrations have six digits), and not mirror.
std::string rotation_problem(const std::array<double, 9>& rotation);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/pose-impl.hpp>
#endif
