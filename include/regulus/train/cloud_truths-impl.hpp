#pragma once
#include <algorithm>
#include <string_view>

#include <regulus/core/error.hpp>
#include <regulus/evaluate/nuscenes_boxes.hpp>
#include <regulus/graph/kernels/boxes3d.hpp>
#include <regulus/train/cloud_truths.hpp>

namespace regulus::train {

REGULUS_INLINE Truth3d truth_in_range(std::span<const CloudObject> objects, const PointCloudRange& range, int code) {
    if (code != 7 && code != 9) throw ArgumentError("truth_in_range: boxes have 7 numbers, or 9 with velocities, not " + std::to_string(code));
    std::vector<float> boxes;
    std::vector<std::int32_t> labels;
    for (const CloudObject& object : objects) {
        const Box3d& box = object.box;
        for (const float value : {box.x, box.y, box.z, box.length, box.width, box.height, box.yaw, box.vx, box.vy}) {
            if (!std::isfinite(value)) throw ArgumentError("truth_in_range: object " + std::to_string(&object - objects.data()) + " has a number that is not finite");
        }
        if (!(box.x > range[0] && box.y > range[1] && box.x < range[3] && box.y < range[4])) continue;
        const float numbers[] = {box.x, box.y, box.z, box.length, box.width, box.height, float(kernels::limit_period(double(box.yaw), 0.5, 2 * kernels::pi)), box.vx, box.vy};
        boxes.insert(boxes.end(), numbers, numbers + code);
        labels.push_back(object.label);
    }
    Truth3d truth{Tensor(Shape{std::int64_t(labels.size()), code}, DType::f32), Tensor(Shape{std::int64_t(labels.size())}, DType::i32)};
    std::copy(boxes.begin(), boxes.end(), truth.boxes.data<float>());
    std::copy(labels.begin(), labels.end(), truth.labels.data<std::int32_t>());
    return truth;
}

namespace detail {

/// The box of an annotation in the frame that `from_global` leads to.
inline Box3d box_of(const NuScenesAnnotation& annotation, const Pose& from_global) {
    const Pose pose = from_global * pose_from_quaternion(annotation.rotation, annotation.centre);
    const std::array<double, 4> q = quaternion_of(pose);
    const bool is_known = std::isfinite(annotation.velocity[0]) && std::isfinite(annotation.velocity[1]);
    const auto velocity = is_known ? transformed(Pose{from_global.rotation, {}}, {annotation.velocity[0], annotation.velocity[1], 0}) : std::array<double, 3>{};
    const auto& [width, length, height] = annotation.size;
    return {float(pose.translation[0]), float(pose.translation[1]), float(pose.translation[2] - height / 2), float(length), float(width), float(height),
            float(std::atan2(2 * (q[0] * q[3] - q[1] * q[2]), 1 - 2 * (q[2] * q[2] + q[3] * q[3]))),  // of a tilted box as the quaternion library that mmdetection3d asks
            float(velocity[0]), float(velocity[1])};
}

/// The objects of every sample. `class_of` names an annotation's class; what is none of `class_names` is left out.
template <class ClassOf>
std::vector<std::vector<CloudObject>> objects_of(const NuScenesTables& tables, std::span<const std::string> class_names, const ClassOf& class_of) {
    std::vector<std::vector<CloudObject>> objects(tables.samples.size());
    for (const NuScenesAnnotation& annotation : tables.annotations) {
        const auto name = std::find(class_names.begin(), class_names.end(), class_of(annotation));
        if (name == class_names.end()) continue;
        const NuScenesLidarRecord& key = tables.lidar.at(tables.samples.at(annotation.sample).key);
        const Pose from_global = inverse(key.ego_to_global * tables.sensor_to_ego.at(key.calibration));
        objects[annotation.sample].push_back({box_of(annotation, from_global), int(name - class_names.begin())});
    }
    return objects;
}

}  // namespace detail

REGULUS_INLINE std::vector<std::vector<CloudObject>> nuscenes_objects(const NuScenesTables& tables, std::span<const std::string> class_names) {
    return detail::objects_of(tables, class_names, [&](const NuScenesAnnotation& annotation) -> std::string_view {
        const int label = nuscenes_label_of_category(tables.categories.at(annotation.category));
        return label < 0 || annotation.num_lidar_pts == 0 ? "" : nuscenes_class_names[std::size_t(label)];
    });
}

REGULUS_INLINE std::vector<std::vector<CloudObject>> lyft_objects(const NuScenesTables& tables, std::span<const std::string> class_names) {
    return detail::objects_of(tables, class_names, [&](const NuScenesAnnotation& annotation) -> std::string_view { return tables.categories.at(annotation.category); });
}

REGULUS_INLINE std::vector<CloudObject> kitti_objects(std::span<const KittiObject> annotated, const KittiCalibration& calibration, std::span<const std::string> class_names) {
    const Pose to_laser = inverse(calibration.velo_to_rect());
    std::vector<CloudObject> objects;
    for (const KittiObject& object : annotated) {
        const auto name = std::find(class_names.begin(), class_names.end(), object.type);
        if (name == class_names.end()) continue;
        for (const double side : {object.length, object.width, object.height}) {
            if (!(side > 0 && std::isfinite(side))) throw ArgumentError("kitti_objects: a side of a " + object.type + " is " + std::to_string(side) + " m");
        }
        for (const double value : {object.location[0], object.location[1], object.location[2], object.rotation_y}) {
            if (!std::isfinite(value)) throw ArgumentError("kitti_objects: place or turn of a " + object.type + " is not finite");
        }
        const std::array<double, 3> bottom = transformed(to_laser, object.location);
        const double yaw = kernels::limit_period(-object.rotation_y - kernels::pi / 2, 0.5, 2 * kernels::pi);
        objects.push_back({{float(bottom[0]), float(bottom[1]), float(bottom[2]), float(object.length), float(object.width), float(object.height), float(yaw)}, int(name - class_names.begin())});
    }
    return objects;
}

}  // namespace regulus::train
