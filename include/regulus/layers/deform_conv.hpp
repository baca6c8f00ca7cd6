#pragma once
// Deformable convolution: an ordinary one looks where each tap should read, the deformable one reads there.
#include <type_traits>

#include <regulus/layers/conv2d.hpp>
#include <regulus/layers/deformable.hpp>

namespace regulus {

namespace detail {

inline ValueId deform_conv_bn(const Scope& scope, const ops::DeformConv2d& op, ValueId src, Activation activation) {
    ops::Conv2d looks = op.conv;
    looks.out_channels = op.offset_channels();
    looks.groups = 1;
    const ValueId offsets = conv_bias(scope / "offset", looks, src, Activation::none);
    return norm(scope, op.conv.out_channels, record::deform_conv2d(scope, op, src, offsets), activation);
}

}  // namespace detail

/// Deformable convolution without bias, batch norm (eps 1e-5), activation. The offsets come from a convolution with bias of the same kernel, stride
/// and dilation, not grouped.
///
///     x [n, In, h, w]  ->  y [n, Out, ceil(h / Stride), ceil(w / Stride)]
///
/// Parameters: as ConvBn, and offset.{weight [DeformGroups Kernel^2 * 3, In, Kernel, Kernel], bias} (2 instead of 3 when not modulated).
/// Source: Dai et al., Deformable Convolutional Networks, ICCV 2017; Zhu et al., Deformable ConvNets v2, CVPR 2019.
template <int In, int Out, int Kernel, int Stride = 1, int Groups = 1, int Dilation = 1, Deformable Kind = Deformable::modulated, int DeformGroups = 1>
struct DeformConvBn {
    static_assert(Kernel >= 1 && Kernel % 2 == 1, "DeformConvBn: kernel must be odd, so that the padding can be the same on both sides");
    static_assert(Stride >= 1 && Dilation >= 1, "DeformConvBn: stride and dilation must be at least 1");
    static_assert(Kind != Deformable::none, "DeformConvBn: choose offsets or modulated; an ordinary convolution is a ConvBn");
    static_assert(MultipleOf<In, Groups>::agree && MultipleOf<Out, Groups>::agree && MultipleOf<In, DeformGroups>::agree);

    static constexpr ops::DeformConv2d op{detail::same_conv(In, Out, Kernel, Stride, Groups, Dilation), DeformGroups, Kind == Deformable::modulated};

    template <int C, int S>
    Feature<Out, S * Stride> operator()(const Scope& scope, Feature<C, S> x, Activation activation = Activation::none) const {
        static_assert(Wired<In, C>::agree);
        return {x.graph, detail::deform_conv_bn(scope, op, x.id, activation)};
    }
};

/// The spatial convolution of a residual block: ordinary, or deformable.
template <int In, int Out, int Kernel, int Stride, int Groups, Deformable Kind, int Dilation = 1>
using SpatialConvBn = std::conditional_t<Kind == Deformable::none, ConvBn<In, Out, Kernel, Stride, Groups, Dilation>,
                                         DeformConvBn<In, Out, Kernel, Stride, Groups, Dilation, Kind == Deformable::none ? Deformable::offsets : Kind>>;

}  // namespace regulus
