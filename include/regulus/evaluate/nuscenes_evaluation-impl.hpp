#pragma once
#include <regulus/evaluate/nuscenes_evaluation.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

#include <regulus/evaluate/box_geometry.hpp>
#include <regulus/evaluate/nuscenes_check.hpp>

namespace regulus {
namespace evaluate_detail {

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Whether the task knows this error of this class: cones look nowhere, cones and barriers stand still.
inline bool has_error(int label, NuScenesError error) {
    if (error == NuScenesError::translation || error == NuScenesError::scale) return true;
    if (label == nuscenes_label::traffic_cone) return false;
    return label != nuscenes_label::barrier || error == NuScenesError::orientation;
}

inline double ground_distance(const NuScenesBox& a, const NuScenesBox& b) {
    const double x = a.translation[0] - b.translation[0], y = a.translation[1] - b.translation[1];
    return std::sqrt(x * x + y * y);
}

/// 1 - IoU of two sizes, centres and headings laid on each other.
inline double scale_error(const NuScenesBox& truth, const NuScenesBox& found) {
    double common = 1, of_truth = 1, of_found = 1;
    for (std::size_t i = 0; i < 3; ++i) {
        common *= std::min(truth.size[i], found.size[i]);
        of_truth *= truth.size[i];
        of_found *= found.size[i];
    }
    return 1 - common / (of_truth + of_found - common);
}

/// The smaller angle between two headings; with a period of pi, front and back are one.
inline double heading_error(const NuScenesBox& truth, const NuScenesBox& found, double period) {
    constexpr double pi = 3.14159265358979323846;
    double difference = std::fmod(heading_of(truth.rotation) - heading_of(found.rotation) + period / 2, period);
    if (difference < 0) difference += period;
    difference -= period / 2;
    if (difference > pi) difference -= 2 * pi;
    return std::fabs(difference);
}

inline std::array<double, 5> match_errors(const NuScenesBox& truth, const NuScenesBox& found) {
    constexpr double pi = 3.14159265358979323846;
    const double vx = found.velocity[0] - truth.velocity[0], vy = found.velocity[1] - truth.velocity[1];
    return {ground_distance(truth, found), scale_error(truth, found), heading_error(truth, found, truth.label == nuscenes_label::barrier ? pi : 2 * pi),
            std::sqrt(vx * vx + vy * vy), truth.attribute < 0 ? not_a_number : truth.attribute == found.attribute ? 0.0 : 1.0};
}

/// Linear interpolation of (xs, ys) at x as numpy.interp does it: xs ascend; where an x repeats, the last one counts.
inline double interpolate(const std::vector<double>& xs, const std::vector<double>& ys, double x, double beyond) {
    if (x > xs.back()) return beyond;
    const std::size_t after = std::size_t(std::upper_bound(xs.begin(), xs.end(), x) - xs.begin());
    if (after == 0) return ys.front();
    const std::size_t at = after - 1;
    if (after == xs.size() || xs[at] == x) return ys[at];
    return (ys[after] - ys[at]) / (xs[after] - xs[at]) * (x - xs[at]) + ys[at];
}

/// Mean of each beginning, NaN left out: 0 before the first number, 1 throughout if there is none.
inline std::vector<double> running_mean(const std::vector<double>& values) {
    std::vector<double> result(values.size());
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!std::isnan(values[i])) {
            sum += values[i];
            ++count;
        }
        result[i] = count == 0 ? 0 : sum / double(count);
    }
    if (count == 0) std::fill(result.begin(), result.end(), 1.0);
    return result;
}

/// One class over all samples: what was found by falling score, and the annotated boxes of each sample.
struct NuScenesClassView {
    struct Found {
        const NuScenesBox* box;
        std::size_t sample;  ///< place in the list of truths
        std::size_t place;   ///< place among the class's detections
    };
    std::vector<Found> found;
    std::vector<const NuScenesBox*> truths;
    std::vector<std::size_t> begin;  ///< of each sample's boxes in `truths`, and the end
};

inline NuScenesCurve nuscenes_curve(const NuScenesClassView& view, double distance) {
    NuScenesCurve curve;
    for (auto& error : curve.errors) error.fill(1);
    std::vector<char> taken(view.truths.size());
    std::vector<double> precision, recall, confidence, matched_confidence;
    std::array<std::vector<double>, 5> errors;
    for (const auto& found : view.found) {
        double nearest = std::numeric_limits<double>::infinity();
        std::size_t match = 0;
        for (std::size_t i = view.begin[found.sample]; i < view.begin[found.sample + 1]; ++i) {
            if (taken[i]) continue;
            const double d = ground_distance(*view.truths[i], *found.box);
            if (d < nearest) {
                nearest = d;
                match = i;
            }
        }
        if (nearest < distance) {
            taken[match] = 1;
            matched_confidence.push_back(found.box->score);
            const auto of_match = match_errors(*view.truths[match], *found.box);
            for (std::size_t e = 0; e < 5; ++e) errors[e].push_back(of_match[e]);
        }
        confidence.push_back(found.box->score);
        precision.push_back(double(matched_confidence.size()) / double(confidence.size()));
        recall.push_back(double(matched_confidence.size()) / double(view.truths.size()));
    }
    if (matched_confidence.empty()) return curve;
    for (std::size_t i = 0; i < NuScenesCurve::points; ++i) {
        const double at = i + 1 == NuScenesCurve::points ? 1.0 : double(i) * 0.01;
        curve.precision[i] = interpolate(recall, precision, at, 0);
        curve.confidence[i] = interpolate(recall, confidence, at, 0);
    }
    std::reverse(matched_confidence.begin(), matched_confidence.end());  // ascending
    for (std::size_t e = 0; e < 5; ++e) {
        std::vector<double> means = running_mean(errors[e]);
        std::reverse(means.begin(), means.end());
        for (std::size_t i = 0; i < NuScenesCurve::points; ++i) curve.errors[e][i] = interpolate(matched_confidence, means, curve.confidence[i], means.back());
    }
    return curve;
}

/// The first point that counts: above the least recall.
inline std::size_t first_point(const NuScenesSettings& settings) { return std::size_t(std::nearbyint(100 * settings.min_recall)) + 1; }

inline double nuscenes_ap(const NuScenesCurve& curve, const NuScenesSettings& settings) {
    double sum = 0;
    const std::size_t first = first_point(settings);
    for (std::size_t i = first; i < NuScenesCurve::points; ++i) sum += std::max(0.0, curve.precision[i] - settings.min_precision);
    return sum / double(NuScenesCurve::points - first) / (1 - settings.min_precision);
}

inline double nuscenes_error(const NuScenesCurve& curve, std::size_t error, const NuScenesSettings& settings) {
    const std::size_t first = first_point(settings), last = curve.max_recall_index();
    if (last < first) return 1;
    double sum = 0;
    for (std::size_t i = first; i <= last; ++i) sum += curve.errors[error][i];
    return sum / double(last - first + 1);
}

inline void check_boxes(const char* what, const std::string& token, const std::vector<NuScenesBox>& boxes) {
    for (std::size_t i = 0; i < boxes.size(); ++i) {
        const std::string problem = nuscenes_box_problem(boxes[i]);
        if (!problem.empty()) throw ArgumentError("evaluate_nuscenes: " + std::string(what) + " " + std::to_string(i) + " of sample " + token + ": " + problem);
    }
}

inline void check_settings(const NuScenesSettings& settings) {
    const auto& d = settings.distances;
    if (d.empty() || d.size() > 64 || !std::is_sorted(d.begin(), d.end()) || !(d.front() > 0) || !std::isfinite(d.back()))
        throw ArgumentError("evaluate_nuscenes: distances must be 1 .. 64 ascending numbers above 0");
    if (std::find(d.begin(), d.end(), settings.error_distance) == d.end()) throw ArgumentError("evaluate_nuscenes: error_distance must be one of distances");
    if (!(settings.min_recall >= 0 && settings.min_recall < 0.99) || !(settings.min_precision >= 0 && settings.min_precision < 1))
        throw ArgumentError("evaluate_nuscenes: min_recall must be in 0 .. 0.99 and min_precision in 0 .. 1, below the end");
    if (!(settings.mean_ap_weight >= 0) || !std::isfinite(settings.mean_ap_weight)) throw ArgumentError("evaluate_nuscenes: mean_ap_weight must be finite and not below 0");
}

/// For each entry of `results`, the place of its sample in `truth`. Both hold the same samples.
inline std::vector<std::size_t> match_samples(std::span<const NuScenesTruth> truth, std::span<const NuScenesResult> results) {
    std::unordered_map<std::string_view, std::size_t> places;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        if (!places.emplace(truth[i].sample_token, i).second) throw ArgumentError("evaluate_nuscenes: the ground truth has the sample " + truth[i].sample_token + " twice");
    }
    std::vector<char> seen(truth.size());
    std::vector<std::size_t> result;
    for (const NuScenesResult& sample : results) {
        const auto place = places.find(sample.sample_token);
        if (place == places.end()) throw ArgumentError("evaluate_nuscenes: the results have a sample " + sample.sample_token + " that the ground truth lacks");
        if (std::exchange(seen[place->second], 1)) throw ArgumentError("evaluate_nuscenes: the results have the sample " + sample.sample_token + " twice");
        result.push_back(place->second);
    }
    const auto missing = std::count(seen.begin(), seen.end(), 0);
    if (missing != 0) {
        const std::size_t first = std::size_t(std::find(seen.begin(), seen.end(), 0) - seen.begin());
        throw ArgumentError("evaluate_nuscenes: the results lack " + std::to_string(missing) + " of " + std::to_string(truth.size()) + " samples, the first is " +
                            truth[first].sample_token + "; a sample without detections needs an empty list");
    }
    return result;
}

/// Whether no filter removes the box; counts which it passed.
inline bool is_judged(const NuScenesBox& box, const NuScenesTruth& sample, const NuScenesSettings& settings, NuScenesFilterCounts& counts) {
    ++counts.all;
    if (settings.filter_range && !nuscenes_in_range(box, sample.ego, settings)) return false;
    ++counts.in_range;
    if (settings.filter_points && box.points == 0) return false;
    ++counts.with_points;
    if (settings.filter_racks && (box.label == nuscenes_label::bicycle || box.label == nuscenes_label::motorcycle)) {
        for (const NuScenesBox& rack : sample.bicycle_racks) {
            if (nuscenes_in_rack(box, rack)) return false;
        }
    }
    ++counts.out_of_racks;
    return true;
}

inline double mean_of_numbers(const std::array<std::array<double, 5>, 10>& class_errors, std::size_t error) {
    double sum = 0;
    int count = 0;
    for (const auto& row : class_errors) {
        if (std::isnan(row[error])) continue;
        sum += row[error];
        ++count;
    }
    return sum / count;
}

}  // namespace evaluate_detail

REGULUS_INLINE std::size_t NuScenesCurve::max_recall_index() const noexcept {
    for (std::size_t i = points; i-- > 0;) {
        if (confidence[i] != 0) return i;
    }
    return 0;
}

REGULUS_INLINE bool nuscenes_in_range(const NuScenesBox& box, const std::array<double, 3>& ego, const NuScenesSettings& settings) {
    const double x = box.translation[0] - ego[0], y = box.translation[1] - ego[1];
    return std::sqrt(x * x + y * y) < settings.class_range.at(std::size_t(box.label));
}

REGULUS_INLINE bool nuscenes_in_rack(const NuScenesBox& box, const NuScenesBox& rack) {
    const auto r = evaluate_detail::rotation_of(rack.rotation);
    const std::array<double, 3> half = {rack.size[1] / 2, rack.size[0] / 2, rack.size[2] / 2};  // along x y z of the rack: length, width, height
    for (std::size_t axis = 0; axis < 3; ++axis) {
        double at = 0;
        for (std::size_t i = 0; i < 3; ++i) at += r[i][axis] * (box.translation[i] - rack.translation[i]);
        if (!(std::fabs(at) <= half[axis])) return false;
    }
    return true;
}

REGULUS_INLINE void filter_nuscenes(std::vector<NuScenesBox>& boxes, const NuScenesTruth& sample, const NuScenesSettings& settings, NuScenesFilterCounts& counts) {
    const auto unwanted = [&](const NuScenesBox& box) { return !evaluate_detail::is_judged(box, sample, settings, counts); };
    boxes.erase(std::remove_if(boxes.begin(), boxes.end(), unwanted), boxes.end());
}

REGULUS_INLINE NuScenesEvaluation evaluate_nuscenes(std::span<const NuScenesTruth> truth, std::span<const NuScenesResult> results, const NuScenesSettings& settings) {
    using namespace evaluate_detail;
    check_settings(settings);
    const std::vector<std::size_t> places = match_samples(truth, results);

    NuScenesEvaluation evaluation;
    evaluation.settings = settings;
    evaluation.samples = std::int64_t(truth.size());
    std::array<NuScenesClassView, 10> views;
    for (const NuScenesTruth& sample : truth) {
        check_boxes("annotation", sample.sample_token, sample.boxes);
        for (NuScenesClassView& view : views) view.begin.push_back(view.truths.size());
        for (const NuScenesBox& box : sample.boxes) {
            if (is_judged(box, sample, settings, evaluation.truths)) views[std::size_t(box.label)].truths.push_back(&box);
        }
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
        const NuScenesResult& sample = results[i];
        if (sample.boxes.size() > settings.max_boxes) {
            throw ArgumentError("evaluate_nuscenes: sample " + sample.sample_token + " has " + std::to_string(sample.boxes.size()) + " detections, " +
                                std::to_string(settings.max_boxes) + " are allowed; keep those of the highest scores");
        }
        check_boxes("detection", sample.sample_token, sample.boxes);
        for (const NuScenesBox& box : sample.boxes) {
            if (!is_judged(box, truth[places[i]], settings, evaluation.detections)) continue;
            NuScenesClassView& view = views[std::size_t(box.label)];
            view.found.push_back({&box, places[i], view.found.size()});
        }
    }

    const std::size_t error_at = std::size_t(std::find(settings.distances.begin(), settings.distances.end(), settings.error_distance) - settings.distances.begin());
    for (std::size_t label = 0; label < 10; ++label) {
        NuScenesClassView& view = views[label];
        view.begin.push_back(view.truths.size());
        evaluation.class_truths[label] = std::int64_t(view.truths.size());
        evaluation.class_detections[label] = std::int64_t(view.found.size());
        std::sort(view.found.begin(), view.found.end(),
                  [](const auto& a, const auto& b) { return a.box->score != b.box->score ? a.box->score > b.box->score : a.place > b.place; });
        for (std::size_t d = 0; d < settings.distances.size(); ++d) {
            evaluation.curves.push_back(nuscenes_curve(view, settings.distances[d]));
            evaluation.average_precisions.push_back(nuscenes_ap(evaluation.curves.back(), settings));
            evaluation.class_ap[label] += evaluation.average_precisions.back();
        }
        evaluation.class_ap[label] /= double(settings.distances.size());
        evaluation.mean_ap += evaluation.class_ap[label] / 10;
        for (std::size_t e = 0; e < 5; ++e) {
            evaluation.class_errors[label][e] =
                has_error(int(label), NuScenesError(e)) ? nuscenes_error(evaluation.curve(label, error_at), e, settings) : not_a_number;
        }
    }
    evaluation.nd_score = settings.mean_ap_weight * evaluation.mean_ap;
    for (std::size_t e = 0; e < 5; ++e) {
        evaluation.errors[e] = mean_of_numbers(evaluation.class_errors, e);
        evaluation.nd_score += evaluation.error_score(e);
    }
    evaluation.nd_score /= settings.mean_ap_weight + 5;
    return evaluation;
}

}  // namespace regulus
