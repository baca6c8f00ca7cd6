#pragma once
// Greedy non-maximum suppression among boxes of equal label; one image a call.
#include <algorithm>
#include <cstddef>

#include <regulus/graph/kernels/boxes.hpp>

namespace regulus::kernels {

/// One image's part of a list: the first `count` entries are valid.
template <class T>
struct CandidateList {
    const T* boxes;              // [count, 4]
    const T* scores;             // [count]
    const std::int32_t* labels;  // [count]
    std::int64_t count;
};

/// A candidate in the order of suppression.
template <class T>
struct Ranked {
    T score;
    std::int32_t rank;  // position in the union of the lists
    std::int32_t label;
    Box<T> box;
};

/// A kept box, chained to the kept box before it whose label falls into the same bucket.
template <class T>
struct Kept {
    Box<T> box;
    T area;
    std::int32_t label;
    std::int32_t before;
};

/// What nms() needs besides its arguments: `ranked` holds as many entries as all lists together, `kept` holds `limit`.
template <class T>
struct NmsScratch {
    Ranked<T>* ranked;
    Kept<T>* kept;

    static constexpr std::size_t bytes(std::int64_t candidates, std::int64_t limit) { return std::size_t(candidates) * sizeof(Ranked<T>) + std::size_t(limit) * sizeof(Kept<T>); }
    /// From bytes(candidates, limit) bytes aligned to 8.
    NmsScratch(void* memory, std::int64_t candidates) : ranked(static_cast<Ranked<T>*>(memory)), kept(reinterpret_cast<Kept<T>*>(ranked + candidates)) {}
};

/// ops::Nms of one image; returns how many boxes are kept (<= op.limit), falling score, equal scores in the order of the lists.
/// Candidates whose score is NaN are dropped. A box goes when its IoU with a kept box of its label is > op.iou_threshold, the
/// quotient taken in T; boxes without area have IoU 0 or NaN and stay.
/// Each candidate meets the kept boxes of its label only, so the cost is candidates * min(limit, kept of a label).
template <class T>
std::int32_t nms(const ops::Nms& op, const CandidateList<T>* lists, std::size_t list_count, NmsScratch<T> scratch, T* boxes, T* scores, std::int32_t* labels) {
    std::size_t candidates = 0;
    std::int32_t rank = 0;
    for (std::size_t which = 0; which < list_count; ++which) {
        const CandidateList<T>& list = lists[which];
        for (std::int64_t i = 0; i < list.count; ++i, ++rank) {
            const Box<T> box = load_box(list.boxes + 4 * i);
            const bool large_enough = op.min_size < 0 || (box.x2 - box.x1 > T(op.min_size) && box.y2 - box.y1 > T(op.min_size));
            const bool is_number = list.scores[i] == list.scores[i];
            if (large_enough && is_number) scratch.ranked[candidates++] = {list.scores[i], rank, list.labels[i], box};
        }
    }
    std::sort(scratch.ranked, scratch.ranked + candidates, [](const Ranked<T>& a, const Ranked<T>& b) { return a.score > b.score || (a.score == b.score && a.rank < b.rank); });

    constexpr std::uint32_t buckets = 256;
    std::int32_t newest[buckets];
    std::fill(newest, newest + buckets, -1);
    const T threshold = T(op.iou_threshold);
    std::int32_t count = 0;
    for (std::size_t i = 0; i < candidates && count < op.limit; ++i) {
        const Ranked<T>& candidate = scratch.ranked[i];
        const T own_area = area(candidate.box);
        std::int32_t& head = newest[std::uint32_t(candidate.label) % buckets];
        bool stays = true;
        for (std::int32_t at = head; at >= 0 && stays; at = scratch.kept[at].before) {
            const Kept<T>& other = scratch.kept[at];
            if (other.label != candidate.label) continue;
            const T inter = intersection(other.box, candidate.box);
            if (inter == 0 && threshold >= 0) continue;  // spares the division
            stays = !(inter / (other.area + own_area - inter) > threshold);
        }
        if (!stays) continue;
        scratch.kept[count] = {candidate.box, own_area, candidate.label, head};
        head = count;
        store_box(candidate.box, boxes + 4 * count);
        scores[count] = candidate.score;
        labels[count] = candidate.label;
        ++count;
    }
    return count;
}

}  // namespace regulus::kernels
