#pragma once
// Pictures and what is marked on them, as in a mirror: left becomes right.
#include <array>
#include <cstdint>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/rle.hpp>

namespace regulus {

Image flipped(const Image& image);

/// A box x1 y1 x2 y2 of a picture that is `width` pixels wide.
template <class Number>
constexpr std::array<Number, 4> flipped(const std::array<Number, 4>& box, Number width) noexcept {
    return {width - box[2], box[1], width - box[0], box[3]};
}

/// A ring x0 y0 x1 y1 ..., which goes the other way round then. Throws ArgumentError for an odd count.
std::vector<double> flipped(std::vector<double> ring, double width);

/// A mask, without a bitmap in between. Throws ShapeError as check_rle does.
Rle flipped(const Rle& mask);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/flip-impl.hpp>
#endif
