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

/// log(1 + exp(x)) without overflow.
inline double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

}  // namespace detail

REGULUS_INLINE Loss focal_loss(const Tensor& logits, const Tensor& labels, const Tensor& weights, double normaliser, const Focal& focal) {
    detail::need_classes("focal_loss", logits, labels, weights, normaliser);
    const std::int64_t rows = logits.shape()[0], classes = logits.shape()[1];
    Loss loss{0, Tensor::zeros(logits.shape())};
    for (std::int64_t row = 0; row < rows; ++row) {
        const double weight = double(weights.data<float>()[row]) / normaliser;
        if (weight == 0) continue;
        for (std::int64_t c = 0; c < classes; ++c) {
            const bool yes = labels.data<std::int32_t>()[row] == c;
            const double logit = double(logits.data<float>()[row * classes + c]), z = yes ? logit : -logit;  // of the right answer
            const double wrong = 1 / (1 + std::exp(z)), minus_log = detail::softplus(-z), share = (yes ? focal.alpha : 1 - focal.alpha) * weight;
            const double modulator = std::pow(wrong, focal.gamma);
            loss.value += share * modulator * minus_log;
            // d wrong / dz = -wrong (1 - wrong), d minus_log / dz = -wrong
            const double by_z = -share * modulator * (focal.gamma * (1 - wrong) * minus_log + wrong);
            loss.gradient.data<float>()[row * classes + c] = float(yes ? by_z : -by_z);
        }
    }
    return loss;
}

REGULUS_INLINE Loss smooth_l1_loss(const Tensor& predicted, const Tensor& target, const Tensor& weights, double normaliser, double beta) {
    constexpr const char* who = "smooth_l1_loss";
    detail::need_shape(who, "predicted", predicted, predicted.shape(), DType::f32);
    detail::need_shape(who, "target", target, predicted.shape(), DType::f32);
    detail::need_shape(who, "weights", weights, predicted.shape(), DType::f32);
    detail::need_positive(who, "the normaliser", normaliser);
    detail::need_positive(who, "beta", beta);
    Loss loss{0, Tensor::zeros(predicted.shape())};
    for (std::int64_t i = 0; i < predicted.numel(); ++i) {
        const double weight = double(weights.data<float>()[i]) / normaliser;
        if (weight == 0) continue;
        const double difference = double(predicted.data<float>()[i]) - double(target.data<float>()[i]), size = std::fabs(difference);
        loss.value += weight * (size < beta ? size * size / (2 * beta) : size - beta / 2);
        loss.gradient.data<float>()[i] = float(weight * (size < beta ? difference / beta : difference > 0 ? 1.0 : difference < 0 ? -1.0 : difference));
    }
    return loss;
}

REGULUS_INLINE Loss cross_entropy_loss(const Tensor& logits, const Tensor& labels, const Tensor& weights, double normaliser) {
    constexpr const char* who = "cross_entropy_loss";
    detail::need_classes(who, logits, labels, weights, normaliser);
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
        loss.value += weight * (std::log(sum) + greatest - double(logit[label]));
        for (std::int64_t c = 0; c < classes; ++c) {
            const double probability = std::exp(double(logit[c]) - greatest) / sum;
            loss.gradient.data<float>()[row * classes + c] = float(weight * (probability - (c == label ? 1 : 0)));
        }
    }
    return loss;
}

}  // namespace regulus::train
