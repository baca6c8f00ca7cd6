#pragma once
#include <regulus/evaluate/proposal_recall.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include <regulus/evaluate/coco_accumulation-impl.hpp>
#include <regulus/evaluate/coco_table-impl.hpp>

namespace regulus {
namespace evaluate_detail {

using Corners = std::array<float, 4>;  // x1, y1, x2, y2

inline float corner_overlap(const Corners& a, const Corners& b) {
    const float width = std::max(std::min(a[2], b[2]) - std::max(a[0], b[0]), 0.0f), height = std::max(std::min(a[3], b[3]) - std::max(a[1], b[1]), 0.0f);
    const float common = width * height;
    if (!(common > 0)) return 0;
    const float area_a = (a[2] - a[0]) * (a[3] - a[1]), area_b = (b[2] - b[0]) * (b[3] - b[1]);
    const float overlap = common / (area_a + area_b - common);
    return overlap >= 0 ? overlap : 0;  // areas beyond a float's range give NaN
}

struct ProposalTruth {
    Corners box = {};
    float area = 0;
};

/// Gives each object the box that finds it.
class ProposalAssigner {
public:
    /// Appends the overlap of each object that got a box.
    void assign(std::span<const Corners> boxes, const std::vector<Corners>& truths, std::vector<float>& overlaps) {
        taken_.assign(boxes.size(), 0);
        best_.clear();
        for (const Corners& truth : truths) best_.push_back(best_of(boxes, truth));
        for (std::size_t round = 0; round < std::min(boxes.size(), truths.size()); ++round) {
            std::size_t chosen = truths.size();
            for (std::size_t g = 0; g < truths.size(); ++g) {
                if (best_[g].overlap >= 0 && (chosen == truths.size() || best_[g].overlap > best_[chosen].overlap)) chosen = g;
            }
            const Best found = best_[chosen];
            overlaps.push_back(found.overlap);
            taken_[found.box] = 1;
            best_[chosen].overlap = -1;
            if (round + 1 == boxes.size()) break;  // nothing is left to look for
            for (std::size_t g = 0; g < truths.size(); ++g) {
                if (best_[g].overlap >= 0 && best_[g].box == found.box) best_[g] = best_of(boxes, truths[g]);
            }
        }
    }

private:
    struct Best {
        float overlap = -1;  // -1: the object has its box
        std::size_t box = 0;
    };

    Best best_of(std::span<const Corners> boxes, const Corners& truth) const {
        Best best;
        for (std::size_t i = 0; i < boxes.size(); ++i) {
            if (taken_[i] != 0) continue;
            const float overlap = corner_overlap(boxes[i], truth);
            if (overlap > best.overlap) best = {overlap, i};
        }
        return best;
    }

    std::vector<std::uint8_t> taken_;
    std::vector<Best> best_;
};

inline ProposalSettings complete(ProposalSettings settings) {
    const auto refuse = [](const std::string& what) { throw ArgumentError("evaluate_proposals: " + what); };
    if (settings.areas.empty()) settings.areas = {{"all", 0, 1e10}, {"small", 0, 1024}, {"medium", 1024, 9216}, {"large", 9216, 1e10}};
    for (const CocoAreaRange& area : settings.areas) {
        if (!(area.low <= area.high)) refuse("the area range \"" + area.name + "\" must have low <= high");
    }
    if (settings.limits.empty()) refuse("limits must name at least one number of boxes");
    std::sort(settings.limits.begin(), settings.limits.end());
    if (settings.limits.front() < 1) refuse("limits must be 1 or more, got " + std::to_string(settings.limits.front()));
    if (settings.threads < 0) refuse("threads must be 0 or more, got " + std::to_string(settings.threads));
    return settings;
}

/// The objects of each picture of the data set.
inline std::vector<std::vector<ProposalTruth>> truths_of_pictures(const CocoDataset& dataset, const IdIndex& images) {
    std::vector<std::vector<ProposalTruth>> truths(dataset.images.size());
    for (const CocoAnnotation& annotation : dataset.annotations) {
        if (annotation.iscrowd) continue;
        const float x = float(annotation.bbox[0]), y = float(annotation.bbox[1]);
        truths[*images.find(annotation.image_id)].push_back({{x, y, x + float(annotation.bbox[2]), y + float(annotation.bbox[3])}, float(annotation.area)});
    }
    return truths;
}

inline void check_proposals(const CocoDataset& dataset, std::span<const PictureProposals> proposals) {
    const std::string problem = coco_dataset_problem(dataset);
    if (!problem.empty()) throw ArgumentError("evaluate_proposals: " + problem);
    const IdIndex images(dataset.images);
    std::vector<std::uint8_t> seen(dataset.images.size());
    for (const PictureProposals& list : proposals) {
        const std::string who = "evaluate_proposals: picture " + std::to_string(list.image_id);
        const auto place = images.find(list.image_id);
        if (!place) throw ArgumentError(who + " is not in the annotations: these are proposals for another data set");
        if (std::exchange(seen[*place], 1) != 0) throw ArgumentError(who + " has two lists of proposals");
        for (std::size_t i = 0; i < list.boxes.size(); ++i) {
            for (const float corner : list.boxes[i]) {
                if (!std::isfinite(corner)) throw ArgumentError(who + ": box " + std::to_string(i) + " is not finite");
            }
        }
    }
}

inline void name_numbers(ProposalEvaluation& evaluation) {
    for (std::size_t l = 0; l < evaluation.limits.size(); ++l) {
        for (std::size_t a = 0; a < evaluation.areas.size(); ++a) {
            Mean mean;
            for (std::size_t t = 0; t < evaluation.thresholds.size(); ++t) mean.add(evaluation.recall_at(l, a, t));
            const std::string limit = std::to_string(evaluation.limits[l]), &area = evaluation.areas[a].name;
            evaluation.numbers.push_back({"AR" + (area == "all" ? "" : area.substr(0, 1)) + "@" + limit, mean.value(),
                                          "IoU 0.50:0.95, area " + area + ", at most " + limit + " boxes"});
        }
    }
}

}  // namespace evaluate_detail

REGULUS_INLINE ProposalEvaluation evaluate_proposals(const CocoDataset& dataset, std::span<const PictureProposals> proposals, const ProposalSettings& given) {
    using namespace evaluate_detail;
    const ProposalSettings settings = complete(given);
    check_proposals(dataset, proposals);
    const IdIndex images(dataset.images);
    const auto truths = truths_of_pictures(dataset, images);
    ProposalEvaluation evaluation;
    evaluation.limits = settings.limits;
    evaluation.areas = settings.areas;
    for (int i = 0; i < 10; ++i) evaluation.thresholds.push_back(double(float(0.5 + 0.05 * i)));

    const std::size_t cells = settings.limits.size() * settings.areas.size();
    std::vector<std::vector<std::vector<float>>> overlaps(proposals.size());  // [picture][cell]
    std::vector<std::int64_t> to_find(settings.areas.size());
    const auto inside = [](const ProposalTruth& truth, const CocoAreaRange& range) { return double(truth.area) >= range.low && double(truth.area) <= range.high; };
    for (const PictureProposals& list : proposals) {
        const auto& objects = truths[*images.find(list.image_id)];
        if (objects.empty() || list.boxes.empty()) continue;
        ++evaluation.images;
        evaluation.truths += std::int64_t(objects.size());
        evaluation.proposals += std::int64_t(std::min(list.boxes.size(), std::size_t(settings.limits.back())));
        for (std::size_t a = 0; a < settings.areas.size(); ++a)
            to_find[a] += std::count_if(objects.begin(), objects.end(), [&](const ProposalTruth& truth) { return inside(truth, settings.areas[a]); });
    }
    for_each_in_parallel(std::int64_t(proposals.size()), threads_or_all(settings.threads), [&](std::int64_t picture, int) {
        const PictureProposals& list = proposals[std::size_t(picture)];
        ProposalAssigner assigner;
        std::vector<Corners> objects;
        auto& found = overlaps[std::size_t(picture)];
        found.resize(cells);
        for (std::size_t a = 0; a < settings.areas.size(); ++a) {
            objects.clear();
            for (const ProposalTruth& truth : truths[*images.find(list.image_id)]) {
                if (inside(truth, settings.areas[a])) objects.push_back(truth.box);
            }
            for (std::size_t l = 0; l < settings.limits.size(); ++l) {
                const std::span<const Corners> boxes(list.boxes.data(), std::min(list.boxes.size(), std::size_t(settings.limits[l])));
                assigner.assign(boxes, objects, found[l * settings.areas.size() + a]);
            }
        }
    });
    for (std::size_t cell = 0; cell < cells; ++cell) {
        const std::int64_t total = to_find[cell % settings.areas.size()];
        for (const double threshold : evaluation.thresholds) {
            std::int64_t count = 0;
            for (const auto& picture : overlaps) {
                for (const float overlap : picture[cell]) count += double(overlap) >= threshold;
            }
            evaluation.recalls.push_back(total == 0 ? -1 : double(count) / double(total));
        }
    }
    name_numbers(evaluation);
    return evaluation;
}

REGULUS_INLINE std::vector<PictureProposals> proposals_of_results(std::span<const CocoDetection> results) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < results.size(); ++i) {
        const std::string who = "proposals_of_results: results[" + std::to_string(i) + "] ";
        if (!results[i].bbox) throw ArgumentError(who + "has no bbox");
        if (!std::isfinite(results[i].score)) throw ArgumentError(who + "has a score that is not finite");
        order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return std::pair(results[a].image_id, -results[a].score) < std::pair(results[b].image_id, -results[b].score);
    });
    std::vector<PictureProposals> lists;
    for (const std::size_t i : order) {
        const CocoDetection& result = results[i];
        if (lists.empty() || lists.back().image_id != result.image_id) lists.push_back({result.image_id, {}});
        const std::array<double, 4>& box = *result.bbox;
        lists.back().boxes.push_back({float(box[0]), float(box[1]), float(box[0] + box[2]), float(box[1] + box[3])});
    }
    return lists;
}

REGULUS_INLINE double ProposalEvaluation::number(std::string_view name) const { return evaluate_detail::number_named(numbers, name, "ProposalEvaluation"); }

REGULUS_INLINE std::string proposal_table(const ProposalEvaluation& evaluation) {
    return "proposals: " + std::to_string(evaluation.images) + " pictures, " + std::to_string(evaluation.truths) + " objects, " +
           std::to_string(evaluation.proposals) + " boxes\n" + evaluate_detail::number_table(evaluation.numbers);
}

}  // namespace regulus
