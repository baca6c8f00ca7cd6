#pragma once
// What was found beside boxes, compared with a golden case: masks, keypoints, segments. `partner` is our detection for each of the peer's, or -1; each adds its checks.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/pipeline/golden_case-impl.hpp>
#include <regulus/pipeline/golden_compare-impl.hpp>
#include <regulus/pipeline/panoptic.hpp>

namespace regulus::detail::golden {

inline constexpr double box_limit = 0.05;   // pixels
inline constexpr double score_limit = 1e-3;

/// Pixels that differ, over those that may: 0.5 % of the peer's mask, at least ten.
inline void compare_masks(const GoldenCase& peer, std::size_t i, const DetectionList& found, const std::vector<std::int64_t>& partner, std::vector<GoldenCheck>& checks) {
    const std::string name = "masks." + std::to_string(i);
    const GoldenTensor* runs_tensor = peer.find(name + "_runs");
    if (runs_tensor == nullptr) return;
    const std::vector<std::int64_t> runs = integers(runs_tensor->value, runs_tensor->name);
    const std::vector<std::int64_t> offsets = integers(peer.at(name + "_offsets").value, name + "_offsets");
    if (offsets.size() != partner.size() + 1) throw FileError("golden case: \"" + name + "_offsets\" does not fit the boxes");
    double worst = 0;
    std::int64_t different = 0, largest = 0, pixels = 0;
    for (std::size_t k = 0; k < partner.size(); ++k) {
        if (offsets[k] < 0 || offsets[k + 1] < offsets[k] || offsets[k + 1] > std::int64_t(runs.size())) throw FileError("golden case: \"" + name + "_offsets\" points outside the runs");
        Rle theirs{found.picture.height, found.picture.width, {}};
        for (std::int64_t at = offsets[k]; at < offsets[k + 1]; ++at) theirs.counts.push_back(std::uint32_t(runs[std::size_t(at)]));
        const std::int64_t area = rle_area(theirs);
        pixels += area;
        if (partner[k] < 0) continue;
        const Detection& mine = found.items[std::size_t(partner[k])];
        if (!mine.has_mask()) throw FileError("golden case: \"" + name + "_runs\" holds masks, " + "the model has none");
        const Rle ours = mine.mask_rle();
        const std::int64_t unequal = area + rle_area(ours) - 2 * rle_intersection(ours, theirs);
        worst = std::max(worst, double(unequal) / std::max(10.0, 0.005 * double(area)));
        largest = std::max(largest, unequal);
        different += unequal;
    }
    checks.push_back({name, "of the pixels allowed", worst, 1, -1, std::to_string(different) + " of " + std::to_string(pixels) + " pixels differ, at most " + std::to_string(largest) + " in a mask"});
}

/// Which segments there are, the scores of things, the areas of stuff.
inline void compare_lists_of_segments(const std::string& number, const std::vector<PanopticSegment>& ours, const std::vector<GoldenSegment>& theirs, std::vector<GoldenCheck>& checks) {
    const std::size_t both = std::min(ours.size(), theirs.size());
    std::size_t unequal = std::max(ours.size(), theirs.size()) - both;
    Difference score;
    double area = 0;
    for (std::size_t k = 0; k < both; ++k) {
        unequal += std::int64_t(ours[k].id) == theirs[k].id && ours[k].is_thing == theirs[k].is_thing && ours[k].label == theirs[k].label ? 0 : 1;
        if (theirs[k].is_thing) score.add(double(ours[k].score), theirs[k].score);
        else area = std::max(area, std::abs(double(ours[k].area - theirs[k].area)) / std::max(10.0, 0.005 * double(theirs[k].area)));
    }
    checks.push_back({"segments" + number, "differ", double(unequal), 0, -1, std::to_string(ours.size()) + " found, " + std::to_string(theirs.size()) + " expected"});
    checks.push_back({"scores of things" + number, "absolute", score.largest, score_limit, score.rms(), std::to_string(score.count) + " things"});
    checks.push_back({"area of stuff" + number, "of the pixels allowed", area, 1, -1, std::to_string(std::int64_t(both) - score.count) + " kinds"});
}

/// Labels of a semantic head and segments, pixel by pixel. As many may differ as of a mask: 0.5 %, at least ten.
inline void compare_segments(const GoldenCase& peer, const std::vector<LabelMap>& labels, const std::vector<DetectionList>& found, const ModelFacts& facts, std::vector<GoldenCheck>& checks) {
    const auto compare_pixels = [&](const std::string& name, const auto& ours) {
        const GoldenTensor* expected = peer.find(name);
        if (expected == nullptr) return;
        const std::vector<std::int64_t> theirs = integers(expected->value, name);
        if (theirs.size() != ours.size()) throw FileError("golden case: \"" + name + "\" has " + std::to_string(theirs.size()) + " pixels, the picture " + std::to_string(ours.size()));
        std::int64_t different = 0;
        for (std::size_t k = 0; k < theirs.size(); ++k) different += theirs[k] == std::int64_t(ours[k]) ? 0 : 1;
        checks.push_back({name, "of the pixels allowed", double(different) / std::max(10.0, 0.005 * double(theirs.size())), 1, -1, std::to_string(different) + " of " + std::to_string(theirs.size()) + " pixels differ"});
    };
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const std::string number = "." + std::to_string(i);
        const PanopticResult ours = combine_panoptic(found[i], labels[i], facts);
        compare_pixels("sem_seg_argmax" + number, labels[i].labels);
        compare_pixels("panoptic" + number, ours.map.ids);
        if (i < peer.segments.size()) compare_lists_of_segments(number, ours.segments, peer.segments[i], checks);
    }
}

/// Points, in pixels of the original picture. A point is where a map is greatest, and of two peaks that are equal up to rounding either may be: one of a hundred
/// may lie elsewhere if its score is the peer's. Where scores are values of the maps, their limit is that of the maps, whose boxes lie `pixels` from the peer's.
inline void compare_keypoints(const GoldenCase& peer, std::size_t i, const DetectionList& found, const std::vector<std::int64_t>& partner, const std::vector<double>& pixels, KeypointScore rule,
                              std::vector<GoldenCheck>& checks) {
    const GoldenTensor* expected = peer.find("keypoints." + std::to_string(i));
    if (expected == nullptr) return;
    const GoldenTensor* maps = rule == KeypointScore::logit ? peer.find("keypoint_logits") : nullptr;
    const double unit = maps != nullptr && maps->std > 0 ? maps->std : 1, base = maps == nullptr ? score_limit : limit_of(maps->name);
    std::int64_t elsewhere = 0;
    double allowance = 1, worst = 0;
    Difference distance, score;
    for (std::size_t k = 0; k < partner.size(); ++k) {
        if (partner[k] < 0) continue;
        const std::vector<Keypoint>& mine = found.items[std::size_t(partner[k])].keypoints;
        if (3 * mine.size() * partner.size() != std::size_t(expected->value.numel())) throw FileError("golden case: \"" + expected->name + "\" holds other points than the model finds");
        const double here = maps == nullptr ? 1 : 1 + region_slope * pixels[k] / base;
        for (std::size_t p = 0; p < mine.size(); ++p) {
            const std::int64_t at = std::int64_t(3 * (k * mine.size() + p));
            const double error = score.add(double(mine[p].score) / unit, element(expected->value, at + 2) / unit);
            if (error / here >= worst) worst = error / here, allowance = here;
            const double x = element(expected->value, at), y = element(expected->value, at + 1);
            if (std::max(std::abs(double(mine[p].x) - x), std::abs(double(mine[p].y) - y)) > box_limit && error <= base * here) {
                ++elsewhere;
                continue;
            }
            distance.add(double(mine[p].x), x);
            distance.add(double(mine[p].y), y);
        }
    }
    const std::int64_t points = expected->value.numel() / 3;
    checks.push_back({expected->name, "pixels", distance.largest, box_limit, distance.rms(), in_words(distance.count, 2 * points)});
    checks.push_back({"keypoint peaks." + std::to_string(i), "elsewhere", points == 0 ? 0 : double(elsewhere) / double(points), 0.01, -1, std::to_string(elsewhere) + " of " + std::to_string(points) + " points at another peak as high"});
    checks.push_back({"keypoint scores." + std::to_string(i), maps == nullptr ? "absolute" : "of std", worst * allowance, base * allowance, score.rms(), ""});
}

}  // namespace regulus::detail::golden
