#pragma once
// The second half of evaluate_coco: from outcomes of single detections to curves, and from curves to numbers.
#include <regulus/evaluate/coco_evaluation-impl.hpp>

namespace regulus {
namespace evaluate_detail {

/// Where precision[t, r, k, a, m] lies; recall has no r.
struct CurveLayout {
    std::size_t recalls = 0, categories = 0, areas = 0, max_dets = 0;

    explicit CurveLayout(const CocoEvaluation& e)
        : recalls(e.settings.recalls.size()), categories(e.category_ids.size()), areas(e.settings.areas.size()), max_dets(e.settings.max_dets.size()) {}

    std::size_t curve(std::size_t t, std::size_t r, std::size_t k, std::size_t a, std::size_t m) const {
        return (((t * recalls + r) * categories + k) * areas + a) * max_dets + m;
    }
    std::size_t recall(std::size_t t, std::size_t k, std::size_t a, std::size_t m) const { return ((t * categories + k) * areas + a) * max_dets + m; }
};

inline CocoEvaluation CocoEvaluator::accumulate() {
    CocoEvaluation evaluation;
    evaluation.kind = kind_;
    evaluation.settings = settings_;
    evaluation.settings.category_ids = categories_.ids;
    evaluation.images = std::int64_t(images_.ids.size());
    evaluation.detections = std::int64_t(detection_places_.size());
    evaluation.strangers = strangers_;
    if (settings_.use_categories) {
        evaluation.category_ids = categories_.ids;
        for (const std::size_t place : categories_.places) evaluation.category_names.push_back(dataset_.categories[place].name);
    } else {
        evaluation.category_ids = {-1};
        evaluation.category_names = {"all"};
    }
    evaluation.truths.assign(cell_categories(), 0);
    for (const Place& place : truth_places_) {
        const CocoAnnotation& annotation = dataset_.annotations[place.item];
        evaluation.truths[place.cell_category] += !is_crowd(annotation) && (kind_ != CocoKind::keypoints || annotation.num_keypoints != 0);
    }
    const std::size_t recalls = settings_.iou_thresholds.size() * cell_categories() * settings_.areas.size() * settings_.max_dets.size();
    evaluation.recall.assign(recalls, -1);
    evaluation.precision.assign(recalls * settings_.recalls.size(), -1);
    evaluation.scores.assign(recalls * settings_.recalls.size(), -1);
    for_each_in_parallel(std::int64_t(cell_categories()), threads_, [&](std::int64_t k, int) { accumulate_category(evaluation, std::size_t(k)); });
    name_numbers(evaluation);
    return evaluation;
}

inline void CocoEvaluator::accumulate_category(CocoEvaluation& evaluation, std::size_t category) const {
    const auto of_category =
        std::equal_range(cells_.begin(), cells_.end(), Cell{std::uint32_t(category)}, [](const Cell& a, const Cell& b) { return a.category < b.category; });
    if (of_category.first == of_category.second) return;

    struct Ranked {
        std::size_t kept = 0;  // which of the kept detections
        std::size_t rank = 0;  // among those of its picture
    };
    std::vector<Ranked> all, some;
    for (auto cell = of_category.first; cell != of_category.second; ++cell) {
        for (std::size_t rank = 0; rank < cell->kept; ++rank) all.push_back({cell->kept_from + rank, rank});
    }
    std::stable_sort(all.begin(), all.end(), [&](const Ranked& a, const Ranked& b) { return scores_[a.kept] > scores_[b.kept]; });

    const CurveLayout layout(evaluation);
    std::vector<double> precision, recall;
    for (std::size_t a = 0; a < settings_.areas.size(); ++a) {
        std::int64_t to_find = 0;
        for (auto cell = of_category.first; cell != of_category.second; ++cell) to_find += to_find_[a][std::size_t(cell - cells_.begin())];
        if (to_find == 0) continue;
        for (std::size_t m = 0; m < settings_.max_dets.size(); ++m) {
            some.clear();
            for (const Ranked& detection : all) {
                if (detection.rank < std::size_t(settings_.max_dets[m])) some.push_back(detection);
            }
            for (std::size_t t = 0; t < settings_.iou_thresholds.size(); ++t) {
                // A detection that is ignored changes neither sum; its point of the curve repeats the one before, or is 0 / 0 before the first.
                std::int64_t right = 0, wrong = 0;
                precision.clear();
                recall.clear();
                for (const Ranked& detection : some) {
                    const MatchOutcome& outcome = outcomes_[a][detection.kept];
                    const bool found = (outcome.found >> t & 1) != 0, ignored = (outcome.ignored >> t & 1) != 0;
                    right += found && !ignored;
                    wrong += !found && !ignored;
                    recall.push_back(double(right) / double(to_find));
                    precision.push_back(double(right) / (double(wrong + right) + 0x1p-52));
                }
                for (std::size_t i = precision.size(); i-- > 1;) precision[i - 1] = std::max(precision[i - 1], precision[i]);
                evaluation.recall[layout.recall(t, category, a, m)] = recall.empty() ? 0 : recall.back();
                for (std::size_t r = 0; r < settings_.recalls.size(); ++r) {
                    const auto at = std::size_t(std::lower_bound(recall.begin(), recall.end(), settings_.recalls[r]) - recall.begin());
                    const bool reached = at < recall.size();
                    evaluation.precision[layout.curve(t, r, category, a, m)] = reached ? precision[at] : 0;
                    evaluation.scores[layout.curve(t, r, category, a, m)] = reached ? scores_[some[at].kept] : 0;
                }
            }
        }
    }
}

inline std::string two_digits(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", value);
    return text;
}

inline void CocoEvaluator::name_numbers(CocoEvaluation& evaluation) const {
    const std::vector<double>& thresholds = settings_.iou_thresholds;
    const bool persons = kind_ == CocoKind::keypoints;
    const int last = int(settings_.max_dets.size()) - 1;
    const auto hundred = std::find(settings_.max_dets.begin(), settings_.max_dets.end(), 100);
    const int plain = hundred == settings_.max_dets.end() ? last : int(hundred - settings_.max_dets.begin());
    const std::string every = two_digits(thresholds.front()) + ":" + two_digits(thresholds.back());

    const auto add = [&](bool ap, const std::string& name, const std::string& iou, CocoSlice slice) {
        const double value = slice.threshold == int(thresholds.size()) ? -1 : ap ? evaluation.average_precision(slice) : evaluation.average_recall(slice);
        evaluation.numbers.push_back({name, value,
                                      "IoU " + iou + ", area " + settings_.areas[std::size_t(slice.area)].name + ", at most " +
                                          std::to_string(settings_.max_dets[std::size_t(slice.max_det)])});
    };
    const auto at = [&](double threshold) { return int(std::find(thresholds.begin(), thresholds.end(), threshold) - thresholds.begin()); };
    const auto single = [&](bool ap) {
        add(ap, ap ? "AP50" : "AR50", "0.50", {at(0.5), -1, 0, last});
        add(ap, ap ? "AP75" : "AR75", "0.75", {at(0.75), -1, 0, last});
    };
    const auto by_area = [&](bool ap) {
        for (std::size_t a = 1; a < settings_.areas.size(); ++a) add(ap, (ap ? "AP_" : "AR_") + settings_.areas[a].name, every, {-1, -1, int(a), last});
    };
    add(true, "AP", every, {-1, -1, 0, plain});
    single(true);
    by_area(true);
    if (persons) {
        add(false, "AR", every, {-1, -1, 0, last});
        single(false);
    } else {
        for (int m = 0; m <= last; ++m) add(false, "AR_" + std::to_string(settings_.max_dets[std::size_t(m)]), every, {-1, -1, 0, m});
    }
    by_area(false);
}

/// Calls visit(t, k, a, m) for all that a slice holds.
template <class Visit>
void visit_slice(const CocoEvaluation& evaluation, const CocoSlice& slice, Visit&& visit) {
    const auto bounds = [](const char* what, int index, std::size_t count, bool all) -> std::pair<std::size_t, std::size_t> {
        if (index == -1) return all ? std::pair<std::size_t, std::size_t>(0, count) : std::pair<std::size_t, std::size_t>(count - 1, count);
        if (index >= 0 && std::size_t(index) < count) return {std::size_t(index), std::size_t(index) + 1};
        throw ArgumentError(std::string("CocoEvaluation: ") + what + " must be -1 .. " + std::to_string(std::int64_t(count) - 1) + ", got " +
                            std::to_string(index));
    };
    const auto t = bounds("threshold", slice.threshold, evaluation.settings.iou_thresholds.size(), true);
    const auto k = bounds("category", slice.category, evaluation.category_ids.size(), true);
    const auto a = bounds("area", slice.area, evaluation.settings.areas.size(), true);
    const auto m = bounds("max_det", slice.max_det, evaluation.settings.max_dets.size(), false);
    for (std::size_t i = t.first; i < t.second; ++i) {
        for (std::size_t j = k.first; j < k.second; ++j) {
            for (std::size_t l = a.first; l < a.second; ++l) visit(i, j, l, m.first);
        }
    }
}

/// Mean of what is greater than -1; -1 when nothing is.
class Mean {
public:
    void add(double value) {
        if (!(value > -1)) return;
        sum_ += value;
        ++count_;
    }
    double value() const { return count_ == 0 ? -1 : sum_ / double(count_); }

private:
    double sum_ = 0;
    std::int64_t count_ = 0;
};

inline double number_named(const std::vector<CocoNumber>& numbers, std::string_view name, const char* who) {
    std::string known;
    for (const CocoNumber& each : numbers) {
        if (each.name == name) return each.value;
        known += (known.empty() ? "" : ", ") + each.name;
    }
    throw ArgumentError(std::string(who) + ": no number \"" + std::string(name) + "\"; there are " + known);
}

}  // namespace evaluate_detail

REGULUS_INLINE double CocoEvaluation::precision_at(std::size_t threshold, std::size_t recall_index, std::size_t category, std::size_t area,
                                                   std::size_t max_det) const {
    return precision.at(evaluate_detail::CurveLayout(*this).curve(threshold, recall_index, category, area, max_det));
}

REGULUS_INLINE double CocoEvaluation::recall_at(std::size_t threshold, std::size_t category, std::size_t area, std::size_t max_det) const {
    return recall.at(evaluate_detail::CurveLayout(*this).recall(threshold, category, area, max_det));
}

REGULUS_INLINE double CocoEvaluation::average_precision(const CocoSlice& slice) const {
    const evaluate_detail::CurveLayout layout(*this);
    evaluate_detail::Mean mean;
    evaluate_detail::visit_slice(*this, slice, [&](std::size_t t, std::size_t k, std::size_t a, std::size_t m) {
        for (std::size_t r = 0; r < layout.recalls; ++r) mean.add(precision[layout.curve(t, r, k, a, m)]);
    });
    return mean.value();
}

REGULUS_INLINE double CocoEvaluation::average_recall(const CocoSlice& slice) const {
    const evaluate_detail::CurveLayout layout(*this);
    evaluate_detail::Mean mean;
    evaluate_detail::visit_slice(*this, slice,
                                 [&](std::size_t t, std::size_t k, std::size_t a, std::size_t m) { mean.add(recall[layout.recall(t, k, a, m)]); });
    return mean.value();
}

REGULUS_INLINE double CocoEvaluation::category_ap(std::size_t category) const {
    const auto hundred = std::find(settings.max_dets.begin(), settings.max_dets.end(), 100);
    return average_precision({-1, int(category), 0, hundred == settings.max_dets.end() ? -1 : int(hundred - settings.max_dets.begin())});
}

REGULUS_INLINE double CocoEvaluation::number(std::string_view name) const { return evaluate_detail::number_named(numbers, name, "CocoEvaluation"); }

}  // namespace regulus
