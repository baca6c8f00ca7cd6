// Losses by hand, and their gradients against central differences.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include <doctest/doctest.h>

#include <regulus/train/losses.hpp>

#include "reference/graph_support.hpp"
#include "train/dense_support.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

/// The largest difference of the gradient to central differences of the value. A step of 2^-9 is exact in float32 here; the third derivative leaves 1e-5.
double gradient_error(const Tensor& at, const std::function<Loss(const Tensor&)>& loss) {
    constexpr float step = 1.f / 512;
    const Loss here = loss(at);
    REQUIRE(here.gradient.shape() == at.shape());
    double worst = 0;
    for (std::int64_t i = 0; i < at.numel(); ++i) {
        Tensor above = at.clone(), below = at.clone();
        above.data<float>()[i] += step;
        below.data<float>()[i] -= step;
        const double distance = double(above.data<float>()[i]) - double(below.data<float>()[i]);
        worst = std::max(worst, std::abs((loss(above).value - loss(below).value) / distance - double(here.gradient.data<float>()[i])));
    }
    return worst;
}

}  // namespace

TEST_CASE("focal loss: by hand, for a yes, a no and the background") {
    const Tensor logits = tensor_of(Shape{3, 2}, {0, 0, std::log(3.f), -std::log(3.f), 0, 0});  // probabilities 1/2, 3/4, 1/4
    const Loss loss = focal_loss(logits, integers({0, 0, 2}), tensor_of(Shape{3}, {1, 2, 0.5f}), 4);
    const double half = 0.25 * std::log(2.0), quarter = 0.0625 * -std::log(0.75);
    const double first = 0.25 * half + 0.75 * half, second = 2 * (0.25 * quarter + 0.75 * quarter), third = 0.5 * (0.75 * half + 0.75 * half);
    CHECK(loss.value == doctest::Approx((first + second + third) / 4).epsilon(1e-6));
}

TEST_CASE("losses: gradients agree with central differences") {
    const Tensor logits = random_tensor(Shape{7, 4}, 1, -4, 4), weights = tensor_of(Shape{7}, {1, 0, 2, 0.5f, 1, 1, 3});
    const Tensor labels = integers({0, 1, 4, 3, -1, 2, 2}), classes = integers({0, 9, 1, 3, 2, 2, 0});  // the 9 has no weight
    for (const Focal& focal : {Focal{}, Focal{1.5, 0.6}, Focal{0, 0.5}}) {
        CHECK(gradient_error(logits, [&](const Tensor& x) { return focal_loss(x, labels, weights, 3, focal); }) < 3e-5);
    }
    CHECK(gradient_error(logits, [&](const Tensor& x) { return cross_entropy_loss(x, classes, weights, 3); }) < 3e-5);
    const Tensor soft = random_tensor(Shape{7, 4}, 3, 0, 1), counts = random_tensor(Shape{7, 4}, 4, 0, 2);
    CHECK(gradient_error(logits, [&](const Tensor& x) { return binary_cross_entropy_loss(x, soft, counts, 3); }) < 3e-5);
    CHECK(gradient_error(logits, [&](const Tensor& x) { return cross_entropy_loss(x, classes, weights, 3, 0.1); }) < 3e-5);
    const Tensor target = tensor_of(Shape{2, 3}, {0, 0, 0, 0, 0, 0}), around = tensor_of(Shape{2, 3}, {-3, -0.05f, 0, 0.05f, 0.3f, 2}), count = tensor_of(Shape{2, 3}, {1, 2, 1, 0.2f, 0, 1});
    CHECK(gradient_error(around, [&](const Tensor& x) { return smooth_l1_loss(x, target, count, 2, 1.0 / 9); }) < 3e-5);
}

TEST_CASE("smooth L1 loss: a parabola inside beta, a line outside, both meet there") {
    const Tensor zero = tensor_of(Shape{4}, {0, 0, 0, 0}), one = tensor_of(Shape{4}, {1, 1, 1, 1});
    const Loss loss = smooth_l1_loss(tensor_of(Shape{4}, {0.25f, -0.5f, 0.5f, -2}), zero, one, 1, 0.5);
    CHECK(loss.value == doctest::Approx(0.0625 + 0.25 + 0.25 + 1.75));
    CHECK(loss.gradient.data<float>()[0] == 0.5f);
    CHECK(loss.gradient.data<float>()[1] == -1.f);
    CHECK(loss.gradient.data<float>()[3] == -1.f);
}

TEST_CASE("smooth L1 loss: with beta 0 it is the distance") {
    const Loss loss = smooth_l1_loss(tensor_of(Shape{3}, {0.25f, 1, -2}), tensor_of(Shape{3}, {0, 1, 0}), tensor_of(Shape{3}, {1, 1, 2}), 2, 0);
    CHECK(loss.value == doctest::Approx((0.25 + 4) / 2));
    CHECK(loss.gradient.data<float>()[0] == 0.5f);
    CHECK(loss.gradient.data<float>()[1] == 0.f);
    CHECK(loss.gradient.data<float>()[2] == -1.f);
}

TEST_CASE("binary cross-entropy: by hand, soft targets, extreme logits") {
    const Tensor logits = tensor_of(Shape{4}, {0, std::log(3.f), 1e4f, -1e4f}), target = tensor_of(Shape{4}, {1, 0.25f, 1, 1}), weights = tensor_of(Shape{4}, {1, 2, 1, 1});
    const Loss loss = binary_cross_entropy_loss(logits, target, weights, 4);
    const double soft = -0.25 * std::log(0.75) - 0.75 * std::log(0.25);
    CHECK(loss.value == doctest::Approx((std::log(2.0) + 2 * soft + 0 + 1e4) / 4));
    CHECK(loss.gradient.data<float>()[1] == doctest::Approx(2 * (0.75 - 0.25) / 4));
    CHECK(loss.gradient.data<float>()[2] == 0.f);
    CHECK(loss.gradient.data<float>()[3] == -0.25f);
}

TEST_CASE("losses: extreme logits stay finite, rows without weight are not looked at, no rows cost nothing") {
    const float infinity = std::numeric_limits<float>::infinity();
    const Tensor logits = tensor_of(Shape{3, 2}, {1e4f, -1e4f, -1e4f, 1e4f, infinity, std::nanf("")}), weights = tensor_of(Shape{3}, {1, 1, 0});
    for (const Loss& loss : {focal_loss(logits, integers({0, 0, 0}), weights, 1), cross_entropy_loss(logits, integers({0, 0, 0}), weights, 1)}) {
        CHECK(std::isfinite(loss.value));
        CHECK(std::isfinite(greatest(loss.gradient)));
        CHECK(loss.gradient.data<float>()[0] == 0.f);  // certain and right
        CHECK(loss.gradient.data<float>()[4] == 0.f);
    }
    CHECK(cross_entropy_loss(logits, integers({0, 0, 0}), weights, 1).value == doctest::Approx(2e4));
    CHECK(focal_loss(Tensor(Shape{0, 3}, DType::f32), integers({}), Tensor(Shape{0}, DType::f32), 1).value == 0);
}

TEST_CASE("losses: what does not fit is refused") {
    const Tensor logits = random_tensor(Shape{2, 3}, 1), weights = random_tensor(Shape{2}, 2, 0, 1);
    CHECK_THROWS_WITH_AS(focal_loss(logits, integers({0}), weights, 1), "focal_loss: labels must be int32 [2], got int32 [1]", ShapeError);
    CHECK_THROWS_WITH_AS(focal_loss(weights, integers({0, 1}), weights, 1), "focal_loss: logits must be float32 [rows, classes], got float32 [2]", ShapeError);
    CHECK_THROWS_WITH_AS(focal_loss(logits, integers({0, 1}), weights, 0), "focal_loss: the normaliser must be positive, got 0.000000", ArgumentError);
    CHECK_THROWS_WITH_AS(cross_entropy_loss(logits, integers({0, 3}), tensor_of(Shape{2}, {1, 1}), 1), "cross_entropy_loss: row 1 has the label 3, there are 3 classes", ArgumentError);
    CHECK_THROWS_AS(smooth_l1_loss(logits, weights, logits, 1, 1), ShapeError);
    CHECK_THROWS_WITH_AS(smooth_l1_loss(logits, logits, logits, 1, -1), "smooth_l1_loss: beta must be >= 0, got -1.000000", ArgumentError);
    CHECK_THROWS_AS(binary_cross_entropy_loss(logits, weights, logits, 1), ShapeError);
}

TEST_CASE("cross-entropy: smoothed labels by hand") {
    const Tensor logits = tensor_of(Shape{1, 3}, {0, std::log(2.f), std::log(5.f)});  // probabilities 1/8, 2/8, 5/8
    const Loss loss = cross_entropy_loss(logits, integers({1}), tensor_of(Shape{1}, {1}), 1, 0.3);
    CHECK(loss.value == doctest::Approx(-(0.1 * std::log(1 / 8.0) + 0.8 * std::log(2 / 8.0) + 0.1 * std::log(5 / 8.0))).epsilon(1e-6));
    CHECK(loss.gradient.data<float>()[1] == doctest::Approx(0.25 - 0.8).epsilon(1e-6));
    CHECK(loss.gradient.data<float>()[2] == doctest::Approx(0.625 - 0.1).epsilon(1e-6));
    CHECK_THROWS_WITH_AS(cross_entropy_loss(logits, integers({1}), tensor_of(Shape{1}, {1}), 1, 1), "cross_entropy_loss: the smoothing must be at least 0 and less than 1, got 1.000000", ArgumentError);
}
