#pragma once
// The box head of two-stage detectors: what a region is, and how its box should move.
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
};

/// Two shared fully connected layers with ReLU, then class scores and box deltas.
///
///     rows [r, Channels, Size, Size]  ->  logits rows [r, Classes + 1], deltas rows [r, 4 Classes] (class-agnostic: [r, 4])
///
/// Parameters: fc1, fc2, logits, deltas, each {weight, bias}; fc1 flattens in C, h, w order. Labels: "class_logits", "box_regression".
/// Source: Lin et al., Feature Pyramid Networks, CVPR 2017 (the 2-fc head).
template <int Channels, int Size, int Hidden, int Classes, bool ClassAgnostic = false>
struct BoxHead {
    static_assert(Classes >= 1 && Hidden >= 1, "BoxHead: at least one class and one hidden feature");
    static constexpr int deltas = ClassAgnostic ? 4 : 4 * Classes;

    template <int C, int S, int Max>
    BoxPredictions<Classes, deltas, Max> operator()(const Scope& scope, RoiFeature<C, S, Max> rois) const {
        static_assert(Wired<Channels, C>::agree);
        static_assert(SameSize<Size, S>::agree);
        const auto fc1 = Linear<Channels * Size * Size, Hidden>{}(scope / "fc1", rois, Activation::relu);  // [r, Hidden]
        const auto fc2 = Linear<Hidden, Hidden>{}(scope / "fc2", fc1, Activation::relu);
        return {labelled(Linear<Hidden, Classes + 1>{}(scope / "logits", fc2), "class_logits"),
                labelled(Linear<Hidden, deltas>{}(scope / "deltas", fc2), "box_regression")};
    }
};

}  // namespace regulus
