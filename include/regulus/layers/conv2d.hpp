#pragma once
// Convolution with bias, as heads and necks use it.
#include <type_traits>

#include <regulus/layers/conv_bn.hpp>

namespace regulus {

namespace detail {

inline ValueId conv_bias(const Scope& scope, ops::Conv2d op, ValueId src, Activation activation) {
    op.bias = true;
    op.activation = activation;
    return record::conv2d(scope, op, src);
}

}  // namespace detail

/// Convolution with bias, then the activation.
///
///     x [n, In, h, w]  ->  y [n, Out, ceil(h / Stride), ceil(w / Stride)]
///
/// Parameters: weight [Out, In / Groups, Kernel, Kernel], bias [Out].
/// Also takes the maps of regions, RoiFeature (Stride 1 only).
template <int In, int Out, int Kernel, int Stride = 1, int Groups = 1, int Dilation = 1>
struct Conv2d {
    static_assert(Kernel >= 1 && Kernel % 2 == 1, "Conv2d: kernel must be odd, so that the padding can be the same on both sides");
    static_assert(Stride >= 1 && Dilation >= 1, "Conv2d: stride and dilation must be at least 1");
    static_assert(MultipleOf<In, Groups>::agree && MultipleOf<Out, Groups>::agree);

    static constexpr ops::Conv2d op = detail::same_conv(In, Out, Kernel, Stride, Groups, Dilation);

    template <int C, int S>
    Feature<Out, S * Stride> operator()(const Scope& scope, Feature<C, S> x, Activation activation = Activation::none) const {
        static_assert(Wired<In, C>::agree);
        return {x.graph, detail::conv_bias(scope, op, x.id, activation)};
    }

    template <int C, int Size, int Max>
    RoiFeature<Out, Size, Max> operator()(const Scope& scope, RoiFeature<C, Size, Max> x, Activation activation = Activation::none) const {
        static_assert(Stride == 1, "Conv2d: maps of regions keep their size, use stride 1");
        static_assert(Wired<In, C>::agree);
        return {x.graph, detail::conv_bias(scope, op, x.id, activation)};
    }
};

/// A step of a head whose convolutions have a norm instead of a bias (detectron2's heads with synchronised batch norm), or not.
template <int In, int Out, int Kernel, bool Norm>
using HeadConv = std::conditional_t<Norm, ConvBn<In, Out, Kernel>, Conv2d<In, Out, Kernel>>;

}  // namespace regulus
