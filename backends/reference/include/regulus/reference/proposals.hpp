#pragma once
// Top-k, anchor decoding and suppression over the images of a batch.
#include <cstddef>
#include <vector>

#include <regulus/graph/kernels/nms.hpp>
#include <regulus/graph/kernels/proposals.hpp>
#include <regulus/graph/kernels/top_anchors.hpp>
#include <regulus/reference/parallel.hpp>

namespace regulus::reference {

template <class T>
void top_k(const ops::TopK& op, const View<const T>& logits, kernels::Scored<T>* pool, const View<T>& scores, std::int32_t* index, std::int32_t* count) {
    const std::int64_t a_map = logits[1] * logits[2] * logits[3];
    for (std::int64_t image = 0; image < logits[0]; ++image) {
        if (op.classes > 1) {
            const std::int64_t cells = logits[2] * logits[3];
            count[image] = kernels::top_anchors(op, logits.data + image * a_map, logits[1], cells, cells, 1, pool, scores.data + image * scores[1], index + image * scores[1]);
            continue;
        }
        count[image] = kernels::top_k(op, logits.data + image * a_map, logits[1], logits[2], logits[3], pool, scores.data + image * scores[1], index + image * scores[1]);
    }
}

template <class T>
void decode_anchors(const ops::DecodeAnchors& op, const View<const T>& deltas, const std::int32_t* index, const std::int32_t* count, const T* info, const View<T>& boxes, std::int32_t* labels) {
    const std::int64_t a_map = deltas[1] * deltas[2] * deltas[3];
    const std::int64_t k = boxes[1];
    for (std::int64_t image = 0; image < deltas[0]; ++image) {
        kernels::decode_anchors(op, deltas.data + image * a_map, deltas[2] * deltas[3], 1, deltas[3], index + image * k, count[image], kernels::load_picture(info + 4 * image), boxes.data + 4 * image * k,
                                labels + image * k);
    }
}

/// A list of candidates of the whole batch.
template <class T>
struct BatchList {
    const T* boxes;
    const T* scores;
    const std::int32_t* labels;
    const std::int32_t* count;
    std::int64_t k;  // bound of each image
};

/// The kept boxes of all images, packed.
template <class T>
void nms(const ops::Nms& op, const std::vector<BatchList<T>>& lists, std::int64_t images, kernels::NmsScratch<T> scratch, T* boxes, T* scores, std::int32_t* labels, std::int32_t* count) {
    std::vector<kernels::CandidateList<T>> of_image(lists.size());
    std::int64_t first = 0;
    for (std::int64_t image = 0; image < images; ++image) {
        for (std::size_t i = 0; i < lists.size(); ++i) {
            const std::int64_t at = image * lists[i].k;
            of_image[i] = {lists[i].boxes + 4 * at, lists[i].scores + at, lists[i].labels + at, lists[i].count[image]};
        }
        count[image] = kernels::nms(op, of_image.data(), of_image.size(), scratch, boxes + 4 * first, scores + first, labels + first);
        first += count[image];
    }
}

}  // namespace regulus::reference
