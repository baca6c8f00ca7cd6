#pragma once
// KITTI's average precisions: rectangles in the picture, boxes from above, boxes in space, orientation; at 11 and at 40 recalls.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/evaluate/kitti_objects.hpp>

namespace regulus {

/// What is compared. Orientation (AOS) is that of matches in the picture.
enum class KittiMetric { picture, birds_eye, space, orientation };
inline constexpr std::array<const char*, 4> kitti_metric_names = {"2D", "BEV", "3D", "AOS"};
inline constexpr std::array<const char*, 3> kitti_difficulty_names = {"easy", "moderate", "hard"};
inline constexpr std::array<const char*, 2> kitti_overlap_names = {"strict", "loose"};

/// A class and the overlaps above which a detection counts; the picture's is the same in both sets.
struct KittiClass {
    std::string name;
    double picture = 0.5;
    std::array<double, 2> ground = {0.5, 0.25};  ///< strict, loose: from above and in space
};

struct KittiSettings {
    std::vector<KittiClass> classes = {{"Pedestrian", 0.5, {0.5, 0.25}}, {"Cyclist", 0.5, {0.5, 0.25}}, {"Car", 0.7, {0.7, 0.5}}};
};

/// Common area over that of both together, seen from above, and common volume over that of both.
double kitti_birds_eye_iou(const KittiObject& a, const KittiObject& b);
double kitti_space_iou(const KittiObject& a, const KittiObject& b);

/// Precision at 41 recalls, none below a later one.
struct KittiCurve {
    std::array<double, 41> precision = {};  ///< for AOS: times the mean similarity of the headings
    std::array<double, 41> recall = {};
    double ap11() const noexcept;  ///< 0 .. 100
    double ap40() const noexcept;
};

struct KittiEvaluation {
    KittiSettings settings;
    std::int64_t frames = 0, truths = 0, detections = 0;
    bool has_orientation = false;                            ///< truth and detections tell alpha
    std::vector<std::array<std::int64_t, 3>> class_truths;   ///< objects to find, of each class and difficulty
    std::vector<KittiCurve> curves;                          ///< [class, metric, difficulty, overlap set]

    const KittiCurve& curve(std::size_t label, KittiMetric metric, std::size_t difficulty, std::size_t overlap) const {
        return curves.at(((label * 4 + std::size_t(metric)) * 3 + difficulty) * 2 + overlap);
    }
    /// Means over the classes, 0 .. 100.
    double mean_ap11(KittiMetric metric, std::size_t difficulty, std::size_t overlap) const;
    double mean_ap40(KittiMetric metric, std::size_t difficulty, std::size_t overlap) const;
};

/// Judges frames as mmdetection3d's kitti_eval, which follows the benchmark's own program: rectangles lower than 40, 25, 25 pixels, occlusion above 0, 1, 2 and
/// truncation above 0.15, 0.3, 0.5 neither need be found nor count against; nor do a Van for Car and a Person_sitting for Pedestrian, nor detections in a DontCare
/// region (picture and orientation). Classes are compared without regard to case. Throws ArgumentError for numbers that are not finite, classes without a name and overlaps
/// outside 0 .. 1.
KittiEvaluation evaluate_kitti(std::span<const KittiFrame> frames, const KittiSettings& settings = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/kitti_evaluation-impl.hpp>
#endif
