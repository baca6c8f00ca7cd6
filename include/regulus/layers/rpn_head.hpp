#pragma once
// The region proposal head: one objectness and one box per anchor, on every level of a pyramid.
#include <regulus/layers/conv2d.hpp>
#include <regulus/layers/levels.hpp>

namespace regulus {

/// Scores and box deltas of all levels, finest first.
template <int ScoreChannels, int FinestStride, int Levels>
struct DenseHeadMaps {
    static constexpr int count = Levels;
    static constexpr int finest_stride = FinestStride;
    Graph* graph = nullptr;
    std::array<ValueId, Levels> logits{};  // [n, ScoreChannels, h, w]
    std::array<ValueId, Levels> deltas{};  // [n, 4 Anchors, h, w]
};

/// Convs 3x3 convolutions with ReLU, then 1x1 convolutions to objectness and deltas; the same weights on every level.
///
///     levels [n, Channels, h, w]  ->  logits [n, Anchors, h, w], deltas [n, 4 Anchors, h, w] (four per anchor: dx dy dw dh)
///
/// Parameters: conv (more than one: conv1 .. convN), logits, deltas, each {weight, bias}. Labels: "rpn_logits.0", "rpn_deltas.0", ... (finest first).
/// Source: Ren et al., Faster R-CNN, NeurIPS 2015.
template <int Channels, int Anchors, int Convs = 1>
struct RpnHead {
    static_assert(Convs >= 1, "RpnHead: at least one convolution");

    template <int C, int FinestStride, int Levels>
    DenseHeadMaps<Anchors, FinestStride, Levels> operator()(const Scope& scope, const Pyramid<C, FinestStride, Levels>& pyramid) const {
        static_assert(Wired<Channels, C>::agree);
        DenseHeadMaps<Anchors, FinestStride, Levels> maps{pyramid.graph, {}, {}};
        for (std::size_t i = 0; i < std::size_t(Levels); ++i) {
            Feature<Channels, 1> shared{pyramid.graph, pyramid.ids[i]};
            for (int step = 1; step <= Convs; ++step) shared = Conv2d<Channels, Channels, 3>{}(scope / (Convs == 1 ? "conv" : indexed("conv", step)), shared, Activation::relu);
            maps.logits[i] = labelled(Conv2d<Channels, Anchors, 1>{}(scope / "logits", shared), "rpn_logits." + std::to_string(i)).id;
            maps.deltas[i] = labelled(Conv2d<Channels, 4 * Anchors, 1>{}(scope / "deltas", shared), "rpn_deltas." + std::to_string(i)).id;
        }
        return maps;
    }
};

}  // namespace regulus
