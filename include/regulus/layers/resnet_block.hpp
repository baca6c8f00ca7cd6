#pragma once
// The residual bottleneck of ResNet and ResNeXt.
#include <cstdint>

#include <regulus/layers/add.hpp>
#include <regulus/layers/conv_bn.hpp>
#include <regulus/layers/deform_conv.hpp>

namespace regulus {

/// Which convolution of a bottleneck carries its stride.
enum class StrideStyle : std::uint8_t {
    pytorch,  // the 3x3: torchvision, mmdetection's default, every ResNeXt
    caffe,    // the first 1x1: the original ResNets, detectron2's STRIDE_IN_1X1
};

/// Residual bottleneck: 1x1 to Middle, 3x3 in Groups (deformable as Kind says, dilated), 1x1 to Out, plus the shortcut, ReLU.
///
///     x [n, In, h, w]  ->  y [n, Out, ceil(h / Stride), ceil(w / Stride)]
///
/// Source: He et al., Deep Residual Learning, CVPR 2016; Xie et al., Aggregated Residual Transformations, CVPR 2017 (Groups > 1).
template <int In, int Middle, int Out, int Stride = 1, int Groups = 1, StrideStyle Style = StrideStyle::pytorch, Deformable Kind = Deformable::none, int Dilation = 1>
struct ResNetBlock {
    static_assert(Stride == 1 || Stride == 2, "ResNetBlock: stride must be 1 (same resolution) or 2 (half resolution)");
    static_assert(MultipleOf<Middle, Groups>::agree);

    static constexpr bool projects = In != Out || Stride != 1;
    static constexpr int first_stride = Style == StrideStyle::caffe ? Stride : 1;
    using Spatial = SpatialConvBn<Middle, Middle, 3, Stride / first_stride, Groups, Kind, Dilation>;

    template <int C, int S>
    Feature<Out, S * Stride> operator()(const Scope& scope, Feature<C, S> x) const {
        static_assert(Wired<In, C>::agree);
        const auto a = ConvBn<In, Middle, 1, first_stride>{}(scope / "a", x, Activation::relu);
        const auto b = Spatial{}(scope / "b", a, Activation::relu);
        const auto c = ConvBn<Middle, Out, 1>{}(scope / "c", b);  // [n, Out, h', w']
        if constexpr (projects) return relu(c + ConvBn<In, Out, 1, Stride>{}(scope / "proj", x));
        else return relu(c + x);
    }
};

}  // namespace regulus
