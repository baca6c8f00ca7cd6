#pragma once
#include <regulus/evaluate/cityscapes_evaluation.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <regulus/core/error.hpp>
#include <regulus/data/run_writer.hpp>
#include <regulus/evaluate/coco_accumulation-impl.hpp>
#include <regulus/evaluate/coco_table-impl.hpp>

namespace regulus {
namespace evaluate_detail {

inline constexpr CityscapesClass cityscapes_judged[] = {{24, "person"}, {25, "rider"}, {26, "car"}, {27, "truck"}, {28, "bus"}, {31, "train"}, {32, "motorcycle"}, {33, "bicycle"}};
inline constexpr std::int64_t cityscapes_least_pixels = 100;  // of an object that has to be found

/// Position among the judged classes, or -1.
inline int cityscapes_place(std::int64_t label) {
    int place = 0;
    for (const CityscapesClass& each : cityscapes_judged) {
        if (each.id == label) return place;
        ++place;
    }
    return -1;
}

/// Whether pixels of this id say nothing: unlabelled, beyond the picture, own car, and classes that are not judged at all.
inline bool cityscapes_void(std::uint32_t id) { return id <= 6 || id == 9 || id == 10 || (id >= 14 && id <= 16) || id == 18 || id == 29 || id == 30; }

/// A picture's pixels by columns, as run lengths go: 0 nothing, 1 void, 2 + i truth i.
struct CityscapesCodes {
    std::vector<std::uint32_t> codes;
    std::vector<CityscapesPicture::Truth> truths;

    explicit CityscapesCodes(const SegmentMap& map) : codes(map.ids.size()) {
        std::map<std::uint32_t, std::uint32_t> known;  // code of an id
        std::uint32_t last = 0, code = code_of(0, known);
        for (std::int64_t y = 0; y < map.height; ++y) {
            for (std::int64_t x = 0; x < map.width; ++x) {
                const std::uint32_t id = map.at(y, x);
                if (id != last) last = id, code = code_of(id, known);
                codes[std::size_t(x * map.height + y)] = code;
                if (code >= 2) ++truths[code - 2].pixels;
            }
        }
    }

private:
    std::uint32_t code_of(std::uint32_t id, std::map<std::uint32_t, std::uint32_t>& known) {
        const auto [place, fresh] = known.emplace(id, cityscapes_void(id) ? 1 : 0);
        const bool group = id < 1000;
        const std::int64_t label = group ? id : id / 1000;
        if (fresh && cityscapes_place(label) >= 0) {
            truths.push_back({label, 0, group});
            place->second = std::uint32_t(truths.size()) + 1;
        }
        return place->second;
    }
};

/// Right and wrong masks of one class at one threshold.
class CityscapesCurve {
public:
    void add(const CityscapesPicture& picture, std::int64_t label, double threshold) {
        best_.assign(picture.truths.size(), 0);
        seen_.assign(picture.truths.size(), 0);
        for (const CityscapesPicture::Found& found : picture.found) {
            if (found.label != label) continue;
            any_found_ = true;
            bool finds = false;
            std::int64_t ignored = found.on_void;
            for (const CityscapesPicture::Overlap& overlap : found.overlaps) {
                const CityscapesPicture::Truth& truth = picture.truths[overlap.truth];
                const bool small = truth.pixels < cityscapes_least_pixels;
                ignored += (truth.group ? overlap.pixels : 0) + (small ? overlap.pixels : 0);
                if (!(double(overlap.pixels) / double(truth.pixels + found.pixels - overlap.pixels) > threshold)) continue;
                finds = true;
                if (!truth.group && !small) take(overlap.truth, found.confidence);
            }
            if (!finds && double(ignored) / double(found.pixels) <= threshold) outcomes_.push_back({found.confidence, false});
        }
        for (std::size_t g = 0; g < picture.truths.size(); ++g) {
            const CityscapesPicture::Truth& truth = picture.truths[g];
            if (truth.label != label || truth.group || truth.pixels < cityscapes_least_pixels) continue;
            ++to_find_;
            if (seen_[g] != 0) outcomes_.push_back({best_[g], true});
        }
    }

    /// -1 when there is nothing to find.
    double average_precision() {
        if (to_find_ == 0) return -1;
        if (!any_found_ || outcomes_.empty()) return 0;
        std::sort(outcomes_.begin(), outcomes_.end());
        const std::int64_t right = std::count_if(outcomes_.begin(), outcomes_.end(), [](const auto& outcome) { return outcome.second; });
        std::vector<double> precision, recall;  // from the least confidence on
        std::int64_t right_below = 0;
        for (std::size_t i = 0; i < outcomes_.size(); ++i) {
            if (i == 0 || outcomes_[i].first != outcomes_[i - 1].first) {
                precision.push_back(double(right - right_below) / double(outcomes_.size() - i));
                recall.push_back(double(right - right_below) / double(to_find_));
            }
            right_below += outcomes_[i].second;
        }
        precision.push_back(1);
        recall.push_back(0);
        double sum = 0;
        for (std::size_t i = 0; i < recall.size(); ++i) {  // a point stands for half the way to each of its neighbours
            const double before = recall[i == 0 ? 0 : i - 1], after = i + 1 < recall.size() ? recall[i + 1] : 0;
            sum += precision[i] * (before - after) / 2;
        }
        return sum;
    }

    std::int64_t to_find() const noexcept { return to_find_; }

private:
    /// Of several masks on one object the less confident are wrong.
    void take(std::size_t truth, double confidence) {
        if (std::exchange(seen_[truth], 1) == 0) {
            best_[truth] = confidence;
            return;
        }
        outcomes_.push_back({std::min(best_[truth], confidence), false});
        best_[truth] = std::max(best_[truth], confidence);
    }

    std::vector<std::pair<double, bool>> outcomes_;  // confidence, right
    std::vector<double> best_;
    std::vector<std::uint8_t> seen_;
    std::int64_t to_find_ = 0;
    bool any_found_ = false;
};

inline void check_cityscapes_picture(const CityscapesPicture& picture, std::size_t number) {
    bool sound = true;
    for (const CityscapesPicture::Truth& truth : picture.truths) sound = sound && truth.pixels > 0;
    for (const CityscapesPicture::Found& found : picture.found) {
        sound = sound && found.pixels > 0 && found.on_void >= 0 && found.on_void <= found.pixels && std::isfinite(found.confidence);
        for (const CityscapesPicture::Overlap& overlap : found.overlaps) {
            sound = sound && overlap.truth < picture.truths.size() && picture.truths[overlap.truth].label == found.label && overlap.pixels > 0 && overlap.pixels <= found.pixels &&
                    overlap.pixels <= picture.truths[overlap.truth].pixels;
        }
    }
    if (!sound) throw ArgumentError("sum_cityscapes: pictures[" + std::to_string(number) + "] contradicts itself");
}

}  // namespace evaluate_detail

REGULUS_INLINE std::span<const CityscapesClass> cityscapes_classes() { return evaluate_detail::cityscapes_judged; }

REGULUS_INLINE std::vector<CocoAnnotation> cityscapes_annotations(const SegmentMap& truth) {
    check_segment_map(truth, "cityscapes_annotations");
    data_detail::check_mask_size("cityscapes_annotations", truth.height, truth.width);
    const evaluate_detail::CityscapesCodes codes(truth);
    struct Mask {
        data_detail::RunWriter runs;
        std::int64_t end = 0;  // of what is written
    };
    std::vector<Mask> masks(codes.truths.size());
    const std::int64_t pixels = std::int64_t(codes.codes.size());
    for (std::int64_t begin = 0, end = 0; begin < pixels; begin = end) {
        const std::uint32_t code = codes.codes[std::size_t(begin)];
        for (end = begin + 1; end < pixels && codes.codes[std::size_t(end)] == code;) ++end;
        if (code < 2) continue;
        Mask& mask = masks[code - 2];
        mask.runs.add(false, begin - mask.end);
        mask.runs.add(true, end - begin);
        mask.end = end;
    }
    std::vector<CocoAnnotation> annotations;
    for (std::size_t i = 0; i < masks.size(); ++i) {
        masks[i].runs.add(false, pixels - masks[i].end);
        CocoAnnotation annotation;
        annotation.category_id = codes.truths[i].label;
        annotation.rle = Rle{truth.height, truth.width, masks[i].runs.finish()};
        annotation.bbox = rle_box(*annotation.rle);
        annotation.area = double(codes.truths[i].pixels);
        annotation.iscrowd = codes.truths[i].group;
        annotations.push_back(std::move(annotation));
    }
    return annotations;
}

REGULUS_INLINE CityscapesPicture judge_cityscapes_picture(const SegmentMap& truth, std::span<const CityscapesInstance> found, const std::string& name) {
    using namespace evaluate_detail;
    check_segment_map(truth, "judge_cityscapes_picture: " + name);
    CityscapesCodes codes(truth);
    CityscapesPicture picture{std::move(codes.truths), {}};
    std::vector<std::int64_t> counts;
    for (const CityscapesInstance& instance : found) {
        const std::string who = "judge_cityscapes_picture: an instance on " + name;
        if (cityscapes_place(instance.label) < 0) continue;
        if (!std::isfinite(instance.confidence)) throw ArgumentError(who + " has a confidence that is not finite");
        check_rle(instance.mask);
        if (instance.mask.height != truth.height || instance.mask.width != truth.width) {
            throw ShapeError(who + " has a mask of " + std::to_string(instance.mask.height) + " x " + std::to_string(instance.mask.width) + " pixels, the picture has " +
                             std::to_string(truth.height) + " x " + std::to_string(truth.width) + " (height x width)");
        }
        counts.assign(picture.truths.size() + 2, 0);
        CityscapesPicture::Found result{instance.label, instance.confidence, 0, 0, {}};
        std::size_t at = 0;
        for (std::size_t run = 0; run < instance.mask.counts.size(); ++run) {
            const std::size_t end = at + instance.mask.counts[run];
            if (run % 2 == 1) {
                result.pixels += std::int64_t(end - at);
                for (std::size_t i = at; i < end; ++i) ++counts[codes.codes[i]];
            }
            at = end;
        }
        if (result.pixels == 0) continue;
        result.on_void = counts[1];
        for (std::size_t g = 0; g < picture.truths.size(); ++g) {
            if (picture.truths[g].label == instance.label && counts[g + 2] > 0) result.overlaps.push_back({g, counts[g + 2]});
        }
        picture.found.push_back(std::move(result));
    }
    return picture;
}

REGULUS_INLINE CityscapesEvaluation sum_cityscapes(std::span<const CityscapesPicture> pictures) {
    using namespace evaluate_detail;
    CityscapesEvaluation evaluation;
    evaluation.images = std::int64_t(pictures.size());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        check_cityscapes_picture(pictures[i], i);
        evaluation.detections += std::int64_t(pictures[i].found.size());
    }
    // What numpy.arange(0.5, 1, 0.05) holds: sums of a step that is a little more than 0.05.
    for (int i = 0; i < 10; ++i) evaluation.thresholds.push_back(0.5 + i * (0.55 - 0.5));
    Mean all, half;
    for (const CityscapesClass& each : cityscapes_judged) {
        for (const double threshold : evaluation.thresholds) {
            CityscapesCurve curve;
            for (const CityscapesPicture& picture : pictures) curve.add(picture, each.id, threshold);
            evaluation.ap.push_back(curve.average_precision());
            all.add(evaluation.ap.back());
            if (threshold != evaluation.thresholds.front()) continue;
            half.add(evaluation.ap.back());
            evaluation.truths.push_back(curve.to_find());
        }
    }
    evaluation.numbers = {{"AP", all.value(), "IoU 0.50:0.95"}, {"AP50", half.value(), "IoU 0.50"}};
    return evaluation;
}

REGULUS_INLINE double CityscapesEvaluation::class_ap(std::size_t class_index) const {
    evaluate_detail::Mean mean;
    for (std::size_t t = 0; t < thresholds.size(); ++t) mean.add(ap_at(class_index, t));
    return mean.value();
}

REGULUS_INLINE double CityscapesEvaluation::number(std::string_view name) const { return evaluate_detail::number_named(numbers, name, "CityscapesEvaluation"); }

REGULUS_INLINE std::string cityscapes_table(const CityscapesEvaluation& evaluation) {
    std::int64_t truths = 0;
    for (const std::int64_t count : evaluation.truths) truths += count;
    return "instances: " + std::to_string(evaluation.images) + " pictures, " + std::to_string(truths) + " objects, " + std::to_string(evaluation.detections) + " detections\n" +
           evaluate_detail::number_table(evaluation.numbers);
}

REGULUS_INLINE std::string cityscapes_class_table(const CityscapesEvaluation& evaluation) {
    evaluate_detail::TextTable table({"class", "objects", "AP", "AP50"});
    for (std::size_t k = 0; k < evaluation.truths.size(); ++k) {
        table.add({evaluate_detail::cityscapes_judged[k].name, std::to_string(evaluation.truths[k]), evaluate_detail::percent(evaluation.class_ap(k)),
                   evaluate_detail::percent(evaluation.ap_at(k, 0))});
    }
    return table.text();
}

}  // namespace regulus
