// The CPU's gradients against central differences in double.
#include <doctest/doctest.h>

#include <regulus/cpu/learning.hpp>
#include <regulus/reference/learning.hpp>

#include "train/learning_cases.hpp"

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("CPU learning: every operation's output and gradients are those of plain double arithmetic") {
    // oneDNN sums float32; the limits of gradient_check.hpp are for that.
    for (const LearningCase& one : learning_cases()) check_gradients(CpuLearning{}, one);
}

/// Large enough to be cut into slices, chunks and runs of channels.
static std::vector<LearningCase> large_learning_cases() {
    LearningCaseList list;
    list.deform_conv("of two chunks, bias", ops::DeformConv2d{{.in_channels = 64, .out_channels = 6, .kernel = 3, .padding = 1, .groups = 2, .bias = true}, 4, true}, 1, 47, 43);
    list.conv("1x1 of many pixels", ops::Conv2d{.in_channels = 40, .out_channels = 72, .bias = true}, 2, 41, 37);
    list.conv("1x1 of many pixels, stride 2", ops::Conv2d{.in_channels = 72, .out_channels = 40, .stride = 2}, 2, 41, 37);
    list.group_norm("of several slices, relu", ops::GroupNorm{.channels = 72, .groups = 8, .activation = Activation::relu}, 2, 21, 27);
    list.batch_norm("of several slices, relu", ops::BatchNorm{.channels = 72, .activation = Activation::relu}, 2, 21, 27);
    list.roi_align("of several runs of channels", ops::RoiAlign{.strides = {1, 2}, .size = 7, .finest_scale = 4.f}, 70, 28, 32);
    ops::EncodePillars net;
    net.units = {64, 64};
    net.voxels.max_points = 40;
    list.pillar_net("of several slices", net, 1400);
    for (LearningCase& one : list.cases) one.rules.threads = 2;
    return list.cases;
}

TEST_CASE("CPU learning: large maps as the reference teaches them") {
    for (const LearningCase& one : large_learning_cases()) {
        const Tensor projection = random_tensor(one.output_shape(), 71);
        const LearningPass pass = pass_over(CpuLearning{}, one, projection), expected = pass_over(ReferenceLearning{}, one, projection);
        const auto check_near = [&](const Tensor& got, const Tensor& right) {
            CHECK_MESSAGE(part_of_largest(got, 0, some_elements(got.numel(), 1, got.numel()), doubles_of(right)) <= LearningLimits{}.gradient, one.name);
        };
        check_near(pass.output, expected.output);
        for (std::size_t i = 0; i < one.inputs.size(); ++i) {
            if (one.has_gradient(i)) check_near(pass.input_gradients[i], expected.input_gradients[i]);
        }
        for (std::size_t i = 0; i < one.parameters.size(); ++i) {
            if (one.learns(i)) check_near(pass.parameter_gradients[i], expected.parameter_gradients[i]);
        }
    }
}

TEST_CASE("CPU learning: what regions and norms give does not depend on the number of threads") {
    const std::vector<LearningCase> alone = learning_cases(1), together = learning_cases(3);
    int compared = 0;
    for (std::size_t i = 0; i < alone.size(); ++i) {
        const Operation& operation = alone[i].operation;
        if (!std::holds_alternative<ops::RoiAlign>(operation) && !std::holds_alternative<ops::GroupNorm>(operation) && !std::holds_alternative<ops::BatchNorm>(operation)) continue;
        const Tensor projection = random_tensor(alone[i].output_shape(), 71);
        const LearningPass one = pass_over(CpuLearning{}, alone[i], projection), three = pass_over(CpuLearning{}, together[i], projection);
        const auto check_same = [&](const Tensor& a, const Tensor& b) {
            REQUIRE(a.shape() == b.shape());
            CHECK_MESSAGE(std::memcmp(a.raw(), b.raw(), a.bytes()) == 0, alone[i].name);
            ++compared;
        };
        check_same(one.output, three.output);
        for (std::size_t input = 0; input < one.input_gradients.size(); ++input) {
            if (alone[i].has_gradient(input)) check_same(one.input_gradients[input], three.input_gradients[input]);
        }
        for (std::size_t parameter = 0; parameter < one.parameter_gradients.size(); ++parameter) {
            if (alone[i].learns(parameter)) check_same(one.parameter_gradients[parameter], three.parameter_gradients[parameter]);
        }
    }
    CHECK(compared > 20);
}

TEST_CASE("CPU learning: a batch norm wants two values a channel for its batch's variance") {
    const Node node{ops::BatchNorm{.channels = 2}, "head.last", {}, {}, {}};
    const Shape one{1, 2, 1, 1};
    CHECK_THROWS_AS(CpuLearning{}.kernel(node, {one}, {one}, {}), ShapeError);
    train::LearningRules stored;
    stored.stored_statistics = true;
    CHECK(CpuLearning{}.kernel(node, {one}, {one}, stored) != nullptr);
}
