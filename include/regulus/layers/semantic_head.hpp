#pragma once
// The semantic head of Panoptic FPN: a class for each cell of the finest level, from all levels of a pyramid.
#include <algorithm>

#include <regulus/layers/conv2d.hpp>
#include <regulus/layers/levels.hpp>

namespace regulus {

/// The first four levels come to the size of the finest by 3x3 convolutions with norm and ReLU, each followed by bilinear enlarging to twice the size (the finest: one
/// convolution, no enlarging); their sum becomes one logit a label.
///
///     levels [n, In, h / 2^i, w / 2^i], i = 0..3  ->  logits [n, Labels, h, w]; h and w must be multiples of 8
///
/// Level numbers in names follow the stride: 4 is p2. Parameters: p2.conv1, p3.conv1, p4.{conv1, conv2}, p5.{conv1, conv2, conv3}, each {weight, norm.*} (group norms
/// in scopes that ask for them), logits.{weight, bias}. Label: "semantic_logits".
/// Source: Kirillov et al., Panoptic Feature Pyramid Networks, CVPR 2019; as detectron2 builds it.
template <int In, int Channels, int Labels>
struct SemanticFpnHead {
    static_assert(Labels >= 1 && Labels <= 256, "SemanticFpnHead: 1 .. 256 labels, a byte a pixel");
    static constexpr int levels = 4;

    template <int C, int FinestStride, int Levels>
    Feature<Labels, FinestStride> operator()(const Scope& scope, const Pyramid<C, FinestStride, Levels>& pyramid) const {
        static_assert(Wired<In, C>::agree);
        static_assert(EnoughLevels<levels, Levels>::agree);
        Feature<Channels, FinestStride> sum{pyramid.graph, no_value};
        for (int level = 0; level < levels; ++level) {
            const Scope at = scope / indexed("p", level + number_of(FinestStride));
            ValueId x = pyramid.ids[std::size_t(level)];
            for (int i = 1; i <= std::max(1, level); ++i) {
                x = detail::conv_bn(at / indexed("conv", i), detail::same_conv(i == 1 ? In : Channels, Channels, 3, 1, 1, 1), x, Activation::relu);
                if (level > 0) x = record::enlarge(at / indexed("enlarge", i), ops::Resize::Mode::bilinear, 2, x);
            }
            sum.id = level == 0 ? x : record::add(scope / indexed("add", level), sum.id, x);
        }
        return labelled(Conv2d<Channels, Labels, 1>{}(scope / "logits", sum), "semantic_logits");
    }

private:
    static constexpr int number_of(int stride) { return stride <= 1 ? 0 : 1 + number_of(stride / 2); }
};

}  // namespace regulus
