#pragma once
// The anchors whose best class scores highest, with all their classes above a threshold; one image a call.
#include <regulus/graph/kernels/proposals.hpp>

namespace regulus::kernels {

/// How many entries top_anchors needs as scratch for maps of `anchors` anchors, all cells together.
inline std::size_t top_anchors_scratch(std::int64_t anchors, int limit) { return top_k_scratch(anchors, limit); }

/// ops::TopK of one image with op.classes > 1. `logits` has `channels` = anchors * classes channels that lie `channel_step` and `cells` cells that lie
/// `cell_step` elements apart; `pool` holds top_anchors_scratch(anchors * cells, op.limit) entries; `scores` and `index` take up to min(limit, anchors) *
/// classes entries. Returns how many there are. An anchor's classes that are NaN are passed over. When no anchor has to go, they keep the order of the map.
///
/// One pass, as top_k's: anchors enter the pool if they can still be among the best, and if any class can pass the threshold, for the others give nothing.
template <class T>
std::int32_t top_anchors(const ops::TopK& op, const T* logits, std::int64_t channels, std::int64_t cells, std::int64_t channel_step, std::int64_t cell_step, Scored<T>* pool, T* scores,
                         std::int32_t* index) {
    const std::int64_t anchors = channels / op.classes;  // of a cell
    const std::int64_t total = anchors * cells, limit = std::max(op.limit, 0);
    if (limit == 0 || total == 0) return 0;
    const T threshold = T(op.threshold);
    const std::size_t capacity = top_anchors_scratch(total, op.limit);
    std::size_t filled = 0;
    T bar = logit_below(threshold);
    const auto consider = [&](std::int64_t which) {
        const T* const classes = logits + which / anchors * cell_step + which % anchors * op.classes * channel_step;
        T best = -std::numeric_limits<T>::infinity();
        for (int c = 0; c < op.classes; ++c) best = classes[c * channel_step] > best ? classes[c * channel_step] : best;
        if (!(best >= bar)) return;
        if (filled == capacity) {
            std::nth_element(pool, pool + (limit - 1), pool + filled, better<T>);
            filled = std::size_t(limit);
            bar = std::max(bar, logit_below(pool[limit - 1].score));
        }
        pool[filled++] = {sigmoid(best), std::int32_t(which)};
    };
    if (channel_step == 1 && cell_step == channels && channels == anchors * op.classes) {
        // The classes of all anchors are one line: whole stretches of it are passed over at once.
        std::int64_t next = 0;
        for (std::int64_t first = 0; first < total * op.classes; first += scan_width) {
            const std::int64_t last = std::min(total * op.classes, first + scan_width);
            if (last - first == scan_width && !any_reaches(logits + first, bar)) continue;
            next = std::max(next, first / op.classes);
            for (; next * op.classes < last; ++next) consider(next);
        }
    } else {
        for (std::int64_t which = 0; which < total; ++which) consider(which);
    }

    const std::int64_t kept = std::min(std::int64_t(filled), limit);
    if (kept == 0) return 0;
    if (total > limit) {
        if (std::int64_t(filled) > kept) std::nth_element(pool, pool + (kept - 1), pool + filled, better<T>);
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
