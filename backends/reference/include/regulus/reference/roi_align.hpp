#pragma once
// RoIAlign over the levels of a pyramid.
#include <vector>

#include <regulus/graph/kernels/roi_align.hpp>
#include <regulus/reference/parallel.hpp>

namespace regulus::reference {

/// Bytes of scratch that each thread needs: the samples of both axes, and where each bin's begin.
template <class T>
std::size_t roi_scratch(const ops::RoiAlign& op, std::int64_t height, std::int64_t width) {
    const std::size_t samples = kernels::roi_axis_capacity(op, height) + kernels::roi_axis_capacity(op, width);
    const std::size_t bytes = samples * sizeof(kernels::AxisSample<T>) + 2 * (std::size_t(op.size) + 1) * sizeof(std::int32_t);
    return (bytes + 63) / 64 * 64;
}

/// `boxes` [rows, 4] packed over the images, `counts` [n]; dst [rows, channels, size, size]. `scratch` holds
/// threads * roi_scratch(greatest height, greatest width) bytes.
template <class T>
void roi_align(const ops::RoiAlign& op, const std::vector<View<const T>>& maps, const T* boxes, const std::int32_t* counts, const View<T>& dst, std::byte* scratch, std::size_t scratch_a_thread,
               int threads) {
    const std::int64_t channels = dst[1];
    const std::int64_t bins = std::int64_t(op.size) * op.size;
    const auto pool = [&](int thread, std::int64_t image, std::int64_t row) {
        const kernels::Box<T> box = kernels::load_box(boxes + 4 * row);
        const std::size_t level = std::size_t(kernels::roi_level(op, box));
        const View<const T>& map = maps[level];
        const std::int64_t height = map[2], width = map[3];
        const kernels::RoiAxis<T> y_axis = kernels::roi_axis(op, op.strides[level], box.y1, box.y2);
        const kernels::RoiAxis<T> x_axis = kernels::roi_axis(op, op.strides[level], box.x1, box.x2);
        auto* y_samples = reinterpret_cast<kernels::AxisSample<T>*>(scratch + std::size_t(thread) * scratch_a_thread);
        auto* x_samples = y_samples + kernels::roi_axis_capacity(op, height);
        auto* y_begin = reinterpret_cast<std::int32_t*>(x_samples + kernels::roi_axis_capacity(op, width));
        auto* x_begin = y_begin + op.size + 1;
        kernels::roi_axis_samples(op, y_axis, height, y_samples, y_begin);
        kernels::roi_axis_samples(op, x_axis, width, x_samples, x_begin);
        const T count = T(std::max<std::int64_t>(y_axis.samples * x_axis.samples, 1));
        T* to = dst.data + row * channels * bins;
        for (std::int64_t channel = 0; channel < channels; ++channel) {
            const T* plane = map.data + (image * channels + channel) * height * width;
            for (int y = 0; y < op.size; ++y) {
                for (int x = 0; x < op.size; ++x) {
                    *to++ = kernels::roi_bin_sum(plane, width, y_samples + y_begin[y], y_samples + y_begin[y + 1], x_samples + x_begin[x], x_samples + x_begin[x + 1]) / count;
                }
            }
        }
    };
    std::int64_t first = 0;
    for (std::int64_t image = 0; image < maps[0][0]; ++image) {
        parallel_for(threads, counts[image], [&](int thread, std::int64_t i) { pool(thread, image, first + i); });
        first += counts[image];
    }
}

}  // namespace regulus::reference
