#pragma once
// models/: descriptors of architectures and whole networks made of layers. It includes layers/ only.
// This file: from RegNet's generating parameters to stage widths and depths, at compile time.
#include <array>
#include <cstdint>

#include <regulus/core/error.hpp>
#include <regulus/layers/deformable.hpp>

namespace regulus {

/// How a stage's width is fitted to its groups; widths differ between code bases for some published networks.
enum class WidthRule : std::uint8_t {
    pycls,        // nearest multiple, half to even; with bot_mul > 1 a multiple of lcm(group width, bot_mul) (pycls since 2020-09, detectron2)
    mmdetection,  // nearest multiple, half to even (pycls of 2020-04, mmdetection, mmpretrain, timm)
    torchvision,  // nearest multiple, half up, never below 0.9 of the width (torchvision, timm's *_tv)
};

/// The parameters of a published network, as in pycls's yaml files (the figures of the paper print them rounded).
struct RegNetParameters {
    int w0 = 0;           // width of the first block
    double wa = 0;        // slope
    double wm = 2;        // width multiplier from stage to stage
    int depth = 0;        // blocks
    int group_width = 1;  // channels a group, cut to the stage's width
    double bot_mul = 1;   // channels of the 3x3 over those of the block
    double se_ratio = 0;  // squeeze-excite channels over the block's input channels; 0: none (RegNetX)
    int stem_width = 32;
    WidthRule rule = WidthRule::pycls;
};

/// Four stages, ready for RegNet<>.
struct RegNetStages {
    int stem_width = 32;
    std::array<int, 4> widths{};          // channels out of a stage
    std::array<int, 4> depths{};          // blocks
    std::array<int, 4> group_widths{};    // channels in a group of the 3x3
    std::array<int, 4> middle_widths{};   // channels of the 3x3; equal to widths when bot_mul is 1
    std::array<int, 4> first_squeezes{};  // squeeze-excite channels of block 1; 0: none
    std::array<int, 4> other_squeezes{};  // of the blocks after it
    std::array<Deformable, 4> deformable{};  // what the 3x3 of a stage's blocks is

    constexpr int depth() const { return depths[0] + depths[1] + depths[2] + depths[3]; }
    friend constexpr bool operator==(const RegNetStages&, const RegNetStages&) = default;
};

namespace detail {

/// To the nearest integer, ties to the even one, as NumPy; value >= 0.
constexpr int round_half_even(double value) {
    const int below = int(value);
    const double rest = value - below;
    return below + (rest > 0.5 || (rest == 0.5 && below % 2 == 1) ? 1 : 0);
}

constexpr int greatest_common_divisor(int a, int b) { return b == 0 ? a : greatest_common_divisor(b, a % b); }

/// round(log(ratio) / log(base)) without logarithms, ratio >= 1, base > 1: the k with base^(k - 1/2) <= ratio <= base^(k + 1/2).
constexpr int nearest_power(double ratio, double base) {
    int k = 0;
    double bound = base;  // base^(2 k + 1)
    while (ratio * ratio > bound || (ratio * ratio == bound && k % 2 == 1)) {
        ++k;
        bound *= base * base;
    }
    return k;
}

constexpr int fit_to_groups(int width, int group_width, double bot_mul, WidthRule rule) {
    if (rule == WidthRule::torchvision) {
        int fitted = (2 * width + group_width) / (2 * group_width) * group_width;
        if (fitted < group_width) fitted = group_width;
        return fitted < 0.9 * width ? fitted + group_width : fitted;
    }
    int step = group_width;
    if (rule == WidthRule::pycls && bot_mul > 1) step = group_width / greatest_common_divisor(group_width, int(bot_mul)) * int(bot_mul);
    const int fitted = round_half_even(double(width) / step) * step;
    return rule == WidthRule::pycls && fitted < step ? step : fitted;
}

}  // namespace detail

/// Stage widths and depths from the parameters. Throws ArgumentError (at compile time: does not compile) unless they give
/// four stages whose widths fit their groups.
/// Source: Radosavovic et al., Designing Network Design Spaces, CVPR 2020, section 3.3; rounding as in the code bases of WidthRule.
constexpr RegNetStages regnet(const RegNetParameters& p) {
    if (p.w0 < 8 || p.w0 % 8 != 0 || p.wa < 0 || p.wm <= 1 || p.depth < 4 || p.group_width < 1 || p.bot_mul <= 0 || p.se_ratio < 0 || p.stem_width < 1) {
        throw ArgumentError("regnet: need w0 a multiple of 8, wa >= 0, wm > 1, depth >= 4, group_width >= 1, bot_mul > 0, se_ratio >= 0, stem_width >= 1");
    }
    RegNetStages stages;
    stages.stem_width = p.stem_width;
    std::array<int, 4> raw{};
    int stage = -1;
    for (int block = 0; block < p.depth; ++block) {
        double width = p.w0;
        for (int k = detail::nearest_power((p.w0 + p.wa * block) / p.w0, p.wm); k > 0; --k) width *= p.wm;
        const int quantised = detail::round_half_even(width / 8) * 8;
        if (stage < 0 || raw[std::size_t(stage)] != quantised) {
            if (++stage == 4) throw ArgumentError("regnet: the parameters give more than four stages");
            raw[std::size_t(stage)] = quantised;
        }
        ++stages.depths[std::size_t(stage)];
    }
    if (stage != 3) throw ArgumentError("regnet: the parameters give fewer than four stages");

    int in = p.stem_width;
    for (std::size_t i = 0; i < 4; ++i) {
        const int bottleneck = int(raw[i] * p.bot_mul) < 1 ? 1 : int(raw[i] * p.bot_mul);
        const int group_width = p.group_width < bottleneck ? p.group_width : bottleneck;
        stages.widths[i] = int(detail::fit_to_groups(bottleneck, group_width, p.bot_mul, p.rule) / p.bot_mul);
        stages.group_widths[i] = group_width;
        stages.middle_widths[i] = detail::round_half_even(stages.widths[i] * p.bot_mul);
        if (stages.middle_widths[i] % group_width != 0) throw ArgumentError("regnet: a stage's 3x3 width is not a multiple of its group width");
        stages.first_squeezes[i] = detail::round_half_even(p.se_ratio * in);
        stages.other_squeezes[i] = detail::round_half_even(p.se_ratio * stages.widths[i]);
        in = stages.widths[i];
    }
    return stages;
}

/// The same network with deformable 3x3 convolutions in stages `first` .. 4, counted from 1 (mmdetection's c3-c5: 2).
constexpr RegNetStages with_deformable(RegNetStages net, Deformable kind, int first = 2) {
    for (int stage = first; stage <= 4; ++stage) net.deformable[std::size_t(stage - 1)] = kind;
    return net;
}

/// Learned parameters (batch norm's scale and shift counted, its statistics not) of the backbone, and of a linear classifier
/// behind a global mean when classes > 0.
constexpr std::int64_t parameter_count(const RegNetStages& net, std::int64_t classes = 0) {
    const auto conv_bn = [](std::int64_t in, std::int64_t out, int kernel, std::int64_t groups) { return in / groups * out * kernel * kernel + 2 * out; };
    std::int64_t count = conv_bn(3, net.stem_width, 3, 1);
    std::int64_t in = net.stem_width;
    for (std::size_t i = 0; i < 4; ++i) {
        const std::int64_t out = net.widths[i];
        const std::int64_t middle = net.middle_widths[i];
        count += conv_bn(in, out, 1, 1);  // the projection of block 1
        for (int block = 1; block <= net.depths[i]; ++block) {
            count += conv_bn(in, middle, 1, 1) + conv_bn(middle, middle, 3, middle / net.group_widths[i]) + conv_bn(middle, out, 1, 1);
            if (net.deformable[i] != Deformable::none) count += (middle * 9 + 1) * (net.deformable[i] == Deformable::modulated ? 27 : 18);
            const std::int64_t squeeze = block == 1 ? net.first_squeezes[i] : net.other_squeezes[i];
            if (squeeze > 0) count += 2 * middle * squeeze + squeeze + middle;
            in = out;
        }
    }
    return classes > 0 ? count + (in + 1) * classes : count;
}

}  // namespace regulus
