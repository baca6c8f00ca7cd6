#pragma once
// The rules by which boxes are assigned to truths.
#include <cstdint>

namespace regulus::train {

/// What stands in the place of a truth's number.
inline constexpr std::int32_t background_box = -1;  // there is nothing to find
inline constexpr std::int32_t ignored_box = -2;     // left out of training

/// What becomes of the boxes that overlap a truth more than all others do, yet less than `positive`. All that overlap it equally count.
enum class ForcedMatches : std::uint8_t {
    none,
    to_truth,  // they belong to this truth, later truths take from earlier ones (mmdetection)
    to_own,    // each belongs to the truth that it overlaps most itself (detectron2, torchvision)
};

/// Overlaps that decide whether a box belongs to a truth.
struct AssignRules {
    float positive = 0.5f;                           // a box with this overlap or more belongs to the truth that it overlaps most, the first of equals
    float negative = 0.4f;                           // one whose every overlap is less is background; those between are left out
    ForcedMatches forced = ForcedMatches::to_truth;
    float least_forced = 0.f;                        // a truth whose greatest overlap is less forces nothing. At 0 a truth that overlaps no box forces all of those, as in the peers
    float ignored = -1.f;                            // a box that lies in an ignored region with more than this share of its area is left out; < 0: regions do nothing
};

}  // namespace regulus::train
