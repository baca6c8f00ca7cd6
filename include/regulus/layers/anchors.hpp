#pragma once
// Base anchors: the boxes that a cell of a map proposes, around the origin.
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace regulus {

/// x1 y1 x2 y2 in network pixels, around the cell's centre.
using Anchor = std::array<float, 4>;

/// Whose arithmetic, rounding and order.
enum class AnchorRule : std::uint8_t {
    mmdetection,  // float32; for each ratio all scales
    detectron2,   // double, rounded once to float32; for each scale all ratios
    torchvision,  // sizes cut to integers, corners rounded half to even; for each ratio all scales
};

/// Base anchors in the peer's order and to its last bit. A box of scale s and ratio r (height / width) has the area
/// (base_size * s)^2, height base_size * s * sqrt(r). `centre_offset` moves the centre by that part of base_size (mmdetection only).
inline std::vector<Anchor> base_anchors(AnchorRule rule, double base_size, const std::vector<double>& scales, const std::vector<double>& ratios,
                                        double centre_offset = 0) {
    std::vector<Anchor> anchors;
    if (rule == AnchorRule::detectron2) {
        for (const double scale : scales) {
            const double size = base_size * scale;
            for (const double ratio : ratios) {
                const double width = std::sqrt(size * size / ratio);
                const double height = ratio * width;
                anchors.push_back({float(-width / 2), float(-height / 2), float(width / 2), float(height / 2)});
            }
        }
        return anchors;
    }
    const float base = float(base_size);
    const float centre = float(centre_offset * base_size);
    for (const double ratio : ratios) {
        const float tall = std::sqrt(float(ratio));
        const float wide = 1.0f / tall;
        for (const double scale : scales) {
            if (rule == AnchorRule::torchvision) {
                const float size = float(std::trunc(base_size * scale));
                const float right = std::nearbyint(wide * size / 2);
                const float bottom = std::nearbyint(tall * size / 2);
                anchors.push_back({-right, -bottom, right, bottom});
            } else {
                const float half_width = 0.5f * (base * wide * float(scale));
                const float half_height = 0.5f * (base * tall * float(scale));
                anchors.push_back({centre - half_width, centre - half_height, centre + half_width, centre + half_height});
            }
        }
    }
    return anchors;
}

/// first * 2^(i / per_octave), i = 0 .. per_octave * octaves - 1.
inline std::vector<double> octave_scales(double first, int per_octave, int octaves = 1) {
    std::vector<double> scales;
    for (int i = 0; i < per_octave * octaves; ++i) scales.push_back(first * std::pow(2.0, double(i) / per_octave));
    return scales;
}

}  // namespace regulus
