#pragma once
// Adapter: the 3D geometry of Regulus as Eigen's types. Needs Eigen 3 (Debian: libeigen3-dev); not part of regulus.hpp.
#if __has_include(<Eigen/Geometry>)
#include <Eigen/Geometry>
#else
#include <eigen3/Eigen/Geometry>
#endif

#include <regulus/data/box3d.hpp>
#include <regulus/data/point_cloud.hpp>
#include <regulus/data/pose.hpp>

namespace regulus {

inline Eigen::Isometry3d to_eigen(const Pose& pose) {
    Eigen::Isometry3d result = Eigen::Isometry3d::Identity();
    result.linear() = Eigen::Map<const Eigen::Matrix<double, 3, 3, Eigen::RowMajor>>(pose.rotation.data());
    result.translation() = Eigen::Map<const Eigen::Vector3d>(pose.translation.data());
    return result;
}

/// Throws ArgumentError when the linear part is no rotation.
inline Pose to_pose(const Eigen::Isometry3d& isometry) {
    Pose pose;
    Eigen::Map<Eigen::Matrix<double, 3, 3, Eigen::RowMajor>>(pose.rotation.data()) = isometry.linear();
    Eigen::Map<Eigen::Vector3d>(pose.translation.data()) = isometry.translation();
    const std::string problem = rotation_problem(pose.rotation);
    if (!problem.empty()) throw ArgumentError("to_pose: the linear part is not a rotation: " + problem);
    return pose;
}

/// The frame of a box: its origin is the box's centre, x points along the heading, z up.
inline Eigen::Isometry3d to_eigen(const Box3d& box) {
    Eigen::Isometry3d result(Eigen::AngleAxisd(double(box.yaw), Eigen::Vector3d::UnitZ()));
    result.translation() = Eigen::Vector3d(double(box.x), double(box.y), double(box.z) + double(box.height) / 2);
    return result;
}

using EigenPoints = Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
using ConstEigenPoints = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

/// The numbers of the cloud itself as a matrix [points, features]; valid until the cloud changes its size.
inline EigenPoints as_eigen(PointCloud& cloud) { return {cloud.values.data(), Eigen::Index(cloud.size()), Eigen::Index(cloud.features)}; }
inline ConstEigenPoints as_eigen(const PointCloud& cloud) { return {cloud.values.data(), Eigen::Index(cloud.size()), Eigen::Index(cloud.features)}; }

}  // namespace regulus
