#pragma once
// Boxes on the device: decoding, candidates, what moves or pools them. The arithmetic itself is that of graph/kernels/.
//
// Rows of all images are packed, counts say how many each image has. What lies beyond a count is set to zero, so that nothing undefined is ever read.
#include <array>

#include <regulus/cuda/kernels/maps.hpp>
#include <regulus/graph/kernels/boxes.hpp>

namespace regulus::cuda {

/// The image of a packed row; `images` for a row beyond all.
REGULUS_HOST_DEVICE inline std::int32_t image_of_row(const std::int32_t* counts, std::int32_t images, std::int64_t row) {
    std::int64_t last = 0;
    for (std::int32_t image = 0; image < images; ++image) {
        last += counts[image];
        if (row < last) return image;
    }
    return images;
}

struct DecodingAnchors {
    Elements deltas;             // [n, h, w, anchors * 4]
    const float* anchors;        // [anchors, 4]
    const std::int32_t* index;   // [n, bound]
    const std::int32_t* count;
    const float* info;
    float* boxes;
    std::int32_t* labels;
    std::uint32_t images, bound, anchor_count, height, width;
    std::int32_t stride, classes, label_offset;
    ops::BoxCoder coder;
    bool rescale;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return images * bound; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t image = i / bound;
        float* const to = boxes + 4 * std::int64_t(i);
        if (i % bound >= std::uint32_t(count[image])) {
            kernels::store_box(kernels::Box<float>{0, 0, 0, 0}, to);
            labels[i] = 0;
            return;
        }
        const std::uint32_t which = std::uint32_t(index[i]) / std::uint32_t(classes), anchor = which % anchor_count, cell = which / anchor_count;
        const float x = float(std::int32_t(cell % width) * stride), y = float(std::int32_t(cell / width) * stride);
        const float* const base = anchors + 4 * anchor;
        const kernels::Box<float> from{x + base[0], y + base[1], x + base[2], y + base[3]};
        float delta[4];
        for (std::uint32_t k = 0; k < 4; ++k) delta[k] = deltas[((std::int64_t(image) * height * width + cell) * anchor_count + anchor) * 4 + k];
        kernels::store_box(kernels::place_box(coder, rescale, kernels::load_picture(info + 4 * image), from, delta), to);
        labels[i] = label_offset + index[i] % classes;
    }
};

/// The (box, class) pairs above a score, in order of row, then class. One block an image; each thread takes neighbouring rows. Shared memory: an integer a thread.
struct FindingCandidates {
    static constexpr unsigned threads = 256;
    static constexpr std::size_t shared_bytes = threads * 4;
    Elements probabilities;  // [rows, classes + 1]
    Elements deltas;         // [rows, 4 * classes] or [rows, 4]
    const float* boxes;
    const std::int32_t* counts;
    const float* info;
    float* found_boxes;  // [n, bound, 4]
    float* found_scores;
    std::int32_t* found_labels;
    std::int32_t* found;
    std::int64_t bound;
    std::int32_t classes;
    float threshold;
    bool class_agnostic;
    ops::BoxCoder coder;
    bool rescale;
    REGULUS_HOST_DEVICE std::int32_t phases(const Thread&) const { return 3; }
    REGULUS_HOST_DEVICE void run(std::int32_t phase, const Thread& thread) const {
        std::int32_t* const before = thread.shared_as<std::int32_t>();
        if (phase == 1) {
            if (thread.index == 0) found[thread.block] = sum_before(before, thread.count);
            return;
        }
        std::int64_t first_row = 0;
        for (std::int32_t image = 0; image < thread.block; ++image) first_row += counts[image];
        const Share share = share_of(thread, counts[thread.block]);
        const kernels::Picture<float> picture = kernels::load_picture(info + 4 * thread.block);
        const std::int64_t base = thread.block * bound;
        std::int64_t at = phase == 0 ? 0 : before[thread.index];
        for (std::int64_t i = share.first; i < share.last; ++i) {
            const std::int64_t row = first_row + i;
            for (std::int32_t label = 0; label < classes; ++label) {
                const float score = probabilities[row * (classes + 1) + label];
                if (!(score > threshold)) continue;
                if (phase == 2) {
                    float delta[4];
                    for (std::int64_t k = 0; k < 4; ++k) delta[k] = deltas[class_agnostic ? 4 * row + k : 4 * (row * classes + label) + k];
                    kernels::store_box(kernels::place_box(coder, rescale, picture, kernels::load_box(boxes + 4 * row), delta), found_boxes + 4 * (base + at));
                    found_scores[base + at] = score;
                    found_labels[base + at] = label;
                }
                ++at;
            }
        }
        if (phase == 0) before[thread.index] = std::int32_t(at);
    }
};

struct RefiningBoxes {
    const float* boxes;
    Elements deltas;
    const std::int32_t* counts;
    const float* info;
    float* dst;
    std::int32_t images;
    std::uint32_t rows;
    ops::BoxCoder coder;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return rows; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t row) const {
        const std::int32_t image = image_of_row(counts, images, row);
        kernels::Box<float> box{0, 0, 0, 0};
        if (image < images) {
            float delta[4];
            for (std::uint32_t k = 0; k < 4; ++k) delta[k] = deltas[4 * std::int64_t(row) + k];
            box = kernels::place_box(coder, false, kernels::load_picture(info + 4 * image), kernels::load_box(boxes + 4 * std::int64_t(row)), delta);
        }
        kernels::store_box(box, dst + 4 * std::int64_t(row));
    }
};

struct ScalingBoxes {
    const float* boxes;
    const std::int32_t* counts;
    const float* info;
    float* dst;
    std::int32_t images;
    std::uint32_t rows;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return rows; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t row) const {
        const std::int32_t image = image_of_row(counts, images, row);
        kernels::Box<float> box{0, 0, 0, 0};
        if (image < images) {
            const kernels::Picture<float> picture = kernels::load_picture(info + 4 * image);
            const kernels::Box<float> from = kernels::load_box(boxes + 4 * std::int64_t(row));
            box = {from.x1 * picture.width_scale, from.y1 * picture.height_scale, from.x2 * picture.width_scale, from.y2 * picture.height_scale};
        }
        kernels::store_box(box, dst + 4 * std::int64_t(row));
    }
};

/// The label's channel of NHWC rows.
struct SelectingChannel {
    Elements src;
    const std::int32_t* labels;
    float* dst;
    std::uint32_t rows, area;
    std::int32_t channels;
    Activation activation;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return rows * area; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::int32_t label = labels[i / area], channel = label < 0 ? 0 : (label < channels ? label : channels - 1);
        dst[i] = kernels::activated(activation, src[std::int64_t(i) * channels + channel]);
    }
};

/// RoIAlign with level choice: an element of [rows, size, size, c] a call, neighbouring threads neighbouring channels, so the maps are read whole pixels at a
/// time. The arithmetic of graph/kernels/roi_align.hpp; rows beyond the counts become zero.
template <class T>
struct PoolingRegions {
    static constexpr int most_levels = 8;
    const T* maps[most_levels];
    std::uint32_t heights[most_levels], widths[most_levels];
    std::int32_t strides[most_levels];
    const float* boxes;
    const std::int32_t* counts;
    T* dst;
    std::int32_t levels, images, side, sampling_ratio;
    std::uint32_t rows, channels;
    float finest_scale;
    ops::LevelRule rule;
    bool aligned;

    struct Axis {
        float start, bin;
        std::int32_t samples;
    };
    REGULUS_HOST_DEVICE std::uint32_t size() const { return rows * std::uint32_t(side * side) * channels; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t c = i % channels, place = i / channels % std::uint32_t(side * side), row = i / channels / std::uint32_t(side * side);
        const std::int32_t image = image_of_row(counts, images, row);
        if (image >= images) {
            store(dst + i, 0.f);
            return;
        }
        const kernels::Box<float> box = kernels::load_box(boxes + 4 * std::int64_t(row));
        const std::int32_t level = level_of(box);
        const std::int32_t height = std::int32_t(heights[level]), width = std::int32_t(widths[level]);
        const Axis ys = axis(strides[level], box.y1, box.y2), xs = axis(strides[level], box.x1, box.x2);
        const T* const map = maps[level] + std::int64_t(image) * height * width * channels + c;
        const std::int32_t by = std::int32_t(place) / side, bx = std::int32_t(place) % side;
        float sum = 0;
        for (std::int32_t sy = first_inside(ys, by); sy < ys.samples; ++sy) {
            std::int32_t top, bottom;
            float down;
            const int where_y = locate(ys, by, sy, height, top, bottom, down);
            if (where_y > 0) break;
            if (where_y < 0) continue;
            for (std::int32_t sx = first_inside(xs, bx); sx < xs.samples; ++sx) {
                std::int32_t left, right;
                float along;
                const int where_x = locate(xs, bx, sx, width, left, right, along);
                if (where_x > 0) break;
                if (where_x < 0) continue;
                const T* const upper = map + std::int64_t(top) * width * channels;
                const T* const lower = map + std::int64_t(bottom) * width * channels;
                sum += (1.f - down) * (1.f - along) * widened(upper[std::int64_t(left) * channels]) + (1.f - down) * along * widened(upper[std::int64_t(right) * channels]) +
                       down * (1.f - along) * widened(lower[std::int64_t(left) * channels]) + down * along * widened(lower[std::int64_t(right) * channels]);
            }
        }
        const float count = float(std::int64_t(ys.samples) * xs.samples);
        store(dst + i, sum / (count > 1.f ? count : 1.f));
    }

private:
    REGULUS_HOST_DEVICE std::int32_t level_of(const kernels::Box<float>& box) const {
        const float side_length = std::sqrt(kernels::area(box));
        float level = 0;
        if (rule == ops::LevelRule::mmdetection) level = std::floor(std::log2(side_length / finest_scale + 1e-6f));
        if (rule == ops::LevelRule::detectron2) level = std::floor(4.f + std::log2(side_length / (4 * finest_scale) + 1e-8f)) - 2;
        if (rule == ops::LevelRule::torchvision) level = std::floor(4.f + std::log2(side_length / (4 * finest_scale)) + 1e-6f) - 2;
        return level > 0 ? (level < float(levels - 1) ? std::int32_t(level) : levels - 1) : 0;  // NaN: 0
    }
    REGULUS_HOST_DEVICE Axis axis(std::int32_t stride, float low, float high) const {
        constexpr float most = 1 << 20;
        const float scale = 1.f / float(stride), offset = aligned ? 0.5f : 0.f, start = low * scale - offset;
        float length = high * scale - offset - start;
        if (!aligned && length < 1.f) length = 1.f;
        if (!(start - start == 0) || !(length - length == 0)) return {0, 0, 0};  // not finite
        const float bin = length / float(side);
        if (sampling_ratio > 0) return {start, bin, sampling_ratio};
        const float adaptive = std::ceil(bin);
        return {start, bin, adaptive > 0 ? std::int32_t(adaptive < most ? adaptive : most) : 0};
    }
    /// Skips the samples that lie before the map.
    REGULUS_HOST_DEVICE static std::int32_t first_inside(const Axis& axis, std::int32_t bin) {
        if (!(axis.bin > 0)) return 0;
        const float first = (-1.f - axis.start - float(bin) * axis.bin) / axis.bin * float(axis.samples) - 2.f;
        return first > 0 ? (first < float(axis.samples) ? std::int32_t(first) : axis.samples) : 0;
    }
    /// The two pixels of a sample and the share of the second. -1: outside the map; 1: so are all after it; 0: inside.
    REGULUS_HOST_DEVICE static int locate(const Axis& axis, std::int32_t bin, std::int32_t sample, std::int32_t length, std::int32_t& low, std::int32_t& high, float& share) {
        float at = axis.start + float(bin) * axis.bin + (float(sample) + 0.5f) * axis.bin / float(axis.samples);
        if (at > float(length) && axis.bin > 0) return 1;
        if (!(at >= -1.f && at <= float(length))) return -1;
        if (at < 0) at = 0;
        low = std::int32_t(at);
        high = low + 1;
        if (low >= length - 1) {
            low = high = length - 1;
            at = float(low);
        }
        share = at - float(low);
        return 0;
    }
};

}  // namespace regulus::cuda
