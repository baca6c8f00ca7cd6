#pragma once
// The published detectors of point clouds by name. With REGULUS_COMPILED they are built once in the library; header-only, including this file instantiates all
// of them (seconds): a program that uses one includes <regulus/models/point_pillars.hpp> instead.
#include <string_view>
#include <vector>

#include <regulus/zoo/point_detector_spec.hpp>

namespace regulus {

/// The published PointPillars of mmdetection3d on nuScenes, Lyft and KITTI. "mmdetection3d-0.x/..." are those whose weights were trained before version 1.0.
const std::vector<PointDetectorSpec>& point_detectors();

/// The detector that `name` names, by the rules of find_model.
const PointDetectorSpec& find_point_detector(const std::vector<PointDetectorSpec>& models, std::string_view name);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/zoo/point_detectors-impl.hpp>
#endif
