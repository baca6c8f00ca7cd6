#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <regulus/draw/palette.hpp>

using namespace regulus;

namespace {

using Triple = std::array<double, 3>;

Triple linear(Colour colour) {
    Triple result{};
    const std::uint8_t bytes[3] = {colour.red, colour.green, colour.blue};
    for (int i = 0; i < 3; ++i) {
        const double c = bytes[i] / 255.0;
        result[std::size_t(i)] = c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    }
    return result;
}

Triple times(const double (&m)[3][3], const Triple& v) {
    Triple result{};
    for (std::size_t i = 0; i < 3; ++i) result[i] = m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2];
    return result;
}

/// Ottosson's OKLab of linear sRGB; distances follow what eyes see.
Triple oklab(const Triple& rgb) {
    static constexpr double cones[3][3] = {{.4122214708, .5363325363, .0514459929}, {.2119034982, .6806995451, .1073969566}, {.0883024619, .2817188376, .6299787005}};
    static constexpr double lab[3][3] = {{.2104542553, .7936177850, -.0040720468}, {1.9779984951, -2.4285922050, .4505937099}, {.0259040371, .7827717662, -.8086757660}};
    Triple lms = times(cones, rgb);
    for (double& value : lms) value = std::cbrt(std::max(value, 0.0));
    return times(lab, lms);
}

/// Machado, Oliveira and Fernandes 2009, severity 1: red-blind and green-blind.
constexpr double red_blind[3][3] = {{.152286, 1.052583, -.204868}, {.114503, .786281, .099216}, {-.003882, -.048116, 1.051998}};
constexpr double green_blind[3][3] = {{.367322, .860646, -.227968}, {.280085, .672501, .047413}, {-.011820, .042940, .968881}};

Triple seen(const double (&blindness)[3][3], Colour colour) {
    Triple rgb = times(blindness, linear(colour));
    for (double& value : rgb) value = std::clamp(value, 0.0, 1.0);
    return oklab(rgb);
}

double distance(const Triple& a, const Triple& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

double contrast(Colour a, Colour b) {
    const auto light = [](Colour c) { return 0.2126 * linear(c)[0] + 0.7152 * linear(c)[1] + 0.0722 * linear(c)[2] + 0.05; };
    return std::max(light(a), light(b)) / std::min(light(a), light(b));
}

}  // namespace

TEST_CASE("palette: 80 classes stay apart, for colour-blind eyes too") {
    // 0.02 is about the smallest difference that is seen side by side; the first eight stand further apart.
    for (int i = 0; i < 80; ++i) {
        for (int j = i + 1; j < 80; ++j) {
            CAPTURE(i);
            CAPTURE(j);
            const bool first = j < 8;
            REQUIRE(distance(oklab(linear(class_colour(i))), oklab(linear(class_colour(j)))) > (first ? 0.12 : 0.045));
            REQUIRE(distance(seen(red_blind, class_colour(i)), seen(red_blind, class_colour(j))) > (first ? 0.06 : 0.028));
            REQUIRE(distance(seen(green_blind, class_colour(i)), seen(green_blind, class_colour(j))) > (first ? 0.06 : 0.028));
        }
    }
}

TEST_CASE("palette: a class keeps its colour, any number is a class") {
    CHECK(class_colour(0) == Colour{213, 94, 0});
    CHECK(class_colour(83) == class_colour(3));
    CHECK(class_colour(-1) == class_colour(79));
}

TEST_CASE("palette: text on every colour is the better of black and white, and legible") {
    for (int i = 0; i < 80; ++i) {
        const Colour ground = class_colour(i);
        const double black = contrast(ground, {0, 0, 0}), white = contrast(ground, {255, 255, 255});
        CHECK(contrast(ground, text_colour(ground)) == doctest::Approx(std::max(black, white)));
        CHECK(contrast(ground, text_colour(ground)) > 4.5);  // WCAG AA
    }
}
