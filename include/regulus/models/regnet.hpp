#pragma once
// The RegNet backbone.
#include <regulus/layers/bottleneck.hpp>
#include <regulus/layers/levels.hpp>
#include <regulus/layers/stage.hpp>
#include <regulus/layers/stem.hpp>
#include <regulus/models/regnet_descriptors.hpp>

namespace regulus {

namespace detail {

/// Stage I (from 0) of a RegNet, whose first block has this stride.
template <const RegNetStages& Net, int I, int In, int Stride, int C, int S>
auto regnet_stage(const Scope& scope, Feature<C, S> x) {
    constexpr int out = Net.widths[I];
    constexpr int group_width = Net.group_widths[I];
    constexpr int middle = Net.middle_widths[I];
    using First = Bottleneck<In, out, Stride, group_width, Net.first_squeezes[I], middle, Net.deformable[I]>;
    using Rest = Bottleneck<out, out, 1, group_width, Net.other_squeezes[I], middle, Net.deformable[I]>;
    return Stage<First, Rest>{Net.depths[I]}(scope / indexed("s", I + 1), x);
}

}  // namespace detail

/// Stem and four stages of strides 4, 8, 16, 32. `Net` is a named constant: RegNet<regnetx_3_2gf>, or one's own
/// `inline constexpr RegNetStages mine = regnet({...});`.
///
///     image [n, 3, H, W]  ->  s1 .. s4
///
/// Source: Radosavovic et al., Designing Network Design Spaces, CVPR 2020.
template <const RegNetStages& Net>
struct RegNet {
    static_assert(Net.depth() >= 4, "RegNet: every stage needs at least one block; make the descriptor with regnet({...})");
    using Widths = regulus::Widths<Net.widths[0], Net.widths[1], Net.widths[2], Net.widths[3]>;
    static constexpr int channels = Net.widths[3];

    template <int C, int S>
    auto operator()(const Scope& scope, Feature<C, S> image) const {
        const auto stem = RegNetStem<3, Net.stem_width>{}(scope / "stem", image);
        const auto s1 = detail::regnet_stage<Net, 0, Net.stem_width, 2>(scope, stem);
        const auto s2 = detail::regnet_stage<Net, 1, Net.widths[0], 2>(scope, s1);
        const auto s3 = detail::regnet_stage<Net, 2, Net.widths[1], 2>(scope, s2);
        const auto s4 = detail::regnet_stage<Net, 3, Net.widths[2], 2>(scope, s3);
        return StageMaps<4 * S, Net.widths[0], Net.widths[1], Net.widths[2], Net.widths[3]>{image.graph, {s1.id, s2.id, s3.id, s4.id}};
    }
};

/// The four stages without a stem, for maps that are features already: strides 1, 2, 4, 8, of which the last three leave.
///
///     x [n, In, H, W]  ->  s2, s3, s4
///
/// Source: mmdetection3d's NoStemRegNet, the backbone of its PointPillars.
template <const RegNetStages& Net, int In>
struct NoStemRegNet {
    using Widths = regulus::Widths<Net.widths[1], Net.widths[2], Net.widths[3]>;

    template <int C, int S>
    auto operator()(const Scope& scope, Feature<C, S> x) const {
        static_assert(Wired<In, C>::agree);
        const auto s1 = detail::regnet_stage<Net, 0, In, 1>(scope, x);
        const auto s2 = detail::regnet_stage<Net, 1, Net.widths[0], 2>(scope, s1);
        const auto s3 = detail::regnet_stage<Net, 2, Net.widths[1], 2>(scope, s2);
        const auto s4 = detail::regnet_stage<Net, 3, Net.widths[2], 2>(scope, s3);
        return StageMaps<2 * S, Net.widths[1], Net.widths[2], Net.widths[3]>{x.graph, {s2.id, s3.id, s4.id}};
    }
};

}  // namespace regulus
