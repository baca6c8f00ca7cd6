#pragma once
// Average recall of proposed boxes, as detectron2 judges its region proposal networks.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>

namespace regulus {

/// What was proposed on a picture, best first: x1 y1 x2 y2 in pixels.
struct PictureProposals {
    std::int64_t image_id = 0;
    std::vector<std::array<float, 4>> boxes;
};

struct ProposalSettings {
    std::vector<int> limits = {100, 1000};  ///< so many of the best boxes of a picture count
    std::vector<CocoAreaRange> areas;       ///< of the objects; empty: all, small, medium, large (32^2, 96^2)
    int threads = 0;                        ///< 0: as many as OpenMP has; any number gives the same digits
};

struct ProposalEvaluation {
    std::vector<int> limits;
    std::vector<CocoAreaRange> areas;
    std::vector<double> thresholds;  ///< 0.50, 0.55, ..., 0.95 as floats
    std::vector<double> recalls;     ///< [limits, areas, thresholds]; -1 where there is nothing to find
    std::int64_t images = 0;         ///< pictures that have objects and proposals
    std::int64_t truths = 0;         ///< objects on them
    std::int64_t proposals = 0;      ///< boxes on them, up to the greatest limit each
    std::vector<CocoNumber> numbers; ///< AR@100, ARs@100, ARm@100, ARl@100, AR@1000, ...: means over the thresholds

    double recall_at(std::size_t limit, std::size_t area, std::size_t threshold) const { return recalls.at((limit * areas.size() + area) * thresholds.size() + threshold); }
    /// The number of that name. Throws ArgumentError, with the names there are, when there is none.
    double number(std::string_view name) const;
};

/// How many of the objects (crowds left out, categories alike) are found, each by a box of its own: on each picture the pair of object and box that overlap most is
/// taken, then the next among what is left, as long as there are both. Pictures without objects or without proposals are left out, objects and all. Overlaps are of
/// single precision, as in detectron2.
/// Throws ArgumentError for settings out of range, proposals for an unknown picture or twice for one, boxes that are not finite, and data sets that contradict
/// themselves.
ProposalEvaluation evaluate_proposals(const CocoDataset& dataset, std::span<const PictureProposals> proposals, const ProposalSettings& settings = {});

/// Results as proposals, whatever their categories: by picture, the best score first, equal ones in their order.
/// Throws ArgumentError for a result without a box or with a score that is not finite.
std::vector<PictureProposals> proposals_of_results(std::span<const CocoDetection> results);

/// A heading, and a line for each number: name, percent with two digits, what it is; "-" where there is nothing to find.
std::string proposal_table(const ProposalEvaluation& evaluation);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/proposal_recall-impl.hpp>
#endif
