#pragma once
// Points of a laser scanner.
#include <cstddef>
#include <vector>

namespace regulus {

/// Points as rows of float32, x, y, z first, then what the sensor or the loader adds (intensity, seconds since the key frame, ...). Metres, z up.
struct PointCloud {
    int features = 4;           ///< numbers per point, at least 3
    std::vector<float> values;  ///< [size, features]

    std::size_t size() const noexcept { return features > 0 ? values.size() / std::size_t(features) : 0; }
    bool empty() const noexcept { return values.empty(); }
    const float* operator[](std::size_t i) const noexcept { return values.data() + i * std::size_t(features); }
};

}  // namespace regulus
