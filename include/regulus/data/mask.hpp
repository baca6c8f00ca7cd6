#pragma once
// The mask head's small probability maps, pasted into the picture.
#include <array>
#include <cstdint>
#include <span>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/rle.hpp>

namespace regulus {

/// Whose rule.
enum class PasteRule : std::uint8_t {
    sampled,      ///< mmdetection and detectron2: the map is sampled at the centre of each pixel
    torchvision,  ///< the map with a border of zeros is resized to the whole pixels that the box, larger by the border, falls on
};

/// Pastes a map of probabilities [side, side] into `box` (x1 y1 x2 y2, pixels of the picture) of a picture of the given size.
/// A pixel is on where the map, sampled bilinearly with zeros outside, reaches the threshold: bit for bit the CPU paths of mmdetection and detectron2,
/// or torchvision, in float32 (each one's paste_masks_in_image). Only the box and what is near it is looked at: one pixel, or a cell of the map.
/// Throws ShapeError when probabilities.size() != side * side, side is outside 1..1024 or the picture has 2^32 pixels or more; ArgumentError for a box or a
/// threshold that is not finite. `memory` is a bitmap that is needed no more: its memory becomes the result's, which saves the time of getting new one.
BitMask paste_mask(std::span<const float> probabilities, int side, const std::array<float, 4>& box, PictureSize picture, float threshold = 0.5f, BitMask memory = {},
                   PasteRule rule = PasteRule::sampled);

/// The same as run lengths, without a bitmap of the picture's size.
Rle paste_mask_rle(std::span<const float> probabilities, int side, const std::array<float, 4>& box, PictureSize picture, float threshold = 0.5f, PasteRule rule = PasteRule::sampled);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/mask-impl.hpp>
#endif
