#pragma once
// The anchors whose best class scores highest, with all their classes above a threshold; one image a call.
#include <regulus/graph/kernels/proposals.hpp>

namespace regulus::kernels {

/// ops::TopK of one image with op.classes > 1. `logits` has `channels` = anchors * classes channels that lie `channel_step` and `cells` cells that lie
/// `cell_step` elements apart; `pool` holds one entry an anchor; `scores` and `index` take up to min(limit, anchors) * classes entries. Returns how
/// many there are. An anchor's classes that are NaN are passed over. When no anchor has to go, they keep the order of the map.
template <class T>
std::int32_t top_anchors(const ops::TopK& op, const T* logits, std::int64_t channels, std::int64_t cells, std::int64_t channel_step, std::int64_t cell_step, Scored<T>* pool, T* scores,
                         std::int32_t* index) {
    const std::int64_t anchors = channels / op.classes;  // of a cell
    const std::int64_t limit = std::max(op.limit, 0);
    const T threshold = T(op.threshold);
    std::int64_t filled = 0;
    for (std::int64_t cell = 0; cell < cells; ++cell) {
        for (std::int64_t anchor = 0; anchor < anchors; ++anchor) {
            const T* classes = logits + cell * cell_step + anchor * op.classes * channel_step;
            T best = -std::numeric_limits<T>::infinity();
            for (int c = 0; c < op.classes; ++c) best = classes[c * channel_step] > best ? classes[c * channel_step] : best;
            pool[filled++] = {sigmoid(best), std::int32_t(cell * anchors + anchor)};
        }
    }
    const std::int64_t kept = std::min(filled, limit);
    if (kept == 0) return 0;
    if (filled > kept) {
        std::nth_element(pool, pool + (kept - 1), pool + filled, better<T>);
        std::sort(pool, pool + kept, better<T>);
    }
    std::int32_t count = 0;
    for (std::int64_t i = 0; i < kept; ++i) {
        const std::int64_t cell = pool[i].index / anchors, first = pool[i].index % anchors * op.classes;
        for (int c = 0; c < op.classes; ++c) {
            const T score = sigmoid(logits[cell * cell_step + (first + c) * channel_step]);
            if (!(score > threshold)) continue;
            scores[count] = score;
            index[count] = std::int32_t(cell * channels + first + c);
            ++count;
        }
    }
    return count;
}

}  // namespace regulus::kernels
