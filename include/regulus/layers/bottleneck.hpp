#pragma once
// The residual bottleneck of RegNet: 1x1, grouped 3x3, (squeeze-excite), 1x1, added to a shortcut.
#include <regulus/layers/add.hpp>
#include <regulus/layers/conv_bn.hpp>
#include <regulus/layers/deform_conv.hpp>
#include <regulus/layers/squeeze_excite.hpp>

namespace regulus {

/// Residual bottleneck of RegNetX; of RegNetY when Squeeze > 0, the number of channels squeeze-excite keeps.
///
///     x [n, In, h, w]  ->  y [n, Out, ceil(h / Stride), ceil(w / Stride)]
///
/// Middle is the width of the grouped convolution, Out in every published RegNet. Kind makes that convolution deformable (mmdetection's dconv and
/// mdconv models).
/// Source: Radosavovic et al., Designing Network Design Spaces, CVPR 2020, the X and Y blocks.
template <int In, int Out, int Stride, int GroupWidth, int Squeeze = 0, int Middle = Out, Deformable Kind = Deformable::none>
struct Bottleneck {
    static_assert(Stride == 1 || Stride == 2, "Bottleneck: stride must be 1 (same resolution) or 2 (half resolution)");
    static_assert(MultipleOf<Middle, GroupWidth>::agree);

    static constexpr bool projects = In != Out || Stride != 1;
    using Spatial = SpatialConvBn<Middle, Middle, 3, Stride, Middle / GroupWidth, Kind>;

    template <int C, int S>
    Feature<Out, S * Stride> operator()(const Scope& scope, Feature<C, S> x) const {
        static_assert(Wired<In, C>::agree);
        const auto a = ConvBn<In, Middle, 1>{}(scope / "a", x, Activation::relu);  // [n, Middle, h,  w ]
        auto b = Spatial{}(scope / "b", a, Activation::relu);                      // [n, Middle, h', w']
        if constexpr (Squeeze > 0) b = SqueezeExcite<Middle, Squeeze>{}(scope / "se", b);
        const auto c = ConvBn<Middle, Out, 1>{}(scope / "c", b);  // [n, Out, h', w']
        if constexpr (projects) return relu(c + ConvBn<In, Out, 1, Stride>{}(scope / "proj", x));
        else return relu(c + x);
    }
};

}  // namespace regulus
