#pragma once
#include <regulus/evaluate/nuscenes_table.hpp>

#include <vector>

#include <regulus/core/json.hpp>
#include <regulus/evaluate/json_numbers.hpp>
#include <regulus/evaluate/text_table.hpp>

namespace regulus {
namespace evaluate_detail {

/// As Python writes it: 1 is 1.0.
inline std::string distance_key(double value) {
    std::string text = json_double(value);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

}  // namespace evaluate_detail

REGULUS_INLINE std::string nuscenes_table(const NuScenesEvaluation& evaluation) {
    using namespace evaluate_detail;
    const auto& truths = evaluation.truths;
    const auto& found = evaluation.detections;
    std::string text = std::to_string(evaluation.samples) + " samples, " + std::to_string(truths.out_of_racks) + " of " + std::to_string(truths.all) + " objects and " +
                       std::to_string(found.out_of_racks) + " of " + std::to_string(found.all) + " detections judged (in range, with points, not in bicycle racks)\n";
    TextTable numbers({"number", "value", "what"}, 2);
    numbers.add({"mAP", digits(evaluation.mean_ap, "%.4f"), "mean over classes and distances"});
    const char* const short_names[] = {"mATE", "mASE", "mAOE", "mAVE", "mAAE"};
    const char* const what[] = {"translation, m", "scale, 1 - IoU", "orientation, rad", "velocity, m/s", "attribute, 1 - accuracy"};
    for (std::size_t e = 0; e < 5; ++e) numbers.add({short_names[e], digits(evaluation.errors[e], "%.4f"), what[e]});
    numbers.add({"NDS", digits(evaluation.nd_score, "%.4f"), "nuScenes detection score"});
    std::vector<std::string> heading = {"class", "objects", "detections", "AP"};
    for (const double distance : evaluation.settings.distances) heading.push_back("AP " + digits(distance, "%g") + " m");
    for (const char* name : {"ATE", "ASE", "AOE", "AVE", "AAE"}) heading.push_back(name);
    TextTable classes(heading);
    for (std::size_t label = 0; label < 10; ++label) {
        std::vector<std::string> row = {nuscenes_class_names[label], std::to_string(evaluation.class_truths[label]), std::to_string(evaluation.class_detections[label]),
                                        digits(evaluation.class_ap[label], "%.3f")};
        for (std::size_t d = 0; d < evaluation.settings.distances.size(); ++d) row.push_back(digits(evaluation.average_precision(label, d), "%.3f"));
        for (const double error : evaluation.class_errors[label]) row.push_back(digits(error, "%.3f"));
        classes.add(std::move(row));
    }
    return text + numbers.text() + "\n" + classes.text();
}

REGULUS_INLINE std::string nuscenes_summary_json(const NuScenesEvaluation& evaluation) {
    using namespace evaluate_detail;
    const auto class_name = [](std::size_t i) { return json_quote(nuscenes_class_names[i]); };
    const auto error_name = [](std::size_t i) { return json_quote(nuscenes_error_names[i]); };
    const auto& distances = evaluation.settings.distances;
    const std::string label_aps = json_members(10, class_name, [&](std::size_t label) {
        return json_members(distances.size(), [&](std::size_t d) { return json_quote(distance_key(distances[d])); }, [&](std::size_t d) { return json_double(evaluation.average_precision(label, d)); });
    });
    const std::string label_errors = json_members(
        10, class_name, [&](std::size_t label) { return json_members(5, error_name, [&](std::size_t e) { return json_double(evaluation.class_errors[label][e]); }); });
    return "{\"label_aps\":" + label_aps + ",\n\"mean_dist_aps\":" + json_members(10, class_name, [&](std::size_t label) { return json_double(evaluation.class_ap[label]); }) +
           ",\n\"mean_ap\":" + json_double(evaluation.mean_ap) + ",\n\"label_tp_errors\":" + label_errors +
           ",\n\"tp_errors\":" + json_members(5, error_name, [&](std::size_t e) { return json_double(evaluation.errors[e]); }) +
           ",\n\"tp_scores\":" + json_members(5, error_name, [&](std::size_t e) { return json_double(evaluation.error_score(e)); }) +
           ",\n\"nd_score\":" + json_double(evaluation.nd_score) + "}\n";
}

}  // namespace regulus
