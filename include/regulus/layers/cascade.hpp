#pragma once
// The heads of a cascade: each stage pools the boxes that the stage before it refined.
#include <array>

#include <regulus/layers/box_head.hpp>
#include <regulus/layers/mask_head.hpp>
#include <regulus/layers/roi_extractor.hpp>

namespace regulus {

/// "stage0", "stage1", ...: how the nodes of a cascade are labelled.
inline std::string stage_label(int stage, const char* node) { return indexed("stage", stage) + "." + node; }

/// Regions moved by their deltas (one box for all classes), clipped to the picture when the coder says so. Scores and labels stay.
template <int DeltaMax, int Max>
Rois<Max> refined(const Scope& scope, const ops::BoxCoder& coder, const Rois<Max>& rois, Vector<4, DeltaMax> deltas, ValueId info) {
    static_assert(SameRois<DeltaMax, Max>::agree);
    Rois<Max> moved = rois;
    moved.boxes = record::refine_boxes(scope, coder, rois.boxes, deltas.id, rois.count, info);
    return moved;
}

/// What the last stage says about the regions that it was given, its scores averaged with those of the stages before it.
template <int Classes, int Max>
struct CascadePredictions {
    BoxPredictions<Classes, 4, Max> predictions;
    Rois<Max> rois;
};

/// Stages box heads with one box for all classes, each on the regions refined by the one before.
///
///     pyramid, rois rows [r, 4]  ->  mean logits rows [r, Classes + 1], the last stage's deltas rows [r, 4] and regions rows [r, 4]
///
/// Head is a BoxHead with one box for all classes. With `averages_probabilities` the predictions hold the mean of the stages' softmax outputs (detectron2)
/// and the last stage's logits.
/// Parameters: 1.{fc1, fc2, logits, deltas} .. Stages.{...}. Labels: "stage0.roi_feats", "stage0.class_logits", "stage0.box_regression", ...;
/// "stage1.regions", ...; the mean of the logits is "class_logits".
/// Source: Cai and Vasconcelos, Cascade R-CNN, CVPR 2018; mmdetection averages logits.
template <class Head, int Stages = 3>
struct CascadeBoxHead {
    static constexpr int classes = Head::classes;
    static_assert(Stages >= 1, "CascadeBoxHead: at least one stage");
    static_assert(Head::class_agnostic, "CascadeBoxHead: the regions of a next stage need one box for all classes; use a class-agnostic BoxHead");
    static_assert(classes >= 2, "CascadeBoxHead: with one class there is no choice of a box for all classes; use two or more");

    RoiSettings pooling;
    std::array<ops::BoxCoder, std::size_t(Stages)> coders;
    bool averages_probabilities = false;

    template <int C, int FinestStride, int Levels, int Max>
    CascadePredictions<classes, Max> operator()(const Scope& scope, const Pyramid<C, FinestStride, Levels>& pyramid, const Rois<Max>& proposals, ValueId info) const {
        std::vector<ValueId> logits, probabilities;
        CascadePredictions<classes, Max> last{{}, proposals};
        for (int stage = 0; stage < Stages; ++stage) {
            const Scope own = scope / std::to_string(stage + 1);
            if (stage > 0) {
                last.rois = refined(own / "refine", coders[std::size_t(stage - 1)], last.rois, last.predictions.deltas, info);
                last.rois.graph->values[std::size_t(last.rois.boxes)].label = stage_label(stage, "regions");
            }
            const auto regions = labelled(RoiExtractor<Head::size>{pooling}(own / "roi_align", pyramid, last.rois), stage_label(stage, "roi_feats"));
            last.predictions = Head{}(own, regions);
            logits.push_back(labelled(last.predictions.logits, stage_label(stage, "class_logits")).id);
            labelled(last.predictions.deltas, stage_label(stage, "box_regression"));
            if (averages_probabilities) probabilities.push_back(record::softmax(own / "softmax", logits.back()));
        }
        if (averages_probabilities) {
            last.predictions.probabilities = record::average(scope / "average", probabilities);
            return last;
        }
        last.predictions.logits.id = record::average(scope / "average", logits);
        labelled(last.predictions.logits, "class_logits");
        return last;
    }
};

/// Stages mask heads on the same regions; for each region the mean of the sigmoids of its label's channel.
///
///     rows [r, In, s, s], rois  ->  rows [r, 2 s, 2 s], probabilities
///
/// Head is a MaskHead. Parameters: 1.{conv1 .. convN, upsample, logits} .. Stages.{...}. Labels: "stage0.mask_logits", ...
/// Source: Chen et al., Hybrid Task Cascade, CVPR 2019 (Cascade Mask R-CNN); as mmdetection builds it.
template <class Head, int Stages = 3>
struct CascadeMaskHead {
    static_assert(Stages >= 1, "CascadeMaskHead: at least one stage");

    template <int C, int Size, int FeatureMax, int RoiMax>
    ValueId operator()(const Scope& scope, RoiFeature<C, Size, FeatureMax> regions, const Rois<RoiMax>& rois) const {
        std::vector<ValueId> masks;
        for (int stage = 0; stage < Stages; ++stage) {
            const Scope own = scope / std::to_string(stage + 1);
            const auto logits = labelled(Head{}(own, regions), stage_label(stage, "mask_logits"));
            masks.push_back(select_masks(own / "select", logits, rois));
        }
        return record::average(scope / "average", masks);
    }
};

}  // namespace regulus
