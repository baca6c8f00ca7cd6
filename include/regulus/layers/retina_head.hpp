#pragma once
// The dense head of RetinaNet: class scores and boxes of every anchor, on every level of a pyramid.
#include <regulus/layers/rpn_head.hpp>

namespace regulus {

/// Two towers of 3x3 convolutions with ReLU, then 3x3 convolutions to class scores and deltas; the same weights on every level.
///
///     levels [n, Channels, h, w]  ->  logits [n, Anchors * Classes, h, w] (channel a * Classes + class), deltas [n, 4 Anchors, h, w]
///
/// Parameters: class_tower.1 .. TowerDepth, box_tower.1 .. TowerDepth, logits, deltas, each {weight, bias}, with Norms the towers' {weight, norm.*}.
/// Labels: "cls_logits.0", "box_deltas.0", ... (finest first).
/// Source: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
template <int Channels, int TowerDepth, int Anchors, int Classes, bool Norms = false>
struct RetinaHead {
    static_assert(TowerDepth >= 0, "RetinaHead: a tower has no negative depth");

    template <int C, int FinestStride, int Levels>
    DenseHeadMaps<Anchors * Classes, FinestStride, Levels> operator()(const Scope& scope, const Pyramid<C, FinestStride, Levels>& pyramid) const {
        static_assert(Wired<Channels, C>::agree);
        DenseHeadMaps<Anchors * Classes, FinestStride, Levels> maps{pyramid.graph, {}, {}};
        for (std::size_t i = 0; i < std::size_t(Levels); ++i) {
            Feature<Channels, 1> classes{pyramid.graph, pyramid.ids[i]};
            Feature<Channels, 1> boxes = classes;
            for (int step = 1; step <= TowerDepth; ++step)
                classes = HeadConv<Channels, Channels, 3, Norms>{}(scope / "class_tower" / std::to_string(step), classes, Activation::relu);
            for (int step = 1; step <= TowerDepth; ++step)
                boxes = HeadConv<Channels, Channels, 3, Norms>{}(scope / "box_tower" / std::to_string(step), boxes, Activation::relu);
            maps.logits[i] = labelled(Conv2d<Channels, Anchors * Classes, 3>{}(scope / "logits", classes), "cls_logits." + std::to_string(i)).id;
            maps.deltas[i] = labelled(Conv2d<Channels, 4 * Anchors, 3>{}(scope / "deltas", boxes), "box_deltas." + std::to_string(i)).id;
        }
        return maps;
    }
};

}  // namespace regulus
