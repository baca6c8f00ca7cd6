#pragma once
// Pictures of an evaluation: precision-recall curves, and a sheet of the pictures where most was missed or imagined.
#include <span>
#include <string>

#include <regulus/evaluate/coco_evaluation.hpp>

namespace tool {

/// Writes boxes_by_iou.png, boxes_by_category.png (or _best and _worst for more than ten categories) and the like into the folder, which is made when missing.
void plot_evaluation(const std::string& folder, const regulus::CocoEvaluation& evaluation);

/// Writes worst.png: up to nine pictures with most missed and false objects (boxes, IoU .5, scores from 0.3 on), drawn. Pictures that cannot be read are
/// left out.
void plot_worst(const std::string& folder, const std::string& images, const regulus::CocoDataset& dataset, std::span<const regulus::CocoDetection> results);

}  // namespace tool
