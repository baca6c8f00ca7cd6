#pragma once
// Squeeze-excite: channels weighted by what the whole map holds.
#include <regulus/layers/conv2d.hpp>

namespace regulus {

/// y = x * sigmoid(expand(relu(reduce(mean(x))))), the mean over height and width.
///
///     x [n, Channels, h, w]  ->  y of the same shape
///
/// Parameters: reduce.{weight [Squeeze, Channels, 1, 1], bias}, expand.{weight [Channels, Squeeze, 1, 1], bias}.
/// Source: Hu et al., Squeeze-and-Excitation Networks, CVPR 2018; as in the Y block of RegNet.
template <int Channels, int Squeeze>
struct SqueezeExcite {
    static_assert(Squeeze >= 1, "SqueezeExcite: squeeze needs at least one channel");

    template <int C, int S>
    Feature<Channels, S> operator()(const Scope& scope, Feature<C, S> x) const {
        static_assert(Wired<Channels, C>::agree);
        const ValueId mean = record::global_average_pool(scope / "pool", x.id);  // [n, Channels, 1, 1]
        const ValueId squeezed =
            detail::conv_bias(scope / "reduce", detail::same_conv(Channels, Squeeze, 1, 1, 1, 1), mean, Activation::relu);  // [n, Squeeze, 1, 1]
        const ValueId gate = detail::conv_bias(scope / "expand", detail::same_conv(Squeeze, Channels, 1, 1, 1, 1), squeezed, Activation::sigmoid);
        return {x.graph, record::scale_channels(scope / "scale", x.id, gate)};
    }
};

}  // namespace regulus
