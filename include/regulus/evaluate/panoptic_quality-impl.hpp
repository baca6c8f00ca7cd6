#pragma once
#include <regulus/evaluate/panoptic_quality.hpp>

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>

#include <regulus/data/image_file.hpp>
#include <regulus/evaluate/coco_index.hpp>
#include <regulus/evaluate/parallel.hpp>
#include <regulus/evaluate/text_table.hpp>

namespace regulus {
namespace evaluate_detail {

/// How many pixels each pair of ids, true and predicted, has.
class SegmentOverlaps {
public:
    struct Pair {
        std::uint32_t truth = 0, predicted = 0;
        std::int64_t pixels = 0;

        friend bool operator<(const Pair& a, const Pair& b) { return a.truth != b.truth ? a.truth < b.truth : a.predicted < b.predicted; }
    };

    SegmentOverlaps(const SegmentMap& truth, const SegmentMap& predicted) {
        std::size_t full = std::size_t{1} << 16;  // as many pairs are sorted and added up; memory follows the pairs that differ
        for (std::size_t i = 0; i < truth.ids.size(); ++i) {
            if (pairs_.empty() || pairs_.back().truth != truth.ids[i] || pairs_.back().predicted != predicted.ids[i]) {
                if (pairs_.size() == full) {
                    add_up();
                    full = std::max(full, 2 * pairs_.size());
                }
                pairs_.push_back({truth.ids[i], predicted.ids[i], 0});
            }
            ++pairs_.back().pixels;
        }
        add_up();
    }

    std::int64_t of(std::uint32_t truth, std::uint32_t predicted) const {
        const Pair wanted{truth, predicted, 0};
        const auto found = std::lower_bound(pairs_.begin(), pairs_.end(), wanted);
        return found == pairs_.end() || wanted < *found ? 0 : found->pixels;
    }

    /// By true id, then by predicted id.
    const std::vector<Pair>& pairs() const noexcept { return pairs_; }

private:
    void add_up() {
        std::sort(pairs_.begin(), pairs_.end());
        std::size_t kept = 0;
        for (const Pair& pair : pairs_) {
            if (kept > 0 && !(pairs_[kept - 1] < pair)) pairs_[kept - 1].pixels += pair.pixels;
            else pairs_[kept++] = pair;
        }
        pairs_.resize(kept);
    }

    std::vector<Pair> pairs_;
};

/// What is known of one listed segment.
struct JudgedSegment {
    std::size_t category = 0;  // position
    std::int64_t area = 0;
    bool crowd = false;
    bool paired = false;
};

inline std::map<std::uint32_t, JudgedSegment> judged_segments(std::span<const PanopticSegmentInfo> segments, const IdIndex& categories, const std::string& who) {
    std::map<std::uint32_t, JudgedSegment> judged;
    for (const PanopticSegmentInfo& segment : segments) {
        const auto category = categories.find(segment.category_id);
        if (segment.id < 1 || segment.id > std::int64_t{SegmentMap::max_id}) throw ArgumentError(who + ": segment id " + std::to_string(segment.id) + " is not 1 .. 2^24 - 1");
        if (!category) throw ArgumentError(who + ": segment " + std::to_string(segment.id) + " has category " + std::to_string(segment.category_id) + ", which the data set does not list");
        if (!judged.emplace(std::uint32_t(segment.id), JudgedSegment{*category, segment.area, segment.iscrowd, false}).second)
            throw ArgumentError(who + ": segment " + std::to_string(segment.id) + " is listed twice");
    }
    return judged;
}

/// Of a data set's categories, by position.
inline std::vector<std::pair<std::size_t, PanopticCounts>> judge_picture(const SegmentMap& truth, std::span<const PanopticSegmentInfo> true_segments, const SegmentMap& predicted,
                                                                         std::span<const PanopticSegmentInfo> predicted_segments, const IdIndex& categories, const std::string& who) {
    check_segment_map(truth, who + ": truth");
    check_segment_map(predicted, who + ": prediction");
    if (truth.size() != predicted.size()) {
        throw ShapeError(who + ": the prediction is of " + std::to_string(predicted.height) + " x " + std::to_string(predicted.width) + " pixels, the truth of " +
                         std::to_string(truth.height) + " x " + std::to_string(truth.width));
    }
    auto truths = judged_segments(true_segments, categories, who + ": truth");
    for (const auto& [id, segment] : truths) {
        if (segment.area < 1) throw ArgumentError(who + ": truth: segment " + std::to_string(id) + " has an area of " + std::to_string(segment.area));
    }
    auto predictions = judged_segments(predicted_segments, categories, who + ": prediction");
    for (auto& [id, segment] : predictions) segment.area = 0;
    const SegmentOverlaps overlaps(truth, predicted);
    const auto& pairs = overlaps.pairs();
    for (const auto& pair : pairs) {
        if (pair.predicted == 0) continue;
        const auto found = predictions.find(pair.predicted);
        if (found == predictions.end()) throw ArgumentError(who + ": prediction: pixels have the id " + std::to_string(pair.predicted) + ", which is no listed segment");
        found->second.area += pair.pixels;
    }
    for (const auto& [id, segment] : predictions) {
        if (segment.area == 0) throw ArgumentError(who + ": prediction: segment " + std::to_string(id) + " is listed and has no pixels");
    }

    std::map<std::size_t, PanopticCounts> counts;
    for (const auto& pair : pairs) {
        const auto real = truths.find(pair.truth);
        const auto guess = predictions.find(pair.predicted);
        if (real == truths.end() || guess == predictions.end() || real->second.crowd || real->second.category != guess->second.category) continue;
        const std::int64_t together = guess->second.area + real->second.area - pair.pixels - overlaps.of(0, pair.predicted);
        const double overlap = double(pair.pixels) / double(together);
        if (!(overlap > 0.5)) continue;
        PanopticCounts& count = counts[real->second.category];
        ++count.found;
        count.overlap += overlap;
        real->second.paired = guess->second.paired = true;
    }
    std::map<std::size_t, std::uint32_t> crowds;  // of each category the last one listed
    for (const PanopticSegmentInfo& segment : true_segments) {
        const JudgedSegment& real = truths.at(std::uint32_t(segment.id));
        if (real.paired) continue;
        if (real.crowd) crowds[real.category] = std::uint32_t(segment.id);
        else ++counts[real.category].missed;
    }
    for (const auto& [id, guess] : predictions) {
        if (guess.paired) continue;
        std::int64_t excused = overlaps.of(0, id);
        if (const auto crowd = crowds.find(guess.category); crowd != crowds.end()) excused += overlaps.of(crowd->second, id);
        if (!(double(excused) / double(guess.area) > 0.5)) ++counts[guess.category].wrong;
    }
    return {counts.begin(), counts.end()};
}

inline PanopticMeans panoptic_means(const PanopticEvaluation& evaluation, bool with_things, bool with_stuff) {
    PanopticMeans means;
    for (std::size_t k = 0; k < evaluation.categories.size(); ++k) {
        const PanopticCounts& count = evaluation.counts[k];
        if (!(evaluation.categories[k].isthing ? with_things : with_stuff) || !count.any()) continue;
        ++means.categories;
        means.pq += count.pq();
        means.sq += count.sq();
        means.rq += count.rq();
    }
    const double divisor = means.categories > 0 ? double(means.categories) : std::numeric_limits<double>::quiet_NaN();
    return {means.pq / divisor, means.sq / divisor, means.rq / divisor, means.categories};
}

}  // namespace evaluate_detail

REGULUS_INLINE std::vector<std::pair<std::size_t, PanopticCounts>> judge_panoptic_picture(const SegmentMap& truth, std::span<const PanopticSegmentInfo> true_segments,
                                                                                          const SegmentMap& predicted, std::span<const PanopticSegmentInfo> predicted_segments,
                                                                                          std::span<const PanopticCategory> categories, const std::string& who) {
    return evaluate_detail::judge_picture(truth, true_segments, predicted, predicted_segments, evaluate_detail::IdIndex(categories), who);
}

REGULUS_INLINE PanopticEvaluation sum_panoptic(std::span<const PanopticCategory> categories, std::span<const std::vector<std::pair<std::size_t, PanopticCounts>>> pictures) {
    PanopticEvaluation evaluation;
    evaluation.images = std::int64_t(pictures.size());
    evaluation.categories.assign(categories.begin(), categories.end());
    evaluation.counts.resize(categories.size());
    for (const auto& picture : pictures) {
        for (const auto& [category, counts] : picture) {
            if (category >= categories.size()) throw ArgumentError("sum_panoptic: category " + std::to_string(category) + " of " + std::to_string(categories.size()));
            PanopticCounts& sum = evaluation.counts[category];
            sum.found += counts.found;
            sum.wrong += counts.wrong;
            sum.missed += counts.missed;
            sum.overlap += counts.overlap;
        }
    }
    evaluation.all = evaluate_detail::panoptic_means(evaluation, true, true);
    evaluation.things = evaluate_detail::panoptic_means(evaluation, true, false);
    evaluation.stuff = evaluate_detail::panoptic_means(evaluation, false, true);
    return evaluation;
}

REGULUS_INLINE SegmentReader segment_files(std::string folder) {
    return [folder = std::move(folder)](const PanopticAnnotation& annotation, const CocoImage& image) {
        const std::string path = folder + "/" + annotation.file_name;
        PictureLimits limits;
        if (image.height <= limits.max_pixels / image.width) limits.max_pixels = image.height * image.width;
        const Image colours = read_image(path, limits, ExifOrientation::ignored);
        if (colours.height != image.height || colours.width != image.width) {
            throw FileError("panoptic quality: " + path + " is of " + std::to_string(colours.height) + " x " + std::to_string(colours.width) + " pixels, picture " +
                            std::to_string(image.id) + " has " + std::to_string(image.height) + " x " + std::to_string(image.width));
        }
        return segments_from_colours(colours);
    };
}

REGULUS_INLINE PanopticEvaluation evaluate_panoptic(const PanopticDataset& dataset, const SegmentReader& truths, std::span<const PanopticAnnotation> results, const SegmentReader& predictions,
                                                    int threads) {
    const std::string problem = coco_panoptic_problem(dataset);
    if (!problem.empty()) throw ArgumentError("evaluate_panoptic: the data set: " + problem);
    if (threads < 0) throw ArgumentError("evaluate_panoptic: threads must be 0 or more, got " + std::to_string(threads));
    std::unordered_map<std::int64_t, const PanopticAnnotation*> result_of;
    for (const PanopticAnnotation& result : results) {
        if (!result_of.emplace(result.image_id, &result).second) throw ArgumentError("evaluate_panoptic: picture " + std::to_string(result.image_id) + " has two results");
    }
    for (const PanopticAnnotation& annotation : dataset.annotations) {
        if (result_of.count(annotation.image_id) == 0) throw ArgumentError("evaluate_panoptic: there is no result for picture " + std::to_string(annotation.image_id));
    }
    const evaluate_detail::IdIndex images(dataset.images), categories(dataset.categories);
    std::vector<std::vector<std::pair<std::size_t, PanopticCounts>>> pictures(dataset.annotations.size());
    const auto judge = [&](std::int64_t i, int) {
        const PanopticAnnotation& annotation = dataset.annotations[std::size_t(i)];
        const PanopticAnnotation& result = *result_of.at(annotation.image_id);
        const CocoImage& image = dataset.images[*images.find(annotation.image_id)];
        pictures[std::size_t(i)] = evaluate_detail::judge_picture(truths(annotation, image), annotation.segments, predictions(result, image), result.segments, categories,
                                                                  "picture " + std::to_string(image.id));
    };
    evaluate_detail::for_each_in_parallel(std::int64_t(pictures.size()), evaluate_detail::threads_or_all(threads), judge, 1);

    return sum_panoptic(dataset.categories, pictures);
}

REGULUS_INLINE std::string panoptic_table(const PanopticEvaluation& evaluation) {
    evaluate_detail::TextTable table({"", "PQ", "SQ", "RQ", "categories"});
    const auto row = [&](const char* name, const PanopticMeans& means) {
        const auto percent = [](double value) { return evaluate_detail::digits(100 * value, "%.2f"); };
        table.add({name, percent(means.pq), percent(means.sq), percent(means.rq), std::to_string(means.categories)});
    };
    row("all", evaluation.all);
    row("things", evaluation.things);
    row("stuff", evaluation.stuff);
    return "panoptic quality: " + std::to_string(evaluation.images) + (evaluation.images == 1 ? " picture\n" : " pictures\n") + table.text();
}

REGULUS_INLINE std::string panoptic_category_table(const PanopticEvaluation& evaluation) {
    evaluate_detail::TextTable table({"category", "kind", "PQ", "SQ", "RQ", "found", "wrong", "missed"});
    for (std::size_t k = 0; k < evaluation.categories.size(); ++k) {
        const PanopticCounts& counts = evaluation.counts[k];
        const auto percent = [&](double value) { return counts.any() ? evaluate_detail::digits(100 * value, "%.2f") : std::string("-"); };
        table.add({evaluate_detail::printable(evaluation.categories[k].name), evaluation.categories[k].isthing ? "thing" : "stuff", percent(counts.pq()), percent(counts.sq()), percent(counts.rq()),
                   std::to_string(counts.found), std::to_string(counts.wrong), std::to_string(counts.missed)});
    }
    return table.text();
}

}  // namespace regulus
