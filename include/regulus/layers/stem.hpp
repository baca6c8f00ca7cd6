#pragma once
// What turns a picture into the first features.
#include <regulus/layers/conv_bn.hpp>
#include <regulus/layers/pool.hpp>

namespace regulus {

/// The stem of RegNet: 3x3 convolution of stride 2, batch norm, ReLU; no pooling. Its output is labelled "stem".
///
///     image [n, In, H, W]  ->  y [n, Out, ceil(H / 2), ceil(W / 2)]
template <int In, int Out>
struct RegNetStem {
    template <int C, int S>
    Feature<Out, S * 2> operator()(const Scope& scope, Feature<C, S> image) const {
        return labelled(ConvBn<In, Out, 3, 2>{}(scope, image, Activation::relu), "stem");
    }
};

/// The stem of ResNet: 7x7 convolution of stride 2, batch norm, ReLU ("stem"), 3x3 max pooling of stride 2 ("stem_pool").
///
///     image [n, In, H, W]  ->  y [n, Out, ceil(H / 4), ceil(W / 4)]
template <int In, int Out>
struct ResNetStem {
    template <int C, int S>
    Feature<Out, S * 4> operator()(const Scope& scope, Feature<C, S> image) const {
        const auto y = labelled(ConvBn<In, Out, 7, 2>{}(scope, image, Activation::relu), "stem");
        return labelled(MaxPool<3, 2>{}(scope / "pool", y), "stem_pool");
    }
};

}  // namespace regulus
