// Optimisers against PyTorch's numbers, step by step.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/train/optimiser.hpp>

#include "train/torch_numbers.hpp"

using namespace regulus;
using namespace regulus::train;

namespace {

using Kind = LearnedParameter::Kind;

/// Parameters and gradients as torch_numbers.py has them.
std::vector<LearnedParameter> start() {
    std::vector<LearnedParameter> parameters;
    const std::pair<Kind, std::int64_t> rows[] = {{Kind::weight, 5}, {Kind::bias, 3}, {Kind::norm_weight, 4}};
    for (const auto& [kind, count] : rows) {
        LearnedParameter& parameter = parameters.emplace_back();
        parameter.name = "p" + std::to_string(parameters.size());
        parameter.kind = kind;
        parameter.value = Tensor(Shape{count}, DType::f32);
        parameter.gradient = Tensor::zeros(Shape{count});
        for (std::int64_t i = 0; i < count; ++i) parameter.value.data<float>()[i] = float((i * 5 + std::int64_t(parameters.size() - 1) * 3) % 11 - 5) / 8;
    }
    return parameters;
}

void set_gradients(std::vector<LearnedParameter>& parameters, int step) {
    for (std::size_t p = 0; p < parameters.size(); ++p) {
        Tensor& gradient = parameters[p].gradient;
        for (std::int64_t i = 0; i < gradient.numel(); ++i) gradient.data<float>()[i] = float((i * 7 + std::int64_t(p) * 5 + step * 13) % 17 - 8) / 16;
    }
}

std::vector<float> values_of(const std::vector<LearnedParameter>& parameters) {
    std::vector<float> values;
    for (const LearnedParameter& parameter : parameters) values.insert(values.end(), parameter.value.data<float>(), parameter.value.data<float>() + parameter.value.numel());
    return values;
}

/// The largest difference to PyTorch's numbers, which are sums in float32: six steps on values below 2 leave them within 8 units of 2^-23.
constexpr double rounding = 8.0 / (1 << 23);

double error_of(const OptimiserSettings& settings, const double (&expected)[6][12], double max_norm = 0, bool momentum_moves = false) {
    std::vector<LearnedParameter> parameters = start();
    Optimiser optimiser(settings);
    double worst = 0;
    for (int step = 0; step < 6; ++step) {
        set_gradients(parameters, step);
        if (max_norm > 0) clip_gradients(parameters, max_norm);
        if (momentum_moves) optimiser.step(parameters, 0.1 / (step + 1), 0.8 - 0.05 * step);
        else optimiser.step(parameters, 0.1 / (step + 1));
        const std::vector<float> values = values_of(parameters);
        for (std::size_t i = 0; i < values.size(); ++i) worst = std::max(worst, std::abs(double(values[i]) - expected[step][i]));
    }
    return worst;
}

std::vector<LearnedParameter> copy_of(const std::vector<LearnedParameter>& parameters) {
    std::vector<LearnedParameter> copy = parameters;
    for (LearnedParameter& parameter : copy) parameter.value = parameter.value.clone(), parameter.gradient = parameter.gradient.clone();
    return copy;
}

}  // namespace

TEST_CASE("optimiser: six steps as PyTorch's SGD and AdamW take them") {
    CHECK(error_of(Sgd{0, false, {0.05}}, torch_numbers::sgd_plain) < rounding);
    CHECK(error_of(Sgd{0.9, false, {0.05}}, torch_numbers::sgd_momentum) < rounding);
    CHECK(error_of(Sgd{0.9, true, {0.05}}, torch_numbers::sgd_nesterov) < rounding);
    CHECK(error_of(Sgd{0.9, false, {0.05, false, false}}, torch_numbers::sgd_weights_only) < rounding);
    CHECK(error_of(AdamW{0.8, 0.95, 1e-6, {0.05}}, torch_numbers::adamw) < rounding);
    CHECK(error_of(AdamW{0.7, 0.95, 1e-6, {0.05}}, torch_numbers::adamw_moving, 0, true) < rounding);
    CHECK(error_of(Sgd{0.9, true, {0}}, torch_numbers::sgd_momentum) > 1e-3);  // the comparison can fail
}

TEST_CASE("optimiser: gradients are clipped as PyTorch's clip_grad_norm_ does it") {
    CHECK(error_of(Sgd{0.9}, torch_numbers::sgd_clipped, 0.75) < rounding);
}

TEST_CASE("optimiser: decay spares the kinds that it should") {
    const WeightDecay all{2}, not_norms{2, false, true}, weights_only{2, false, false};
    CHECK(all.of(Kind::norm_bias) == 2);
    CHECK(not_norms.of(Kind::norm_weight) == 0);
    CHECK(not_norms.of(Kind::norm_bias) == 0);
    CHECK(not_norms.of(Kind::bias) == 2);
    CHECK(weights_only.of(Kind::bias) == 0);
    CHECK(weights_only.of(Kind::weight) == 2);
}

TEST_CASE("optimiser: the number of threads changes no bit") {
    const auto run = [](int threads) {
        std::vector<LearnedParameter> parameters(3);
        for (std::size_t p = 0; p < 3; ++p) {
            parameters[p] = {"p" + std::to_string(p), Kind::weight, Tensor::zeros(Shape{40000 + std::int64_t(p)}), Tensor::zeros(Shape{40000 + std::int64_t(p)})};
            for (std::int64_t i = 0; i < parameters[p].value.numel(); ++i) parameters[p].value.data<float>()[i] = std::sin(float(i)), parameters[p].gradient.data<float>()[i] = std::cos(float(i * 3));
        }
        std::vector<double> norms;
        Optimiser sgd(Sgd{0.9, true, {1e-4}}, threads), adam(AdamW{}, threads);
        for (int step = 0; step < 3; ++step) {
            norms.push_back(clip_gradients(parameters, 100, threads));
            sgd.step(parameters, 0.1);
            adam.step(parameters, 0.1);
        }
        return std::pair(values_of(parameters), norms);
    };
    const auto one = run(1);
    CHECK(run(2) == one);
    CHECK(run(5) == one);
    CHECK(one.second.front() == doctest::Approx(std::sqrt(60001.5)).epsilon(1e-3));  // of cosines
}

TEST_CASE("optimiser: a restored state continues to the bit") {
    for (const OptimiserSettings& settings : {OptimiserSettings(Sgd{0.9, true, {5e-5}}), OptimiserSettings(AdamW{}), OptimiserSettings(Sgd{0})}) {
        std::vector<LearnedParameter> whole = start();
        Optimiser optimiser(settings);
        for (int step = 0; step < 3; ++step) set_gradients(whole, step), optimiser.step(whole, 0.1);
        std::vector<LearnedParameter> resumed = copy_of(whole);
        const Weights state = optimiser.state();
        Optimiser other(settings);
        set_gradients(whole, 3), optimiser.step(whole, 0.1);  // what goes on changes no state taken before
        other.restore(resumed, state);
        set_gradients(resumed, 3), other.step(resumed, 0.1);
        CHECK(values_of(resumed) == values_of(whole));
        const Weights left = optimiser.state(), right = other.state();
        REQUIRE(left.size() == right.size());
        for (const Weights::Entry& entry : left.entries()) {
            REQUIRE(right.find(entry.name) != nullptr);
            CHECK(std::memcmp(right.find(entry.name)->raw(), entry.tensor.raw(), entry.tensor.bytes()) == 0);
        }
    }
}

TEST_CASE("optimiser: what has no gradient stays, statistics too") {
    std::vector<LearnedParameter> parameters = start();
    set_gradients(parameters, 0);
    parameters[0].gradient = Tensor();
    parameters[2].kind = Kind::statistic;
    const std::vector<float> before = values_of(parameters);
    Optimiser optimiser(Sgd{0.9, false, {0.1}});
    optimiser.step(parameters, 0.1);
    const std::vector<float> after = values_of(parameters);
    CHECK(std::equal(after.begin(), after.begin() + 5, before.begin()));
    CHECK(std::equal(after.begin() + 8, after.end(), before.begin() + 8));
    CHECK(after[5] != before[5]);
    CHECK(optimiser.state().size() == 1);
}

TEST_CASE("optimiser: bad settings, rates, shapes and states are refused, and nothing has changed") {
    CHECK_THROWS_WITH_AS(Optimiser(Sgd{1}), "optimiser: the momentum must be at least 0.000000 and less than 1.000000, got 1.000000", ArgumentError);
    CHECK_THROWS_AS(Optimiser(Sgd{std::nan("")}), ArgumentError);
    CHECK_THROWS_WITH_AS(Optimiser(Sgd{0, true}), "optimiser: Nesterov's rule needs a momentum that is not 0", ArgumentError);
    CHECK_THROWS_AS(Optimiser(Sgd{0.9, false, {-1}}), ArgumentError);
    CHECK_THROWS_AS(Optimiser(AdamW{0.9, 1}), ArgumentError);
    CHECK_THROWS_AS(Optimiser(Sgd{}, -1), ArgumentError);

    std::vector<LearnedParameter> parameters = start();
    set_gradients(parameters, 0);
    const std::vector<float> before = values_of(parameters);
    Optimiser optimiser(Sgd{});
    CHECK_THROWS_AS(optimiser.step(parameters, -0.1), ArgumentError);
    CHECK_THROWS_AS(optimiser.step(parameters, std::numeric_limits<double>::infinity()), ArgumentError);
    parameters[2].gradient = Tensor::zeros(Shape{3});
    CHECK_THROWS_WITH_AS(optimiser.step(parameters, 0.1), "optimiser: \"p3\" is float32 [4], its gradient float32 [3]; both must be float32 of one shape", ShapeError);
    parameters[2].gradient = Tensor::zeros(Shape{4});
    parameters[2].name = "p1";
    CHECK_THROWS_WITH_AS(optimiser.step(parameters, 0.1), "optimiser: two parameters are called \"p1\"", ArgumentError);
    parameters[2].name = "p3";
    CHECK(values_of(parameters) == before);
    CHECK(optimiser.state().empty());

    optimiser.step(parameters, 0.1);
    const Weights state = optimiser.state();
    CHECK_THROWS_WITH_AS(Optimiser(AdamW{}).restore(parameters, state), "optimiser: optimiser is the state of sgd, this is adamw", WeightError);
    std::vector<LearnedParameter> fewer(parameters.begin(), parameters.begin() + 2), wider = parameters;
    CHECK_THROWS_WITH_AS(optimiser.restore(fewer, state), "optimiser: optimiser has \"momentum/p3\", which is of no parameter here", WeightError);
    wider[0].value = Tensor::zeros(Shape{6});
    CHECK_THROWS_WITH_AS(optimiser.restore(wider, state), "optimiser: \"momentum/p1\" of optimiser is float32 [5], needed is float32 [6]", WeightError);
    CHECK(optimiser.state().size() == 3);

    CHECK_THROWS_AS(clip_gradients(parameters, 0), ArgumentError);
    parameters[1].gradient.data<float>()[1] = std::nanf("");
    CHECK_THROWS_WITH_AS(clip_gradients(parameters, 1), "clip_gradients: the gradients' norm is nan; the training diverges, try a smaller learning rate", ArgumentError);
    CHECK(parameters[0].gradient.data<float>()[0] == -0.5f);
}
