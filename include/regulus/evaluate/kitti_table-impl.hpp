#pragma once
#include <regulus/evaluate/kitti_table.hpp>

#include <utility>
#include <vector>

#include <regulus/core/json.hpp>
#include <regulus/evaluate/json_numbers.hpp>
#include <regulus/evaluate/text_table.hpp>

namespace regulus {
namespace evaluate_detail {

inline std::vector<KittiMetric> kitti_metrics(const KittiEvaluation& evaluation) {
    std::vector<KittiMetric> metrics = {KittiMetric::picture, KittiMetric::birds_eye, KittiMetric::space};
    if (evaluation.has_orientation) metrics.push_back(KittiMetric::orientation);
    return metrics;
}

}  // namespace evaluate_detail

REGULUS_INLINE std::string kitti_table(const KittiEvaluation& evaluation) {
    using namespace evaluate_detail;
    std::string text = std::to_string(evaluation.frames) + " frames, " + std::to_string(evaluation.truths) + " labels, " + std::to_string(evaluation.detections) + " detections\n";
    for (std::size_t set = 0; set < 2; ++set) {
        text += std::string(set == 0 ? "" : "\n") + kitti_overlap_names[set] + " overlaps:";
        for (const KittiClass& c : evaluation.settings.classes)
            text += " " + printable(c.name) + " " + digits(c.picture, "%g") + " in the picture, " + digits(c.ground[set], "%g") + " in space" + (&c == &evaluation.settings.classes.back() ? "\n" : ";");
        TextTable table({"class", "metric", "R40 easy", "moderate", "hard", "R11 easy", "moderate", "hard"});
        const auto add = [&](const std::string& name, KittiMetric metric, auto&& ap40, auto&& ap11) {
            std::vector<std::string> row = {name, kitti_metric_names[std::size_t(metric)]};
            for (std::size_t d = 0; d < 3; ++d) row.push_back(digits(ap40(d), "%.2f"));
            for (std::size_t d = 0; d < 3; ++d) row.push_back(digits(ap11(d), "%.2f"));
            table.add(std::move(row));
        };
        for (std::size_t label = 0; label < evaluation.settings.classes.size(); ++label) {
            for (const KittiMetric metric : kitti_metrics(evaluation)) {
                add(printable(evaluation.settings.classes[label].name), metric, [&](std::size_t d) { return evaluation.curve(label, metric, d, set).ap40(); },
                    [&](std::size_t d) { return evaluation.curve(label, metric, d, set).ap11(); });
            }
        }
        for (const KittiMetric metric : kitti_metrics(evaluation)) {
            add("all", metric, [&](std::size_t d) { return evaluation.mean_ap40(metric, d, set); }, [&](std::size_t d) { return evaluation.mean_ap11(metric, d, set); });
        }
        text += table.text();
    }
    return text;
}

REGULUS_INLINE std::string kitti_summary_json(const KittiEvaluation& evaluation) {
    using namespace evaluate_detail;
    std::string text = "{";
    const auto add = [&](const std::string& name, double value) { text += (text.size() == 1 ? "\n" : ",\n") + json_quote("KITTI/" + name) + ": " + json_double(value); };
    for (const KittiMetric metric : kitti_metrics(evaluation)) {
        const std::string metric_name = kitti_metric_names[std::size_t(metric)];
        for (std::size_t d = 0; d < 3; ++d) {
            const std::string difficulty = kitti_difficulty_names[d];
            for (std::size_t label = 0; label < evaluation.settings.classes.size(); ++label) {
                for (std::size_t set = 0; set < 2; ++set) {
                    const std::string begin = evaluation.settings.classes[label].name + "_" + metric_name, end = difficulty + "_" + kitti_overlap_names[set];
                    add(begin + "_AP11_" + end, evaluation.curve(label, metric, d, set).ap11());
                    add(begin + "_AP40_" + end, evaluation.curve(label, metric, d, set).ap40());
                }
            }
            add("Overall_" + metric_name + "_AP11_" + difficulty, evaluation.mean_ap11(metric, d, 0));
            add("Overall_" + metric_name + "_AP40_" + difficulty, evaluation.mean_ap40(metric, d, 0));
        }
    }
    return text + "\n}\n";
}

}  // namespace regulus
