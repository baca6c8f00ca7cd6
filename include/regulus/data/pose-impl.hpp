#pragma once
#include <regulus/data/pose.hpp>

#include <cmath>
#include <cstddef>
#include <cstdio>

#if __has_include(<Eigen/Geometry>)
#include <Eigen/Geometry>
#define REGULUS_HAS_EIGEN 1
#elif __has_include(<eigen3/Eigen/Geometry>)
#include <eigen3/Eigen/Geometry>
#define REGULUS_HAS_EIGEN 1
#else
#define REGULUS_HAS_EIGEN 0
#endif

namespace regulus {

#if REGULUS_HAS_EIGEN

namespace data_detail {

using RowMajor3 = Eigen::Matrix<double, 3, 3, Eigen::RowMajor>;

inline Eigen::Map<const RowMajor3> rotation_of(const Pose& pose) { return Eigen::Map<const RowMajor3>(pose.rotation.data()); }
inline Eigen::Map<const Eigen::Vector3d> translation_of(const Pose& pose) { return Eigen::Map<const Eigen::Vector3d>(pose.translation.data()); }

inline Pose make_pose(const RowMajor3& rotation, const Eigen::Vector3d& translation) {
    Pose pose;
    RowMajor3::Map(pose.rotation.data()) = rotation;
    Eigen::Vector3d::Map(pose.translation.data()) = translation;
    return pose;
}

}  // namespace data_detail

REGULUS_INLINE Pose pose_from_quaternion(const std::array<double, 4>& wxyz, const std::array<double, 3>& translation) {
    const Eigen::Quaterniond quaternion(wxyz[0], wxyz[1], wxyz[2], wxyz[3]);
    const double length = quaternion.norm();
    if (!(std::fabs(length - 1) <= 1e-3)) {
        char text[40];
        std::snprintf(text, sizeof text, "%g", length);
        throw ArgumentError(std::string("pose: a quaternion that is a rotation has the length 1, this one ") + text);
    }
    for (const double coordinate : translation) {
        if (!std::isfinite(coordinate)) throw ArgumentError("pose: a translation is not finite");
    }
    return data_detail::make_pose(quaternion.normalized().toRotationMatrix(), Eigen::Vector3d(translation[0], translation[1], translation[2]));
}

REGULUS_INLINE std::array<double, 4> quaternion_of(const Pose& pose) {
    Eigen::Quaterniond quaternion(Eigen::Matrix3d(data_detail::rotation_of(pose)));
    quaternion.normalize();
    const double sign = quaternion.w() < 0 ? -1 : 1;
    return {sign * quaternion.w(), sign * quaternion.x(), sign * quaternion.y(), sign * quaternion.z()};
}

REGULUS_INLINE Pose operator*(const Pose& a, const Pose& b) {
    using namespace data_detail;
    return make_pose(rotation_of(a) * rotation_of(b), rotation_of(a) * translation_of(b) + translation_of(a));
}

REGULUS_INLINE Pose inverse(const Pose& pose) {
    using namespace data_detail;
    return make_pose(rotation_of(pose).transpose(), -(rotation_of(pose).transpose() * translation_of(pose)));
}

REGULUS_INLINE std::array<double, 3> transformed(const Pose& pose, const std::array<double, 3>& point) {
    const Eigen::Vector3d moved = data_detail::rotation_of(pose) * Eigen::Vector3d(point[0], point[1], point[2]) + data_detail::translation_of(pose);
    return {moved[0], moved[1], moved[2]};
}

REGULUS_INLINE void transform_points(PointCloud& cloud, const Pose& pose) {
    const Eigen::Matrix3d rotation = data_detail::rotation_of(pose);
    const Eigen::Vector3d translation = data_detail::translation_of(pose);
    const std::size_t features = static_cast<std::size_t>(cloud.features);
    for (float* p = cloud.values.data(); p != cloud.values.data() + cloud.size() * features; p += features) {
        Eigen::Map<Eigen::Vector3f> point(p);
        const Eigen::Vector3f turned = (rotation * point.cast<double>()).cast<float>();
        point = (turned.cast<double>() + translation).cast<float>();
    }
}

REGULUS_INLINE std::string rotation_problem(const std::array<double, 9>& rotation) {
    const Eigen::Matrix3d matrix = Eigen::Map<const data_detail::RowMajor3>(rotation.data());
    for (const double value : rotation) {
        if (!std::isfinite(value)) return "it holds a number that is not finite";
    }
    char text[80];
    for (int a = 0; a < 3; ++a) {
        const double length = matrix.col(a).norm();
        if (std::fabs(length - 1) > 1e-3) {
            std::snprintf(text, sizeof text, "column %d has the length %.6g", a, length);
            return text;
        }
        for (int b = 0; b < a; ++b) {
            const double product = matrix.col(a).dot(matrix.col(b));
            if (std::fabs(product) <= 1e-3) continue;
            std::snprintf(text, sizeof text, "columns %d and %d are not orthogonal, their product is %.6g", b, a, product);
            return text;
        }
    }
    return matrix.determinant() > 0 ? "" : "it mirrors";
}

#else

namespace data_detail {

[[noreturn]] inline void lacks_eigen() { throw Error("pose: this build lacks Eigen (Debian: libeigen3-dev)"); }

}  // namespace data_detail

REGULUS_INLINE Pose pose_from_quaternion(const std::array<double, 4>&, const std::array<double, 3>&) { data_detail::lacks_eigen(); }
REGULUS_INLINE std::array<double, 4> quaternion_of(const Pose&) { data_detail::lacks_eigen(); }
REGULUS_INLINE Pose operator*(const Pose&, const Pose&) { data_detail::lacks_eigen(); }
REGULUS_INLINE Pose inverse(const Pose&) { data_detail::lacks_eigen(); }
REGULUS_INLINE std::array<double, 3> transformed(const Pose&, const std::array<double, 3>&) { data_detail::lacks_eigen(); }
REGULUS_INLINE void transform_points(PointCloud&, const Pose&) { data_detail::lacks_eigen(); }
REGULUS_INLINE std::string rotation_problem(const std::array<double, 9>&) { data_detail::lacks_eigen(); }

#endif

}  // namespace regulus
