// The reference's gradients against central differences in double.
#include <doctest/doctest.h>

#include <regulus/reference/learning.hpp>

#include "train/learning_cases.hpp"

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("reference learning: every operation's output and gradients are those of plain double arithmetic") {
    // Its sums are double, so what rounds are activations and their derivatives (a few steps in float32, 6e-8 each) and the results.
    for (const LearningCase& one : learning_cases()) check_gradients(ReferenceLearning{}, one, {.output = 2e-6, .gradient = 2e-6});
}
