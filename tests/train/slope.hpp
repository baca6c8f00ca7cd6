#pragma once
// Whether a loss falls as its gradient says.
#include <cmath>
#include <span>

#include <regulus/train/parameter.hpp>

namespace regulus::testing {

/// What a small step against the gradient takes off the loss, divided by what the gradient promises: `part` of the loss. loss() gives the loss and leaves its gradients in
/// the parameters.
template <class Loss>
double kept_promise(std::span<train::LearnedParameter> parameters, double part, const Loss& loss) {
    const double before = loss();
    double square = 0;
    for (const train::LearnedParameter& parameter : parameters) {
        for (std::int64_t i = 0; i < parameter.gradient.numel(); ++i) square += std::pow(double(parameter.gradient.data<float>()[i]), 2);
    }
    const double rate = part * before / square;
    for (train::LearnedParameter& parameter : parameters) {
        for (std::int64_t i = 0; i < parameter.gradient.numel(); ++i) parameter.value.data<float>()[i] -= float(rate * double(parameter.gradient.data<float>()[i]));
    }
    return (before - loss()) / (rate * square);
}

}  // namespace regulus::testing
