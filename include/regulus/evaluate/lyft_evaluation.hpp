#pragma once
// Lyft Level 5's mean average precision over 3D overlaps, as mmdetection3d's lyft_eval computes it with the data set's sdk.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/box3d.hpp>
#include <regulus/data/nuscenes_tables.hpp>
#include <regulus/data/pose.hpp>
#include <regulus/evaluate/lyft_boxes.hpp>

namespace regulus {

/// Which way a box's outline on the ground is turned.
enum class LyftTurn {
    right,   ///< as the rotation says: the sdk's repository
    mirrored ///< the other way round, as the sdk 0.0.8 of the package index has it: to compare with numbers made with that
};

struct LyftSettings {
    std::vector<double> iou_thresholds = {0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95};  ///< an overlap above counts
    LyftTurn turn = LyftTurn::right;
};

/// Common volume over the volume of both together, 0 .. 1. Boxes stand upright: tilts shorten the outline on the ground a little, as in the sdk.
double lyft_iou(const LyftBox& a, const LyftBox& b, LyftTurn turn = LyftTurn::right);

struct LyftEvaluation {
    LyftSettings settings;
    std::int64_t samples = 0, truths = 0, detections = 0;
    std::int64_t strangers = 0;                  ///< detections of a class without ground truth; they count for nothing
    std::vector<std::string> class_names;        ///< those of the ground truth, sorted
    std::vector<std::int64_t> class_truths, class_detections;
    std::vector<double> average_precisions;      ///< [class, threshold]
    std::vector<double> class_ap, threshold_ap;  ///< means over thresholds, over classes
    double mean_ap = 0;

    double average_precision(std::size_t label, std::size_t threshold) const { return average_precisions.at(label * settings.iou_thresholds.size() + threshold); }
};

/// Judges what was found. Among equal scores the one that stands earlier in `results` comes first. A detection is compared with the object that it overlaps most,
/// taken or not. Samples that are in one list alone have no boxes in the other. Throws ArgumentError for samples there twice in one list, numbers that are not
/// finite, sizes that are not above 0, empty names and thresholds outside 0 .. 1.
LyftEvaluation evaluate_lyft(std::span<const LyftSample> truth, std::span<const LyftSample> results, const LyftSettings& settings = {});

/// A detection as a results file wants it. Throws ArgumentError for what is not finite.
LyftBox lyft_detection(const Box3d& box, double score, const std::string& name, const Pose& lidar_to_ego, const Pose& ego_to_global);

/// Ground truth from the data set's tables, read with annotations: one entry a sample, in the tables' order; the category is the class.
std::vector<LyftSample> lyft_truth(const NuScenesTables& tables);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/lyft_evaluation-impl.hpp>
#endif
