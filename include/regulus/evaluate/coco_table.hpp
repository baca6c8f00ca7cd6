#pragma once
// COCO's numbers as text, for people.
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>

namespace regulus {

/// A line for each of the 12 (10) numbers: name, percent with two digits, what it is; "-" where there is nothing to find. A heading tells how many pictures,
/// objects and detections were judged.
std::string coco_table(const CocoEvaluation& evaluation);

/// A line for each category: name, objects, AP, AP50, AP75, AP of each range of areas, AR; percent with two digits. Columns are aligned; names in UTF-8.
std::string coco_category_table(const CocoEvaluation& evaluation);

/// A line for each IoU threshold: AP and AR over all categories, percent with two digits.
std::string coco_threshold_table(const CocoEvaluation& evaluation);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/coco_table-impl.hpp>
#endif
