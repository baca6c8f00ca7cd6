#pragma once
// What a 3D detector found, as draw_birds_eye and draw_perspective take it.
#include <vector>

#include <regulus/draw/cloud_style.hpp>
#include <regulus/pipeline/detection3d.hpp>

namespace regulus {

inline std::vector<DrawnBox3d> drawn_boxes(const DetectionList3d& detections) {
    std::vector<DrawnBox3d> boxes;
    boxes.reserve(detections.size());
    for (const Detection3d& detection : detections) boxes.push_back({detection.box, detection.label, detection.class_name, detection.score});
    return boxes;
}

}  // namespace regulus
