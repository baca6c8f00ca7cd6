#pragma once
#include <regulus/evaluate/coco_table.hpp>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

#include <regulus/evaluate/text_table.hpp>

namespace regulus {
namespace evaluate_detail {

inline std::string percent(double value) {
    if (!(value > -1)) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", value * 100);
    return text;
}

/// A line for each number: name, percent, what it is.
inline std::string number_table(const std::vector<CocoNumber>& numbers) {
    TextTable table({"number", "%", "what"}, 2);
    for (const CocoNumber& number : numbers) table.add({printable(number.name), percent(number.value), printable(number.description)});
    return table.text();
}

inline const char* kind_name(CocoKind kind) { return kind == CocoKind::boxes ? "boxes" : kind == CocoKind::masks ? "masks" : "keypoints"; }

}  // namespace evaluate_detail

REGULUS_INLINE std::string coco_table(const CocoEvaluation& evaluation) {
    const std::int64_t truths = std::accumulate(evaluation.truths.begin(), evaluation.truths.end(), std::int64_t{0});
    std::string heading = std::string(evaluate_detail::kind_name(evaluation.kind)) + ": " + std::to_string(evaluation.images) + " pictures, " +
                          std::to_string(truths) + " objects, " + std::to_string(evaluation.detections) + " detections\n";
    if (evaluation.strangers > 0) heading += std::to_string(evaluation.strangers) + " results are of categories that the annotations do not list\n";
    return heading + evaluate_detail::number_table(evaluation.numbers);
}

REGULUS_INLINE std::string coco_category_table(const CocoEvaluation& evaluation) {
    const auto& thresholds = evaluation.settings.iou_thresholds;
    std::vector<std::string> heading = {"category", "objects", "AP"};
    std::vector<int> singles;
    for (const double threshold : {0.5, 0.75}) {
        const auto at = std::find(thresholds.begin(), thresholds.end(), threshold);
        if (at == thresholds.end()) continue;
        singles.push_back(int(at - thresholds.begin()));
        heading.push_back(threshold == 0.5 ? "AP50" : "AP75");
    }
    for (std::size_t a = 1; a < evaluation.settings.areas.size(); ++a) heading.push_back("AP_" + evaluate_detail::printable(evaluation.settings.areas[a].name));
    heading.push_back("AR");
    evaluate_detail::TextTable table(heading);
    for (std::size_t k = 0; k < evaluation.category_ids.size(); ++k) {
        std::vector<std::string> row = {evaluate_detail::printable(evaluation.category_names[k]), std::to_string(evaluation.truths[k]),
                                        evaluate_detail::percent(evaluation.category_ap(k))};
        for (const int t : singles) row.push_back(evaluate_detail::percent(evaluation.average_precision({t, int(k), 0, -1})));
        for (std::size_t a = 1; a < evaluation.settings.areas.size(); ++a)
            row.push_back(evaluate_detail::percent(evaluation.average_precision({-1, int(k), int(a), -1})));
        row.push_back(evaluate_detail::percent(evaluation.average_recall({-1, int(k), 0, -1})));
        table.add(std::move(row));
    }
    return table.text();
}

REGULUS_INLINE std::string coco_threshold_table(const CocoEvaluation& evaluation) {
    evaluate_detail::TextTable table({"IoU", "AP", "AR"});
    for (std::size_t t = 0; t < evaluation.settings.iou_thresholds.size(); ++t) {
        char threshold[32];
        std::snprintf(threshold, sizeof threshold, "%.2f", evaluation.settings.iou_thresholds[t]);
        table.add({threshold, evaluate_detail::percent(evaluation.average_precision({int(t), -1, 0, -1})),
                   evaluate_detail::percent(evaluation.average_recall({int(t), -1, 0, -1}))});
    }
    return table.text();
}

}  // namespace regulus
