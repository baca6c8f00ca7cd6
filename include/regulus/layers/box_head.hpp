#pragma once
// The box head of two-stage detectors: what a region is, and how its box should move.
#include <regulus/layers/conv2d.hpp>
#include <regulus/layers/linear.hpp>
#include <regulus/layers/roi_rules.hpp>

namespace regulus {

/// Scores and deltas of regions; the background is the last class.
template <int Classes, int Deltas, int Max>
struct BoxPredictions {
    static constexpr int classes = Classes;
    static constexpr bool class_agnostic = Deltas == 4 && Classes != 1;
    Vector<Classes + 1, Max> logits;
    Vector<Deltas, Max> deltas;
    ValueId probabilities = no_value;  // rows [r, Classes + 1] where they are not the softmax of the logits
};

/// Class scores and box deltas of what a head has made of the regions. Parameters: logits, deltas, each {weight, bias}.
/// Labels: "class_logits", "box_regression".
template <int Classes, bool ClassAgnostic, int N, int Max>
BoxPredictions<Classes, ClassAgnostic ? 4 : 4 * Classes, Max> predict_boxes(const Scope& scope, Vector<N, Max> x) {
    return {labelled(Linear<N, Classes + 1>{}(scope / "logits", x), "class_logits"), labelled(Linear<N, ClassAgnostic ? 4 : 4 * Classes>{}(scope / "deltas", x), "box_regression")};
}

/// Convs 3x3 convolutions and Linears fully connected layers, all with ReLU, then class scores and box deltas.
///
///     rows [r, Channels, Size, Size]  ->  logits rows [r, Classes + 1], deltas rows [r, 4 Classes] (class-agnostic: [r, 4])
///
/// Parameters: conv1 .. convN, fc1, fc2, logits, deltas, each {weight, bias}, with Norms convN.weight and convN.norm.*; fc1 flattens in C, h, w order.
/// Labels: "class_logits", "box_regression".
/// Sources: Lin et al., Feature Pyramid Networks, CVPR 2017 (two linear layers); Wu and He, Group Normalization, ECCV 2018 (four convolutions, one linear layer).
template <int Channels, int Size, int Hidden, int Classes, bool ClassAgnostic = false, int Convs = 0, int Linears = 2, bool Norms = false>
struct BoxHead {
    static_assert(Classes >= 1 && Hidden >= 1, "BoxHead: at least one class and one hidden feature");
    static_assert(Convs >= 0 && Linears >= 1, "BoxHead: at least one fully connected layer");
    static constexpr int size = Size;
    static constexpr int classes = Classes;
    static constexpr bool class_agnostic = ClassAgnostic;
    static constexpr int deltas = ClassAgnostic ? 4 : 4 * Classes;

    template <int C, int S, int Max>
    BoxPredictions<Classes, deltas, Max> operator()(const Scope& scope, RoiFeature<C, S, Max> rois) const {
        static_assert(Wired<Channels, C>::agree);
        static_assert(SameSize<Size, S>::agree);
        RoiFeature<Channels, Size, Max> x{rois.graph, rois.id};
        for (int i = 1; i <= Convs; ++i) x = HeadConv<Channels, Channels, 3, Norms>{}(scope / indexed("conv", i), x, Activation::relu);
        auto y = Linear<Channels * Size * Size, Hidden>{}(scope / "fc1", x, Activation::relu);  // [r, Hidden]
        for (int i = 2; i <= Linears; ++i) y = Linear<Hidden, Hidden>{}(scope / indexed("fc", i), y, Activation::relu);
        return predict_boxes<Classes, ClassAgnostic>(scope, y);
    }
};

}  // namespace regulus
