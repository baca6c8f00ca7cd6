#pragma once
// Boxes of regions that move: refined by deltas, or carried from the original picture to the network's.
#include <regulus/graph/kernels/boxes.hpp>

namespace regulus::kernels {

/// ops::RefineBoxes of one image: `boxes` [rows, 4] and `deltas` [rows, 4] -> dst [rows, 4].
template <class T>
void refine_boxes(const ops::RefineBoxes& op, const T* boxes, const T* deltas, std::int64_t rows, const Picture<T>& picture, T* dst) {
    for (std::int64_t row = 0; row < rows; ++row) store_box(place_box(op.coder, false, picture, load_box(boxes + 4 * row), deltas + 4 * row), dst + 4 * row);
}

/// ops::ScaleBoxes of one image: `boxes` [rows, 4] in pixels of the original picture -> dst [rows, 4] in network pixels.
template <class T>
void scale_boxes(const T* boxes, std::int64_t rows, const Picture<T>& picture, T* dst) {
    for (std::int64_t row = 0; row < rows; ++row) {
        const Box<T> box = load_box(boxes + 4 * row);
        store_box(Box<T>{box.x1 * picture.width_scale, box.y1 * picture.height_scale, box.x2 * picture.width_scale, box.y2 * picture.height_scale}, dst + 4 * row);
    }
}

}  // namespace regulus::kernels
