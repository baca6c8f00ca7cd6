#pragma once
// Greedy suppression among oriented boxes of equal label, seen from above; one cloud a call.
#include <algorithm>
#include <cstddef>

#include <regulus/graph/kernels/rotated_iou.hpp>

namespace regulus::kernels {

/// One cloud's part of a list: the first `count` entries are valid.
template <class T>
struct CandidateList3d {
    const T* boxes;                  // [count, code]
    const T* scores;                 // [count]
    const std::int32_t* labels;      // [count]
    const std::int32_t* directions;  // [count]
    std::int64_t count;
};

/// A candidate in the order of suppression.
template <class T>
struct Ranked3d {
    const T* box;
    T score;
    std::int32_t rank;  // position in the union of the lists; later: among the kept
    std::int32_t label;
    std::int32_t direction;
};

/// What rotated_nms() needs besides its arguments: `ranked` holds as many entries as all lists together, `kept` as many as can be kept of a label.
template <class T>
struct RotatedNmsScratch {
    Ranked3d<T>* ranked;
    RotatedBox* kept;

    /// Of one label, one more than `limit` tells that there are more, and that is enough.
    static constexpr std::int64_t kept_of_label(std::int64_t candidates, std::int64_t limit) { return std::min(candidates, limit + 1); }
    static constexpr std::size_t bytes(std::int64_t candidates, std::int64_t limit) {
        return std::size_t(candidates) * sizeof(Ranked3d<T>) + std::size_t(kept_of_label(candidates, limit)) * sizeof(RotatedBox);
    }
    /// From bytes(candidates, limit) bytes aligned to 8.
    RotatedNmsScratch(void* memory, std::int64_t candidates) : ranked(static_cast<Ranked3d<T>*>(memory)), kept(reinterpret_cast<RotatedBox*>(ranked + candidates)) {}
};

/// Whether an overlap takes a box away. The overlap is rounded to float32, as the peers compute it, so that all backends decide alike.
REGULUS_HOST_DEVICE inline bool suppresses(const ops::RotatedNms& op, double overlap) { return op.suppress_equal ? float(overlap) >= op.iou_threshold : float(overlap) > op.iou_threshold; }

/// Whether two boxes are certain to share too little to take each other away, whatever rounding does; found for far less work than their overlap.
REGULUS_HOST_DEVICE inline bool surely_apart(const ops::RotatedNms& op, const RotatedBox& a, const RotatedBox& b) {
    const double threshold = double(op.iou_threshold);
    if (!(threshold > 0)) return false;
    return far_apart(a, b) || intersection_bound(a, b) * (1 + threshold) < threshold * (1 - 1e-6) * (a.area() + b.area());
}

template <class T>
REGULUS_HOST_DEVICE inline RotatedBox suppression_box(const ops::RotatedNms& op, const T* box) {
    return rotated_box(double(box[0]), double(box[1]), double(box[3]), double(box[4]), op.rotated ? double(box[6]) : 0.0);
}

/// The union of the lists without NaN scores in the order of suppression: by label, falling score, position. Returns how many.
template <class T>
std::int64_t rank_candidates(const ops::RotatedNms& op, const CandidateList3d<T>* lists, std::size_t list_count, Ranked3d<T>* ranked) {
    std::int64_t candidates = 0;
    std::int32_t rank = 0;
    for (std::size_t which = 0; which < list_count; ++which) {
        const CandidateList3d<T>& list = lists[which];
        for (std::int64_t i = 0; i < list.count; ++i, ++rank) {
            if (list.scores[i] == list.scores[i]) ranked[candidates++] = {list.boxes + i * op.code, list.scores[i], rank, list.labels[i], list.directions[i]};
        }
    }
    std::sort(ranked, ranked + candidates,
              [](const Ranked3d<T>& a, const Ranked3d<T>& b) { return a.label != b.label ? a.label < b.label : (a.score != b.score ? a.score > b.score : a.rank < b.rank); });
    return candidates;
}

/// The first `kept` entries of `ranked` are the kept ones, by label. Cuts them to op.limit and writes them; returns how many there are then.
template <class T>
std::int32_t write_kept(const ops::RotatedNms& op, Ranked3d<T>* ranked, std::int64_t kept, T* boxes, T* scores, std::int32_t* labels) {
    if (kept > op.limit) {
        for (std::int64_t i = 0; i < kept; ++i) ranked[i].rank = std::int32_t(i);
        std::sort(ranked, ranked + kept, [](const Ranked3d<T>& a, const Ranked3d<T>& b) { return a.score != b.score ? a.score > b.score : a.rank < b.rank; });
        kept = op.limit;
    }
    for (std::int64_t i = 0; i < kept; ++i) {
        T* const box = boxes + i * op.code;
        std::copy_n(ranked[i].box, op.code, box);
        box[6] = directed_yaw(box[6], T(op.direction_offset), T(op.direction_limit_offset), ranked[i].direction);
        scores[i] = ranked[i].score;
        labels[i] = ranked[i].label;
    }
    return std::int32_t(kept);
}

/// The candidates [begin, end) are those of one label: keeps at most `most`, the others get the rank -1. `kept` holds `most` entries, or one a candidate.
template <class T>
void suppress_label(const ops::RotatedNms& op, Ranked3d<T>* ranked, std::int64_t begin, std::int64_t end, std::int64_t most, RotatedBox* kept) {
    std::int64_t count = 0;
    for (std::int64_t i = begin; i < end; ++i) {
        const RotatedBox box = suppression_box(op, ranked[i].box);
        bool stays = count < most;
        for (std::int64_t k = 0; k < count && stays; ++k) stays = surely_apart(op, kept[k], box) || !suppresses(op, rotated_iou(kept[k], box));
        if (stays) kept[count++] = box;
        else ranked[i].rank = -1;
    }
}

/// The end of the label that begins at `begin`.
template <class T>
std::int64_t label_end(const Ranked3d<T>* ranked, std::int64_t begin, std::int64_t candidates) {
    std::int64_t end = begin + 1;
    while (end < candidates && ranked[end].label == ranked[begin].label) ++end;
    return end;
}

/// What stays after suppress_label of every label, to the front. Returns how many.
template <class T>
std::int64_t gather_kept(Ranked3d<T>* ranked, std::int64_t candidates) {
    std::int64_t kept = 0;
    for (std::int64_t i = 0; i < candidates; ++i) {
        if (ranked[i].rank >= 0) ranked[kept++] = ranked[i];
    }
    return kept;
}

/// ops::RotatedNms of one cloud; returns how many boxes are kept (<= op.limit). Candidates whose score is NaN are dropped; a box with NaN, or
/// without area, overlaps nothing. Cost: candidates of a label * min(limit, kept of it).
template <class T>
std::int32_t rotated_nms(const ops::RotatedNms& op, const CandidateList3d<T>* lists, std::size_t list_count, RotatedNmsScratch<T> scratch, T* boxes, T* scores, std::int32_t* labels) {
    const std::int64_t candidates = rank_candidates(op, lists, list_count, scratch.ranked);
    const std::int64_t most = RotatedNmsScratch<T>::kept_of_label(candidates, op.limit);
    for (std::int64_t begin = 0, end = 0; begin < candidates; begin = end) {
        end = label_end(scratch.ranked, begin, candidates);
        suppress_label(op, scratch.ranked, begin, end, most, scratch.kept);
    }
    return write_kept(op, scratch.ranked, gather_kept(scratch.ranked, candidates), boxes, scores, labels);
}

}  // namespace regulus::kernels
