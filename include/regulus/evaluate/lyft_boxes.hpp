#pragma once
// What Lyft Level 5's detection task speaks of: classes, boxes, samples.
#include <array>
#include <string>
#include <vector>

namespace regulus {

/// The classes of the published detectors, in their order. The evaluation itself takes any names.
inline constexpr std::array<const char*, 9> lyft_class_names = {"car",        "truck",   "bus",        "emergency_vehicle", "other_vehicle",
                                                                "motorcycle", "bicycle", "pedestrian", "animal"};

/// A box in the global frame.
struct LyftBox {
    std::array<double, 3> translation = {};         ///< centre, metres
    std::array<double, 3> size = {};                ///< width, length, height
    std::array<double, 4> rotation = {1, 0, 0, 0};  ///< quaternion w x y z of any length
    std::string name;                               ///< class
    double score = 0;                               ///< of a detection
};

struct LyftSample {
    std::string sample_token;
    std::vector<LyftBox> boxes;
};

}  // namespace regulus
