#pragma once
// The mask head: a small picture of each region, one channel a class.
#include <regulus/layers/conv2d.hpp>
#include <regulus/layers/roi_rules.hpp>

namespace regulus {

/// Convs (0: none) 3x3 convolutions with ReLU, a 2x2 transposed convolution of stride 2 with ReLU, then one 1x1 logit map a class.
///
///     rows [r, In, s, s]  ->  logits rows [r, Classes, 2 s, 2 s]
///
/// Parameters: conv1 .. convN, upsample, logits, each {weight, bias}, with Norms convN.weight and convN.norm.* instead. Label: "mask_logits".
/// Source: He et al., Mask R-CNN, ICCV 2017 (the FPN head).
template <int In, int Channels, int Convs, int Classes, bool Norms = false>
struct MaskHead {
    static_assert(Convs >= 0, "MaskHead: there is no negative number of convolutions");

    template <int C, int Size, int Max>
    RoiFeature<Classes, 2 * Size, Max> operator()(const Scope& scope, RoiFeature<C, Size, Max> rois) const {
        static_assert(Wired<In, C>::agree);
        ValueId x = rois.id;
        if constexpr (Convs > 0) {
            RoiFeature<Channels, Size, Max> y = HeadConv<In, Channels, 3, Norms>{}(scope / "conv1", rois, Activation::relu);
            for (int i = 2; i <= Convs; ++i) y = HeadConv<Channels, Channels, 3, Norms>{}(scope / indexed("conv", i), y, Activation::relu);
            x = y.id;
        }
        ops::ConvTranspose2d upsample;
        upsample.in_channels = Convs > 0 ? Channels : In;
        upsample.out_channels = Channels;
        upsample.activation = Activation::relu;
        const RoiFeature<Channels, 2 * Size, Max> y{rois.graph, record::conv_transpose2d(scope / "upsample", upsample, x)};
        return labelled(Conv2d<Channels, Classes, 1>{}(scope / "logits", y), "mask_logits");
    }
};

/// For each region the sigmoid of its label's channel: rows [r, s, s], probabilities.
template <int Classes, int Size, int FeatureMax, int RoiMax>
ValueId select_masks(const Scope& scope, RoiFeature<Classes, Size, FeatureMax> logits, const Rois<RoiMax>& rois) {
    static_assert(SameRois<FeatureMax, RoiMax>::agree);
    return record::select_channel(scope, Activation::sigmoid, logits.id, rois.labels);
}

}  // namespace regulus
