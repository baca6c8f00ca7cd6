#pragma once
// The keypoint head: a small picture of each region for each point.
#include <regulus/layers/conv2d.hpp>
#include <regulus/layers/roi_rules.hpp>

namespace regulus {

/// Convs 3x3 convolutions with ReLU, a 4x4 transposed convolution of stride 2 to one logit map a point, then twice the size bilinearly.
///
///     rows [r, In, s, s]  ->  logits rows [r, Points, 4 s, 4 s]
///
/// Parameters: conv1 .. convN, logits, each {weight, bias}. Labels: "keypoint_logits_lowres" (2 s), "keypoint_logits".
/// Source: He et al., Mask R-CNN, ICCV 2017 (human pose), as detectron2 builds it.
template <int In, int Channels, int Convs, int Points>
struct KeypointHead {
    static_assert(Convs >= 1 && Points >= 1, "KeypointHead: at least one convolution and one point");

    template <int C, int Size, int Max>
    RoiFeature<Points, 4 * Size, Max> operator()(const Scope& scope, RoiFeature<C, Size, Max> rois) const {
        static_assert(Wired<In, C>::agree);
        RoiFeature<Channels, Size, Max> x = HeadConv<In, Channels, 3, false>{}(scope / "conv1", rois, Activation::relu);
        for (int i = 2; i <= Convs; ++i) x = HeadConv<Channels, Channels, 3, false>{}(scope / indexed("conv", i), x, Activation::relu);
        ops::ConvTranspose2d to_points;
        to_points.in_channels = Channels;
        to_points.out_channels = Points;
        to_points.kernel = 4;
        to_points.padding = 1;
        const auto small = labelled(RoiFeature<Points, 2 * Size, Max>{rois.graph, record::conv_transpose2d(scope / "logits", to_points, x.id)}, "keypoint_logits_lowres");
        return labelled(RoiFeature<Points, 4 * Size, Max>{rois.graph, record::enlarge(scope / "enlarge", ops::Resize::Mode::bilinear, 2, small.id)}, "keypoint_logits");
    }
};

}  // namespace regulus
