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
    bool dilates_last = false;               // stage 4 keeps its input's size: no stride, 3x3 convolutions of dilation 2 (detectron2's DC5)

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

/// The same network with a dilated last stage.
constexpr ResNetStages with_dilated_last(ResNetStages net) {
    net.dilates_last = true;
    return net;
}

inline constexpr ResNetStages resnet_50_caffe_dc5 = with_dilated_last(resnet_50_caffe);
inline constexpr ResNetStages resnet_101_caffe_dc5 = with_dilated_last(resnet_101_caffe);
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

/// Stage I (0 .. 3) of a ResNet. Parameters: sJ.*, J = I + 1.
template <const ResNetStages& Net, int I, int C, int S>
auto resnet_stage(const Scope& scope, Feature<C, S> x) {
    constexpr bool dilates = I == 3 && Net.dilates_last;
    constexpr int stride = I == 0 || dilates ? 1 : 2, dilation = dilates ? 2 : 1;
    constexpr int out = Net.width(I), middle = Net.middle_width(I);
    constexpr Deformable kind = Net.deformable[std::size_t(I)];
    using First = ResNetBlock<C, middle, out, stride, Net.groups, Net.style, kind, dilation>;
    using Rest = ResNetBlock<out, middle, out, 1, Net.groups, Net.style, kind, dilation>;
    return Stage<First, Rest>{Net.depths[I]}(scope / indexed("s", I + 1), x);
}

/// Stem with max pooling and four stages of strides 4, 8, 16, 32. `Net` is a named constant: ResNet<resnet_50>.
///
///     image [n, 3, H, W]  ->  s1 .. s4 of 256, 512, 1024, 2048 channels
///
/// Source: He et al., Deep Residual Learning, CVPR 2016; Xie et al., Aggregated Residual Transformations, CVPR 2017.
template <const ResNetStages& Net>
struct ResNet {
    static_assert(!Net.dilates_last, "ResNet: the maps of a dilated network do not halve from stage to stage; use ResNetTrunk");
    using Widths = regulus::Widths<Net.width(0), Net.width(1), Net.width(2), Net.width(3)>;
    static constexpr int channels = Net.width(3);

    template <int C, int S>
    auto operator()(const Scope& scope, Feature<C, S> image) const {
        const auto stem = ResNetStem<3, 64>{}(scope / "stem", image);
        const auto s1 = resnet_stage<Net, 0>(scope, stem);
        const auto s2 = resnet_stage<Net, 1>(scope, s1);
        const auto s3 = resnet_stage<Net, 2>(scope, s2);
        const auto s4 = resnet_stage<Net, 3>(scope, s3);
        return StageMaps<4 * S, Net.width(0), Net.width(1), Net.width(2), Net.width(3)>{image.graph, {s1.id, s2.id, s3.id, s4.id}};
    }
};

/// The first Stages (3 or 4) of a ResNet, for detectors that look at one map.
///
///     image [n, 3, H, W]  ->  the last stage's map [n, channels, H / stride, W / stride]
///
/// Labels: "C2" .. "C4" or "C5".
template <const ResNetStages& Net, int Stages>
struct ResNetTrunk {
    static_assert(Stages == 3 || Stages == 4, "ResNetTrunk: three stages, or all four");
    static constexpr int channels = Net.width(Stages - 1);
    static constexpr int stride = Stages == 3 || Net.dilates_last ? 16 : 32;

    template <int C, int S>
    Feature<channels, stride * S> operator()(const Scope& scope, Feature<C, S> image) const {
        const auto s1 = labelled(resnet_stage<Net, 0>(scope, ResNetStem<3, 64>{}(scope / "stem", image)), "C2");
        const auto s2 = labelled(resnet_stage<Net, 1>(scope, s1), "C3");
        const auto s3 = labelled(resnet_stage<Net, 2>(scope, s2), "C4");
        if constexpr (Stages == 3) return s3;
        else return labelled(resnet_stage<Net, 3>(scope, s3), "C5");
    }
};

/// The last stage of a ResNet on the maps of regions: what a picture's map is to it elsewhere, a region's is here.
///
///     rows [r, 1024, Size, Size]  ->  rows [r, 2048, ceil(Size / 2), ceil(Size / 2)]
///
/// Parameters: s4.*. Source: Ren et al., Faster R-CNN, with the ResNets of He et al., Deep Residual Learning, CVPR 2016 (appendix A).
template <const ResNetStages& Net>
struct ResNetRoiStage {
    static constexpr int channels = Net.width(3);

    template <int C, int Size, int Max>
    RoiFeature<channels, (Size + 1) / 2, Max> operator()(const Scope& scope, RoiFeature<C, Size, Max> rois) const {
        static_assert(!Net.dilates_last, "ResNetRoiStage: the last stage halves the maps of regions; use a network without dilation");
        static_assert(Wired<Net.width(2), C>::agree);
        const auto y = resnet_stage<Net, 3>(scope, Feature<C, 1>{rois.graph, rois.id});
        return {y.graph, y.id};
    }
};

}  // namespace regulus
