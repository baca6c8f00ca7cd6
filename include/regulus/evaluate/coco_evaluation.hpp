#pragma once
// Average precision and recall as COCO defines them, digit for digit what pycocotools computes.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/evaluate/coco_dataset.hpp>

namespace regulus {

/// What is compared: boxes and masks by intersection over union, keypoints by object keypoint similarity.
enum class CocoKind { boxes, masks, keypoints };

/// The area by which a detection falls into a range of sizes when masks are judged. pycocotools takes the box's where a result has a box. mmdetection 3 and
/// detectron2 remove the boxes before, which gives the mask's; mmdetection 2 leaves them.
enum class MaskArea { of_mask, of_box_if_any };

/// Objects of low <= area <= high square pixels.
struct CocoAreaRange {
    std::string name;
    double low = 0;
    double high = 1e10;
};

/// Lists left empty take the kind's standard.
struct CocoSettings {
    std::vector<int> max_dets;           ///< most detections of a picture and category; standard 1, 10, 100, for keypoints 20
    std::vector<double> iou_thresholds;  ///< standard 0.50, 0.55, ..., 0.95; at most 64
    std::vector<double> recalls;         ///< where precision is read; standard 0, 0.01, ..., 1
    std::vector<CocoAreaRange> areas;  ///< the first is that of the plain numbers; standard all, small, medium, large (32^2, 96^2), for keypoints without small
    bool use_categories = true;        ///< false: all categories are one, as for proposals; not for keypoints
    MaskArea mask_area = MaskArea::of_mask;
    std::vector<double> keypoint_sigmas;     ///< one for each keypoint; standard: COCO's 17 of a person
    std::vector<std::int64_t> image_ids;     ///< judge these alone; empty: all
    std::vector<std::int64_t> category_ids;  ///< judge these alone; empty: all
    int threads = 0;                         ///< 0: as many as OpenMP has; any number gives the same digits
};

/// One of the 12 (keypoints: 10) numbers.
struct CocoNumber {
    std::string name;         ///< AP, AP50, AP75, AP_small, ..., AR_1, AR_10, AR_100, AR_small, ...
    double value = -1;        ///< 0 .. 1; -1 where there is nothing to find
    std::string description;  ///< "IoU 0.50:0.95, area all, at most 100"
};

/// A part of the array over which a mean is taken; -1 stands for all.
struct CocoSlice {
    int threshold = -1;
    int category = -1;
    int area = 0;
    int max_det = -1;  ///< here -1 stands for the last
};

struct CocoEvaluation {
    CocoKind kind = CocoKind::boxes;
    CocoSettings settings;                    ///< as used: nothing empty save image_ids; max_dets ascend
    std::vector<std::int64_t> category_ids;   ///< ascending; the one id -1 without categories
    std::vector<std::string> category_names;  ///< of category_ids
    std::vector<std::int64_t> truths;         ///< objects of each category, crowds left out
    std::int64_t images = 0;                  ///< pictures judged
    std::int64_t detections = 0;              ///< detections in them, of the categories judged
    std::int64_t strangers = 0;               ///< results of a category that the data set does not list; they count for nothing

    // -1 where a category has no object to find in the range of areas.
    std::vector<double> precision;  ///< [thresholds, recalls, categories, areas, max_dets]
    std::vector<double> scores;     ///< the same shape: score of the detection at which that recall is reached, 0 beyond
    std::vector<double> recall;     ///< [thresholds, categories, areas, max_dets]

    std::vector<CocoNumber> numbers;

    double precision_at(std::size_t threshold, std::size_t recall_index, std::size_t category, std::size_t area, std::size_t max_det) const;
    double recall_at(std::size_t threshold, std::size_t category, std::size_t area, std::size_t max_det) const;

    /// Mean precision (AP) and mean greatest recall (AR) over a part; -1 when it holds nothing but -1.
    /// Throws ArgumentError for an index out of range.
    double average_precision(const CocoSlice& slice) const;
    double average_recall(const CocoSlice& slice) const;

    /// AP of one category (its position in category_ids) over all thresholds; the plain AP is the mean of these.
    double category_ap(std::size_t category) const;

    /// The number of that name. Throws ArgumentError, with the names there are, when there is none.
    double number(std::string_view name) const;
};

/// Judges detections. The order of equal scores is that of `results`.
/// AP is read at max_dets 100 when that is among them, all else at the greatest; an annotation with id 0 never counts as found (both as pycocotools does).
/// Throws ArgumentError for settings out of range, results of unknown pictures or without what `kind` needs, objects without mask or keypoints, scores
/// that are not finite, and data sets that contradict themselves; ShapeError for masks that are invalid or not of their picture's size.
CocoEvaluation evaluate_coco(const CocoDataset& dataset, std::span<const CocoDetection> results, CocoKind kind, const CocoSettings& settings = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/coco_evaluation-impl.hpp>
#endif
