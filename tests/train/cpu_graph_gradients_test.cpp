// CpuLearning over maps of random sizes and in a whole graph: outputs and gradients beside plain double arithmetic.
#include <doctest/doctest.h>

#include <regulus/cpu/learning.hpp>

#include "train/graph_gradient_check.hpp"
#include "train/graph_of_all.hpp"
#include "train/learning_cases.hpp"

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("CPU learning: random windows, norms and resizes over maps of random sizes") {
    for (const int threads : {1, 3}) {
        for (const LearningCase& one : random_learning_cases(150, 20 + std::uint64_t(threads), threads)) check_gradients(CpuLearning{}, one);
    }
}

TEST_CASE("CPU learning: a whole graph's gradients are those of plain double arithmetic, by the batch's statistics and by stored ones") {
    for (const bool stored : {false, true}) {
        CAPTURE(stored);
        const GraphThatLearns all = graph_of_all(true);
        const int checked = check_graph_gradients(std::make_shared<CpuLearning>(), all.graph, random_weights(all.graph, 8), all.inputs, all.size, stored);
        CHECK(checked == 23);
    }
}
