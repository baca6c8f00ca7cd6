#pragma once
// From class probabilities and deltas to scored boxes, and the mask channel of each label.
#include <algorithm>
#include <cstddef>

#include <regulus/graph/kernels/boxes.hpp>

namespace regulus::kernels {

/// ops::ClassCandidates of one image: its `rows` rows of probabilities [rows, classes + 1], deltas [rows, 4 * classes] (or 4) and
/// boxes [rows, 4]. Writes up to rows * classes entries in order of row, then class; returns how many.
template <class T>
std::int32_t class_candidates(const ops::ClassCandidates& op, const T* probabilities, const T* deltas, const T* boxes, std::int64_t rows, const Picture<T>& picture, T* found_boxes, T* found_scores,
                              std::int32_t* found_labels) {
    const T threshold = T(op.threshold);
    const std::int64_t deltas_a_row = op.class_agnostic ? 4 : 4 * std::int64_t(op.classes);
    std::int32_t count = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
        const T* scores = probabilities + row * (std::int64_t(op.classes) + 1);
        for (int label = 0; label < op.classes; ++label) {
            if (!(scores[label] > threshold)) continue;
            const T* delta = deltas + row * deltas_a_row + (op.class_agnostic ? 0 : 4 * label);
            store_box(place_box(op.coder, op.rescale, picture, load_box(boxes + 4 * row), delta), found_boxes + 4 * std::int64_t(count));
            found_scores[count] = scores[label];
            found_labels[count] = label;
            ++count;
        }
    }
    return count;
}

template <class T>
REGULUS_HOST_DEVICE inline T activated(Activation activation, T x) {
    switch (activation) {
        case Activation::relu: return x < 0 ? T(0) : x;  // NaN stays NaN
        case Activation::sigmoid: return sigmoid(x);
        case Activation::none: break;
    }
    return x;
}

/// ops::SelectChannel: src [rows, channels, area] -> dst [rows, area]. A label outside the channels takes the nearest one, so a
/// head with one channel for all classes serves every label.
template <class T>
void select_channel(const ops::SelectChannel& op, const T* src, const std::int32_t* labels, std::int64_t rows, std::int64_t channels, std::int64_t area, T* dst) {
    for (std::int64_t row = 0; row < rows; ++row) {
        const std::int64_t channel = std::clamp<std::int64_t>(labels[row], 0, channels - 1);
        const T* plane = src + (row * channels + channel) * area;
        for (std::int64_t i = 0; i < area; ++i) dst[row * area + i] = activated(op.activation, plane[i]);
    }
}

}  // namespace regulus::kernels
