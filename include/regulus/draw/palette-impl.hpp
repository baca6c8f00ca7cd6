#pragma once
#include <regulus/draw/palette.hpp>

#include <cmath>

namespace regulus {
namespace draw_detail {

// Seven colours of Okabe and Ito and a violet; then, one after another, the colour that is farthest from all before it in OKLab, as seen by normal, red-blind and
// green-blind eyes (Machado 2009), among those light and strong enough.
inline constexpr Colour palette[80] = {
    {213, 94, 0}, {0, 114, 178}, {240, 228, 66}, {204, 121, 167}, {0, 158, 115}, {86, 180, 233}, {230, 159, 0}, {145, 70, 220},
    {24, 255, 232}, {168, 16, 96}, {136, 200, 144}, {136, 80, 0}, {144, 136, 255}, {208, 0, 168}, {255, 72, 112}, {144, 216, 255},
    {24, 255, 144}, {216, 0, 72}, {255, 120, 208}, {255, 176, 192}, {128, 80, 136}, {208, 88, 216}, {160, 216, 72}, {80, 0, 255},
    {72, 200, 88}, {112, 104, 255}, {168, 80, 104}, {136, 0, 192}, {168, 255, 192}, {80, 136, 216}, {0, 224, 208}, {200, 136, 48},
    {232, 144, 255}, {48, 160, 176}, {240, 168, 120}, {152, 16, 152}, {48, 112, 56}, {192, 80, 144}, {48, 192, 160}, {184, 120, 96},
    {104, 232, 152}, {176, 64, 192}, {96, 72, 255}, {112, 0, 224}, {192, 0, 128}, {200, 8, 0}, {104, 240, 255}, {232, 152, 184},
    {112, 136, 0}, {96, 168, 128}, {144, 120, 192}, {255, 112, 136}, {255, 192, 112}, {88, 208, 232}, {160, 80, 56}, {255, 24, 200},
    {144, 255, 112}, {232, 88, 80}, {224, 96, 255}, {0, 128, 152}, {255, 184, 0}, {0, 192, 208}, {136, 240, 200}, {255, 144, 88},
    {160, 32, 200}, {104, 96, 160}, {96, 144, 88}, {176, 136, 232}, {152, 128, 64}, {128, 48, 168}, {216, 8, 112}, {216, 56, 232},
    {152, 184, 40}, {88, 216, 168}, {80, 255, 64}, {16, 128, 232}, {88, 232, 112}, {208, 152, 232}, {255, 168, 232}, {184, 120, 144},
};

}  // namespace draw_detail

REGULUS_INLINE Colour class_colour(int class_index) noexcept {
    const int index = class_index % 80;
    return draw_detail::palette[index < 0 ? index + 80 : index];
}

REGULUS_INLINE double luminance(Colour colour) noexcept {
    const auto linear = [](std::uint8_t value) {
        const double c = value / 255.0;
        return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) + 0.0722 * linear(colour.blue);
}

REGULUS_INLINE Colour text_colour(Colour background) noexcept {
    const double light = luminance(background);
    const bool black_is_better = (light + 0.05) * (light + 0.05) > 1.05 * 0.05;  // contrast with black against contrast with white
    return black_is_better ? Colour{0, 0, 0} : Colour{255, 255, 255};
}

}  // namespace regulus
