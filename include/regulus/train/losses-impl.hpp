#pragma once
#include <algorithm>
#include <cmath>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/train/losses.hpp>

namespace regulus::train {

namespace detail {

inline void need_shape(const char* who, const char* what, const Tensor& tensor, const Shape& shape, DType dtype) {
    if (tensor.shape() == shape && tensor.dtype() == dtype) return;
    throw ShapeError(std::string(who) + ": " + what + " must be " + name_of(dtype) + " " + to_string(shape) + ", got " + name_of(tensor.dtype()) + " " + to_string(tensor.shape()));
}

inline void need_rows(const char* who, const Tensor& logits) {
    if (logits.shape().rank() == 2 && logits.dtype() == DType::f32 && logits.shape()[1] > 0) return;
    throw ShapeError(std::string(who) + ": logits must be float32 [rows, classes], got " + name_of(logits.dtype()) + " " + to_string(logits.shape()));
}

inline void need_positive(const char* who, const char* what, double value) {
    if (!(value > 0)) throw ArgumentError(std::string(who) + ": " + what + " must be positive, got " + std::to_string(value));
}

/// What a loss of classes takes: logits [rows, classes], a label and a weight of each row.
inline void need_classes(const char* who, const Tensor& logits, const Tensor& labels, const Tensor& weights, double normaliser) {
    need_rows(who, logits);
    need_shape(who, "labels", labels, Shape{logits.shape()[0]}, DType::i32);
    need_shape(who, "weights", weights, Shape{logits.shape()[0]}, DType::f32);
    need_positive(who, "the normaliser", normaliser);
}

/// A number's part of a loss, and its derivative by that number.
struct Term {
    double value, slope;
};

/// The sigmoid focal loss of one yes-or-no question.
inline Term focal_term(double logit, bool yes, const Focal& focal) {
    const double z = yes ? logit : -logit;  // of the right answer
    const double small = std::exp(-std::fabs(z)), wrong = (z < 0 ? 1 : small) / (1 + small), right = (z < 0 ? small : 1) / (1 + small);
    const double minus_log = std::max(-z, 0.0) + std::log1p(small), modulator = focal.gamma == 2 ? wrong * wrong : std::pow(wrong, focal.gamma);
    const double share = (yes ? focal.alpha : 1 - focal.alpha) * modulator;
    // d wrong / dz = -wrong right, d minus_log / dz = -wrong
    const double by_z = -share * (focal.gamma * right * minus_log + wrong);
    return {share * minus_log, yes ? by_z : -by_z};
}

/// Binary cross-entropy of a logit, `target` in 0 .. 1.
inline Term binary_term(double logit, double target) {
    const double small = std::exp(-std::fabs(logit)), probability = (logit < 0 ? small : 1) / (1 + small);
    return {std::max(logit, 0.0) - logit * target + std::log1p(small), probability - target};
}

/// Smooth L1 loss of a difference; L1 where beta is 0.
inline Term smooth_l1_term(double difference, double beta) {
    const double size = std::fabs(difference);
    if (size < beta) return {size * size / (2 * beta), difference / beta};
    return {size - beta / 2, difference > 0 ? 1.0 : difference < 0 ? -1.0 : difference};
}

/// What becomes of the scores of one anchor: its class, -1 where there is none, or left_out.
inline constexpr std::int32_t left_out = -2;

/// The scores' loss of one channel (anchor a, class c) of a map, and its gradient. `labels` of the cells are `step` apart; term_of(logit, whether the class is the cell's).
template <class TermOf>
double plane_loss(const float* logits, const std::int32_t* labels, std::int64_t area, std::int64_t step, std::int32_t c, double weight, float* gradient, const TermOf& term_of) {
    double sum = 0;
    for (std::int64_t cell = 0; cell < area; ++cell) {
        const std::int32_t label = labels[cell * step];
        if (label == left_out) {
            gradient[cell] = 0.f;
            continue;
        }
        const Term term = term_of(double(logits[cell]), label == c);
        sum += term.value;
        gradient[cell] = float(weight * term.slope);
    }
    return sum * weight;
}

}  // namespace detail

REGULUS_INLINE Loss focal_loss(const Tensor& logits, const Tensor& labels, const Tensor& weights, double normaliser, const Focal& focal) {
    detail::need_classes("focal_loss", logits, labels, weights, normaliser);
    const std::int64_t rows = logits.shape()[0], classes = logits.shape()[1];
    Loss loss{0, Tensor::zeros(logits.shape())};
    for (std::int64_t row = 0; row < rows; ++row) {
        const double weight = double(weights.data<float>()[row]) / normaliser;
        if (weight == 0) continue;
        for (std::int64_t c = 0; c < classes; ++c) {
            const detail::Term term = detail::focal_term(double(logits.data<float>()[row * classes + c]), labels.data<std::int32_t>()[row] == c, focal);
            loss.value += weight * term.value;
            loss.gradient.data<float>()[row * classes + c] = float(weight * term.slope);
        }
    }
    return loss;
}

REGULUS_INLINE Loss binary_cross_entropy_loss(const Tensor& logits, const Tensor& target, const Tensor& weights, double normaliser) {
    constexpr const char* who = "binary_cross_entropy_loss";
    detail::need_shape(who, "logits", logits, logits.shape(), DType::f32);
    detail::need_shape(who, "target", target, logits.shape(), DType::f32);
    detail::need_shape(who, "weights", weights, logits.shape(), DType::f32);
    detail::need_positive(who, "the normaliser", normaliser);
    Loss loss{0, Tensor::zeros(logits.shape())};
    for (std::int64_t i = 0; i < logits.numel(); ++i) {
        const double weight = double(weights.data<float>()[i]) / normaliser;
        if (weight == 0) continue;
        const detail::Term term = detail::binary_term(double(logits.data<float>()[i]), double(target.data<float>()[i]));
        loss.value += weight * term.value;
        loss.gradient.data<float>()[i] = float(weight * term.slope);
    }
    return loss;
}

REGULUS_INLINE Loss smooth_l1_loss(const Tensor& predicted, const Tensor& target, const Tensor& weights, double normaliser, double beta) {
    constexpr const char* who = "smooth_l1_loss";
    detail::need_shape(who, "predicted", predicted, predicted.shape(), DType::f32);
    detail::need_shape(who, "target", target, predicted.shape(), DType::f32);
    detail::need_shape(who, "weights", weights, predicted.shape(), DType::f32);
    detail::need_positive(who, "the normaliser", normaliser);
    if (!(beta >= 0)) throw ArgumentError(std::string(who) + ": beta must be >= 0, got " + std::to_string(beta));
    Loss loss{0, Tensor::zeros(predicted.shape())};
    for (std::int64_t i = 0; i < predicted.numel(); ++i) {
        const double weight = double(weights.data<float>()[i]) / normaliser;
        if (weight == 0) continue;
        const detail::Term term = detail::smooth_l1_term(double(predicted.data<float>()[i]) - double(target.data<float>()[i]), beta);
        loss.value += weight * term.value;
        loss.gradient.data<float>()[i] = float(weight * term.slope);
    }
    return loss;
}

REGULUS_INLINE Loss cross_entropy_loss(const Tensor& logits, const Tensor& labels, const Tensor& weights, double normaliser, double smoothing) {
    constexpr const char* who = "cross_entropy_loss";
    detail::need_classes(who, logits, labels, weights, normaliser);
    if (!(smoothing >= 0 && smoothing < 1)) throw ArgumentError(std::string(who) + ": the smoothing must be at least 0 and less than 1, got " + std::to_string(smoothing));
    const std::int64_t rows = logits.shape()[0], classes = logits.shape()[1];
    Loss loss{0, Tensor::zeros(logits.shape())};
    for (std::int64_t row = 0; row < rows; ++row) {
        const double weight = double(weights.data<float>()[row]) / normaliser;
        if (weight == 0) continue;
        const std::int64_t label = labels.data<std::int32_t>()[row];
        if (label < 0 || label >= classes) throw ArgumentError(std::string(who) + ": row " + std::to_string(row) + " has the label " + std::to_string(label) + ", there are " + std::to_string(classes) + " classes");
        const float* const logit = logits.data<float>() + row * classes;
        const double greatest = double(*std::max_element(logit, logit + classes));
        double sum = 0;
        for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(double(logit[c]) - greatest);
        double asked = (1 - smoothing) * double(logit[label]);  // the mean logit, weighted by the answer asked for
        for (std::int64_t c = 0; c < classes && smoothing > 0; ++c) asked += smoothing / double(classes) * double(logit[c]);
        loss.value += weight * (std::log(sum) + greatest - asked);
        for (std::int64_t c = 0; c < classes; ++c) {
            const double probability = std::exp(double(logit[c]) - greatest) / sum;
            loss.gradient.data<float>()[row * classes + c] = float(weight * (probability - smoothing / double(classes) - (c == label ? 1 - smoothing : 0)));
        }
    }
    return loss;
}

}  // namespace regulus::train
