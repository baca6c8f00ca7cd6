#pragma once
#include <regulus/evaluate/kitti_evaluation.hpp>

#include <algorithm>
#include <cmath>

#include <regulus/evaluate/box_geometry.hpp>

namespace regulus {
namespace evaluate_detail {

inline std::string lower_case(std::string text) {
    for (char& c : text) {
        if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
    }
    return text;
}

/// On the plane x z: rotation_y turns from x away from z.
inline Rectangle kitti_ground(const KittiObject& o) { return rectangle(o.location[0], o.location[2], o.length, o.width, -o.rotation_y); }

/// The rectangles' common area over that of both, or of the first alone.
inline double picture_overlap(const std::array<double, 4>& a, const std::array<double, 4>& b, bool of_first_alone) {
    const double w = std::min(a[2], b[2]) - std::max(a[0], b[0]), h = std::min(a[3], b[3]) - std::max(a[1], b[1]);
    if (!(w > 0) || !(h > 0)) return 0;
    const double first = (a[2] - a[0]) * (a[3] - a[1]);
    const double whole = of_first_alone ? first : first + (b[2] - b[0]) * (b[3] - b[1]) - w * h;
    return whole > 0 ? w * h / whole : 0;
}

inline double kitti_overlap(KittiMetric metric, const KittiObject& a, const KittiObject& b) {
    if (metric == KittiMetric::birds_eye) return kitti_birds_eye_iou(a, b);
    if (metric == KittiMetric::space) return kitti_space_iou(a, b);
    return picture_overlap(a.bbox, b.bbox, false);
}

/// What an object is to one class and difficulty.
enum class KittiRole : char {
    counts,   ///< must be found; a detection that must not be wrong
    ignored,  ///< may be matched, counts neither way
    other     ///< not looked at
};

/// One frame for one class and metric.
struct KittiFrameView {
    std::vector<const KittiObject*> truth, found;
    std::vector<const KittiObject*> dont_care;
    std::vector<double> overlaps;  ///< [found, truth]
    std::vector<KittiRole> truth_roles, found_roles;
    std::vector<std::size_t> near, near_begin;  ///< of each object, the detections that overlap it enough and are looked at
    std::vector<char> taken;                    // scratch

    void find_near(double overlap) {
        near.clear();
        near_begin.assign(1, 0);
        for (std::size_t i = 0; i < truth.size(); ++i) {
            for (std::size_t j = 0; j < found.size(); ++j) {
                if (truth_roles[i] != KittiRole::other && found_roles[j] != KittiRole::other && overlaps[j * truth.size() + i] > overlap) near.push_back(j);
            }
            near_begin.push_back(near.size());
        }
    }
};

struct KittiTally {
    std::int64_t hits = 0, wrong = 0, missed = 0;
    double similarity = 0;  ///< of the headings of hits, summed
};

inline KittiRole truth_role(const KittiObject& object, const std::string& name, const std::string& sibling, std::size_t difficulty) {
    constexpr double heights[] = {40, 25, 25};
    constexpr int occlusions[] = {0, 1, 2};
    constexpr double truncations[] = {0.15, 0.3, 0.5};
    const std::string type = lower_case(object.type);
    if (!sibling.empty() && type == sibling) return KittiRole::ignored;
    if (type != name) return KittiRole::other;
    const bool hard = object.occluded > occlusions[difficulty] || object.truncated > truncations[difficulty] || object.bbox[3] - object.bbox[1] <= heights[difficulty];
    return hard ? KittiRole::ignored : KittiRole::counts;
}

inline KittiRole found_role(const KittiObject& object, const std::string& name, std::size_t difficulty) {
    constexpr double heights[] = {40, 25, 25};
    if (std::fabs(object.bbox[3] - object.bbox[1]) < heights[difficulty]) return KittiRole::ignored;  // of any class: so do the benchmark's programs
    return lower_case(object.type) == name ? KittiRole::counts : KittiRole::other;
}

/// Scores of the detections that find something, each object taking the highest score that overlaps it enough.
inline void collect_scores(KittiFrameView& frame, std::vector<double>& scores) {
    frame.taken.assign(frame.found.size(), 0);
    for (std::size_t i = 0; i < frame.truth.size(); ++i) {
        if (frame.truth_roles[i] == KittiRole::other) continue;
        std::size_t match = frame.found.size();
        double best = -10000000;
        for (std::size_t n = frame.near_begin[i]; n < frame.near_begin[i + 1]; ++n) {
            const std::size_t j = frame.near[n];
            if (!frame.taken[j] && frame.found[j]->score > best) {
                match = j;
                best = frame.found[j]->score;
            }
        }
        if (match == frame.found.size()) continue;
        frame.taken[match] = 1;
        if (frame.truth_roles[i] == KittiRole::counts && frame.found_roles[match] == KittiRole::counts) scores.push_back(frame.found[match]->score);
    }
}

/// Scores at which recall grows by a fortieth of `objects`.
inline std::vector<double> recall_steps(std::vector<double> scores, std::int64_t objects) {
    std::sort(scores.begin(), scores.end(), [](double a, double b) { return a > b; });
    std::vector<double> steps;
    double reached = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        const double left = double(i + 1) / double(objects), right = i + 1 < scores.size() ? double(i + 2) / double(objects) : left;
        if (right - reached < reached - left && i + 1 < scores.size()) continue;
        steps.push_back(scores[i]);
        reached += 1 / 40.0;
    }
    return steps;
}

/// Detections below `score` left out, each object takes what overlaps it most.
inline void tally(KittiFrameView& frame, double overlap, double score, bool in_picture, bool with_orientation, KittiTally& sum) {
    frame.taken.assign(frame.found.size(), 0);
    std::int64_t hits = 0, wrong = 0;
    double similarity = 0;
    for (std::size_t i = 0; i < frame.truth.size(); ++i) {
        if (frame.truth_roles[i] == KittiRole::other) continue;
        std::size_t match = frame.found.size();
        double greatest = 0;
        bool match_is_ignored = false;
        for (std::size_t n = frame.near_begin[i]; n < frame.near_begin[i + 1]; ++n) {
            const std::size_t j = frame.near[n];
            if (frame.taken[j] || frame.found[j]->score < score) continue;
            const double o = frame.overlaps[j * frame.truth.size() + i];
            if (frame.found_roles[j] == KittiRole::counts && (o > greatest || match_is_ignored)) {
                greatest = o;
                match = j;
                match_is_ignored = false;
            } else if (match == frame.found.size() && frame.found_roles[j] == KittiRole::ignored) {
                match = j;
                match_is_ignored = true;
            }
        }
        if (match == frame.found.size()) {
            sum.missed += frame.truth_roles[i] == KittiRole::counts;
            continue;
        }
        frame.taken[match] = 1;
        if (frame.truth_roles[i] == KittiRole::ignored || frame.found_roles[match] == KittiRole::ignored) continue;
        ++hits;
        if (with_orientation) similarity += (1 + std::cos(frame.truth[i]->alpha - frame.found[match]->alpha)) / 2;
    }
    const auto stands_alone = [&](std::size_t j) { return !frame.taken[j] && frame.found_roles[j] == KittiRole::counts && !(frame.found[j]->score < score); };
    for (std::size_t j = 0; j < frame.found.size(); ++j) wrong += stands_alone(j);
    for (const KittiObject* region : frame.dont_care) {
        if (!in_picture) break;
        for (std::size_t j = 0; j < frame.found.size(); ++j) {
            if (!stands_alone(j) || !(picture_overlap(frame.found[j]->bbox, region->bbox, true) > overlap)) continue;
            frame.taken[j] = 1;
            --wrong;
        }
    }
    sum.hits += hits;
    sum.wrong += wrong;
    sum.similarity += similarity;
}

/// The curve of precision, and that of orientation when asked for.
inline void kitti_curves(std::vector<KittiFrameView>& frames, std::int64_t objects, double overlap, bool in_picture, KittiCurve& precision, KittiCurve* orientation) {
    std::vector<double> scores;
    for (KittiFrameView& frame : frames) {
        frame.find_near(overlap);
        collect_scores(frame, scores);
    }
    const std::vector<double> steps = recall_steps(std::move(scores), objects);
    for (std::size_t i = 0; i < steps.size() && i < 41; ++i) {
        KittiTally sum;
        for (KittiFrameView& frame : frames) tally(frame, overlap, steps[i], in_picture, orientation != nullptr, sum);
        const double found = double(sum.hits + sum.wrong), wanted = double(sum.hits + sum.missed);
        precision.precision[i] = found > 0 ? double(sum.hits) / found : 0;
        precision.recall[i] = wanted > 0 ? double(sum.hits) / wanted : 0;
        if (orientation != nullptr) orientation->precision[i] = found > 0 ? sum.similarity / found : 0;
    }
    const auto raise = [](std::array<double, 41>& values) {
        for (std::size_t i = values.size(); i-- > 1;) values[i - 1] = std::max(values[i - 1], values[i]);
    };
    raise(precision.precision);
    raise(precision.recall);
    if (orientation != nullptr) {
        raise(orientation->precision);
        orientation->recall = precision.recall;
    }
}

inline void check_kitti(const KittiFrame& frame, const std::vector<KittiObject>& objects, const char* what) {
    for (std::size_t i = 0; i < objects.size(); ++i) {
        const KittiObject& o = objects[i];
        for (const double v : {o.truncated, o.alpha, o.bbox[0], o.bbox[1], o.bbox[2], o.bbox[3], o.height, o.width, o.length, o.location[0], o.location[1], o.location[2],
                               o.rotation_y, o.score}) {
            if (!(std::fabs(v) <= 1e12)) throw ArgumentError("evaluate_kitti: frame " + frame.id + " " + what + " " + std::to_string(i) + " holds a number that is not finite or beyond 1e12");
        }
    }
}

/// Frames without an object or detection that matters are left out.
inline std::vector<KittiFrameView> kitti_views(std::span<const KittiFrame> frames, KittiMetric metric, const std::string& name, const std::string& sibling) {
    std::vector<KittiFrameView> views;
    for (const KittiFrame& frame : frames) {
        KittiFrameView view;
        for (const KittiObject& object : frame.truth) {
            const std::string type = lower_case(object.type);
            if (type == name || (!sibling.empty() && type == sibling)) view.truth.push_back(&object);
            if (object.type == "DontCare") view.dont_care.push_back(&object);
        }
        for (const KittiObject& object : frame.found) {
            const bool low = std::fabs(object.bbox[3] - object.bbox[1]) < 40;  // may be matched whatever its class
            if (low || lower_case(object.type) == name) view.found.push_back(&object);
        }
        if (view.truth.empty() && view.found.empty()) continue;
        for (const KittiObject* found : view.found) {
            for (const KittiObject* truth : view.truth) view.overlaps.push_back(kitti_overlap(metric, *found, *truth));
        }
        views.push_back(std::move(view));
    }
    return views;
}

inline std::int64_t set_roles(std::vector<KittiFrameView>& views, const std::string& name, const std::string& sibling, std::size_t difficulty) {
    std::int64_t wanted = 0;
    for (KittiFrameView& view : views) {
        view.truth_roles.clear();
        view.found_roles.clear();
        for (const KittiObject* object : view.truth) view.truth_roles.push_back(truth_role(*object, name, sibling, difficulty));
        for (const KittiObject* object : view.found) view.found_roles.push_back(found_role(*object, name, difficulty));
        wanted += std::count(view.truth_roles.begin(), view.truth_roles.end(), KittiRole::counts);
    }
    return wanted;
}

}  // namespace evaluate_detail

REGULUS_INLINE double kitti_birds_eye_iou(const KittiObject& a, const KittiObject& b) {
    const auto ra = evaluate_detail::kitti_ground(a), rb = evaluate_detail::kitti_ground(b);
    const double common = evaluate_detail::common_area(ra, rb);
    return common > 0 ? common / (ra.area() + rb.area() - common) : 0;
}

REGULUS_INLINE double kitti_space_iou(const KittiObject& a, const KittiObject& b) {
    const double height = std::min(a.location[1], b.location[1]) - std::max(a.location[1] - a.height, b.location[1] - b.height);  // y points down
    if (!(height > 0)) return 0;
    const double common = evaluate_detail::common_area(evaluate_detail::kitti_ground(a), evaluate_detail::kitti_ground(b)) * height;
    return common > 0 ? common / (a.length * a.width * a.height + b.length * b.width * b.height - common) : 0;
}

REGULUS_INLINE double KittiCurve::ap11() const noexcept {
    double sum = 0;
    for (std::size_t i = 0; i < 41; i += 4) sum += precision[i];
    return sum / 11 * 100;
}

REGULUS_INLINE double KittiCurve::ap40() const noexcept {
    double sum = 0;
    for (std::size_t i = 1; i < 41; ++i) sum += precision[i];
    return sum / 40 * 100;
}

REGULUS_INLINE double KittiEvaluation::mean_ap11(KittiMetric metric, std::size_t difficulty, std::size_t overlap) const {
    double sum = 0;
    for (std::size_t label = 0; label < settings.classes.size(); ++label) sum += curve(label, metric, difficulty, overlap).ap11();
    return sum / double(settings.classes.size());
}

REGULUS_INLINE double KittiEvaluation::mean_ap40(KittiMetric metric, std::size_t difficulty, std::size_t overlap) const {
    double sum = 0;
    for (std::size_t label = 0; label < settings.classes.size(); ++label) sum += curve(label, metric, difficulty, overlap).ap40();
    return sum / double(settings.classes.size());
}

REGULUS_INLINE KittiEvaluation evaluate_kitti(std::span<const KittiFrame> frames, const KittiSettings& settings) {
    using namespace evaluate_detail;
    if (settings.classes.empty()) throw ArgumentError("evaluate_kitti: there must be a class");
    for (const KittiClass& c : settings.classes) {
        const auto fits = [](double overlap) { return overlap >= 0 && overlap < 1; };
        if (c.name.empty() || !fits(c.picture) || !fits(c.ground[0]) || !fits(c.ground[1]))
            throw ArgumentError("evaluate_kitti: a class needs a name and overlaps of 0 .. 1, 1 left out: \"" + c.name + "\"");
    }
    KittiEvaluation evaluation;
    evaluation.settings = settings;
    evaluation.frames = std::int64_t(frames.size());
    bool truth_alpha = false, found_alpha = false;
    for (const KittiFrame& frame : frames) {
        check_kitti(frame, frame.truth, "object");
        check_kitti(frame, frame.found, "detection");
        evaluation.truths += std::int64_t(frame.truth.size());
        evaluation.detections += std::int64_t(frame.found.size());
        truth_alpha = truth_alpha || (!frame.truth.empty() && frame.truth[0].alpha != -10);
        for (const KittiObject& object : frame.found) found_alpha = found_alpha || object.alpha != -10;
    }
    evaluation.has_orientation = truth_alpha && found_alpha;
    evaluation.class_truths.resize(settings.classes.size());
    evaluation.curves.resize(settings.classes.size() * 4 * 3 * 2);
    for (std::size_t label = 0; label < settings.classes.size(); ++label) {
        const KittiClass& c = settings.classes[label];
        const std::string name = lower_case(c.name), sibling = name == "car" ? "van" : name == "pedestrian" ? "person_sitting" : "";
        const auto at = [&](KittiMetric metric, std::size_t difficulty, std::size_t overlap) -> KittiCurve& {
            return evaluation.curves[((label * 4 + std::size_t(metric)) * 3 + difficulty) * 2 + overlap];
        };
        for (const KittiMetric metric : {KittiMetric::picture, KittiMetric::birds_eye, KittiMetric::space}) {
            std::vector<KittiFrameView> views = kitti_views(frames, metric, name, sibling);
            const bool in_picture = metric == KittiMetric::picture;
            for (std::size_t difficulty = 0; difficulty < 3; ++difficulty) {
                const std::int64_t wanted = set_roles(views, name, sibling, difficulty);
                evaluation.class_truths[label][difficulty] = wanted;
                for (std::size_t set = 0; set < 2; ++set) {
                    KittiCurve* orientation = in_picture && evaluation.has_orientation ? &at(KittiMetric::orientation, difficulty, set) : nullptr;
                    kitti_curves(views, wanted, in_picture ? c.picture : c.ground[set], in_picture, at(metric, difficulty, set), orientation);
                }
            }
        }
    }
    return evaluation;
}

}  // namespace regulus
