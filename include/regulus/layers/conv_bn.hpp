#pragma once
// Convolution, batch norm, activation: the step that RegNet and ResNet are made of.
#include <regulus/graph/record.hpp>

namespace regulus {

/// Channels that are dealt out to groups.
template <int Channels, int Part>
struct MultipleOf {
    static_assert(Part >= 1 && Channels % Part == 0,
                  "groups: the channels must be a multiple of the number of groups and of the group width (<channels, divisor> are printed here); regnet() "
                  "rounds widths so");
    static constexpr bool agree = Part >= 1 && Channels % Part == 0;
};

namespace detail {

/// Pads so that stride 1 keeps the size and stride 2 halves it, rounding up.
constexpr ops::Conv2d same_conv(int in, int out, int kernel, int stride, int groups, int dilation) {
    ops::Conv2d op;
    op.in_channels = in;
    op.out_channels = out;
    op.kernel = kernel;
    op.stride = stride;
    op.padding = dilation * (kernel - 1) / 2;
    op.dilation = dilation;
    op.groups = groups;
    return op;
}

/// The norm that the scope asks for.
inline ValueId norm(const Scope& scope, int channels, ValueId src, Activation activation) {
    if (scope.norm_groups() > 0) return record::group_norm(scope / "norm", ops::GroupNorm{channels, scope.norm_groups(), scope.norm_eps(), activation}, src);
    return record::batch_norm(scope / "norm", ops::BatchNorm{channels, scope.norm_eps(), activation}, src);
}

inline ValueId conv_bn(const Scope& scope, const ops::Conv2d& op, ValueId src, Activation activation) {
    return norm(scope, op.out_channels, record::conv2d(scope, op, src), activation);
}

}  // namespace detail

/// Convolution without bias, batch norm (eps 1e-5 unless the scope says otherwise; a group norm in scopes that ask for one), activation.
///
///     x [n, In, h, w]  ->  y [n, Out, ceil(h / Stride), ceil(w / Stride)]
///
/// Parameters: weight [Out, In / Groups, Kernel, Kernel], norm.{weight, bias, running_mean, running_var} [Out] (a group norm: norm.{weight, bias}).
/// Also takes the maps of regions, RoiFeature (Stride 1 only).
template <int In, int Out, int Kernel, int Stride = 1, int Groups = 1, int Dilation = 1>
struct ConvBn {
    static_assert(Kernel >= 1 && Kernel % 2 == 1, "ConvBn: kernel must be odd, so that the padding can be the same on both sides");
    static_assert(Stride >= 1 && Dilation >= 1, "ConvBn: stride and dilation must be at least 1");
    static_assert(MultipleOf<In, Groups>::agree && MultipleOf<Out, Groups>::agree);

    static constexpr ops::Conv2d op = detail::same_conv(In, Out, Kernel, Stride, Groups, Dilation);

    template <int C, int S>
    Feature<Out, S * Stride> operator()(const Scope& scope, Feature<C, S> x, Activation activation = Activation::none) const {
        static_assert(Wired<In, C>::agree);
        return {x.graph, detail::conv_bn(scope, op, x.id, activation)};
    }

    template <int C, int Size, int Max>
    RoiFeature<Out, Size, Max> operator()(const Scope& scope, RoiFeature<C, Size, Max> x, Activation activation = Activation::none) const {
        static_assert(Stride == 1, "ConvBn: maps of regions keep their size, use stride 1");
        static_assert(Wired<In, C>::agree);
        return {x.graph, detail::conv_bn(scope, op, x.id, activation)};
    }
};

}  // namespace regulus
