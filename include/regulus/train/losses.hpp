#pragma once
// train/: what a network is taught with: truths, targets, losses and their gradients. It includes graph/, data/, core/ and the data sets of evaluate/.
//
// This file: losses over rows, each with its derivative by what was predicted. A loss is the weighted sum over all rows divided by a normaliser; sums are
// made in double. Tensors are float32, labels int32.
#include <regulus/core/config.hpp>
#include <regulus/core/tensor.hpp>

namespace regulus::train {

/// A loss, and its derivative by each predicted number (of the prediction's shape).
struct Loss {
    double value = 0;
    Tensor gradient;
};

/// The focal loss' two constants.
struct Focal {
    double gamma = 2;
    double alpha = 0.25;
};

/// Sigmoid focal loss: every class of every row is a yes-or-no question.
///
///     logits [r, classes], labels [r], weights [r]  ->  sum of weight * a_t * (1 - p_t)^gamma * -log(p_t), divided by `normaliser`
///
/// p_t is the probability of the right answer, a_t is alpha where the answer is yes, 1 - alpha where it is no. A label outside 0 .. classes - 1 is the
/// background: no for every class. Throws ShapeError for tensors that do not fit each other, ArgumentError for a normaliser that is not positive.
/// Source: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
Loss focal_loss(const Tensor& logits, const Tensor& labels, const Tensor& weights, double normaliser, const Focal& focal = {});

/// Binary cross-entropy of logits against probabilities: weight * -(target * log(p) + (1 - target) * log(1 - p)), p = sigmoid(logit).
///
///     logits, target, weights, all of one shape  ->  their sum, divided by `normaliser`
///
/// Throws as focal_loss.
Loss binary_cross_entropy_loss(const Tensor& logits, const Tensor& target, const Tensor& weights, double normaliser);

/// Smooth L1 loss: with d = |predicted - target|, weight * (d < beta ? d^2 / (2 beta) : d - beta / 2).
///
///     predicted, target, weights, all of one shape  ->  their sum, divided by `normaliser`
///
/// A beta of 0 makes it the L1 loss. Throws as focal_loss, and ArgumentError for a negative beta.
/// Source: Girshick, Fast R-CNN, ICCV 2015.
Loss smooth_l1_loss(const Tensor& predicted, const Tensor& target, const Tensor& weights, double normaliser, double beta);

/// Softmax cross-entropy: logits [r, classes], labels [r] in 0 .. classes - 1, weights [r]  ->  sum of weight * -log(softmax(row)[label]), divided by `normaliser`.
/// With `smoothing` e the answer asked for is not 1 for the label and 0 elsewhere but 1 - e + e / classes and e / classes.
/// Throws as focal_loss, and ArgumentError for a label that names no class in a row whose weight is not zero and for a smoothing outside [0, 1).
Loss cross_entropy_loss(const Tensor& logits, const Tensor& labels, const Tensor& weights, double normaliser, double smoothing = 0);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/losses-impl.hpp>
#endif
