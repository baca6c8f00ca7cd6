#pragma once
// nuScenes' numbers as text for people, and as the devkit's metrics_summary.json.
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/evaluate/nuscenes_evaluation.hpp>

namespace regulus {

/// mAP, NDS and the five errors, then a line for each class: objects, detections, AP at each distance, errors; "-" where a class has no such error.
std::string nuscenes_table(const NuScenesEvaluation& evaluation);

/// The members label_aps, mean_dist_aps, mean_ap, label_tp_errors, tp_errors, tp_scores and nd_score of metrics_summary.json; null for NaN.
std::string nuscenes_summary_json(const NuScenesEvaluation& evaluation);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/nuscenes_table-impl.hpp>
#endif
