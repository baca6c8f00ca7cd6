#pragma once
// How the dense heads of 2D detectors are trained: RetinaNet's and the region proposal network, as each code base does it.
#include <cstdint>

#include <regulus/train/assign.hpp>
#include <regulus/train/losses.hpp>
#include <regulus/train/sampling.hpp>

namespace regulus::train {

/// What the sums over a batch are divided by. Objects and background are anchors that are learnt from.
enum class Normaliser : std::uint8_t {
    objects_of_each,  // objects, each picture counted as one at least (mmdetection's RetinaNet)
    objects_of_all,   // objects of the batch, one at least (detectron2's RetinaNet of the published models)
    moving_objects,   // the moving average of objects_of_all (detectron2's RetinaNet since February 2020)
    own_objects,      // each picture's sum by its own objects, one at least, and by the number of pictures (torchvision's RetinaNet)
    sampled_of_each,  // objects and background, each picture counted as one of either at least (mmdetection's RPN)
    sampled_of_all,   // objects and background of the batch, one at least (torchvision's RPN)
    sampling_size,    // sampling.count times the number of pictures (detectron2's RPN)
};

/// How a dense head is trained; the defaults are mmdetection's for RetinaNet.
struct DenseTraining {
    AssignRules assigner;
    Sampling sampling;               // of anchors; count 0: all that are not left out
    bool objectness = false;         // every truth is class 0, as for region proposals
    bool focal_scores = true;        // focal loss of the scores; else binary cross-entropy
    Focal focal;
    double beta = 0;                 // of the boxes' smooth L1 loss; 0: L1
    Normaliser normaliser = Normaliser::objects_of_each;
    double moving_average = 100;     // moving_objects: what the last step returned as its normaliser
    double moving_share = 0.9;       // ... and its share in the next one
    double classification = 1, boxes = 1;  // how much the two losses count
    int pad_divisor = 32;            // anchors of cells beyond the picture, each side rounded up to a multiple of this, are left out; 0: all are learnt from
    float border = -1.f;             // anchors more than this beyond the picture are left out; < 0: none
    int threads = 0;                 // 0: as many as the machine has; the result is the same
};

inline DenseTraining mmdetection_retina_training() { return {}; }

inline DenseTraining detectron2_retina_training() {
    DenseTraining training;
    training.assigner.forced = ForcedMatches::to_own;
    training.normaliser = Normaliser::moving_objects;
    training.pad_divisor = 0;
    return training;
}

inline DenseTraining torchvision_retina_training() {
    DenseTraining training = detectron2_retina_training();
    training.normaliser = Normaliser::own_objects;
    return training;
}

inline DenseTraining mmdetection_rpn_training() {
    DenseTraining training;
    training.assigner = {0.7f, 0.3f, ForcedMatches::to_truth, 0.3f};
    training.sampling = {256, 0.5};
    training.objectness = true;
    training.focal_scores = false;
    training.normaliser = Normaliser::sampled_of_each;
    return training;
}

/// The same of its Cascade R-CNNs: smooth L1, anchors inside the picture alone.
inline DenseTraining mmdetection_cascade_rpn_training() {
    DenseTraining training = mmdetection_rpn_training();
    training.beta = 1.0 / 9;
    training.border = 0;
    return training;
}

inline DenseTraining detectron2_rpn_training() {
    DenseTraining training = mmdetection_rpn_training();
    training.assigner = {0.7f, 0.3f, ForcedMatches::to_own, 0.f};
    training.normaliser = Normaliser::sampling_size;
    training.pad_divisor = 0;
    return training;
}

inline DenseTraining torchvision_rpn_training() {
    DenseTraining training = detectron2_rpn_training();
    training.beta = 1.0 / 9;
    training.normaliser = Normaliser::sampled_of_all;
    return training;
}

}  // namespace regulus::train
