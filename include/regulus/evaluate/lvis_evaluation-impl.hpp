#pragma once
#include <regulus/evaluate/lvis_evaluation.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

#include <regulus/evaluate/coco_accumulation-impl.hpp>

namespace regulus {
namespace evaluate_detail {

/// Numbers of the results of each picture in the order of the results; results of unknown pictures or without a finite score are left to evaluate_coco, which
/// refuses them.
inline std::vector<std::vector<std::size_t>> results_of_pictures(const CocoDataset& dataset, std::span<const CocoDetection> results) {
    const IdIndex images(dataset.images);
    std::vector<std::vector<std::size_t>> lists(dataset.images.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
        const auto place = images.find(results[i].image_id);
        if (place && std::isfinite(results[i].score)) lists[*place].push_back(i);
    }
    return lists;
}

/// Which objects and results LVIS leaves out.
inline CocoDeviations lvis_deviations(const LvisDataset& dataset, std::span<const CocoDetection> results, CocoKind kind, const LvisSettings& settings) {
    CocoDeviations deviations;
    deviations.crowds = false;
    deviations.unmatched_ignored = [&dataset](std::size_t picture, std::int64_t category) {
        const std::vector<std::int64_t>& list = dataset.pictures[picture].not_exhaustive;
        return std::binary_search(list.begin(), list.end(), category);
    };
    const IdIndex images(dataset.coco.images);
    std::vector<std::vector<std::int64_t>> judged(dataset.pictures.size());  // categories of each picture
    for (std::size_t i = 0; i < judged.size(); ++i) judged[i] = dataset.pictures[i].absent;
    for (const CocoAnnotation& annotation : dataset.coco.annotations) {
        deviations.truths_left_out.push_back(!(annotation.area > 0));
        if (annotation.area > 0) judged[*images.find(annotation.image_id)].push_back(annotation.category_id);
    }
    deviations.results_left_out.resize(results.size());
    auto lists = results_of_pictures(dataset.coco, results);
    const auto left_out = [&](std::size_t result, const std::vector<std::int64_t>& categories) {
        const CocoDetection& detection = results[result];
        if (!std::binary_search(categories.begin(), categories.end(), detection.category_id)) return true;
        const bool sized = detection.bbox || detection.segmentation;  // evaluate_coco refuses the others
        return sized && !(area_of(detection, kind, settings.mask_area) > 0);
    };
    for_each_in_parallel(std::int64_t(lists.size()), threads_or_all(settings.threads), [&](std::int64_t picture, int) {
        std::vector<std::size_t>& list = lists[std::size_t(picture)];
        sort_and_unite(judged[std::size_t(picture)]);
        const std::size_t most = std::min(list.size(), std::size_t(settings.max_dets));
        if (most < list.size())
            std::stable_sort(list.begin(), list.end(), [&](std::size_t a, std::size_t b) { return results[a].score > results[b].score; });
        for (std::size_t i = 0; i < list.size(); ++i) deviations.results_left_out[list[i]] = i >= most || left_out(list[i], judged[std::size_t(picture)]);
    });
    return deviations;
}

/// AP over the categories of one frequency.
inline CocoNumber lvis_frequency_number(const LvisDataset& dataset, const CocoEvaluation& evaluation, LvisFrequency frequency) {
    const IdIndex categories(dataset.coco.categories);
    const CurveLayout layout(evaluation);
    Mean mean;
    visit_slice(evaluation, CocoSlice{}, [&](std::size_t t, std::size_t k, std::size_t a, std::size_t m) {
        if (dataset.frequencies[*categories.find(evaluation.category_ids[k])] != frequency) return;
        for (std::size_t r = 0; r < layout.recalls; ++r) mean.add(evaluation.precision[layout.curve(t, r, k, a, m)]);
    });
    const char* const names[] = {"APr", "APc", "APf"};
    const char* const words[] = {"rare categories", "common categories", "frequent categories"};
    return {names[std::size_t(frequency)], mean.value(), evaluation.numbers.front().description + ", " + words[std::size_t(frequency)]};
}

}  // namespace evaluate_detail

REGULUS_INLINE CocoEvaluation evaluate_lvis(const LvisDataset& dataset, std::span<const CocoDetection> results, CocoKind kind, const LvisSettings& settings) {
    using namespace evaluate_detail;
    if (kind == CocoKind::keypoints) throw ArgumentError("evaluate_lvis: LVIS has no keypoints; judge boxes or masks");
    if (settings.max_dets < 1) throw ArgumentError("evaluate_lvis: max_dets must be 1 or more, got " + std::to_string(settings.max_dets));
    if (settings.threads < 0) throw ArgumentError("evaluate_lvis: threads must be 0 or more, got " + std::to_string(settings.threads));
    if (dataset.pictures.size() != dataset.coco.images.size() || dataset.frequencies.size() != dataset.coco.categories.size()) {
        throw ArgumentError("evaluate_lvis: " + std::to_string(dataset.pictures.size()) + " pictures and " + std::to_string(dataset.frequencies.size()) +
                            " frequencies are given for " + std::to_string(dataset.coco.images.size()) + " images and " +
                            std::to_string(dataset.coco.categories.size()) + " categories");
    }
    const std::string problem = coco_dataset_problem(dataset.coco);
    if (!problem.empty()) throw ArgumentError("evaluate_lvis: " + problem);
    CocoSettings coco;
    coco.max_dets = {settings.max_dets};
    coco.mask_area = settings.mask_area;
    coco.threads = settings.threads;
    CocoEvaluation evaluation = CocoEvaluator(dataset.coco, results, kind, coco, lvis_deviations(dataset, results, kind, settings)).run();
    const auto after = std::find_if(evaluation.numbers.begin(), evaluation.numbers.end(), [](const CocoNumber& number) { return number.name == "AP_large"; });
    std::vector<CocoNumber> by_frequency;
    for (const LvisFrequency frequency : {LvisFrequency::rare, LvisFrequency::common, LvisFrequency::frequent})
        by_frequency.push_back(lvis_frequency_number(dataset, evaluation, frequency));
    evaluation.numbers.insert(std::next(after), by_frequency.begin(), by_frequency.end());
    return evaluation;
}

}  // namespace regulus
