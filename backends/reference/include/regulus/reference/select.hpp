#pragma once
// Candidates of the box head, and the mask channel of each label, over the images of a batch.
#include <regulus/graph/kernels/candidates.hpp>
#include <regulus/reference/parallel.hpp>

namespace regulus::reference {

/// `probabilities` [rows, classes + 1] packed over the images, `counts` rows of each; outputs are lists bounded by boxes[1].
template <class T>
void class_candidates(const ops::ClassCandidates& op, const T* probabilities, const T* deltas, const T* rois, const std::int32_t* counts, const T* info, const View<T>& boxes, T* scores,
                      std::int32_t* labels, std::int32_t* found) {
    const std::int64_t k = boxes[1];
    const std::int64_t deltas_a_row = op.class_agnostic ? 4 : 4 * std::int64_t(op.classes);
    std::int64_t first = 0;
    for (std::int64_t image = 0; image < boxes[0]; ++image) {
        found[image] = kernels::class_candidates(op, probabilities + first * (op.classes + 1), deltas + first * deltas_a_row, rois + 4 * first, counts[image], kernels::load_picture(info + 4 * image),
                                                 boxes.data + 4 * image * k, scores + image * k, labels + image * k);
        first += counts[image];
    }
}

template <class T>
void select_channel(const ops::SelectChannel& op, const View<const T>& src, const std::int32_t* labels, T* dst, int threads) {
    const std::int64_t area = src[2] * src[3];
    parallel_for(threads, src[0], [&](int, std::int64_t row) { kernels::select_channel(op, src.data + row * src[1] * area, labels + row, 1, src[1], area, dst + row * area); });
}

}  // namespace regulus::reference
