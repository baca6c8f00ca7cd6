#pragma once
// Suppression of boxes whose centres lie close together; one cloud a call.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <regulus/graph/kernels/rotated_nms.hpp>

namespace regulus::kernels {

/// ops::CircleNms of one cloud; returns how many boxes are kept (<= op.limit). `ranked` holds as many entries as all lists together; the lists'
/// directions are not read. Cost: candidates * kept.
template <class T>
std::int32_t circle_nms(const ops::CircleNms& op, const CandidateList3d<T>* lists, std::size_t list_count, Ranked3d<T>* ranked, T* boxes, T* scores, std::int32_t* labels) {
    std::int64_t candidates = 0;
    std::int32_t rank = 0;
    for (std::size_t which = 0; which < list_count; ++which) {
        const CandidateList3d<T>& list = lists[which];
        for (std::int64_t i = 0; i < list.count; ++i, ++rank) {
            if (list.scores[i] == list.scores[i]) ranked[candidates++] = {list.boxes + i * op.code, list.scores[i], rank, list.labels[i], 0};
        }
    }
    std::sort(ranked, ranked + candidates, [](const Ranked3d<T>& a, const Ranked3d<T>& b) { return a.score != b.score ? a.score > b.score : a.rank < b.rank; });
    std::int32_t kept = 0;
    for (std::int64_t i = 0; i < candidates && kept < op.limit; ++i) {
        bool stays = true;
        for (std::int32_t k = 0; k < kept && stays; ++k) {
            const T dx = ranked[i].box[0] - ranked[k].box[0], dy = ranked[i].box[1] - ranked[k].box[1];
            stays = !(dx * dx + dy * dy <= T(op.squared_radius));
        }
        if (!stays) continue;
        ranked[kept] = ranked[i];
        std::copy_n(ranked[kept].box, op.code, boxes + std::int64_t(kept) * op.code);
        scores[kept] = ranked[kept].score;
        labels[kept] = ranked[kept].label;
        ++kept;
    }
    return kept;
}

}  // namespace regulus::kernels
