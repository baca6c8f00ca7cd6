// The CPU's gradients against central differences in double.
#include <doctest/doctest.h>

#include <regulus/cpu/learning.hpp>

#include "train/learning_cases.hpp"

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("CPU learning: every operation's output and gradients are those of plain double arithmetic") {
    // oneDNN sums float32; the limits of gradient_check.hpp are for that.
    int refused = 0;
    for (const LearningCase& one : learning_cases()) {
        const auto& operation = one.operation;
        if (std::holds_alternative<ops::GroupNorm>(operation) || std::holds_alternative<ops::DeformConv2d>(operation) || std::holds_alternative<ops::RoiAlign>(operation) ||
            std::holds_alternative<ops::Softmax>(operation)) {
            CHECK_THROWS_AS(CpuLearning{}.kernel(one.node(), one.input_shapes(), {one.output_shape()}, {}), BackendError);
            ++refused;
            continue;
        }
        check_gradients(CpuLearning{}, one);
    }
    CHECK(refused > 0);
}
