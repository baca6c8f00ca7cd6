#pragma once
#include <regulus/evaluate/lyft_table.hpp>

#include <utility>
#include <vector>

#include <regulus/core/json.hpp>
#include <regulus/evaluate/json_numbers.hpp>
#include <regulus/evaluate/text_table.hpp>

namespace regulus {

REGULUS_INLINE std::string lyft_table(const LyftEvaluation& evaluation) {
    using namespace evaluate_detail;
    const auto& thresholds = evaluation.settings.iou_thresholds;
    std::string text = std::to_string(evaluation.samples) + " samples, " + std::to_string(evaluation.truths) + " objects, " + std::to_string(evaluation.detections) + " detections\n";
    if (evaluation.strangers > 0) text += std::to_string(evaluation.strangers) + " detections are of classes without an object; they count for nothing\n";
    text += "mAP " + digits(evaluation.mean_ap, "%.4f") + ": mean over classes and overlaps" +
            (evaluation.settings.turn == LyftTurn::mirrored ? "; outlines turned the wrong way round, as the published sdk does\n" : "\n");
    std::vector<std::string> heading = {"class", "objects", "detections", "AP"}, means = {"all", std::to_string(evaluation.truths), std::to_string(evaluation.detections), digits(evaluation.mean_ap, "%.3f")};
    for (std::size_t t = 0; t < thresholds.size(); ++t) {
        heading.push_back("AP " + digits(thresholds[t], "%.2f"));
        means.push_back(digits(evaluation.threshold_ap[t], "%.3f"));
    }
    TextTable table(heading);
    for (std::size_t label = 0; label < evaluation.class_names.size(); ++label) {
        std::vector<std::string> row = {printable(evaluation.class_names[label]), std::to_string(evaluation.class_truths[label]), std::to_string(evaluation.class_detections[label]),
                                        digits(evaluation.class_ap[label], "%.3f")};
        for (std::size_t t = 0; t < thresholds.size(); ++t) row.push_back(digits(evaluation.average_precision(label, t), "%.3f"));
        table.add(std::move(row));
    }
    table.add(std::move(means));
    return text + table.text();
}

REGULUS_INLINE std::string lyft_summary_json(const LyftEvaluation& evaluation) {
    using namespace evaluate_detail;
    const auto& thresholds = evaluation.settings.iou_thresholds;
    const auto threshold_name = [&](std::size_t t) { return json_quote(json_double(thresholds[t])); };
    const auto class_name = [&](std::size_t label) { return json_quote(evaluation.class_names[label]); };
    const std::size_t classes = evaluation.class_names.size();
    return "{\"mAPs_per_class\":" + json_members(classes, class_name, [&](std::size_t label) { return json_double(evaluation.class_ap[label]); }) +
           ",\n\"mAPs_per_threshold\":" + json_members(thresholds.size(), threshold_name, [&](std::size_t t) { return json_double(evaluation.threshold_ap[t]); }) +
           ",\n\"average_precisions\":" + json_members(classes, class_name, [&](std::size_t label) {
               return json_members(thresholds.size(), threshold_name, [&](std::size_t t) { return json_double(evaluation.average_precision(label, t)); });
           }) + ",\n\"final_mAP\":" + json_double(evaluation.mean_ap) + "}\n";
}

}  // namespace regulus
