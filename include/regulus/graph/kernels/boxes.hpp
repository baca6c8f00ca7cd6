#pragma once
// graph/kernels/: the small arithmetic that must be the same in every backend on the host: boxes, proposals, suppression,
// candidates, samples of RoIAlign. Free functions over pointers and sizes; none allocates. It includes graph/operations.hpp only.
//
// Values that are not finite: NaN goes through decoding, clipping and scaling unchanged; a NaN score never passes a threshold;
// a box with NaN overlaps nothing. Nothing here crashes or loops longer for such values.
#include <cmath>
#include <cstdint>

#include <regulus/core/config.hpp>
#include <regulus/graph/operations.hpp>

namespace regulus::kernels {

template <class T>
struct Box {
    T x1, y1, x2, y2;
};

/// One row of image_info.
template <class T>
struct Picture {
    T height, width;              // inside the padding
    T height_scale, width_scale;  // network pixels a pixel of the original
};

template <class T>
REGULUS_HOST_DEVICE inline Picture<T> load_picture(const T* info) { return {info[0], info[1], info[2], info[3]}; }

template <class T>
REGULUS_HOST_DEVICE inline Box<T> load_box(const T* src) { return {src[0], src[1], src[2], src[3]}; }

template <class T>
REGULUS_HOST_DEVICE inline void store_box(const Box<T>& box, T* dst) {
    dst[0] = box.x1;
    dst[1] = box.y1;
    dst[2] = box.x2;
    dst[3] = box.y2;
}

template <class T>
REGULUS_HOST_DEVICE inline T sigmoid(T x) { return T(1) / (T(1) + std::exp(-x)); }

/// `x` moved into [low, high]; NaN stays NaN.
template <class T>
REGULUS_HOST_DEVICE inline T clamped(T x, T low, T high) { return x < low ? low : (x > high ? high : x); }

/// The box that four deltas (dx, dy, dw, dh), `delta_step` elements apart, make of `from`.
template <class T>
REGULUS_HOST_DEVICE inline Box<T> decode_box(const ops::BoxCoder& coder, const Box<T>& from, const T* delta, std::int64_t delta_step = 1) {
    const T limit = T(coder.max_log_ratio);
    const T low = coder.clamp_both_sides ? -limit : -std::numeric_limits<T>::infinity();
    const T dx = delta[0] * T(coder.stds[0]);
    const T dy = delta[delta_step] * T(coder.stds[1]);
    const T dw = clamped(delta[2 * delta_step] * T(coder.stds[2]), low, limit);
    const T dh = clamped(delta[3 * delta_step] * T(coder.stds[3]), low, limit);
    const T from_width = from.x2 - from.x1;
    const T from_height = from.y2 - from.y1;
    const T x = (from.x1 + from.x2) * T(0.5) + dx * from_width;
    const T y = (from.y1 + from.y2) * T(0.5) + dy * from_height;
    const T half_width = from_width * std::exp(dw) * T(0.5);
    const T half_height = from_height * std::exp(dh) * T(0.5);
    return {x - half_width, y - half_height, x + half_width, y + half_height};
}

/// The four deltas that make `to` of `from`: the inverse of decode_box, unless those are clamped.
template <class T>
REGULUS_HOST_DEVICE inline void encode_box(const ops::BoxCoder& coder, const Box<T>& from, const Box<T>& to, T* delta) {
    const T from_width = from.x2 - from.x1;
    const T from_height = from.y2 - from.y1;
    delta[0] = ((to.x1 + to.x2) * T(0.5) - (from.x1 + from.x2) * T(0.5)) / from_width / T(coder.stds[0]);
    delta[1] = ((to.y1 + to.y2) * T(0.5) - (from.y1 + from.y2) * T(0.5)) / from_height / T(coder.stds[1]);
    delta[2] = std::log((to.x2 - to.x1) / from_width) / T(coder.stds[2]);
    delta[3] = std::log((to.y2 - to.y1) / from_height) / T(coder.stds[3]);
}

/// To the picture inside its padding: x in [0, width], y in [0, height].
template <class T>
REGULUS_HOST_DEVICE inline Box<T> clip_box(const Box<T>& box, const Picture<T>& picture) {
    return {clamped(box.x1, T(0), picture.width), clamped(box.y1, T(0), picture.height), clamped(box.x2, T(0), picture.width), clamped(box.y2, T(0), picture.height)};
}

/// From network pixels to pixels of the original picture.
template <class T>
REGULUS_HOST_DEVICE inline Box<T> rescale_box(const Box<T>& box, const Picture<T>& picture) {
    const T by_x = T(1) / picture.width_scale;
    const T by_y = T(1) / picture.height_scale;
    return {box.x1 * by_x, box.y1 * by_y, box.x2 * by_x, box.y2 * by_y};
}

/// Decoding as a whole: decode, clip if the coder says so, rescale if asked.
template <class T>
REGULUS_HOST_DEVICE inline Box<T> place_box(const ops::BoxCoder& coder, bool rescale, const Picture<T>& picture, const Box<T>& from, const T* delta, std::int64_t delta_step = 1) {
    Box<T> box = decode_box(coder, from, delta, delta_step);
    if (coder.clip) box = clip_box(box, picture);
    return rescale ? rescale_box(box, picture) : box;
}

/// Signed: the product of two negative sides is positive, as in torchvision.
template <class T>
REGULUS_HOST_DEVICE inline T area(const Box<T>& box) { return (box.x2 - box.x1) * (box.y2 - box.y1); }

template <class T>
REGULUS_HOST_DEVICE inline T intersection(const Box<T>& a, const Box<T>& b) {
    const T width = (a.x2 < b.x2 ? a.x2 : b.x2) - (a.x1 > b.x1 ? a.x1 : b.x1);
    const T height = (a.y2 < b.y2 ? a.y2 : b.y2) - (a.y1 > b.y1 ? a.y1 : b.y1);
    return (width > 0 ? width : T(0)) * (height > 0 ? height : T(0));
}

/// Intersection over union; NaN for two boxes without area.
template <class T>
REGULUS_HOST_DEVICE inline T iou(const Box<T>& a, const Box<T>& b) {
    const T inter = intersection(a, b);
    return inter / (area(a) + area(b) - inter);
}

}  // namespace regulus::kernels
