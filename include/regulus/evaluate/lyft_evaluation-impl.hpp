#pragma once
#include <regulus/evaluate/lyft_evaluation.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <regulus/evaluate/box_geometry.hpp>
#include <regulus/evaluate/global_box.hpp>
#include <regulus/evaluate/lyft_check.hpp>

namespace regulus {
namespace evaluate_detail {

/// What overlaps need of a box, computed once.
struct LyftSolid {
    Rectangle ground;
    double low, high, volume;

    LyftSolid(const LyftBox& box, LyftTurn turn) {
        const auto [w, l, h] = box.size;
        const Rotation3 r = rotation_of(box.rotation);
        const double c = r[0][0], s = turn == LyftTurn::right ? r[1][0] : r[0][1];
        ground = {box.translation[0], box.translation[1], {l / 2 * c, l / 2 * s}, {-w / 2 * s, w / 2 * c}};
        low = box.translation[2] - h / 2;
        high = box.translation[2] + h / 2;
        volume = w * l * h;
    }
};

inline double lyft_overlap(const LyftSolid& a, const LyftSolid& b) {
    const double height = std::min(a.high, b.high) - std::max(a.low, b.low);
    if (!(height > 0)) return 0;
    const double common = common_area(a.ground, b.ground) * height;
    return std::clamp(common / (a.volume + b.volume - common), 0.0, 1.0);
}

/// Area under the precision that no greater recall surpasses.
inline double area_under_envelope(const std::vector<double>& recall, std::vector<double> precision) {
    for (std::size_t i = precision.size(); i-- > 1;) precision[i - 1] = std::max(precision[i - 1], precision[i]);
    double area = 0, before = 0;
    for (std::size_t i = 0; i < recall.size(); ++i) {
        area += (recall[i] - before) * precision[i];
        before = recall[i];
    }
    return area;
}

/// One class: its objects, sample after sample, and what was found.
struct LyftClassView {
    struct Found {
        const LyftBox* box;
        std::size_t first, last;  ///< the objects of its sample
    };
    std::vector<LyftSolid> truths;
    std::unordered_map<std::string_view, std::pair<std::size_t, std::size_t>> of_sample;
    std::vector<Found> found;
};

inline void lyft_class_aps(LyftClassView& view, const LyftSettings& settings, double* aps) {
    std::stable_sort(view.found.begin(), view.found.end(), [](const auto& a, const auto& b) { return a.box->score > b.box->score; });
    constexpr std::size_t none = std::size_t(-1);
    std::vector<std::pair<std::size_t, double>> best;  // object and overlap of each detection
    for (const auto& found : view.found) {
        std::pair<std::size_t, double> greatest = {none, 0};
        const LyftSolid solid(*found.box, settings.turn);
        for (std::size_t i = found.first; i < found.last; ++i) {
            const double overlap = lyft_overlap(view.truths[i], solid);
            if (greatest.first == none || overlap > greatest.second) greatest = {i, overlap};
        }
        best.push_back(greatest);
    }
    for (std::size_t t = 0; t < settings.iou_thresholds.size(); ++t) {
        std::vector<char> taken(view.truths.size());
        std::vector<double> recall, precision;
        std::size_t hits = 0;
        for (const auto& [object, overlap] : best) {
            if (object != none && overlap > settings.iou_thresholds[t] && !taken[object]) {
                taken[object] = 1;
                ++hits;
            }
            recall.push_back(double(hits) / double(view.truths.size()));
            precision.push_back(double(hits) / double(precision.size() + 1));
        }
        aps[t] = area_under_envelope(recall, std::move(precision));
    }
}

inline void check_lyft(const char* what, std::span<const LyftSample> samples) {
    std::unordered_set<std::string_view> seen;
    for (const LyftSample& sample : samples) {
        if (!seen.insert(sample.sample_token).second) throw ArgumentError("evaluate_lyft: the sample " + sample.sample_token + " is there twice in the " + what);
        for (std::size_t i = 0; i < sample.boxes.size(); ++i) {
            const std::string problem = lyft_box_problem(sample.boxes[i]);
            if (!problem.empty())
                throw ArgumentError("evaluate_lyft: box " + std::to_string(i) + " of sample " + sample.sample_token + " in the " + what + ": " + problem);
        }
    }
}

}  // namespace evaluate_detail

REGULUS_INLINE double lyft_iou(const LyftBox& a, const LyftBox& b, LyftTurn turn) {
    using evaluate_detail::LyftSolid;
    return evaluate_detail::lyft_overlap(LyftSolid(a, turn), LyftSolid(b, turn));
}

REGULUS_INLINE LyftEvaluation evaluate_lyft(std::span<const LyftSample> truth, std::span<const LyftSample> results, const LyftSettings& settings) {
    using namespace evaluate_detail;
    const auto& thresholds = settings.iou_thresholds;
    if (thresholds.empty() || thresholds.size() > 64 || !std::all_of(thresholds.begin(), thresholds.end(), [](double t) { return t >= 0 && t <= 1; }))
        throw ArgumentError("evaluate_lyft: iou_thresholds must be 1 .. 64 numbers of 0 .. 1");
    check_lyft("ground truth", truth);
    check_lyft("results", results);

    LyftEvaluation evaluation;
    evaluation.settings = settings;
    evaluation.samples = std::int64_t(truth.size());
    std::map<std::string_view, LyftClassView> views;
    for (const LyftSample& sample : truth) {
        for (const LyftBox& box : sample.boxes) {
            LyftClassView& view = views[box.name];
            const auto range = view.of_sample.emplace(sample.sample_token, std::pair{view.truths.size(), view.truths.size()}).first;
            view.truths.emplace_back(box, settings.turn);
            range->second.second = view.truths.size();
            ++evaluation.truths;
        }
    }
    for (const LyftSample& sample : results) {
        for (const LyftBox& box : sample.boxes) {
            ++evaluation.detections;
            const auto view = views.find(box.name);
            if (view == views.end()) {
                ++evaluation.strangers;
                continue;
            }
            const auto range = view->second.of_sample.find(sample.sample_token);
            if (range == view->second.of_sample.end()) view->second.found.push_back({&box, 0, 0});
            else view->second.found.push_back({&box, range->second.first, range->second.second});
        }
    }
    evaluation.average_precisions.resize(views.size() * thresholds.size());
    evaluation.threshold_ap.resize(thresholds.size());
    for (auto& [name, view] : views) {
        double* const aps = evaluation.average_precisions.data() + evaluation.class_names.size() * thresholds.size();
        lyft_class_aps(view, settings, aps);
        evaluation.class_names.emplace_back(name);
        evaluation.class_truths.push_back(std::int64_t(view.truths.size()));
        evaluation.class_detections.push_back(std::int64_t(view.found.size()));
        double sum = 0;
        for (std::size_t t = 0; t < thresholds.size(); ++t) {
            sum += aps[t];
            evaluation.threshold_ap[t] += aps[t] / double(views.size());
        }
        evaluation.class_ap.push_back(sum / double(thresholds.size()));
        evaluation.mean_ap += evaluation.class_ap.back() / double(views.size());
    }
    return evaluation;
}

REGULUS_INLINE LyftBox lyft_detection(const Box3d& box, double score, const std::string& name, const Pose& lidar_to_ego, const Pose& ego_to_global) {
    if (!std::isfinite(score)) throw ArgumentError("lyft_detection: the score is not finite");
    const GlobalBox global = global_box(box, lidar_to_ego, ego_to_global);
    return {global.translation, global.size, global.rotation, name, score};
}

REGULUS_INLINE std::vector<LyftSample> lyft_truth(const NuScenesTables& tables) {
    std::vector<LyftSample> truth(tables.samples.size());
    for (std::size_t i = 0; i < truth.size(); ++i) truth[i].sample_token = tables.samples[i].token;
    for (const NuScenesAnnotation& annotation : tables.annotations)
        truth.at(annotation.sample).boxes.push_back({annotation.centre, annotation.size, annotation.rotation, tables.categories.at(annotation.category), 0});
    return truth;
}

}  // namespace regulus
