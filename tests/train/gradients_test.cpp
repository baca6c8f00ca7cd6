// The reference's gradients against central differences in double.
#include <doctest/doctest.h>

#include <regulus/reference/learning.hpp>

#include "train/learning_cases.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

// Its sums are double, so what rounds are the results, activations and their derivatives: a few steps of 6e-8; where a sigmoid is nearly 1, 1 - y has lost digits.
constexpr LearningLimits limits{.output = 2e-6, .gradient = 5e-6};

}  // namespace

TEST_CASE("reference learning: every operation's output and gradients are those of plain double arithmetic") {
    for (const LearningCase& one : learning_cases()) check_gradients(ReferenceLearning{}, one, limits);
}

TEST_CASE("reference learning: random windows over maps of random sizes") {
    for (const LearningCase& one : random_learning_cases(150, 11)) check_gradients(ReferenceLearning{}, one, limits);
}
