#pragma once
// Lyft's numbers as text for people and as JSON.
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/evaluate/lyft_evaluation.hpp>

namespace regulus {

/// mAP, then a line for each class: objects, detections, AP over all thresholds and at each.
std::string lyft_table(const LyftEvaluation& evaluation);

/// {"mAPs_per_class": {...}, "mAPs_per_threshold": {...}, "average_precisions": {class: {threshold: AP}}, "final_mAP": number}.
std::string lyft_summary_json(const LyftEvaluation& evaluation);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/lyft_table-impl.hpp>
#endif
