#pragma once
// The numbers of nuScenes' detection task (configuration detection_cvpr_2019): mAP, NDS and five errors, as the official devkit computes them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/evaluate/nuscenes_boxes.hpp>

namespace regulus {

/// The five errors of true positives, in the order of every array of errors here.
enum class NuScenesError { translation, scale, orientation, velocity, attribute };
inline constexpr std::array<const char*, 5> nuscenes_error_names = {"trans_err", "scale_err", "orient_err", "vel_err", "attr_err"};

struct NuScenesSettings {
    std::array<double, 10> class_range = {50, 50, 50, 50, 50, 40, 40, 40, 30, 30};  ///< metres from the ego vehicle; boxes at or beyond are not judged
    std::vector<double> distances = {0.5, 1, 2, 4};                                 ///< centres nearer than this match, metres; ascending
    double error_distance = 2;                                                      ///< errors are those of the matches at this one of `distances`
    double min_recall = 0.1, min_precision = 0.1;                                   ///< what lies below counts for nothing
    std::size_t max_boxes = 500;                                                    ///< of one sample
    double mean_ap_weight = 5;                                                      ///< of mAP in NDS, each error weighs 1
    bool filter_range = true, filter_points = true, filter_racks = true;            ///< which of the three filters below are applied
};

/// Nearer to the vehicle than its class is judged, seen from above.
bool nuscenes_in_range(const NuScenesBox& box, const std::array<double, 3>& ego, const NuScenesSettings& settings = {});

/// Its centre lies in the rack, borders included.
bool nuscenes_in_rack(const NuScenesBox& box, const NuScenesBox& rack);

/// How many boxes were left after each filter.
struct NuScenesFilterCounts {
    std::int64_t all = 0, in_range = 0, with_points = 0, out_of_racks = 0;
};

/// Removes the boxes of a sample that are not judged, in the devkit's order: beyond their class's range; annotated without a single point (points = 0);
/// bicycles and motorcycles in a bicycle rack. Annotations and detections are treated alike. Adds to `counts`.
void filter_nuscenes(std::vector<NuScenesBox>& boxes, const NuScenesTruth& sample, const NuScenesSettings& settings, NuScenesFilterCounts& counts);

/// Precision, score and errors at recall 0, 0.01, ..., 1.
struct NuScenesCurve {
    static constexpr std::size_t points = 101;
    std::array<double, points> precision = {};                  ///< 0 beyond the greatest recall
    std::array<double, points> confidence = {};                 ///< score at which that recall is reached; 0 beyond
    std::array<std::array<double, points>, 5> errors = {};      ///< mean over the matches up to there

    /// The last point with a confidence above 0; 0 when there is none.
    std::size_t max_recall_index() const noexcept;
};

struct NuScenesEvaluation {
    NuScenesSettings settings;
    std::int64_t samples = 0;
    NuScenesFilterCounts truths, detections;
    std::array<std::int64_t, 10> class_truths = {}, class_detections = {};  ///< judged, of each class

    std::vector<NuScenesCurve> curves;           ///< [class, distance]
    std::vector<double> average_precisions;      ///< [class, distance]
    std::array<double, 10> class_ap = {};        ///< mean over distances
    std::array<std::array<double, 5>, 10> class_errors = {};  ///< NaN where a class has no such error (no heading of cones, ...)
    double mean_ap = 0;
    std::array<double, 5> errors = {};           ///< mean over the classes that have it
    double nd_score = 0;

    const NuScenesCurve& curve(std::size_t label, std::size_t distance) const { return curves.at(label * settings.distances.size() + distance); }
    double average_precision(std::size_t label, std::size_t distance) const { return average_precisions.at(label * settings.distances.size() + distance); }
    /// max(0, 1 - error): what an error adds to NDS.
    double error_score(std::size_t error) const { return errors.at(error) < 1 ? 1 - errors[error] : 0; }
};

/// Judges what was found. Both lists must hold the same samples, in any order; among equal scores the one that stands later in `results` comes first.
/// Errors of a class without a match are 1. Throws ArgumentError for samples that are missing, unknown or there twice, more than max_boxes in one, labels that
/// do not exist, numbers that are not finite (velocities may be NaN), sizes that are not above 0, and settings out of range.
NuScenesEvaluation evaluate_nuscenes(std::span<const NuScenesTruth> truth, std::span<const NuScenesResult> results, const NuScenesSettings& settings = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/nuscenes_evaluation-impl.hpp>
#endif
