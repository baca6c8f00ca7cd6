#pragma once
// The keypoint head's small maps of logits, turned into points.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <regulus/core/config.hpp>

namespace regulus {

/// One point of an object.
struct Keypoint {
    float x = 0, y = 0;  ///< pixels, a pixel's centre at .5
    float score = 0;     ///< by the KeypointScore that it was decoded with

    friend bool operator==(const Keypoint&, const Keypoint&) = default;
};

/// What a point's score is, beside the greatest value m of its map resized to the box.
enum class KeypointScore : std::uint8_t {
    softmax,  ///< 1 / sum over the map, not resized, of exp(logit - m): below 1 where the map has more than one peak, above where resizing overshoots it (detectron2)
    logit,    ///< m (torchvision)
};

/// Where each map [side, side] of `logits`, `count` of them, has its greatest value once it is resized to the box (x1 y1 x2 y2): bicubically, a = -0.75, to as many
/// pixels as cover the box (at least one along each axis); of equal ones the first in reading order. The points are in the pixels of the box.
/// The resized map is not made: memory grows with the box's sides, time with its area only where the map is so flat that nothing can be ruled out.
/// Logits that are not finite give a score of 0, and a point somewhere in the box.
/// Throws ShapeError when logits.size() != count * side * side or side is outside 1..1024, ArgumentError for a box that is not finite or has a side over 65535.
/// Source: detectron2's heatmaps_to_keypoints (He et al., Mask R-CNN, ICCV 2017), its arithmetic in float32.
std::vector<Keypoint> decode_keypoints(std::span<const float> logits, int count, int side, const std::array<float, 4>& box, KeypointScore score = KeypointScore::softmax);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/keypoints-impl.hpp>
#endif
