#pragma once
// The gradients of a backend's kernels beside central differences.
//
// The differences are those of L = sum of r_i y_i, r random, y from PlainForward in double at values that float32 holds: with the step 1e-6 the quotient's error is about 1e-12
// (truncation, the step squared) and 1e-9 (rounding), so what a comparison shows is the kernel's own float32 rounding: sums of K products of either sign leave about sqrt(K) 2^-24 of the
// largest gradient, below 1e-5 for all cases here. Where a difference steps over a kink (relu at zero, two equal maxima, an offset that is a whole number) its two halves
// differ; such a case is refused, not skipped: its numbers must be chosen anew.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "reference/graph_support.hpp"
#include "train/learning_case.hpp"

namespace regulus::testing {

/// How far a backend's values may be from the double ones, as a part of the tensor's largest.
struct LearningLimits {
    double output = 1e-5;
    double gradient = 1e-5;
};

inline Doubles plain_forward(const LearningCase& one, const std::vector<Doubles>& inputs, const std::vector<Doubles>& parameters) {
    Doubles output(std::size_t(one.output_shape().numel()));
    std::visit(PlainForward{one, inputs, parameters, output}, one.operation);
    return output;
}

/// The largest difference as a part of the largest expected value; a tensor of nothing but (nearly) zeros counts as of size 1e-4.
inline double part_of_largest(const Tensor& got, double before, const std::vector<std::int64_t>& at, const Doubles& expected) {
    double worst = 0, largest = 1e-4;
    for (std::size_t i = 0; i < at.size(); ++i) {
        const double difference = std::abs(double(got.data<float>()[at[i]]) - before - expected[i]);
        if (!(difference <= worst)) worst = difference == difference ? difference : INFINITY;
        largest = std::max(largest, std::abs(expected[i]));
    }
    return worst / largest;
}

/// All elements of small tensors, `most` random ones of others.
inline std::vector<std::int64_t> some_elements(std::int64_t count, std::uint64_t seed, std::int64_t most = 120) {
    std::vector<std::int64_t> result;
    RandomNumbers numbers(seed);
    for (std::int64_t i = 0; i < std::min(count, most); ++i) result.push_back(count <= most ? i : numbers.below(int(count)));
    return result;
}

/// dL by the elements `at` of one tensor of `values` (inputs or parameters, as `evaluate` sees them).
template <class Evaluate>
Doubles central_differences(const std::string& name, Doubles& values, const std::vector<std::int64_t>& at, const Evaluate& evaluate) {
    constexpr double step = 1e-6;
    Doubles result;
    double largest = 0, worst_bend = 0;
    const double here = evaluate();
    for (const std::int64_t i : at) {
        double& value = values[std::size_t(i)];
        const double before = value;
        value = before + step;
        const double above = evaluate();
        value = before - step;
        const double below = evaluate();
        value = before;
        result.push_back((above - below) / (2 * step));
        largest = std::max(largest, std::abs(result.back()));
        worst_bend = std::max(worst_bend, std::abs(above + below - 2 * here) / step);
    }
    REQUIRE_MESSAGE(worst_bend <= 1e-3 * std::max(largest, 1e-4), name, ": the numbers meet a kink, choose others");
    return result;
}

/// The kernel's output, and its gradients by every input and parameter; then once with the parameters frozen, and once where nobody asks for gradients by the inputs.
inline void check_gradients(const train::LearningBackend& backend, const LearningCase& one, const LearningLimits& limits = {}) {
    INFO(backend.name(), ": ", one.name);
    std::vector<Doubles> inputs, parameters;
    for (const Tensor& tensor : one.inputs) inputs.push_back(doubles_of(tensor));
    for (const Tensor& tensor : one.parameters) parameters.push_back(doubles_of(tensor));
    const Tensor projection = random_tensor(one.output_shape(), 71);
    const auto evaluate = [&] {
        const Doubles output = plain_forward(one, inputs, parameters);
        double sum = 0;
        for (std::size_t i = 0; i < output.size(); ++i) sum += output[i] * double(projection.data<float>()[i]);
        return sum;
    };

    const LearningPass pass = pass_over(backend, one, projection);
    const std::vector<std::int64_t> all = some_elements(pass.output.numel(), 1, pass.output.numel());
    CHECK_MESSAGE(part_of_largest(pass.output, 0, all, plain_forward(one, inputs, parameters)) <= limits.output, one.name, ": forward");
    const LearningPass without_parameters = pass_over(backend, one, projection, true), without_inputs = pass_over(backend, one, projection, false, true);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (!one.has_gradient(i)) continue;
        const std::vector<std::int64_t> at = some_elements(std::int64_t(inputs[i].size()), i + 2);
        const Doubles expected = central_differences(one.name, inputs[i], at, evaluate);
        const double error = part_of_largest(pass.input_gradients[i], 0, at, expected);
        CHECK_MESSAGE(error <= limits.gradient, one.name, ": by input ", i, ", error ", error);
        CHECK_MESSAGE(part_of_largest(without_parameters.input_gradients[i], 0, at, expected) <= limits.gradient, one.name, ": by input ", i, ", parameters frozen");
    }
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        if (!one.learns(i)) continue;
        const std::vector<std::int64_t> at = some_elements(std::int64_t(parameters[i].size()), i + 20);
        const Doubles expected = central_differences(one.name, parameters[i], at, evaluate);
        const double error = part_of_largest(pass.parameter_gradients[i], gradient_before, at, expected);
        CHECK_MESSAGE(error <= limits.gradient, one.name, ": by parameter ", i, ", error ", error);
        CHECK_MESSAGE(part_of_largest(without_inputs.parameter_gradients[i], gradient_before, at, expected) <= limits.gradient, one.name, ": by parameter ", i, ", no gradient by inputs");
    }
}

}  // namespace regulus::testing
