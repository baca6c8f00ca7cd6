#pragma once
// Average precision as Pascal VOC defines it, at the ten overlaps that detectron2 reports.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>
#include <regulus/evaluate/voc_dataset.hpp>

namespace regulus {

/// From precision and recall to one number. eleven_points, until 2009: the mean over the recalls 0, 0.1, ..., 1 of the greatest precision from there on;
/// area, since 2010: the area under that greatest precision.
enum class VocRule : std::uint8_t { eleven_points, area };

struct VocSettings {
    VocRule rule = VocRule::area;
    int threads = 0;  ///< 0: as many as OpenMP has; any number gives the same digits
};

struct VocEvaluation {
    VocRule rule = VocRule::area;
    std::vector<std::string> class_names;  ///< those that are annotated, by name
    std::vector<std::int64_t> truths;      ///< objects of each, difficult ones left out
    std::int64_t images = 0;
    std::int64_t difficult = 0;   ///< objects that neither count as found nor as missed
    std::int64_t detections = 0;  ///< of these classes
    std::int64_t strangers = 0;   ///< detections of a class that nobody annotated; they count for nothing
    std::vector<double> thresholds;  ///< 0.50, 0.55, ..., 0.95
    std::vector<double> ap;          ///< [thresholds, classes]; -1 for a class whose objects are all difficult
    std::vector<CocoNumber> numbers; ///< AP, AP50, AP75: means over classes, AP over thresholds as well; -1 where there is nothing to find

    double ap_at(std::size_t threshold, std::size_t class_index) const { return ap.at(threshold * class_names.size() + class_index); }
    /// Mean over the thresholds.
    double class_ap(std::size_t class_index) const;
    /// The number of that name. Throws ArgumentError, with the names there are, when there is none.
    double number(std::string_view name) const;
};

/// Judges detections: by falling score (equal ones in their order) each looks at the object of its class that it overlaps most. Above the threshold it is right when the
/// object is still free, ignored when it is difficult, else wrong; a side of a box is a pixel longer than the difference of its corners.
/// Throws ArgumentError for a picture there twice, a detection on a picture that is not there, and numbers that are not finite.
VocEvaluation evaluate_voc(std::span<const VocPicture> pictures, std::span<const VocDetection> detections, const VocSettings& settings = {});

/// A heading and the three numbers; a line for each class: name, objects, AP, AP50, AP75. Percent with two digits.
std::string voc_table(const VocEvaluation& evaluation);
std::string voc_class_table(const VocEvaluation& evaluation);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/voc_evaluation-impl.hpp>
#endif
