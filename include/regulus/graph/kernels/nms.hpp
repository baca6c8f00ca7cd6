#pragma once
// Greedy non-maximum suppression among boxes of equal label; one image a call.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

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

/// Some kept boxes whose labels fall into the same bucket, chained to those kept before them. Side by side, so that a candidate meets them all at once.
template <class T>
struct KeptBoxes {
    static constexpr std::int32_t most = 8;
    T x1[most], y1[most], x2[most], y2[most], area[most];
    std::int32_t label[most];
    std::int32_t count, before;

    void add(const Box<T>& box, T box_area, std::int32_t box_label) {
        x1[count] = box.x1;
        y1[count] = box.y1;
        x2[count] = box.x2;
        y2[count] = box.y2;
        area[count] = box_area;
        label[count] = box_label;
        ++count;
    }

    /// Whether the IoU with one of them that has the label is above the threshold.
    bool suppress(const Box<T>& box, T box_area, std::int32_t box_label, T threshold) const {
        std::int32_t above = 0;
        for (std::int32_t i = 0; i < most; ++i) {  // without branches: vectors
            const T inter = intersection(Box<T>{x1[i], y1[i], x2[i], y2[i]}, box);
            above |= std::int32_t(inter / (area[i] + box_area - inter) > threshold) & std::int32_t(label[i] == box_label) & std::int32_t(i < count);
        }
        return above != 0;
    }
};

/// What nms() needs besides its arguments: `ranked` holds as many entries as all lists together, `kept` as many as `limit` boxes may need.
template <class T>
struct NmsScratch {
    static constexpr std::int64_t buckets = 256;  // of labels
    Ranked<T>* ranked;
    KeptBoxes<T>* kept;

    static constexpr std::size_t bytes(std::int64_t candidates, std::int64_t limit) {
        return std::size_t(candidates) * sizeof(Ranked<T>) + std::size_t(std::min(limit, buckets) + limit / KeptBoxes<T>::most) * sizeof(KeptBoxes<T>);
    }
    /// From bytes(candidates, limit) bytes aligned to 8.
    NmsScratch(void* memory, std::int64_t candidates) : ranked(static_cast<Ranked<T>*>(memory)), kept(reinterpret_cast<KeptBoxes<T>*>(ranked + candidates)) {}
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

    std::int32_t newest[NmsScratch<T>::buckets];
    std::fill(std::begin(newest), std::end(newest), -1);
    const T threshold = T(op.iou_threshold);
    std::int32_t count = 0, groups = 0;
    for (std::size_t i = 0; i < candidates && count < op.limit; ++i) {
        const Ranked<T>& candidate = scratch.ranked[i];
        const T own_area = area(candidate.box);
        std::int32_t& head = newest[std::uint32_t(candidate.label) % NmsScratch<T>::buckets];
        std::int32_t at = head;
        while (at >= 0 && !scratch.kept[at].suppress(candidate.box, own_area, candidate.label, threshold)) at = scratch.kept[at].before;
        if (at >= 0) continue;
        if (head < 0 || scratch.kept[head].count == KeptBoxes<T>::most) {
            scratch.kept[groups] = {};
            scratch.kept[groups].before = head;
            head = groups++;
        }
        scratch.kept[head].add(candidate.box, own_area, candidate.label);
        store_box(candidate.box, boxes + 4 * count);
        scores[count] = candidate.score;
        labels[count] = candidate.label;
        ++count;
    }
    return count;
}

}  // namespace regulus::kernels
