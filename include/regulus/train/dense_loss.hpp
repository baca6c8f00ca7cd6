#pragma once
// The loss of a dense 2D head (RetinaNet's, or the region proposal network) over the pictures of a batch, and its gradient by the head's maps.
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/graph/graph.hpp>
#include <regulus/graph/program.hpp>
#include <regulus/train/dense_training.hpp>

namespace regulus::train {

/// What the head gave on one level for n pictures.
struct DenseMaps {
    Tensor logits;  // [n, A * classes, h, w], channel a * classes + class
    Tensor deltas;  // [n, A * 4, h, w]
};

/// The loss of a batch.
struct DenseLoss {
    double classification = 0, boxes = 0;           // the whole is their sum
    std::int64_t positives = 0, negatives = 0;      // anchors with an object and without, of those learnt from
    double normaliser = 0;                          // what the sums were divided by; with Normaliser::own_objects that of the first picture
    std::vector<DenseMaps> gradient;                // the derivative of the whole loss by the maps of each level
};

/// What each anchor of one picture is to find: the truth's number, background_box or ignored_box, levels one after the other, in a level in the order (y, x, a).
/// `image_info` is the picture's row of height, width (network pixels, without padding) and two scales.
std::vector<std::int32_t> dense_assignment(const std::vector<ops::DecodeAnchors>& levels, const std::vector<DenseMaps>& maps, const float* image_info, const Truth2d& truth, const DenseTraining& training);

/// The loss of a dense head. One step of training RetinaNet:
///
///     const auto levels = dense_levels(detector, "box_deltas");                                            // of the recorded detector, once
///     Learner learner(CpuLearning{}, dense_graph(detector, "cls_logits", "box_deltas"), weights);
///     const Outputs outputs = learner.forward({batch.input});
///     const DenseLoss loss = dense_loss(levels, dense_maps(outputs, "cls_logits", "box_deltas"), batch.image_info, truths, mmdetection_retina_training());
///     learner.clear_gradients();
///     learner.backward(in_order_of(outputs, loss.gradient, "cls_logits", "box_deltas"));
///
/// `levels` (anchors, stride, classes, coder) and `maps` have one entry a level, `truths` one a picture; image_info [n, 4] is what preprocess() gives. The scores
/// of all anchors that are learnt from and the deltas of those with an object count. `seed` chooses the sample of anchors: another for each step.
/// Throws ShapeError where maps, anchors, pictures and truths do not fit each other, ArgumentError for a label that is no class, for a truth without area, and
/// for settings out of range.
/// Sources: mmdetection 3's AnchorHead, detectron2's RetinaNet and RPN, torchvision's.
DenseLoss dense_loss(const std::vector<ops::DecodeAnchors>& levels, const std::vector<DenseMaps>& maps, const Tensor& image_info, const std::vector<Truth2d>& truths, const DenseTraining& training,
                     std::uint64_t seed = 0);

/// The levels of a recorded detector's dense head whose deltas are labelled `deltas`.0, `deltas`.1, ... ("box_deltas", "rpn_deltas"): the very anchors that it
/// decodes with. Throws ArgumentError when the graph has none.
std::vector<ops::DecodeAnchors> dense_levels(const Graph& graph, const std::string& deltas);

/// The part of a recorded detector that its dense head's loss needs: its outputs are the values labelled `logits`.0, `deltas`.0, `logits`.1, ..., its inputs those
/// that lead there (the picture). Throws ArgumentError when the graph has none.
Graph dense_graph(Graph detector, const std::string& logits, const std::string& deltas);

/// The maps among the outputs "logits.0", "deltas.0", "logits.1", ... Throws ArgumentError when there are none, or no deltas beside logits.
std::vector<DenseMaps> dense_maps(const Outputs& outputs, const std::string& logits, const std::string& deltas);

/// The maps under those names in the order of `outputs`, an empty tensor for every other output.
std::vector<Tensor> in_order_of(const Outputs& outputs, const std::vector<DenseMaps>& maps, const std::string& logits, const std::string& deltas);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/dense_loss-impl.hpp>
#endif
