#pragma once
// Panoptic quality as COCO defines it and panopticapi computes it.
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/segment_map.hpp>
#include <regulus/evaluate/coco_panoptic.hpp>

namespace regulus {

/// How the segments of one category fared, in one picture or in all.
struct PanopticCounts {
    std::int64_t found = 0;    ///< pairs of overlap above one half (TP)
    std::int64_t wrong = 0;    ///< predicted segments without a partner (FP)
    std::int64_t missed = 0;   ///< true segments without a partner (FN)
    double overlap = 0;        ///< sum of the pairs' intersections over unions

    bool any() const noexcept { return found + wrong + missed > 0; }
    /// sq() * rq(); all three are 0 where there is nothing.
    double pq() const noexcept { return any() ? overlap / (double(found) + 0.5 * double(wrong) + 0.5 * double(missed)) : 0; }
    /// Segmentation quality: mean overlap of the pairs.
    double sq() const noexcept { return found > 0 ? overlap / double(found) : 0; }
    /// Recognition quality: the F1 of finding segments.
    double rq() const noexcept { return any() ? double(found) / (double(found) + 0.5 * double(wrong) + 0.5 * double(missed)) : 0; }
};

/// Means over categories that have a segment, true or predicted.
struct PanopticMeans {
    double pq = 0, sq = 0, rq = 0;  ///< 0 .. 1; NaN without such a category
    std::int64_t categories = 0;    ///< how many there are
};

struct PanopticEvaluation {
    std::int64_t images = 0;                   ///< pictures judged
    std::vector<PanopticCategory> categories;  ///< in the order of the data set
    std::vector<PanopticCounts> counts;        ///< of categories
    PanopticMeans all, things, stuff;
};

/// Judges the segments of one picture; the result has an entry (position in `categories`, counts) for each category that is met.
///
/// A predicted segment and a true one of its category, which is no crowd, are a pair when the intersection is more than half of the union; pixels of the
/// predicted one on void (true id 0) are left out of the union, and a true segment's area is what the file says. A predicted segment without a partner is
/// not counted when more than half of it lies on void and on its category's crowd (the last one listed). Pixels of true ids that are not listed are neither.
/// Throws ShapeError for maps of different sizes; ArgumentError, beginning with `who`, for a predicted id that is not listed, a listed one without pixels
/// and a category that `categories` lacks.
std::vector<std::pair<std::size_t, PanopticCounts>> judge_panoptic_picture(const SegmentMap& truth, std::span<const PanopticSegmentInfo> true_segments,
                                                                           const SegmentMap& predicted, std::span<const PanopticSegmentInfo> predicted_segments,
                                                                           std::span<const PanopticCategory> categories, const std::string& who = "panoptic quality");

/// Sums and means over pictures, as judge_panoptic_picture gave them with the same categories. Throws ArgumentError for a position beyond the categories.
PanopticEvaluation sum_panoptic(std::span<const PanopticCategory> categories, std::span<const std::vector<std::pair<std::size_t, PanopticCounts>>> pictures);

/// The map of an annotation. Called by several threads at once.
using SegmentReader = std::function<SegmentMap(const PanopticAnnotation& annotation, const CocoImage& image)>;

/// Reads the PNG files of a folder. Throws FileError for what is no picture or not of the size that the data set states; a large one is refused before memory is taken.
SegmentReader segment_files(std::string folder);

/// Judges the results of all annotated pictures (results of others are not looked at). Two maps for each thread are in memory at a time; threads = 0: as many
/// as OpenMP has; any number gives the same digits. Throws ArgumentError for a picture without a result and data sets that contradict themselves, what the
/// readers throw, and as judge_panoptic_picture.
PanopticEvaluation evaluate_panoptic(const PanopticDataset& dataset, const SegmentReader& truths, std::span<const PanopticAnnotation> results, const SegmentReader& predictions, int threads = 0);

/// Three lines, all, things and stuff: PQ, SQ and RQ in percent, categories; a heading tells how many pictures were judged.
std::string panoptic_table(const PanopticEvaluation& evaluation);

/// A line for each category: PQ, SQ, RQ in percent, pairs, wrong and missed segments.
std::string panoptic_category_table(const PanopticEvaluation& evaluation);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/panoptic_quality-impl.hpp>
#endif
