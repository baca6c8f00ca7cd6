#pragma once
// From 8-bit pictures to the network's input map, and from the network's small masks and coarse labels to pictures: the steps of data/resize, data/preprocess, data/mask and
// pipeline/semantic_labels, byte for byte. The tables of a picture's taps are made on the host by data/resize's own functions.
#include <cmath>
#include <cstdint>

#include <regulus/core/bilinear_tap.hpp>
#include <regulus/cuda/kernels/storage.hpp>

namespace regulus::cuda {

/// Rows of three bytes a pixel; `pitch` bytes from a row to the next.
struct Pixels {
    const std::uint8_t* data;
    std::int64_t pitch;
    REGULUS_HOST_DEVICE const std::uint8_t* at(std::uint32_t y, std::uint32_t x) const { return data + std::int64_t(y) * pitch + 3 * std::int64_t(x); }
};

/// OpenCV's taps of one axis: for each output position two sources and their 11-bit weights.
struct TapsOpencv {
    const std::int32_t *first, *second, *first_weight, *second_weight;
};

/// cv2.resize(INTER_LINEAR); a thread a pixel. The two rows are blended after each lost four bits.
struct ResizingOpencv {
    Pixels src;
    std::uint8_t* dst;  // [height, width, 3]
    TapsOpencv rows, columns;
    std::uint32_t height, width;
    REGULUS_HOST_DEVICE std::uint32_t size() const { return height * width; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t y = i / width, x = i % width;
        const std::uint32_t upper = std::uint32_t(rows.first[y]), lower = std::uint32_t(rows.second[y]), left = std::uint32_t(columns.first[x]), right = std::uint32_t(columns.second[x]);
        const std::int32_t a = columns.first_weight[x], b = columns.second_weight[x], above = rows.first_weight[y], below = rows.second_weight[y];
        for (int c = 0; c < 3; ++c) {
            const std::int32_t top = (src.at(upper, left)[c] * a + src.at(upper, right)[c] * b) >> 4, bottom = (src.at(lower, left)[c] * a + src.at(lower, right)[c] * b) >> 4;
            dst[3 * std::int64_t(i) + c] = std::uint8_t((((above * top) >> 16) + ((below * bottom) >> 16) + 2) >> 2);
        }
    }
};

/// Pillow's taps of one axis: output d takes weights[offset[d] ...] of the sources first[d] ... first[d] + count[d] - 1; 22 fractional bits.
struct TapsPillow {
    const std::int32_t *first, *count, *offset, *weights;
};

/// One axis of Pillow's resize; a thread a pixel.
struct ResizingPillow {
    Pixels src;
    std::uint8_t* dst;  // [height, width, 3]
    TapsPillow taps;
    std::uint32_t height, width;
    bool along_columns;  // else along rows
    REGULUS_HOST_DEVICE std::uint32_t size() const { return height * width; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t y = i / width, x = i % width, d = along_columns ? x : y;
        const std::int64_t step = along_columns ? 3 : src.pitch;
        const std::int32_t* const weights = taps.weights + taps.offset[d];
        const std::uint8_t* from = along_columns ? src.at(y, std::uint32_t(taps.first[d])) : src.at(std::uint32_t(taps.first[d]), x);
        std::int32_t sums[3] = {1 << 21, 1 << 21, 1 << 21};
        for (std::int32_t k = 0; k < taps.count[d]; ++k, from += step) {
            for (int c = 0; c < 3; ++c) sums[c] += from[c] * weights[k];
        }
        for (int c = 0; c < 3; ++c) {
            const std::int32_t value = sums[c] >> 22;
            dst[3 * std::int64_t(i) + c] = std::uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
};

/// A picture into its place of the input map: channels in the network's order, values from a table of all that a byte can be, zeros beyond the picture.
template <class T>
struct NormalisingPicture {
    Pixels src;
    const float* table;  // [3, 256]
    T* dst;              // [height, width, 3]
    std::uint32_t picture_height, picture_width, height, width;
    bool reversed;       // blue first
    REGULUS_HOST_DEVICE std::uint32_t size() const { return height * width; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t y = i / width, x = i % width;
        const bool inside = y < picture_height && x < picture_width;
        for (int c = 0; c < 3; ++c) store(dst + 3 * std::int64_t(i) + c, inside ? table[256 * c + src.at(y, x)[reversed ? 2 - c : c]] : 0.f);
    }
};

/// torch's taps of one axis: for each output position two sources and their weights.
struct TapsTorch {
    const std::int32_t *first, *second;
    const float *near, *far;
};

/// The same with torch's bilinear resize of the normalised values on the way, along rows first.
template <class T>
struct SamplingPicture {
    Pixels src;
    const float* table;  // [3, 256]
    T* dst;              // [height, width, 3]
    TapsTorch rows, columns;
    std::uint32_t picture_height, picture_width, height, width;  // the picture's after resizing
    bool reversed;                                               // blue first
    REGULUS_HOST_DEVICE std::uint32_t size() const { return height * width; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t y = i / width, x = i % width;
        const bool inside = y < picture_height && x < picture_width;
        for (int c = 0; c < 3; ++c) store(dst + 3 * std::int64_t(i) + c, inside ? sampled(c, y, x) : 0.f);
    }
    REGULUS_HOST_DEVICE float sampled(int c, std::uint32_t y, std::uint32_t x) const {
        const float* const values = table + 256 * c;
        const int channel = reversed ? 2 - c : c;
        const std::uint32_t upper = std::uint32_t(rows.first[y]), lower = std::uint32_t(rows.second[y]), left = std::uint32_t(columns.first[x]), right = std::uint32_t(columns.second[x]);
        const float a = columns.near[x], b = columns.far[x];
        const float top = values[src.at(upper, left)[channel]] * a + values[src.at(upper, right)[channel]] * b;
        const float bottom = values[src.at(lower, left)[channel]] * a + values[src.at(lower, right)[channel]] * b;
        return top * rows.near[y] + bottom * rows.far[y];
    }
};

/// The class of each pixel of a picture from a semantic head's logits; a thread a pixel. The map is enlarged, cropped to `resized_height` x `resized_width`, resized to the picture; each
/// resize mixes along rows first. The greatest value wins, the first of equal ones; class 0 where its value is NaN.
struct LabellingPixels {
    const float* logits;  // [classes, map_height, map_width]
    std::uint8_t* dst;    // [height, width]
    std::uint32_t classes, map_height, map_width, factor, resized_height, resized_width, height, width;

    /// Two neighbours and their weights.
    struct Tap {
        std::int64_t first, second;
        float near, far;
    };
    REGULUS_HOST_DEVICE static Tap tap(std::int64_t at, std::int64_t in, std::int64_t out) {
        const auto found = kernels::bilinear_tap<float>(at, in, out);
        return {found.first, found.second, 1.f - found.weight, found.weight};
    }
    REGULUS_HOST_DEVICE static float along(const float* row, const Tap& at) { return row[at.first] * at.near + row[at.second] * at.far; }
    /// A value of the enlarged map.
    REGULUS_HOST_DEVICE float enlarged(const float* plane, const Tap& y, const Tap& x) const {
        return along(plane + y.first * std::int64_t(map_width), x) * y.near + along(plane + y.second * std::int64_t(map_width), x) * y.far;
    }
    REGULUS_HOST_DEVICE std::uint32_t size() const { return height * width; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const Tap y = tap(i / width, resized_height, height), x = tap(i % width, resized_width, width);
        const std::int64_t tall = std::int64_t(factor) * map_height, wide = std::int64_t(factor) * map_width;
        const Tap upper = tap(y.first, map_height, tall), lower = tap(y.second, map_height, tall), left = tap(x.first, map_width, wide), right = tap(x.second, map_width, wide);
        float greatest = 0;
        std::uint32_t label = 0;
        for (std::uint32_t c = 0; c < classes; ++c) {
            const float* const plane = logits + std::int64_t(c) * map_height * map_width;
            const float top = enlarged(plane, upper, left) * x.near + enlarged(plane, upper, right) * x.far;
            const float bottom = enlarged(plane, lower, left) * x.near + enlarged(plane, lower, right) * x.far;
            const float value = top * y.near + bottom * y.far;
            if (c != 0 && !(value > greatest)) continue;
            greatest = value;
            label = c;
        }
        dst[i] = std::uint8_t(label);
    }
};

/// Masks [rows, side, side] pasted into their boxes in pictures of one size: 1 or 0 a pixel; a thread a pixel. A box that is not finite gives an empty mask.
struct PastingMasks {
    const float* masks;
    const float* boxes;  // [rows, 4]
    std::uint8_t* dst;   // [rows, height, width]
    std::uint32_t rows, height, width;
    std::int32_t side;
    float threshold;
    bool torchvision;    // by its rule, else by mmdetection's and detectron2's

    /// Where a pixel of one axis falls: between map positions `cell` and `cell` + 1, with these weights.
    struct Place {
        std::int32_t cell;
        float near, far;
        bool looked_at;  // in the box or one pixel around it
        bool inside;     // a neighbour is in the map
    };
    REGULUS_HOST_DEVICE static std::int64_t whole(float x) { return std::int64_t(x < -1e9f ? -1e9f : x > 1e9f ? 1e9f : x); }
    REGULUS_HOST_DEVICE static float clamped(float x, float limit) { return x < 0.f ? 0.f : x > limit ? limit : x; }
    REGULUS_HOST_DEVICE Place torchvision_place(float low, float high, std::uint32_t p) const {
        const float half = (high - low) * 0.5f * float(double(side + 2) / double(side)), centre = (high + low) * 0.5f;
        const std::int64_t first = whole(centre - half), last = whole(centre + half), pixel = std::int64_t(p);
        if (pixel < first || pixel > last) return {0, 0, 0, false, false};
        float position = float(side + 2) / float(last - first + 1) * (float(pixel - first) + 0.5f) - 0.5f;
        if (position < 0.f) position = 0.f;
        const std::int64_t cell = std::int64_t(position) > side + 1 ? side + 1 : std::int64_t(position);  // of the map with its border
        const float far = position - float(cell) > 1.f ? 1.f : position - float(cell);
        return {std::int32_t(cell) - 1, 1.f - far, far, true, cell <= side};
    }
    REGULUS_HOST_DEVICE Place place(float low, float high, std::uint32_t pixels, std::uint32_t p) const {
        const float limit = float(std::int64_t(pixels));
        const std::int64_t first = std::int64_t(clamped(std::floor(low) - 1.f, limit)), end = std::int64_t(clamped(std::ceil(high) + 1.f, limit));
        if (std::int64_t(p) < first || std::int64_t(p) >= end) return {0, 0, 0, false, false};
        float grid = (float(std::int64_t(p)) + 0.5f - low) / (high - low) * 2.f - 1.f;
        if (std::isinf(grid)) grid = 0;  // a box without width
        const float position = (grid + 1.f) * (float(side) / 2.f) - 0.5f, cell = std::floor(position);
        const bool inside = cell >= -1.f && cell < float(side);  // false for NaN
        return {inside ? std::int32_t(cell) : 0, 1.f - (position - cell), position - cell, true, inside};
    }
    REGULUS_HOST_DEVICE float value(const float* map, std::int32_t y, std::int32_t x) const { return y < 0 || x < 0 || y >= side || x >= side ? 0.f : map[y * side + x]; }
    REGULUS_HOST_DEVICE std::uint32_t size() const { return rows * height * width; }
    REGULUS_HOST_DEVICE void operator()(std::uint32_t i) const {
        const std::uint32_t row = i / (height * width), y = i / width % height, x = i % width;
        const float* const box = boxes + 4 * std::int64_t(row);
        dst[i] = 0;
        for (int k = 0; k < 4; ++k) {
            if (!std::isfinite(box[k])) return;
        }
        const Place across = torchvision ? torchvision_place(box[0], box[2], x) : place(box[0], box[2], width, x);
        const Place down = torchvision ? torchvision_place(box[1], box[3], y) : place(box[1], box[3], height, y);
        if (!across.looked_at || !down.looked_at) return;
        if (!across.inside || !down.inside) {
            dst[i] = threshold <= 0 ? 1 : 0;
            return;
        }
        const float* const map = masks + std::int64_t(row) * side * side;
        const float north_west = value(map, down.cell, across.cell), north_east = value(map, down.cell, across.cell + 1);
        const float south_west = value(map, down.cell + 1, across.cell), south_east = value(map, down.cell + 1, across.cell + 1);
        // In the order of PyTorch's interpolate: along rows, then across; or of its grid_sample: north-west, north-east, south-west, south-east.
        const float sum = torchvision ? (north_west * across.near + north_east * across.far) * down.near + (south_west * across.near + south_east * across.far) * down.far
                                      : north_west * (down.near * across.near) + north_east * (down.near * across.far) + south_west * (down.far * across.near) + south_east * (down.far * across.far);
        dst[i] = sum >= threshold ? 1 : 0;
    }
};

}  // namespace regulus::cuda
