#pragma once
#include <regulus/evaluate/nuscenes_convert.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include <regulus/evaluate/global_box.hpp>
#include <regulus/evaluate/nuscenes_evaluation.hpp>

namespace regulus {

REGULUS_INLINE int nuscenes_attribute_by_speed(int label, double speed) {
    using namespace nuscenes_label;
    const bool moves = speed > 0.2;
    switch (label) {
        case car:
        case truck:
        case trailer:
        case construction_vehicle: return nuscenes_attribute_of(moves ? "vehicle.moving" : "vehicle.parked");
        case bus: return nuscenes_attribute_of(moves ? "vehicle.moving" : "vehicle.stopped");
        case bicycle:
        case motorcycle: return nuscenes_attribute_of(moves ? "cycle.with_rider" : "cycle.without_rider");
        case pedestrian: return nuscenes_attribute_of(moves ? "pedestrian.moving" : "pedestrian.standing");
        default: return -1;
    }
}

REGULUS_INLINE std::optional<NuScenesBox> nuscenes_detection(const Box3d& box, double score, int label, const Pose& lidar_to_ego, const Pose& ego_to_global) {
    if (label < 0 || label >= 10) throw ArgumentError("nuscenes_detection: the label " + std::to_string(label) + " is none of 0 .. 9");
    if (!std::isfinite(score)) throw ArgumentError("nuscenes_detection: the score is not finite");
    const GlobalBox global = global_box(box, lidar_to_ego, ego_to_global);
    if (global.ego_distance > NuScenesSettings{}.class_range[std::size_t(label)]) return std::nullopt;
    if (!(global.size[0] > 0 && global.size[1] > 0 && global.size[2] > 0)) return std::nullopt;
    const int attribute = nuscenes_attribute_by_speed(label, std::hypot(global.velocity[0], global.velocity[1]));
    return NuScenesBox{global.translation, global.size, global.rotation, global.velocity, score, label, attribute, -1};
}

REGULUS_INLINE std::vector<NuScenesTruth> nuscenes_truth(const NuScenesTables& tables) {
    std::vector<NuScenesTruth> truth(tables.samples.size());
    for (std::size_t i = 0; i < truth.size(); ++i) {
        truth[i].sample_token = tables.samples[i].token;
        truth[i].ego = tables.lidar.at(tables.samples[i].key).ego_to_global.translation;
    }
    for (const NuScenesAnnotation& annotation : tables.annotations) {
        const std::string& category = tables.categories.at(annotation.category);
        NuScenesBox box;
        box.translation = annotation.centre;
        box.size = annotation.size;
        box.rotation = annotation.rotation;
        box.velocity = annotation.velocity;
        box.label = nuscenes_label_of_category(category);
        if (category == "static_object.bicycle_rack") {
            box.label = 0;
            truth.at(annotation.sample).bicycle_racks.push_back(box);
            continue;
        }
        if (box.label < 0) continue;
        if (annotation.attributes.size() > 1) throw ArgumentError("nuscenes_truth: the annotation " + annotation.token + " has more than one attribute");
        if (!annotation.attributes.empty()) {
            const std::string& attribute = tables.attributes.at(annotation.attributes[0]);
            box.attribute = nuscenes_attribute_of(attribute);
            if (box.attribute < 0) throw ArgumentError("nuscenes_truth: the annotation " + annotation.token + " has an unknown attribute \"" + attribute + "\"");
        }
        if (annotation.num_lidar_pts >= 0 || annotation.num_radar_pts >= 0)
            box.points = std::max<std::int64_t>(annotation.num_lidar_pts, 0) + std::max<std::int64_t>(annotation.num_radar_pts, 0);
        truth.at(annotation.sample).boxes.push_back(box);
    }
    return truth;
}

}  // namespace regulus
