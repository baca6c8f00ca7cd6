#pragma once
// Comparison with another program, for detectors of point clouds: as golden.hpp for detectors of pictures.
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/graph/program.hpp>
#include <regulus/pipeline/golden_report.hpp>
#include <regulus/zoo/point_detector_spec.hpp>

namespace regulus {

/// Whether the case in `folder` is one of a detector of point clouds ("family": "detection3d" in case.json). Throws FileError when that cannot be read.
bool is_point_case(const std::string& folder);

/// Rebuilds and runs the case in `folder` and compares: how many points there are and are in range, the points of the pillars, their cells and counts (equal),
/// every stored map, final boxes, scores and labels in their order (equal lists).
///
/// The limits are those that the peer's own float32 error was measured to allow: pillars and canvas 2e-4 of the pillars' standard deviation, backbone and
/// neck 2e-3 of their own, class scores 2e-3, deltas and directions 5e-4, boxes 5e-4 (metres, radians), final scores 2e-4.
///
/// Throws as verify_golden_case does.
GoldenReport verify_golden_points(const std::string& folder, const std::vector<PointDetectorSpec>& models, const Backend& backend, const CompileOptions& options = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/golden_points-impl.hpp>
#endif
