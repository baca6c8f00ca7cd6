#pragma once
#include <regulus/evaluate/voc_evaluation.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <regulus/core/error.hpp>
#include <regulus/evaluate/coco_accumulation-impl.hpp>
#include <regulus/evaluate/coco_table-impl.hpp>
#include <regulus/evaluate/voc_dataset-impl.hpp>

namespace regulus {
namespace evaluate_detail {

inline double voc_overlap(const VocBox& a, const VocBox& b) {
    const auto sides = [](const VocBox& box) { return (box[2] - box[0] + 1) * (box[3] - box[1] + 1); };
    const double width = std::max(std::min(a[2], b[2]) - std::max(a[0], b[0]) + 1, 0.0), height = std::max(std::min(a[3], b[3]) - std::max(a[1], b[1]) + 1, 0.0);
    const double common = width * height;
    return common / (sides(a) + sides(b) - common);
}

/// Precision and recall after each detection to the number of the rule.
inline double voc_average_precision(std::vector<double> precision, const std::vector<double>& recall, VocRule rule) {
    for (std::size_t i = precision.size(); i-- > 1;) precision[i - 1] = std::max(precision[i - 1], precision[i]);
    double sum = 0;
    if (rule == VocRule::eleven_points) {
        for (int i = 0; i <= 10; ++i) {
            const auto reached = std::lower_bound(recall.begin(), recall.end(), i * 0.1);
            if (reached != recall.end()) sum += precision[std::size_t(reached - recall.begin())] / 11;
        }
        return sum;
    }
    double before = 0;
    for (std::size_t i = 0; i < recall.size(); ++i) {
        sum += (recall[i] - before) * precision[i];
        before = recall[i];
    }
    return sum;
}

/// All of one class, pictures by their numbers.
struct VocClass {
    struct Object {
        std::size_t picture = 0;
        const VocObject* object = nullptr;
    };
    struct Found {
        std::size_t picture = 0;
        const VocDetection* detection = nullptr;
        double overlap = -1;      // the greatest
        std::size_t object = 0;   // which of the class has it
    };
    std::vector<Object> objects;  // by picture
    std::vector<Found> found;

    void look() {
        std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.detection->score > b.detection->score; });
        for (Found& each : found) {
            const auto first = std::lower_bound(objects.begin(), objects.end(), each.picture, [](const Object& a, std::size_t picture) { return a.picture < picture; });
            for (auto object = first; object != objects.end() && object->picture == each.picture; ++object) {
                const double overlap = voc_overlap(each.detection->box, object->object->box);
                if (overlap > each.overlap) each.overlap = overlap, each.object = std::size_t(object - objects.begin());
            }
        }
    }

    double average_precision(double threshold, std::int64_t truths, VocRule rule) const {
        if (truths == 0) return -1;
        std::vector<double> precision, recall;
        std::vector<std::uint8_t> taken(objects.size());
        std::int64_t right = 0, wrong = 0;
        for (const Found& each : found) {
            if (!(each.overlap > threshold)) ++wrong;
            else if (!objects[each.object].object->difficult) ++(std::exchange(taken[each.object], 1) == 0 ? right : wrong);
            precision.push_back(double(right) / std::max(double(right + wrong), 0x1p-52));
            recall.push_back(double(right) / double(truths));
        }
        return voc_average_precision(std::move(precision), recall, rule);
    }
};

inline void check_voc(const VocBox& box, double score, const std::string& who) {
    bool sound = std::isfinite(score);
    for (const double corner : box) sound = sound && std::fabs(corner) <= 1e12;
    if (!sound) throw ArgumentError("evaluate_voc: " + who + " has a number that is not finite or beyond 1e12");
}

inline void name_numbers(VocEvaluation& evaluation) {
    const auto mean = [&](std::size_t from, std::size_t to) {
        Mean result;
        for (std::size_t i = from * evaluation.class_names.size(); i < to * evaluation.class_names.size(); ++i) result.add(evaluation.ap[i]);
        return result.value();
    };
    evaluation.numbers = {{"AP", mean(0, evaluation.thresholds.size()), "IoU 0.50:0.95"}, {"AP50", mean(0, 1), "IoU 0.50"}, {"AP75", mean(5, 6), "IoU 0.75"}};
}

}  // namespace evaluate_detail

REGULUS_INLINE VocEvaluation evaluate_voc(std::span<const VocPicture> pictures, std::span<const VocDetection> detections, const VocSettings& settings) {
    using namespace evaluate_detail;
    if (settings.threads < 0) throw ArgumentError("evaluate_voc: threads must be 0 or more, got " + std::to_string(settings.threads));
    VocEvaluation evaluation;
    evaluation.rule = settings.rule;
    evaluation.images = std::int64_t(pictures.size());
    std::map<std::string, std::size_t> numbers;  // of pictures
    std::map<std::string, VocClass> classes;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        if (!numbers.emplace(pictures[i].id, i).second) throw ArgumentError("evaluate_voc: the picture " + pictures[i].id + " is there twice");
        for (const VocObject& object : pictures[i].objects) {
            check_voc(object.box, 0, "an object on " + pictures[i].id);
            classes[object.class_name].objects.push_back({i, &object});
            evaluation.difficult += object.difficult;
        }
    }
    for (const VocDetection& detection : detections) {
        const auto picture = numbers.find(detection.picture);
        if (picture == numbers.end()) throw ArgumentError("evaluate_voc: a detection is on the picture " + detection.picture + ", which is not there: these are results of other pictures");
        check_voc(detection.box, detection.score, "a detection on " + detection.picture);
        const auto own = classes.find(detection.class_name);
        if (own == classes.end()) {
            ++evaluation.strangers;
            continue;
        }
        own->second.found.push_back({picture->second, &detection, -1, 0});
        ++evaluation.detections;
    }
    std::vector<VocClass*> list;
    for (auto& [name, own] : classes) {
        evaluation.class_names.push_back(name);
        evaluation.truths.push_back(std::count_if(own.objects.begin(), own.objects.end(), [](const VocClass::Object& each) { return !each.object->difficult; }));
        list.push_back(&own);
    }
    for (int percent = 50; percent < 100; percent += 5) evaluation.thresholds.push_back(percent / 100.0);
    evaluation.ap.assign(evaluation.thresholds.size() * list.size(), -1);
    for_each_in_parallel(std::int64_t(list.size()), threads_or_all(settings.threads), [&](std::int64_t k, int) {
        list[std::size_t(k)]->look();
        for (std::size_t t = 0; t < evaluation.thresholds.size(); ++t)
            evaluation.ap[t * list.size() + std::size_t(k)] = list[std::size_t(k)]->average_precision(evaluation.thresholds[t], evaluation.truths[std::size_t(k)], settings.rule);
    }, 1);
    name_numbers(evaluation);
    return evaluation;
}

REGULUS_INLINE double VocEvaluation::class_ap(std::size_t class_index) const {
    evaluate_detail::Mean mean;
    for (std::size_t t = 0; t < thresholds.size(); ++t) mean.add(ap_at(t, class_index));
    return mean.value();
}

REGULUS_INLINE double VocEvaluation::number(std::string_view name) const { return evaluate_detail::number_named(numbers, name, "VocEvaluation"); }

REGULUS_INLINE std::string voc_table(const VocEvaluation& evaluation) {
    std::int64_t truths = 0;
    for (const std::int64_t count : evaluation.truths) truths += count;
    std::string heading = "boxes: " + std::to_string(evaluation.images) + " pictures, " + std::to_string(truths) + " objects and " + std::to_string(evaluation.difficult) +
                          " difficult ones, " + std::to_string(evaluation.detections) + " detections, " +
                          (evaluation.rule == VocRule::eleven_points ? "11 points of recall\n" : "area under the curve\n");
    if (evaluation.strangers > 0) heading += std::to_string(evaluation.strangers) + " results are of classes that no annotation names\n";
    return heading + evaluate_detail::number_table(evaluation.numbers);
}

REGULUS_INLINE std::string voc_class_table(const VocEvaluation& evaluation) {
    evaluate_detail::TextTable table({"class", "objects", "AP", "AP50", "AP75"});
    for (std::size_t k = 0; k < evaluation.class_names.size(); ++k) {
        table.add({evaluate_detail::printable(evaluation.class_names[k]), std::to_string(evaluation.truths[k]), evaluate_detail::percent(evaluation.class_ap(k)),
                   evaluate_detail::percent(evaluation.ap_at(0, k)), evaluate_detail::percent(evaluation.ap_at(5, k))});
    }
    return table.text();
}

}  // namespace regulus
