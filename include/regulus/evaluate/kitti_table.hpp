#pragma once
// KITTI's numbers as text for people and as JSON.
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/evaluate/kitti_evaluation.hpp>

namespace regulus {

/// For each set of overlaps a table: class and metric, then AP at 40 and at 11 recalls for easy, moderate and hard, percent. Orientation when it was judged.
std::string kitti_table(const KittiEvaluation& evaluation);

/// {"KITTI/Car_3D_AP40_moderate_strict": percent, ...} with the names that mmdetection3d gives them, and "KITTI/Overall_3D_AP40_moderate".
std::string kitti_summary_json(const KittiEvaluation& evaluation);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/kitti_table-impl.hpp>
#endif
