#pragma once
// From a detector's boxes to nuScenes' detections, from the data set's tables to ground truth.
#include <optional>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/box3d.hpp>
#include <regulus/data/nuscenes_tables.hpp>
#include <regulus/data/pose.hpp>
#include <regulus/evaluate/nuscenes_boxes.hpp>

namespace regulus {

/// What a box that moves this fast is likely doing: above 0.2 m/s vehicles are moving and cycles have a rider, as mmdetection3d's formatting for LiDAR has it.
/// A place in nuscenes_attribute_names, -1 for cones and barriers.
int nuscenes_attribute_by_speed(int label, double speed);

/// A detection of class `label` (a place in nuscenes_class_names) as a submission wants it, its attribute told by its speed; nothing when it is farther from the
/// vehicle than its class is judged, or has a size that is not above 0. Throws ArgumentError for a label that does not exist and for what is not finite.
std::optional<NuScenesBox> nuscenes_detection(const Box3d& box, double score, int label, const Pose& lidar_to_ego, const Pose& ego_to_global);

/// Ground truth from the data set's tables, read with annotations: one entry a sample, in the tables' order. Categories outside the ten classes are left out,
/// bicycle racks kept apart. Throws ArgumentError for an annotation of two attributes and for attributes that do not exist.
std::vector<NuScenesTruth> nuscenes_truth(const NuScenesTables& tables);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/nuscenes_convert-impl.hpp>
#endif
