#pragma once
// Boxes of regions that move, over the images of a batch; the mean of several values.
#include <vector>

#include <regulus/graph/kernels/refine.hpp>
#include <regulus/reference/parallel.hpp>

namespace regulus::reference {

/// Rows are packed over the images, `counts` says how many each has; `info` holds a row an image.
template <class T>
void refine_boxes(const ops::RefineBoxes& op, const T* boxes, const T* deltas, const std::int32_t* counts, std::int64_t images, const T* info, T* dst) {
    for (std::int64_t image = 0, first = 0; image < images; first += counts[image++]) {
        kernels::refine_boxes(op, boxes + 4 * first, deltas + 4 * first, counts[image], kernels::load_picture(info + 4 * image), dst + 4 * first);
    }
}

template <class T>
void scale_boxes(const T* boxes, const std::int32_t* counts, std::int64_t images, const T* info, T* dst) {
    for (std::int64_t image = 0, first = 0; image < images; first += counts[image++]) {
        kernels::scale_boxes(boxes + 4 * first, counts[image], kernels::load_picture(info + 4 * image), dst + 4 * first);
    }
}

template <class T>
void average(const std::vector<const T*>& sources, const View<T>& dst) {
    const std::int64_t count = dst.shape.numel();
    for (std::int64_t i = 0; i < count; ++i) {
        T sum = sources[0][i];
        for (std::size_t source = 1; source < sources.size(); ++source) sum += sources[source][i];
        dst.data[i] = sum / T(sources.size());
    }
}

}  // namespace regulus::reference
