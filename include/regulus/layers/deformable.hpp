#pragma once
// Which convolutions of a network are deformable.
#include <cstdint>

namespace regulus {

/// What a deformable convolution learns besides its weight.
enum class Deformable : std::uint8_t {
    none,       // nothing: an ordinary convolution
    offsets,    // where each tap reads (version 1)
    modulated,  // that, and how much it counts (version 2)
};

}  // namespace regulus
