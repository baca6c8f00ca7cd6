// The constants of models/regnet_descriptors.hpp against the published networks. Expected numbers: spec/regnet_models.json (pycls's own
// complexity file, timm's and torchvision's built models), not computed by the code under test. All checks happen while this file compiles.
#include <doctest/doctest.h>

#include <regulus/models/regnet_descriptors.hpp>
#include <regulus/models/resnet.hpp>

namespace {

using Four = std::array<int, 4>;
using regulus::parameter_count;

constexpr bool is(const regulus::RegNetStages& net, Four widths, Four depths, Four group_widths, std::int64_t with_1000_classes, std::int64_t backbone) {
    return net.stem_width == 32 && net.widths == widths && net.depths == depths && net.group_widths == group_widths && net.middle_widths == widths &&
           parameter_count(net, 1000) == with_1000_classes && parameter_count(net) == backbone;
}

static_assert(is(regulus::regnetx_200mf, {24, 56, 152, 368}, {1, 1, 4, 7}, {8, 8, 8, 8}, 2684792, 2315792));
static_assert(is(regulus::regnetx_400mf, {32, 64, 160, 384}, {1, 2, 7, 12}, {16, 16, 16, 16}, 5157512, 4772512));
static_assert(is(regulus::regnetx_600mf, {48, 96, 240, 528}, {1, 3, 5, 7}, {24, 24, 24, 24}, 6196040, 5667040));
static_assert(is(regulus::regnetx_800mf, {64, 128, 288, 672}, {1, 3, 7, 5}, {16, 16, 16, 16}, 7259656, 6586656));
static_assert(is(regulus::regnetx_1_6gf, {72, 168, 408, 912}, {2, 4, 10, 2}, {24, 24, 24, 24}, 9190136, 8277136));
static_assert(is(regulus::regnetx_3_2gf, {96, 192, 432, 1008}, {2, 6, 15, 2}, {48, 48, 48, 48}, 15296552, 14287552));
static_assert(is(regulus::regnetx_4_0gf, {80, 240, 560, 1360}, {2, 5, 14, 2}, {40, 40, 40, 40}, 22118248, 20757248));
static_assert(is(regulus::regnetx_6_4gf, {168, 392, 784, 1624}, {2, 4, 10, 1}, {56, 56, 56, 56}, 26209256, 24584256));
static_assert(is(regulus::regnetx_8_0gf, {80, 240, 720, 1920}, {2, 5, 15, 1}, {80, 120, 120, 120}, 39572648, 37651648));
static_assert(is(regulus::regnetx_12gf, {224, 448, 896, 2240}, {2, 5, 11, 1}, {112, 112, 112, 112}, 46106056, 43865056));
static_assert(is(regulus::regnetx_16gf, {256, 512, 896, 2048}, {2, 6, 13, 1}, {128, 128, 128, 128}, 54278536, 52229536));
static_assert(is(regulus::regnetx_32gf, {336, 672, 1344, 2520}, {2, 7, 13, 1}, {168, 168, 168, 168}, 107811560, 105290560));
static_assert(is(regulus::regnety_200mf, {24, 56, 152, 368}, {1, 1, 4, 7}, {8, 8, 8, 8}, 3162996, 2793996));
static_assert(is(regulus::regnety_400mf, {48, 104, 208, 440}, {1, 3, 6, 6}, {8, 8, 8, 8}, 4344144, 3903144));
static_assert(is(regulus::regnety_600mf, {48, 112, 256, 608}, {1, 3, 7, 4}, {16, 16, 16, 16}, 6055160, 5446160));
static_assert(is(regulus::regnety_800mf, {64, 128, 320, 768}, {1, 3, 8, 2}, {16, 16, 16, 16}, 6263168, 5494168));
static_assert(is(regulus::regnety_1_6gf, {48, 120, 336, 888}, {2, 6, 17, 2}, {24, 24, 24, 24}, 11202430, 10313430));
static_assert(is(regulus::regnety_3_2gf, {72, 216, 576, 1512}, {2, 5, 13, 1}, {24, 24, 24, 24}, 19436338, 17923338));
static_assert(is(regulus::regnety_4_0gf, {128, 192, 512, 1088}, {2, 6, 12, 2}, {64, 64, 64, 64}, 20646656, 19557656));
static_assert(is(regulus::regnety_6_4gf, {144, 288, 576, 1296}, {2, 7, 14, 2}, {72, 72, 72, 72}, 30583252, 29286252));
static_assert(is(regulus::regnety_8_0gf, {168, 448, 896, 2016}, {2, 4, 10, 1}, {56, 56, 56, 56}, 39180068, 37163068));
static_assert(is(regulus::regnety_12gf, {224, 448, 896, 2240}, {2, 5, 11, 1}, {112, 112, 112, 112}, 51822544, 49581544));
static_assert(is(regulus::regnety_16gf, {224, 448, 1232, 3024}, {2, 4, 11, 1}, {112, 112, 112, 112}, 83590140, 80565140));
static_assert(is(regulus::regnety_32gf, {232, 696, 1392, 3712}, {2, 5, 12, 1}, {232, 232, 232, 232}, 145046770, 141333770));
static_assert(is(regulus::regnetx_400mf_tv, {32, 64, 160, 400}, {1, 2, 7, 12}, {16, 16, 16, 16}, 5495976, 5094976));
static_assert(is(regulus::regnety_800mf_tv, {64, 144, 320, 784}, {1, 3, 8, 2}, {16, 16, 16, 16}, 6432512, 5647512));
static_assert(is(regulus::regnety_8_0gf_tv, {224, 448, 896, 2016}, {2, 4, 10, 1}, {56, 56, 56, 56}, 39381472, 37364472));
static_assert(is(regulus::regnety_64gf, {328, 984, 1968, 4920}, {2, 5, 12, 1}, {328, 328, 328, 328}, 281378786, 276457786));
static_assert(is(regulus::regnety_128gf, {528, 1056, 2904, 7392}, {2, 7, 17, 1}, {264, 264, 264, 264}, 644812894, 637419894));
static_assert(is(regulus::regnety_256gf, {746, 1492, 4103, 10444}, {2, 7, 17, 1}, {373, 373, 373, 373}, 1282601138, 1272156138));

// Squeeze-excite keeps a quarter of the block's input channels, ties to even (Y-256GF, stage 1: 746 / 4 = 186.5).
static_assert(regulus::regnety_400mf.first_squeezes == Four{8, 12, 26, 52} && regulus::regnety_400mf.other_squeezes == Four{12, 26, 52, 110});
static_assert(regulus::regnety_256gf.other_squeezes[0] == 186);
static_assert(regulus::regnetx_400mf.first_squeezes == Four{} && regulus::regnetx_400mf.other_squeezes == Four{});

// With bot_mul > 1 the rules differ in the common divisor: 10 channels, four times as many in the 3x3, groups of 6.
static_assert(regulus::detail::fit_to_groups(40, 6, 4, regulus::WidthRule::pycls) == 36);
static_assert(regulus::detail::fit_to_groups(40, 6, 4, regulus::WidthRule::mmdetection) == 42);

// Rounding: half to even.
static_assert(regulus::detail::round_half_even(22.5) == 22 && regulus::detail::round_half_even(23.5) == 24 && regulus::detail::round_half_even(0.5) == 0);
static_assert(regulus::detail::round_half_even(22.5000001) == 23 && regulus::detail::round_half_even(22.4999999) == 22);

// torchvision's models with 1000 classes.
static_assert(parameter_count(regulus::resnet_50, 1000) == 25557032);
static_assert(parameter_count(regulus::resnet_101, 1000) == 44549160);
static_assert(parameter_count(regulus::resnet_152, 1000) == 60192808);
static_assert(parameter_count(regulus::resnext_50_32x4d, 1000) == 25028904);
static_assert(parameter_count(regulus::resnext_101_32x4d, 1000) == 44177704);
static_assert(parameter_count(regulus::resnext_101_32x8d, 1000) == 88791336);
static_assert(parameter_count(regulus::resnext_101_64x4d, 1000) == 83455272);
static_assert(parameter_count(regulus::resnet_50_caffe) == parameter_count(regulus::resnet_50));

}  // namespace

TEST_CASE("regnet: parameters outside their range are refused") {
    CHECK_THROWS_AS(regulus::regnet({.w0 = 20, .wa = 30, .wm = 2.5, .depth = 12, .group_width = 8}), regulus::ArgumentError);
    CHECK_THROWS_AS(regulus::regnet({.w0 = 24, .wa = 30, .wm = 1, .depth = 12, .group_width = 8}), regulus::ArgumentError);
    CHECK_THROWS_AS(regulus::regnet({.w0 = 24, .wa = -1, .wm = 2, .depth = 12, .group_width = 8}), regulus::ArgumentError);
}

TEST_CASE("regnet: the rounded parameters of the paper's figure give other networks") {
    // X-6.4GF drops to three stages; X-400MF keeps its widths but moves two blocks (spec/regnet.md, 1.5).
    CHECK_THROWS_WITH_AS(regulus::regnet({.w0 = 184, .wa = 61, .wm = 2.1, .depth = 17, .group_width = 56}),
                         "regnet: the parameters give fewer than four stages", regulus::ArgumentError);
    const regulus::RegNetStages net = regulus::regnet({.w0 = 24, .wa = 24, .wm = 2.5, .depth = 22, .group_width = 16});
    CHECK(net.widths == Four{32, 64, 160, 384});
    CHECK(net.depths == Four{1, 2, 6, 13});
    CHECK(parameter_count(net, 1000) == 5434824);
}

TEST_CASE("regnet: group widths that cannot divide the 3x3 are refused") {
    // Stage 1 by mmdetection's rule: 8 * 4 = 32 channels become 30 (groups of 6), the width int(30 / 4) = 7, the 3x3 28.
    CHECK_THROWS_WITH_AS(regulus::regnet({.w0 = 8, .wa = 2.8, .wm = 1.3, .depth = 8, .group_width = 6, .bot_mul = 4, .rule = regulus::WidthRule::mmdetection}),
                         "regnet: a stage's 3x3 width is not a multiple of its group width", regulus::ArgumentError);
}
