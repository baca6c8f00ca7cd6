#pragma once
// The box head of two-stage detectors: which regions it learns from, what each is to become, the loss of a batch and its gradient.
#include <array>
#include <cstdint>
#include <vector>

#include <regulus/graph/operations.hpp>
#include <regulus/train/assign.hpp>
#include <regulus/train/losses.hpp>
#include <regulus/train/sampling.hpp>

namespace regulus::train {

/// Whether the truths are regions to learn from as well.
enum class TruthRegions : std::uint8_t {
    none,
    before,  // in front of the proposals, each assigned to itself whatever the assignment of the proposals is (mmdetection)
    after,   // behind the proposals and assigned as they are (detectron2, torchvision)
};

/// How a box head is trained; the defaults are mmdetection's for Faster R-CNN.
struct BoxHeadTraining {
    int classes = 80;  // without the background, which is the last score
    AssignRules assigner{0.5f, 0.5f, ForcedMatches::none};
    Sampling sampling{512, 0.25};  // of regions of a picture; count 0: all, in their order
    TruthRegions truths = TruthRegions::before;
    ops::BoxCoder coder{{0.1f, 0.1f, 0.2f, 0.2f}};
    double beta = 0;                       // of the boxes' smooth L1 loss; 0: L1
    double classification = 1, boxes = 1;  // how much the two losses count
};

inline BoxHeadTraining mmdetection_box_training(int classes) {
    BoxHeadTraining training;
    training.classes = classes;
    return training;
}

/// Mask R-CNN's configuration differs from Faster R-CNN's.
inline BoxHeadTraining mmdetection_mask_rcnn_training(int classes) {
    BoxHeadTraining training = mmdetection_box_training(classes);
    training.assigner = {0.5f, 0.5f, ForcedMatches::to_truth, 0.5f};
    return training;
}

/// Stage 0, 1 or 2 of a Cascade R-CNN; each stage samples anew.
BoxHeadTraining mmdetection_cascade_training(int classes, int stage);

inline BoxHeadTraining detectron2_box_training(int classes) {
    BoxHeadTraining training = mmdetection_box_training(classes);
    training.truths = TruthRegions::after;
    training.coder.clamp_both_sides = false;
    return training;
}

/// Stage 0, 1 or 2 of a Cascade R-CNN; the later ones learn from all refined regions of the first one's sample. (The heads' gradients by the features are scaled by 1/3: DetectorTraining::shared_gradient.)
BoxHeadTraining detectron2_cascade_training(int classes, int stage);

inline BoxHeadTraining torchvision_box_training(int classes) {
    BoxHeadTraining training = detectron2_box_training(classes);
    training.beta = 1.0 / 9;
    return training;
}

/// Regions of one picture to learn from.
struct RegionSample {
    Tensor boxes;                      // [r, 4] network pixels; those with an object first when they are a sample
    Tensor labels;                     // [r] int32; `classes` for the background
    Tensor deltas;                     // [r, 4] what the head is to give; zero for the background
    std::vector<std::int32_t> truth;   // of each region: the truth's number, or background_box
    std::vector<std::uint8_t> itself;  // of each region: 1 when it is a truth of TruthRegions::before
    std::int64_t positives = 0;
};

/// Assigns a picture's proposals [p, 4] (network pixels) to its truths and chooses. The same seed and stream choose the same regions; give each step (and stage) a
/// seed and each picture of it a stream. Throws ShapeError and ArgumentError for tensors of other shapes, boxes that are not finite, truths without area, labels that
/// are no class, and settings out of range.
RegionSample sample_regions(const Tensor& proposals, const Truth2d& truth, const BoxHeadTraining& training, std::uint64_t seed = 0, std::uint64_t stream = 0);

/// The regions of all pictures as a graph takes them (record::proposals_input): boxes [n * limit, 4], one picture after the other without gaps, and counts [n] int32.
/// With `only_positives` those with an object, as mask heads learn from them. Throws ArgumentError when a picture has more than `limit`.
std::array<Tensor, 2> region_inputs(const std::vector<RegionSample>& regions, std::int64_t limit, bool only_positives = false);

/// The loss of a batch.
struct BoxHeadLoss {
    double classification = 0, boxes = 0;  // the whole is their sum
    Tensor by_logits, by_deltas;           // its derivative by logits and deltas
};

/// Softmax cross-entropy of all regions and smooth L1 loss of the deltas of those with an object, both divided by the number of regions.
///
///     logits rows [r, classes + 1], deltas rows [r, 4 * classes] (or [r, 4]: one box for all classes)  ->  losses, gradients of those shapes
///
/// Rows are the pictures' regions one after the other; what a graph gives behind the last of them has no part in the loss.
/// Throws ShapeError when rows and regions do not fit each other, ArgumentError for a negative beta.
/// Sources: mmdetection 3's Shared2FCBBoxHead, detectron2's FastRCNNOutputLayers, torchvision's RoIHeads.
BoxHeadLoss box_head_loss(const Tensor& logits, const Tensor& deltas, const std::vector<RegionSample>& regions, const BoxHeadTraining& training);

/// What a cascade's next stage gets: the regions moved by their deltas rows [r, 4], clipped to their pictures if the coder says so.
/// `drops_truths`: regions that are truths themselves go (mmdetection); `drops_empty`: regions without area go (detectron2). image_info [n, 4] is what preprocess() gives.
/// Throws as box_head_loss.
std::vector<Tensor> refined_regions(const std::vector<RegionSample>& regions, const Tensor& deltas, const ops::BoxCoder& coder, const Tensor& image_info, bool drops_truths, bool drops_empty);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/box_head_loss-impl.hpp>
#endif
