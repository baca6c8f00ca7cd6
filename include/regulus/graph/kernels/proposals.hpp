#pragma once
// The best scores of a map, and the boxes of their anchors; one image a call.
#include <algorithm>
#include <cstddef>

#include <regulus/graph/kernels/boxes.hpp>

namespace regulus::kernels {

template <class T>
struct Scored {
    T score;
    std::int32_t index;
};

/// Falling score, then rising index.
template <class T>
inline bool better(const Scored<T>& a, const Scored<T>& b) { return a.score > b.score || (a.score == b.score && a.index < b.index); }

/// A logit below which sigmoid is certainly less than `score`, rounding of either included.
template <class T>
inline T logit_below(T score) {
    if (!(score > 0)) return -std::numeric_limits<T>::infinity();
    const double lower = std::min(double(score), 1.0) * (1.0 - 1e-6);
    return T(std::log(lower / (1.0 - lower)) - 1e-5);
}

/// Elements that top_k tests at once.
inline constexpr std::int64_t scan_width = 64;

/// Whether any of scan_width values is at least `bar`; NaN is not.
template <class T>
inline bool any_reaches(const T* values, T bar) {
    int reached = 0;
#if defined(_OPENMP)
#pragma omp simd reduction(+ : reached)
#endif
    for (std::int64_t i = 0; i < scan_width; ++i) reached += values[i] >= bar ? 1 : 0;
    return reached != 0;
}

/// How many entries top_k needs as scratch for maps of `total` elements.
inline std::size_t top_k_scratch(std::int64_t total, int limit) {
    const std::int64_t k = std::max(limit, 0);
    return std::size_t(std::min(total, std::max(2 * k, k + 4096)));
}

/// ops::TopK of one image. `logits` [channels, height, width] in C order (an NHWC map is one channel of height * width * channels cells); `scores` and `index` take up to
/// min(limit, channels * height * width) entries. Returns how many there are. The number of elements must fit 31 bits.
///
/// One pass: scores enter a pool of top_k_scratch() entries if they can still be among the best; a full pool is cut to its
/// best `limit`, and the worst of those is from then on the bar. Few elements pass the bar, so few sigmoids are computed.
template <class T>
std::int32_t top_k(const ops::TopK& op, const T* logits, std::int64_t channels, std::int64_t height, std::int64_t width, Scored<T>* pool, T* scores, std::int32_t* index) {
    const std::int64_t area = height * width;
    const std::int64_t total = channels * area;
    const std::int64_t k = std::min<std::int64_t>(std::max(op.limit, 0), total);
    if (k == 0) return 0;
    const T threshold = T(op.threshold);
    const std::size_t capacity = top_k_scratch(total, op.limit);
    std::size_t filled = 0;
    T bar = logit_below(threshold);
    for (std::int64_t channel = 0; channel < channels; ++channel) {
        const T* plane = logits + channel * area;
        for (std::int64_t first = 0; first < area; first += scan_width) {
            const std::int64_t last = std::min(area, first + scan_width);
            if (last - first == scan_width && !any_reaches(plane + first, bar)) continue;
            for (std::int64_t cell = first; cell < last; ++cell) {
                if (!(plane[cell] >= bar)) continue;  // NaN leaves here
                const T score = sigmoid(plane[cell]);
                if (!(score > threshold)) continue;
                if (filled == capacity) {
                    std::nth_element(pool, pool + (k - 1), pool + filled, better<T>);
                    filled = std::size_t(k);
                    bar = std::max(bar, logit_below(pool[k - 1].score));
                }
                pool[filled++] = {score, std::int32_t(cell * channels + channel)};
            }
        }
    }
    const std::size_t count = std::min(filled, std::size_t(k));
    if (filled > count) std::nth_element(pool, pool + (count - 1), pool + filled, better<T>);
    std::sort(pool, pool + count, better<T>);
    for (std::size_t i = 0; i < count; ++i) {
        scores[i] = pool[i].score;
        index[i] = pool[i].index;
    }
    return std::int32_t(count);
}

/// Anchor number `anchor` of a cell of a map of `width` cells a row.
template <class T>
Box<T> anchor_box(const ops::DecodeAnchors& op, std::int64_t width, std::int64_t cell, std::int64_t anchor) {
    const T x = T(cell % width * op.stride);
    const T y = T(cell / width * op.stride);
    const std::array<float, 4>& base = op.anchors[std::size_t(anchor)];
    return {x + T(base[0]), y + T(base[1]), x + T(base[2]), y + T(base[3])};
}

/// ops::DecodeAnchors of one image: the first `count` entries of `index` (of the score map with anchors * classes channels).
/// `deltas` is a map of 4 * anchors channels whose channels lie `channel_step` and whose cells lie `cell_step` elements apart
/// (height * width and 1 in NCHW; 1 and 4 * anchors in NHWC); `boxes` [count, 4], `labels` [count].
template <class T>
void decode_anchors(const ops::DecodeAnchors& op, const T* deltas, std::int64_t channel_step, std::int64_t cell_step, std::int64_t width, const std::int32_t* index, std::int64_t count,
                    const Picture<T>& picture, T* boxes, std::int32_t* labels) {
    const std::int64_t anchors = std::int64_t(op.anchors.size());
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t which = index[i] / op.classes;
        const std::int64_t anchor = which % anchors;
        const std::int64_t cell = which / anchors;
        const Box<T> from = anchor_box<T>(op, width, cell, anchor);
        store_box(place_box(op.coder, op.rescale, picture, from, deltas + 4 * anchor * channel_step + cell * cell_step, channel_step), boxes + 4 * i);
        labels[i] = op.label_offset + index[i] % op.classes;
    }
}

}  // namespace regulus::kernels
