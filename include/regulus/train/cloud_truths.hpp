#pragma once
// Marked objects of point clouds as truths to learn from.
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/kitti_calibration.hpp>
#include <regulus/data/nuscenes_tables.hpp>
#include <regulus/data/point_cloud_filter.hpp>
#include <regulus/evaluate/kitti_objects.hpp>
#include <regulus/train/anchor3d_targets.hpp>
#include <regulus/train/object_sampling.hpp>

namespace regulus::train {

/// Truths [t, code] (7 numbers a box, or 9 with velocities) of the objects whose places lie strictly inside the range seen from above; yaws in [-pi, pi). Throws ArgumentError for
/// another code and for a box that is not finite.
Truth3d truth_in_range(std::span<const CloudObject> objects, const PointCloudRange& range, int code);

/// The objects of every sample in the frame of its key laser record, in the tables' order; the tables were read with annotations. `class_names` are nuScenes' ten in any order:
/// an object of none of them, and one without a laser point inside, is left out; an unknown velocity is zero.
/// Source: mmdetection3d's nuscenes_converter and NuScenesDataset.
std::vector<std::vector<CloudObject>> nuscenes_objects(const NuScenesTables& tables, std::span<const std::string> class_names);

/// The same of Lyft's tables, whose categories are the classes' names: an object of none of them is left out, none for its laser points.
/// Source: mmdetection3d's lyft_converter and LyftDataset.
std::vector<std::vector<CloudObject>> lyft_objects(const NuScenesTables& tables, std::span<const std::string> class_names);

/// The objects of a KITTI frame in the laser's frame, in the file's order; one of none of the classes' names is left out. Throws ArgumentError for numbers that are not finite and
/// for sides that are not positive.
/// Source: mmdetection3d's KittiDataset.
std::vector<CloudObject> kitti_objects(std::span<const KittiObject> annotated, const KittiCalibration& calibration, std::span<const std::string> class_names);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/cloud_truths-impl.hpp>
#endif
