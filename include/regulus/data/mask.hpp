#pragma once
// The mask head's small probability maps, pasted into the picture.
#include <array>
#include <cstdint>
#include <span>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/rle.hpp>

namespace regulus {

/// Pastes a map of probabilities [side, side] into `box` (x1 y1 x2 y2, pixels of the picture) of a picture of the given size.
/// A pixel is on where the map, sampled bilinearly at the pixel's centre with zeros outside, reaches the threshold: bit for bit the CPU path of
/// mmdetection and detectron2 in float32 (paste_masks_in_image). Only the box and one pixel around it are looked at.
/// Throws ShapeError when probabilities.size() != side * side, side is outside 1..1024 or the picture has 2^32 pixels or more; ArgumentError for a box or a
/// threshold that is not finite. `memory` is a bitmap that is needed no more: its memory becomes the result's, which saves the time of getting new one.
BitMask paste_mask(std::span<const float> probabilities, int side, const std::array<float, 4>& box, PictureSize picture, float threshold = 0.5f, BitMask memory = {});

/// The same as run lengths, without a bitmap of the picture's size.
Rle paste_mask_rle(std::span<const float> probabilities, int side, const std::array<float, 4>& box, PictureSize picture, float threshold = 0.5f);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/mask-impl.hpp>
#endif
