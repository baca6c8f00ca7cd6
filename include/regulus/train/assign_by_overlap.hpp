#pragma once
// Assignment by overlap, whatever the boxes are. Used by the -impl files.
#include <cstdint>
#include <utility>
#include <vector>

#include <regulus/train/assign_rules.hpp>
#include <regulus/train/blocks.hpp>

namespace regulus::train::detail {

/// IoU of two boxes x1, y1, x2, y2, in float32 as the peers compute it, because equal overlaps must come out equal.
inline float flat_overlap(const float* a, const float* b) {
    const float left = a[0] > b[0] ? a[0] : b[0], right = a[2] < b[2] ? a[2] : b[2], top = a[1] > b[1] ? a[1] : b[1], bottom = a[3] < b[3] ? a[3] : b[3];
    const float width = right - left, height = bottom - top;
    if (!(width > 0 && height > 0)) return 0.f;  // most pairs are far apart
    const float shared = width * height;
    const float both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared;
    return shared / (both > 1e-6f ? both : 1e-6f);
}

/// The assignment of `boxes` boxes to `truths` truths: overlap(box, truth) is called once for each pair, by several threads; less than 0: the box is left out. The result is that of one
/// thread, whatever their number.
template <class Overlap>
std::vector<std::int32_t> assign_by_overlap(std::int64_t boxes, std::int64_t truths, const AssignRules& rules, const Overlap& overlap, int threads = 1) {
    std::vector<std::int32_t> assigned(std::size_t(boxes), background_box);
    if (truths == 0) return assigned;

    const bool forces = rules.forced != ForcedMatches::none;
    struct Best {
        float overlap = 0.f;
        bool any = false;                 // a box that is not left out
        std::vector<std::int32_t> boxes;  // which overlap the truth so; not listed while `overlap` is 0
    };
    std::vector<Block> blocks;
    add_blocks(blocks, 0, boxes);
    std::vector<std::vector<Best>> best_in(blocks.size(), std::vector<Best>(forces ? std::size_t(truths) : 0));  // of each truth
    std::vector<std::int32_t> own(forces ? std::size_t(boxes) : 0, ignored_box);
    for_each_block(blocks, threads, [&](std::size_t block) {
        for (std::int64_t box = blocks[block].begin; box < blocks[block].end; ++box) {
            float best = -1.f;
            std::int32_t whose = ignored_box;
            for (std::int64_t truth = 0; truth < truths; ++truth) {
                const float shared = overlap(box, truth);
                if (shared > best) best = shared, whose = std::int32_t(truth);
                if (!forces || !(shared >= 0)) continue;
                Best& most = best_in[block][std::size_t(truth)];
                most.any = true;
                if (shared > most.overlap) {
                    most.overlap = shared;
                    most.boxes.clear();
                }
                if (shared > 0 && shared == most.overlap) most.boxes.push_back(std::int32_t(box));
            }
            if (forces && best >= 0) own[std::size_t(box)] = whose;
            assigned[std::size_t(box)] = best >= rules.positive ? whose : best >= 0 && best < rules.negative ? background_box : ignored_box;
        }
    });
    for (std::size_t truth = 0; forces && truth < std::size_t(truths); ++truth) {
        Best most;
        for (std::vector<Best>& of_block : best_in) {
            Best& best = of_block[truth];
            most.any = most.any || best.any;
            if (best.overlap > most.overlap) {
                most.overlap = best.overlap;
                most.boxes.clear();
            }
            if (best.overlap == most.overlap) most.boxes.insert(most.boxes.end(), best.boxes.begin(), best.boxes.end());
        }
        if (!most.any || !(most.overlap >= rules.least_forced)) continue;
        const auto take = [&](std::size_t box) { assigned[box] = rules.forced == ForcedMatches::to_own ? own[box] : std::int32_t(truth); };
        for (const std::int32_t box : most.boxes) take(std::size_t(box));
        for (std::size_t box = 0; box < own.size() && most.overlap == 0; ++box) {
            if (own[box] != ignored_box) take(box);
        }
    }
    return assigned;
}

}  // namespace regulus::train::detail
