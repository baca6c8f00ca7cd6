#pragma once
// The last step of two-stage detectors: boxes of each class above a score, suppressed.
#include <regulus/layers/box_head.hpp>
#include <regulus/layers/dense_candidates.hpp>

namespace regulus {

/// Softmax over classes and background (unless the predictions hold probabilities), one decoded box per (region, class) above the threshold, suppression within each class.
///
///     logits, deltas, regions, image_info  ->  at most Max boxes a picture, falling score, labels 0 .. Classes - 1
///
/// Boxes are network pixels, or with `rescale` pixels of the original picture. min_size < 0 keeps boxes of any size.
template <int Max>
struct Detections {
    float score_threshold = 0.05f;
    float iou_threshold = 0.5f;
    float min_size = -1.f;
    ops::BoxCoder coder{{0.1f, 0.1f, 0.2f, 0.2f}};
    bool rescale = false;

    template <int Classes, int Deltas, int PredictionMax, int RoiMax>
    Rois<Max> operator()(const Scope& scope, const BoxPredictions<Classes, Deltas, PredictionMax>& predictions, const Rois<RoiMax>& rois, ValueId info) const {
        static_assert(SameRois<PredictionMax, RoiMax>::agree);
        const bool given = predictions.probabilities != no_value;
        const ValueId probabilities = given ? predictions.probabilities : record::softmax(scope / "softmax", predictions.logits.id);  // [r, Classes + 1]
        ops::ClassCandidates op;
        op.classes = Classes;
        op.threshold = score_threshold;
        op.class_agnostic = predictions.class_agnostic;
        op.coder = coder;
        op.rescale = rescale;
        const Candidates candidates = record::class_candidates(scope / "candidates", op, probabilities, predictions.deltas.id, rois.boxes, rois.count, info);
        return suppress<Max>(scope / "nms", {candidates}, iou_threshold, min_size);
    }
};

}  // namespace regulus
