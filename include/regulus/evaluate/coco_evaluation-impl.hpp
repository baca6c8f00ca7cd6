#pragma once
#include <regulus/evaluate/coco_evaluation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <utility>

#include <regulus/evaluate/coco_index.hpp>
#include <regulus/evaluate/coco_matching.hpp>
#include <regulus/evaluate/parallel.hpp>

namespace regulus {
namespace evaluate_detail {

[[noreturn]] inline void refuse_settings(const std::string& what) { throw ArgumentError("evaluate_coco: " + what); }

/// The settings with the standard where nothing is said, checked.
inline CocoSettings complete(CocoSettings settings, CocoKind kind) {
    const bool persons = kind == CocoKind::keypoints;
    if (settings.max_dets.empty()) settings.max_dets = persons ? std::vector<int>{20} : std::vector<int>{1, 10, 100};
    // Written out, since pycocotools' eighth value is not the double nearest to 0.9, and overlaps do meet thresholds exactly.
    if (settings.iou_thresholds.empty()) settings.iou_thresholds = {0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.8999999999999999, 0.95};
    if (settings.recalls.empty()) {
        for (int i = 0; i <= 100; ++i) settings.recalls.push_back(i * 0.01);
    }
    if (settings.areas.empty()) {
        settings.areas = {{"all", 0, 1e10}, {"small", 0, 1024}, {"medium", 1024, 9216}, {"large", 9216, 1e10}};
        if (persons) settings.areas.erase(settings.areas.begin() + 1);
    }
    if (settings.keypoint_sigmas.empty()) {
        for (const int thousandths : {26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89})
            settings.keypoint_sigmas.push_back(thousandths / 100.0 / 10.0);
    }
    std::sort(settings.max_dets.begin(), settings.max_dets.end());
    if (settings.max_dets.front() < 1) refuse_settings("max_dets must be 1 or more, got " + std::to_string(settings.max_dets.front()));
    if (settings.iou_thresholds.size() > 64) refuse_settings("takes at most 64 IoU thresholds, got " + std::to_string(settings.iou_thresholds.size()));
    const auto finite = [](const std::vector<double>& values) { return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }); };
    if (!finite(settings.iou_thresholds) || !finite(settings.recalls)) refuse_settings("thresholds and recalls must be finite");
    for (const double sigma : settings.keypoint_sigmas) {
        if (!(sigma > 0) || !std::isfinite(sigma)) refuse_settings("keypoint_sigmas must be greater than 0");
    }
    for (const CocoAreaRange& area : settings.areas) {
        if (!(area.low <= area.high)) refuse_settings("the area range \"" + area.name + "\" must have low <= high");
    }
    if (persons && !settings.use_categories) refuse_settings("keypoints are judged by category: use_categories must be true");
    if (settings.threads < 0) refuse_settings("threads must be 0 or more, got " + std::to_string(settings.threads));
    return settings;
}

inline void sort_and_unite(std::vector<std::int64_t>& ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

/// Ids chosen among those of a list (all when none is chosen), ascending, and the place of each in it.
struct Chosen {
    std::vector<std::int64_t> ids;
    std::vector<std::size_t> places;

    template <class Items>
    Chosen(const char* what, const Items& items, std::vector<std::int64_t> wanted) {
        const IdIndex index(items);
        sort_and_unite(wanted);
        if (wanted.empty()) {
            for (const auto& [id, place] : index.sorted()) wanted.push_back(id);
        }
        for (const std::int64_t id : wanted) {
            const auto place = index.find(id);
            if (!place) refuse_settings(std::string(what) + " " + std::to_string(id) + " is not in the data set");
            ids.push_back(id);
            places.push_back(*place);
        }
    }

    std::int64_t find(std::int64_t id) const {
        const auto at = std::lower_bound(ids.begin(), ids.end(), id);
        return at == ids.end() || *at != id ? -1 : at - ids.begin();
    }
};

/// Where an annotation or result belongs. In a cell they are ordered by category (which matters when all are one), then as in the file.
struct Place {
    std::uint32_t cell_category = 0;
    std::uint32_t image = 0;
    std::uint32_t category = 0;
    std::size_t item = 0;

    std::pair<std::uint32_t, std::uint32_t> cell() const noexcept { return {cell_category, image}; }
    friend auto operator<=>(const Place&, const Place&) = default;
};

/// All annotations and results of one picture and category.
struct Cell {
    std::uint32_t category = 0;
    std::uint32_t image = 0;
    std::size_t first_truth = 0, last_truth = 0;          // of the places
    std::size_t first_detection = 0, last_detection = 0;  // of the places, all of them
    std::size_t kept_from = 0;                            // of the kept detections
    std::size_t kept = 0;
};

/// What other benchmarks judge otherwise than COCO. An empty list leaves nothing out.
struct CocoDeviations {
    std::vector<std::uint8_t> truths_left_out;   ///< of the annotations
    std::vector<std::uint8_t> results_left_out;  ///< of the results
    std::function<bool(std::size_t, std::int64_t)> unmatched_ignored;  ///< of a picture (its place in the data set) and a category's id
    bool crowds = true;  ///< false: iscrowd is not looked at
};

/// The box that is compared.
inline Box box_of(const CocoDetection& detection) {
    if (detection.bbox) return *detection.bbox;
    return detection.segmentation ? rle_box(*detection.segmentation) : keypoint_box(detection.keypoints);
}

/// The area by which a detection falls into a range of sizes.
inline double area_of(const CocoDetection& detection, CocoKind kind, MaskArea mask_area) {
    const bool by_mask = detection.segmentation && (!detection.bbox || (kind == CocoKind::masks && mask_area == MaskArea::of_mask));
    if (by_mask) return double(rle_area(*detection.segmentation));
    const Box box = box_of(detection);
    return box[2] * box[3];
}

class CocoEvaluator {
public:
    CocoEvaluator(const CocoDataset& dataset, std::span<const CocoDetection> results, CocoKind kind, const CocoSettings& settings, CocoDeviations deviations = {})
        : dataset_(dataset),
          results_(results),
          kind_(kind),
          settings_(complete(settings, kind)),
          deviations_(std::move(deviations)),
          categories_("category", dataset.categories, settings.category_ids),
          images_("image", dataset.images, settings.image_ids),
          threads_(threads_or_all(settings_.threads)) {}

    CocoEvaluation run() {
        place_all();
        make_cells();
        scratch_.resize(std::size_t(threads_));
        for_each_in_parallel(std::int64_t(cells_.size()), threads_, [&](std::int64_t i, int thread) { match(std::size_t(i), scratch_[std::size_t(thread)]); });
        return accumulate();
    }

private:
    struct Scratch {
        Matcher matcher;
        std::vector<MatchTruth> truths;
        std::vector<const CocoAnnotation*> annotations;
        std::vector<const CocoDetection*> detections;
        std::vector<double> areas;
        std::vector<double> overlaps;
    };

    std::size_t cell_categories() const noexcept { return settings_.use_categories ? categories_.ids.size() : 1; }

    Place place(std::int64_t category, std::int64_t image, std::size_t item) const {
        return {settings_.use_categories ? std::uint32_t(category) : 0, std::uint32_t(image), std::uint32_t(category), item};
    }

    void place_all() {
        for (std::size_t i = 0; i < dataset_.annotations.size(); ++i) {
            const std::int64_t category = categories_.find(dataset_.annotations[i].category_id), image = images_.find(dataset_.annotations[i].image_id);
            if (category >= 0 && image >= 0 && !listed(deviations_.truths_left_out, i)) truth_places_.push_back(place(category, image, i));
        }
        const IdIndex all_images(dataset_.images), all_categories(dataset_.categories);
        for (std::size_t i = 0; i < results_.size(); ++i) {
            const CocoDetection& result = results_[i];
            const std::int64_t category = categories_.find(result.category_id), image = images_.find(result.image_id);
            if (image < 0 && !all_images.find(result.image_id)) {
                refuse(i, "is of image " + std::to_string(result.image_id) + ", which the annotations do not list: these are results of another data set");
            }
            if (!std::isfinite(result.score)) refuse(i, "has a score that is not finite");
            if (category < 0 && !all_categories.find(result.category_id)) ++strangers_;
            if (category >= 0 && image >= 0 && !listed(deviations_.results_left_out, i)) detection_places_.push_back(place(category, image, i));
        }
        std::sort(truth_places_.begin(), truth_places_.end());
        std::sort(detection_places_.begin(), detection_places_.end());
    }

    static bool listed(const std::vector<std::uint8_t>& list, std::size_t item) { return !list.empty() && list[item] != 0; }
    bool is_crowd(const CocoAnnotation& annotation) const { return deviations_.crowds && annotation.iscrowd; }

    [[noreturn]] void refuse(std::size_t result, const std::string& what) const {
        throw ArgumentError("evaluate_coco: results[" + std::to_string(result) + "] " + what);
    }

    void make_cells() {
        std::size_t truth = 0, detection = 0, kept = 0;
        const std::size_t most = std::size_t(settings_.max_dets.back());
        while (truth < truth_places_.size() || detection < detection_places_.size()) {
            std::pair<std::uint32_t, std::uint32_t> at = {UINT32_MAX, UINT32_MAX};
            if (truth < truth_places_.size()) at = std::min(at, truth_places_[truth].cell());
            if (detection < detection_places_.size()) at = std::min(at, detection_places_[detection].cell());
            Cell cell{at.first, at.second, truth, truth, detection, detection, kept, 0};
            while (truth < truth_places_.size() && truth_places_[truth].cell() == at) ++truth;
            while (detection < detection_places_.size() && detection_places_[detection].cell() == at) ++detection;
            cell.last_truth = truth;
            cell.last_detection = detection;
            cell.kept = std::min(most, detection - cell.first_detection);
            kept += cell.kept;
            cells_.push_back(cell);
        }
        scores_.resize(kept);
        outcomes_.assign(settings_.areas.size(), std::vector<MatchOutcome>(kept));
        to_find_.assign(settings_.areas.size(), std::vector<std::int64_t>(cells_.size()));
    }

    void match(std::size_t number, Scratch& scratch) {
        const Cell& cell = cells_[number];
        scratch.truths.clear();
        scratch.annotations.clear();
        for (std::size_t i = cell.first_truth; i < cell.last_truth; ++i) {
            const CocoAnnotation& annotation = dataset_.annotations[truth_places_[i].item];
            const bool crowd = is_crowd(annotation), ignored = crowd || (kind_ == CocoKind::keypoints && annotation.num_keypoints == 0);
            scratch.truths.push_back({annotation.id, annotation.area, crowd, ignored});
            scratch.annotations.push_back(&annotation);
        }
        const auto first = detection_places_.begin() + std::ptrdiff_t(cell.first_detection),
                   last = detection_places_.begin() + std::ptrdiff_t(cell.last_detection);
        for (auto place = first; place != last; ++place) check(place->item);
        std::stable_sort(first, last, [&](const Place& a, const Place& b) { return results_[a.item].score > results_[b.item].score; });
        scratch.detections.clear();
        for (std::size_t d = 0; d < cell.kept; ++d) {
            scratch.detections.push_back(&results_[first[std::ptrdiff_t(d)].item]);
            scores_[cell.kept_from + d] = scratch.detections[d]->score;
        }
        const std::size_t picture = images_.places[cell.image];
        compare(scratch, dataset_.images[picture]);
        const bool unmatched_ignored = deviations_.unmatched_ignored && deviations_.unmatched_ignored(picture, categories_.ids[cell.category]);
        for (std::size_t a = 0; a < settings_.areas.size(); ++a) {
            const CocoAreaRange& range = settings_.areas[a];
            MatchOutcome* const outcomes = outcomes_[a].data() + cell.kept_from;
            to_find_[a][number] = scratch.matcher.match(scratch.overlaps, scratch.truths, scratch.areas, range.low, range.high, settings_.iou_thresholds,
                                                        outcomes, unmatched_ignored);
        }
    }

    /// That a result has what is compared.
    void check(std::size_t item) const {
        const CocoDetection& result = results_[item];
        if (kind_ == CocoKind::masks) {
            if (!result.segmentation) refuse(item, "has no segmentation: masks cannot be judged");
            const std::int64_t place = images_.find(result.image_id);
            const CocoImage& image = dataset_.images[images_.places[std::size_t(place)]];
            if (result.segmentation->height != image.height || result.segmentation->width != image.width) {
                throw ShapeError("evaluate_coco: results[" + std::to_string(item) + "] has a mask of " + std::to_string(result.segmentation->height) + " x " +
                                 std::to_string(result.segmentation->width) + " pixels, its picture " + std::to_string(image.id) + " has " +
                                 std::to_string(image.height) + " x " + std::to_string(image.width) + " (height x width)");
            }
        }
        if (kind_ == CocoKind::keypoints && result.keypoints.size() != 3 * settings_.keypoint_sigmas.size()) {
            refuse(item, "has " + std::to_string(result.keypoints.size()) + " keypoint numbers, expected x, y, v of " +
                             std::to_string(settings_.keypoint_sigmas.size()) + " keypoints");
        }
        if (kind_ == CocoKind::boxes && !result.bbox && !result.segmentation && result.keypoints.size() < 3) refuse(item, "has no bbox");
    }

    /// Fills areas and overlaps.
    void compare(Scratch& scratch, const CocoImage& image) const {
        const std::size_t truths = scratch.truths.size(), detections = scratch.detections.size();
        scratch.areas.clear();
        scratch.overlaps.assign(detections * truths, 0);
        if (kind_ == CocoKind::masks) return compare_masks(scratch, image);
        for (const CocoAnnotation* annotation : scratch.annotations) {
            if (kind_ != CocoKind::keypoints || annotation->keypoints.size() == 3 * settings_.keypoint_sigmas.size()) continue;
            throw ArgumentError("evaluate_coco: annotation " + std::to_string(annotation->id) + " has " + std::to_string(annotation->keypoints.size()) +
                                " keypoint numbers, expected x, y, v of " + std::to_string(settings_.keypoint_sigmas.size()) + " keypoints");
        }
        for (std::size_t d = 0; d < detections; ++d) {
            const CocoDetection& detection = *scratch.detections[d];
            scratch.areas.push_back(area_of(detection, kind_, settings_.mask_area));
            const Box box = kind_ == CocoKind::boxes ? box_of(detection) : Box{};
            for (std::size_t g = 0; g < truths; ++g) {
                const CocoAnnotation& truth = *scratch.annotations[g];
                scratch.overlaps[d * truths + g] = kind_ == CocoKind::boxes ? box_overlap(box, truth.bbox, scratch.truths[g].crowd)
                                                                            : keypoint_similarity(detection.keypoints, truth, settings_.keypoint_sigmas);
            }
        }
    }

    void compare_masks(Scratch& scratch, const CocoImage& image) const {
        std::vector<Rle> truth_masks;  // first all masks, since MeasuredMask points to them
        for (const CocoAnnotation* annotation : scratch.annotations) truth_masks.push_back(coco_mask(*annotation, image));
        const std::vector<MeasuredMask> truths(truth_masks.begin(), truth_masks.end());
        for (std::size_t d = 0; d < scratch.detections.size(); ++d) {
            const CocoDetection& detection = *scratch.detections[d];
            const MeasuredMask mask(*detection.segmentation);
            scratch.areas.push_back(settings_.mask_area == MaskArea::of_mask ? double(mask.area) : area_of(detection, kind_, settings_.mask_area));
            for (std::size_t g = 0; g < truths.size(); ++g) scratch.overlaps[d * truths.size() + g] = mask_overlap(mask, truths[g], scratch.truths[g].crowd);
        }
    }

    CocoEvaluation accumulate();
    void accumulate_category(CocoEvaluation& evaluation, std::size_t category) const;
    void name_numbers(CocoEvaluation& evaluation) const;

    const CocoDataset& dataset_;
    std::span<const CocoDetection> results_;
    CocoKind kind_;
    CocoSettings settings_;
    CocoDeviations deviations_;
    Chosen categories_;
    Chosen images_;
    int threads_ = 1;
    std::int64_t strangers_ = 0;
    std::vector<Place> truth_places_;
    std::vector<Place> detection_places_;
    std::vector<Cell> cells_;  // by category, then picture
    std::vector<double> scores_;
    std::vector<std::vector<MatchOutcome>> outcomes_;  // [area][kept detection]
    std::vector<std::vector<std::int64_t>> to_find_;   // [area][cell]
    std::vector<Scratch> scratch_;
};

}  // namespace evaluate_detail

REGULUS_INLINE CocoEvaluation evaluate_coco(const CocoDataset& dataset, std::span<const CocoDetection> results, CocoKind kind, const CocoSettings& settings) {
    const std::string problem = coco_dataset_problem(dataset);
    if (!problem.empty()) throw ArgumentError("evaluate_coco: " + problem);
    return evaluate_detail::CocoEvaluator(dataset, results, kind, settings).run();
}

}  // namespace regulus

#include <regulus/evaluate/coco_accumulation-impl.hpp>
