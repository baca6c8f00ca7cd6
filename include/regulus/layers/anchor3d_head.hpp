#pragma once
// The dense head of PointPillars: class scores, oriented boxes and directions of every anchor, on every level.
#include <regulus/layers/conv2d.hpp>
#include <regulus/layers/levels.hpp>

namespace regulus {

/// Maps of a dense 3D head, finest level first.
template <int Anchors, int Classes, int Code, int Levels>
struct Dense3dMaps {
    Graph* graph = nullptr;
    std::array<ValueId, std::size_t(Levels)> logits{};      // [n, Anchors * Classes, h, w], channel a * Classes + class
    std::array<ValueId, std::size_t(Levels)> deltas{};      // [n, Anchors * Code, h, w], channel a * Code + k
    std::array<ValueId, std::size_t(Levels)> directions{};  // [n, Anchors * 2, h, w], channel a * 2 + bin
};

/// Three 1x1 convolutions, the same on every level. Code 7 is x, y, z, length, width, height, yaw; 9 adds vx, vy.
///
///     levels [n, Channels, h, w]  ->  logits, deltas, directions
///
/// Parameters: logits, deltas, directions, each {weight, bias}. Labels: "cls_logits.0", "box_deltas.0", "directions.0", ...
/// Source: mmdetection3d's Anchor3DHead.
template <int Channels, int Anchors, int Classes, int Code>
struct Anchor3dHead {
    static_assert(Code == 7 || Code == 9, "Anchor3dHead: a box is 7 numbers, or 9 with its velocity");

    template <int C, int FinestStride, int Levels>
    Dense3dMaps<Anchors, Classes, Code, Levels> operator()(const Scope& scope, const Pyramid<C, FinestStride, Levels>& pyramid) const {
        static_assert(Wired<Channels, C>::agree);
        Dense3dMaps<Anchors, Classes, Code, Levels> maps{pyramid.graph, {}, {}, {}};
        for (std::size_t i = 0; i < std::size_t(Levels); ++i) {
            const Feature<Channels, 1> level{pyramid.graph, pyramid.ids[i]};
            const std::string number = "." + std::to_string(i);
            maps.logits[i] = labelled(Conv2d<Channels, Anchors * Classes, 1>{}(scope / "logits", level), "cls_logits" + number).id;
            maps.deltas[i] = labelled(Conv2d<Channels, Anchors * Code, 1>{}(scope / "deltas", level), "box_deltas" + number).id;
            maps.directions[i] = labelled(Conv2d<Channels, Anchors * 2, 1>{}(scope / "directions", level), "directions" + number).id;
        }
        return maps;
    }
};

}  // namespace regulus
