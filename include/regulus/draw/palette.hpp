#pragma once
// draw/: detections on pictures. It includes core/ and data/ only.
// Here: colours of classes.
#include <cstdint>

#include <regulus/core/config.hpp>

namespace regulus {

/// 8-bit sRGB.
struct Colour {
    std::uint8_t red = 0;
    std::uint8_t green = 0;
    std::uint8_t blue = 0;

    friend constexpr bool operator==(const Colour&, const Colour&) = default;
};

/// The colour of a class, the same in every picture and program. The first eight follow Okabe and Ito's set, which people with colour-blind
/// eyes tell apart; the first 80 are all different in hue, lightness or both, and light or strong enough to be seen on a photograph. Later ones repeat.
Colour class_colour(int class_index) noexcept;

/// Relative luminance of WCAG 2: 0 black .. 1 white.
double luminance(Colour colour) noexcept;

/// Black or white, whichever is easier to read on `background` (WCAG contrast).
Colour text_colour(Colour background) noexcept;

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/draw/palette-impl.hpp>
#endif
