#pragma once
// ResNet and ResNeXt: descriptors and the backbone.
#include <regulus/layers/levels.hpp>
#include <regulus/layers/resnet_block.hpp>
#include <regulus/layers/stage.hpp>
#include <regulus/layers/stem.hpp>

namespace regulus {

/// A bottleneck ResNet: widths 256, 512, 1024, 2048; the 3x3 of stage i has groups * width_per_group * 2^i channels.
struct ResNetStages {
    std::array<int, 4> depths{3, 4, 6, 3};
    int groups = 1;
    int width_per_group = 64;
    StrideStyle style = StrideStyle::pytorch;
    std::array<Deformable, 4> deformable{};  // what the 3x3 of a stage's blocks is

    constexpr int width(int stage) const { return 256 << stage; }
    constexpr int middle_width(int stage) const { return (groups * width_per_group) << stage; }
};

inline constexpr ResNetStages resnet_50{};
inline constexpr ResNetStages resnet_101{.depths = {3, 4, 23, 3}};
inline constexpr ResNetStages resnet_152{.depths = {3, 8, 36, 3}};
inline constexpr ResNetStages resnet_50_caffe{.style = StrideStyle::caffe};
inline constexpr ResNetStages resnet_101_caffe{.depths = {3, 4, 23, 3}, .style = StrideStyle::caffe};
inline constexpr ResNetStages resnet_152_caffe{.depths = {3, 8, 36, 3}, .style = StrideStyle::caffe};
inline constexpr ResNetStages resnext_50_32x4d{.groups = 32, .width_per_group = 4};
inline constexpr ResNetStages resnext_101_32x4d{.depths = {3, 4, 23, 3}, .groups = 32, .width_per_group = 4};
inline constexpr ResNetStages resnext_101_32x8d{.depths = {3, 4, 23, 3}, .groups = 32, .width_per_group = 8};
inline constexpr ResNetStages resnext_101_64x4d{.depths = {3, 4, 23, 3}, .groups = 64, .width_per_group = 4};
inline constexpr ResNetStages resnext_152_32x4d{.depths = {3, 8, 36, 3}, .groups = 32, .width_per_group = 4};
inline constexpr ResNetStages resnext_152_32x8d{.depths = {3, 8, 36, 3}, .groups = 32, .width_per_group = 8};

/// The same network with deformable 3x3 convolutions in stages `first` .. 4, counted from 1 (detectron2's c3-c5: 2).
constexpr ResNetStages with_deformable(ResNetStages net, Deformable kind, int first = 2) {
    for (int stage = first; stage <= 4; ++stage) net.deformable[std::size_t(stage - 1)] = kind;
    return net;
}

inline constexpr ResNetStages resnet_50_caffe_dconv_c3_c5 = with_deformable(resnet_50_caffe, Deformable::offsets);

/// Learned parameters (batch norm's scale and shift counted, its statistics not) of the backbone, and of a linear classifier
/// behind a global mean when classes > 0.
constexpr std::int64_t parameter_count(const ResNetStages& net, std::int64_t classes = 0) {
    const auto conv_bn = [](std::int64_t in, std::int64_t out, int kernel, std::int64_t groups) { return in / groups * out * kernel * kernel + 2 * out; };
    std::int64_t count = conv_bn(3, 64, 7, 1);
    std::int64_t in = 64;
    for (int i = 0; i < 4; ++i) {
        const std::int64_t out = net.width(i);
        const std::int64_t middle = net.middle_width(i);
        count += conv_bn(in, out, 1, 1);  // the projection of block 1
        for (int block = 1; block <= net.depths[std::size_t(i)]; ++block) {
            count += conv_bn(in, middle, 1, 1) + conv_bn(middle, middle, 3, net.groups) + conv_bn(middle, out, 1, 1);
            if (const Deformable kind = net.deformable[std::size_t(i)]; kind != Deformable::none) count += (middle * 9 + 1) * (kind == Deformable::modulated ? 27 : 18);
            in = out;
        }
    }
    return classes > 0 ? count + (in + 1) * classes : count;
}

/// Stem with max pooling and four stages of strides 4, 8, 16, 32. `Net` is a named constant: ResNet<resnet_50>.
///
///     image [n, 3, H, W]  ->  s1 .. s4 of 256, 512, 1024, 2048 channels
///
/// Source: He et al., Deep Residual Learning, CVPR 2016; Xie et al., Aggregated Residual Transformations, CVPR 2017.
template <const ResNetStages& Net>
struct ResNet {
    using Widths = regulus::Widths<Net.width(0), Net.width(1), Net.width(2), Net.width(3)>;
    static constexpr int channels = Net.width(3);

    template <int C, int S>
    auto operator()(const Scope& scope, Feature<C, S> image) const {
        const auto stem = ResNetStem<3, 64>{}(scope / "stem", image);
        const auto s1 = stage<0, 64, 1>(scope, stem);
        const auto s2 = stage<1, Net.width(0), 2>(scope, s1);
        const auto s3 = stage<2, Net.width(1), 2>(scope, s2);
        const auto s4 = stage<3, Net.width(2), 2>(scope, s3);
        return StageMaps<4 * S, Net.width(0), Net.width(1), Net.width(2), Net.width(3)>{image.graph, {s1.id, s2.id, s3.id, s4.id}};
    }

private:
    template <int I, int In, int Stride, int C, int S>
    static auto stage(const Scope& scope, Feature<C, S> x) {
        constexpr int out = Net.width(I);
        constexpr int middle = Net.middle_width(I);
        constexpr Deformable kind = Net.deformable[std::size_t(I)];
        using First = ResNetBlock<In, middle, out, Stride, Net.groups, Net.style, kind>;
        using Rest = ResNetBlock<out, middle, out, 1, Net.groups, Net.style, kind>;
        return Stage<First, Rest>{Net.depths[I]}(scope / indexed("s", I + 1), x);
    }
};

}  // namespace regulus
