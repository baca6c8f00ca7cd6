// The reference that learns: forward as in inference, running statistics, ties, threads, refusals, whole graphs.
#include <doctest/doctest.h>

#include <regulus/reference/learning.hpp>

#include "train/graph_gradient_check.hpp"
#include "train/graph_of_all.hpp"
#include "train/learning_cases.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

Tensor batch_norm_numbers(const Shape& channels, std::uint64_t seed) { return random_tensor(channels, seed, 0.5, 1.5); }

std::string refusal(const Operation& operation, const std::vector<Shape>& inputs, const train::LearningRules& rules = {}) {
    try {
        ReferenceLearning{}.kernel({operation, "head.last", {}, {}, {}}, inputs, {Shape{1, 2, 1, 1}}, rules);
    } catch (const Error& error) {
        return error.what();
    }
    return "taken";
}

}  // namespace

TEST_CASE("reference learning: with stored statistics a graph of every operation gives what inference gives, bit for bit") {
    const GraphThatLearns all = graph_of_all(true);
    const Weights weights = random_weights(all.graph, 7);
    train::Learner learner(ReferenceLearning{}, all.graph, weights, learner_options(true));
    const Outputs learned = learner.forward(all.inputs), inferred = run(all.graph, weights, all.inputs);
    for (const char* name : {"mask", "probabilities"}) CHECK(equal(learned[name], inferred[name]));
}

TEST_CASE("reference learning: a whole graph's gradients are those of plain double arithmetic, through branches and shared parameters") {
    for (const bool regions : {false, true}) {
        for (const bool stored : {false, true}) {
            CAPTURE(regions);
            CAPTURE(stored);
            const GraphThatLearns all = graph_of_all(regions);
            const int checked = check_graph_gradients(std::make_shared<ReferenceLearning>(), all.graph, random_weights(all.graph, 8), all.inputs, all.size, stored);
            CHECK(checked == (regions ? 23 : 16));
        }
    }
}

TEST_CASE("reference learning: a batch norm moves its running statistics by the momentum towards the batch's mean and unbiased variance") {
    const Shape channels{3};
    for (const double momentum : {0.1, 0.01, 1.0}) {
        CAPTURE(momentum);
        LearningCase one{"norm", ops::BatchNorm{.channels = 3}, {random_tensor(Shape{2, 3, 3, 2}, 3, -1, 4)}, {batch_norm_numbers(channels, 1), batch_norm_numbers(channels, 2), batch_norm_numbers(channels, 3), batch_norm_numbers(channels, 4)}, {}};
        one.norm_momentum = momentum;
        const LearningPass pass = pass_over(ReferenceLearning{}, one, filled(Shape{2, 3, 3, 2}, 1));
        for (std::int64_t c = 0; c < 3; ++c) {
            std::vector<double> values;
            for (std::int64_t i = 0; i < 36; ++i) {
                if (i / 6 % 3 == c) values.push_back(double(one.inputs[0].data<float>()[i]));
            }
            REQUIRE(values.size() == 12);
            double mean = 0, squares = 0;
            for (const double value : values) mean += value / 12;
            for (const double value : values) squares += (value - mean) * (value - mean);
            const auto stored = [&](std::size_t which) { return double(one.parameters[which].data<float>()[c]); };
            const auto moved = [&](std::size_t which) { return double(pass.parameters[which].data<float>()[c]); };
            CHECK(moved(2) == doctest::Approx((1 - momentum) * stored(2) + momentum * mean).epsilon(1e-7));  // one rounding to float32
            CHECK(moved(3) == doctest::Approx((1 - momentum) * stored(3) + momentum * squares / 11).epsilon(1e-7));
        }
        for (const std::size_t which : {0, 1}) CHECK(equal(pass.parameters[which], one.parameters[which]));
        one.rules.stored_statistics = true;
        const LearningPass still = pass_over(ReferenceLearning{}, one, filled(Shape{2, 3, 3, 2}, 1));
        for (const std::size_t which : {0, 1, 2, 3}) CHECK(equal(still.parameters[which], one.parameters[which]));
    }
}

TEST_CASE("reference learning: a pooled maximum's gradient goes to the first of equal values in row-major order, to a NaN before all") {
    const LearningCase ties{"pool", ops::Pool2d{ops::Pool2d::Kind::maximum, 2, 2, 0}, {tensor_of(Shape{1, 1, 2, 6}, {1, 3, 0, 0, 2, NAN, 3, 3, 0, 0, 5, 1})}, {}, {}};
    const LearningPass pass = pass_over(ReferenceLearning{}, ties, tensor_of(Shape{1, 1, 1, 3}, {7, 8, 9}));
    CHECK(equal(pass.input_gradients[0], tensor_of(Shape{1, 1, 2, 6}, {0, 7, 8, 0, 0, 9, 0, 0, 0, 0, 0, 0})));
    const LearningCase low{"pool", ops::Pool2d{ops::Pool2d::Kind::maximum, 3, 3, 1}, {filled(Shape{1, 1, 2, 2}, -INFINITY)}, {}, {}};  // nothing exceeds the start of a search
    CHECK(equal(pass_over(ReferenceLearning{}, low, filled(Shape{1, 1, 1, 1}, 4)).input_gradients[0], tensor_of(Shape{1, 1, 2, 2}, {4, 0, 0, 0})));
}

TEST_CASE("reference learning: at zero relu hands nothing back") {
    const LearningCase zeros{"relu", ops::Activate{Activation::relu}, {tensor_of(Shape{1, 3}, {-1, 0, 1})}, {}, {}};
    CHECK(equal(pass_over(ReferenceLearning{}, zeros, filled(Shape{1, 3}, 2)).input_gradients[0], tensor_of(Shape{1, 3}, {0, 0, 2})));
}

TEST_CASE("reference learning: boxes of regions have the gradient zero where somebody asks, and rows of no picture neither give nor take") {
    LearningCaseList list;
    list.roi_align("", ops::RoiAlign{.strides = {1}, .size = 2, .sampling_ratio = 1}, 1, 32, 32);
    const LearningCase& one = list.cases[0];
    const auto kernel = ReferenceLearning{}.kernel(one.node(), one.input_shapes(), {one.output_shape()}, one.rules);
    GuardedBytes kept(kernel->kept_bytes()), scratch(kernel->scratch_bytes());
    Tensor output = filled(one.output_shape(), NAN), gradient = filled(one.output_shape(), 0), by_map = filled(one.inputs[0].shape(), NAN), by_boxes = filled(one.inputs[1].shape(), NAN);
    train::LearningArguments arguments;
    for (const Tensor& input : one.inputs) arguments.inputs.push_back(static_cast<const float*>(input.raw()));
    arguments.outputs = {output.data<float>()};
    arguments.kept = kept.data();
    arguments.scratch = scratch.data();
    kernel->forward(arguments);
    for (int i = 24; i < 28; ++i) {  // the seventh row
        CHECK(output.data<float>()[i] == 0);
        gradient.data<float>()[i] = 1;
    }
    arguments.inputs = {nullptr, nullptr, nullptr};
    arguments.output_gradients = {gradient.data<float>()};
    arguments.input_gradients = {by_map.data<float>(), by_boxes.data<float>(), nullptr};
    kernel->backward(arguments);
    CHECK(equal(by_map, Tensor::zeros(by_map.shape())));
    CHECK(equal(by_boxes, Tensor::zeros(by_boxes.shape())));
}

TEST_CASE("reference learning: results do not depend on the number of threads") {
    const std::vector<LearningCase> alone = learning_cases(1), together = learning_cases(3);
    for (std::size_t i = 0; i < alone.size(); ++i) {
        CAPTURE(alone[i].name);
        const Tensor projection = random_tensor(alone[i].output_shape(), 5);
        const LearningPass a = pass_over(ReferenceLearning{}, alone[i], projection), b = pass_over(ReferenceLearning{}, together[i], projection);
        CHECK(equal(a.output, b.output));
        for (std::size_t k = 0; k < a.input_gradients.size(); ++k) CHECK(equal(a.input_gradients[k], b.input_gradients[k]));
        for (std::size_t k = 0; k < a.parameters.size(); ++k) CHECK(equal(a.parameters[k], b.parameters[k]));
        for (std::size_t k = 0; k < a.parameter_gradients.size(); ++k) CHECK(equal(a.parameter_gradients[k], b.parameter_gradients[k]));
    }
}

TEST_CASE("reference learning: what cannot be taught is refused, naming the node") {
    const Shape map{1, 2, 3, 3};
    CHECK(refusal(ops::TopK{}, {map}) == "reference: \"head.last\" (top_k) cannot be taught; end the graph at the values that it reads");
    CHECK(refusal(ops::Nms{}, {map}) == "reference: \"head.last\" (nms) cannot be taught; end the graph at the values that it reads");
    CHECK(refusal(ops::RotatedNms{}, {map}) == "reference: \"head.last\" (rotated_nms) cannot be taught; end the graph at the values that it reads");
    const std::string fused_norm = " holds a batch norm and cannot learn so; teach the graph as it was recorded, without passes over it";
    CHECK(refusal(ops::Conv2d{.in_channels = 2, .out_channels = 2, .norm = true}, {map}) == "reference: \"head.last\" (conv2d)" + fused_norm);
    CHECK(refusal(ops::ConvTranspose2d{.in_channels = 2, .out_channels = 2, .norm = true}, {map}) == "reference: \"head.last\" (conv_transpose2d)" + fused_norm);
    CHECK(refusal(ops::DeformConv2d{{.in_channels = 2, .out_channels = 2, .norm = true}, 1, true}, {map, map}) == "reference: \"head.last\" (deform_conv2d)" + fused_norm);
    CHECK(refusal(ops::Conv2d{.in_channels = 2, .out_channels = 2, .residual = true}, {map, map}) ==
          "reference: \"head.last\" (conv2d) holds a residual and cannot learn so; teach the graph as it was recorded, without passes over it");
    CHECK_THROWS_AS(ReferenceLearning{}.kernel({ops::TopK{}, "top", {}, {}, {}}, {map}, {map}, {}), BackendError);
    const std::string single = "reference: \"head.last\" (batch_norm): a batch's variance needs two values a channel at least, got [1, 2, 1, 1]; use larger batches or stored statistics";
    CHECK(refusal(ops::BatchNorm{.channels = 2}, {Shape{1, 2, 1, 1}}) == single);
    train::LearningRules stored;
    stored.stored_statistics = true;
    CHECK(refusal(ops::BatchNorm{.channels = 2}, {Shape{1, 2, 1, 1}}, stored) == "taken");
    CHECK(refusal(ops::BatchNorm{.channels = 2}, {Shape{2, 2, 1, 1}}) == "taken");
}
