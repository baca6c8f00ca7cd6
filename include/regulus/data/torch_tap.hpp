#pragma once
// The positions of torch's bilinear interpolate.
#include <algorithm>
#include <cstdint>

namespace regulus::data_detail {

/// What torch's bilinear interpolate (align_corners false, no antialiasing) reads for output position d of an axis, in its float32 steps.
struct TorchTap {
    std::int64_t first, second;
    float near, far;  // weights of the two
};

inline TorchTap torch_tap(std::int64_t in, std::int64_t out, std::int64_t d) {
    const float position = std::max(float(in) / float(out) * (float(d) + 0.5f) - 0.5f, 0.0f);
    const std::int64_t first = std::min(std::int64_t(position), in - 1);
    const float far = std::min(position - float(first), 1.0f);
    return {first, first + (first < in - 1 ? 1 : 0), 1.0f - far, far};
}

}  // namespace regulus::data_detail
