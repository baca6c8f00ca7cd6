// Whole networks that learn: the steps are PyTorch's, bad calls change nothing.
#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cpu/learning.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/reference/learning.hpp>
#include <regulus/train/learner.hpp>
#include <regulus/train/losses.hpp>
#include <regulus/train/optimiser.hpp>
#include <regulus/zoo/classifiers.hpp>

#include "reference/graph_support.hpp"
#include "train/torch_steps.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// The pictures of torch_steps.py.
Tensor pictures() {
    Tensor result(Shape{6, 3, 64, 64}, DType::f32);
    for (std::int64_t i = 0; i < result.numel(); ++i) result.data<float>()[i] = float(double((i * 7919 + i / 64 * 104729) % 2003) / 1001 - 1);
    return result;
}

train::Loss loss_of(const Outputs& outputs) {
    Tensor labels(Shape{6}, DType::i32);
    for (int i = 0; i < 6; ++i) labels.data<std::int32_t>()[i] = i * 37 % 1000;
    return train::cross_entropy_loss(outputs["logits"], labels, tensor_of(Shape{6}, {1, 1, 1, 1, 1, 1}), 6);
}

void check_steps(const train::LearningBackend& backend, const TorchSteps& expected) {
    INFO(expected.model);
    const Graph graph = recorded(find_classifier(classifier_models(), expected.model));
    train::LearnerOptions options;
    options.threads = 2;
    if (expected.stored_statistics) options.stored_norms = {""};
    train::Learner learner(std::shared_ptr<const train::LearningBackend>(&backend, [](const train::LearningBackend*) {}), graph, seeded_weights(graph, "torchvision"), options);
    train::Optimiser optimiser(train::Sgd{0.9, true, {5e-5}});
    for (int step = 0; step < 5; ++step) {
        CAPTURE(step);
        const train::Loss loss = loss_of(learner.forward({pictures()}));
        learner.clear_gradients();
        learner.backward({loss.gradient});
        // Six pictures end as 2 x 2 maps: a relu that float32 decides otherwise than float64 changes the gradients' norm by some 1e-3 of itself; torch's own float32 is up to 1.04e-2 off here.
        // Steps are so small that the losses' differences, not their values (float32: within 3e-6), tell whether gradients, momentum and decay are right.
        const double decrease = expected.losses[0] - expected.losses[step];
        CHECK(std::abs(expected.losses[0] - loss.value - decrease) < 2e-2 * decrease + 1e-5 * expected.losses[0]);
        // Later norms are those of parameters that such differences have moved: up to 2.7e-2 were seen with another order of additions.
        const double norm = train::clip_gradients(learner.parameters(), 1);
        if (step < 3) CHECK(std::abs(norm / expected.norms[step] - 1) < 2e-2);
        optimiser.step(learner.parameters(), 2e-5);
    }
    double means = 0, variances = 0;
    for (const train::LearnedParameter& parameter : learner.parameters()) {
        if (parameter.kind != train::LearnedParameter::Kind::statistic) continue;
        CHECK(parameter.gradient.empty());
        const bool mean = parameter.name.find("mean") != std::string::npos;
        for (std::int64_t i = 0; i < parameter.value.numel(); ++i) (mean ? means : variances) += std::abs(double(parameter.value.data<float>()[i]));
    }
    CHECK(means == doctest::Approx(expected.means).epsilon(1e-4));
    CHECK(variances == doctest::Approx(expected.variances).epsilon(1e-4));
}

}  // namespace

TEST_CASE("learner: five steps of RegNetX, RegNetY and ResNet on the CPU are PyTorch's") {
    for (const TorchSteps& expected : torch_steps) check_steps(CpuLearning{}, expected);
}

TEST_CASE("learner: five steps of RegNetY on the reference backend are PyTorch's") { check_steps(ReferenceLearning{}, torch_steps[1]); }

TEST_CASE("learner: what is frozen has no gradient and keeps its statistics, what lies behind it learns on") {
    const Graph graph = recorded(find_classifier(classifier_models(), "torchvision/regnet_x_400mf"));
    const Weights weights = seeded_weights(graph, "torchvision");
    train::LearnerOptions options;
    options.frozen = {"backbone.stem", "backbone.s1"};
    train::Learner learner(CpuLearning{}, graph, weights, options);
    const train::Loss loss = loss_of(learner.forward({pictures()}));
    learner.backward({loss.gradient});
    std::size_t frozen = 0, learnt = 0;
    for (const train::LearnedParameter& parameter : learner.parameters()) {
        CAPTURE(parameter.name);
        const Tensor& before = *weights.find(parameter.name);
        const bool same = std::equal(before.data<float>(), before.data<float>() + before.numel(), parameter.value.data<float>());
        if (parameter.name.rfind("backbone.stem", 0) == 0 || parameter.name.rfind("backbone.s1", 0) == 0) {
            CHECK(parameter.gradient.empty());
            CHECK(same);
            ++frozen;
        } else if (parameter.kind == train::LearnedParameter::Kind::statistic) {
            CHECK(!same);
        } else {
            CHECK(!parameter.gradient.empty());
            ++learnt;
        }
    }
    CHECK(frozen > 0);
    CHECK(learnt > 0);
}

TEST_CASE("learner: gradients add up until they are cleared, sizes may change between steps") {
    const Graph graph = recorded(find_classifier(classifier_models(), "torchvision/regnet_y_400mf"));
    train::LearnerOptions options;
    options.stored_norms = {""};  // so that both passes see the same network
    train::Learner learner(CpuLearning{}, graph, seeded_weights(graph, "torchvision"), options);
    const auto pass = [&](const Tensor& images) {
        const Outputs outputs = learner.forward({images});
        learner.backward({random_tensor(outputs["logits"].shape(), 5)});
    };
    const Tensor two = random_tensor(Shape{2, 3, 64, 64}, 1), odd = random_tensor(Shape{1, 3, 75, 49}, 2);
    pass(two);
    const train::LearnedParameter& first = learner.parameters()[0];
    const Tensor once = first.gradient.clone();
    pass(two);
    const auto all = [&](float times) {
        for (std::int64_t i = 0; i < once.numel(); ++i) {
            if (first.gradient.data<float>()[i] != times * once.data<float>()[i]) return false;
        }
        return true;
    };
    CHECK(all(2));
    pass(odd);
    learner.clear_gradients();
    CHECK(all(0));
    pass(two);
    CHECK(all(1));
}

TEST_CASE("learner: wrong inputs, gradients and order are refused, and change nothing") {
    const Graph graph = recorded(find_classifier(classifier_models(), "torchvision/regnet_x_400mf"));
    const Weights weights = seeded_weights(graph, "torchvision");
    CHECK_THROWS_AS(train::Learner(CpuLearning{}, graph, Weights{}), WeightError);
    train::LearnerOptions unknown;
    unknown.gradient_factors = {{"roi_feats", 0.5}};
    CHECK_THROWS_WITH_AS(train::Learner(CpuLearning{}, graph, weights, unknown), doctest::Contains("has no value labelled \"roi_feats\", whose gradient is to be multiplied"), ArgumentError);
    train::LearnerOptions tight;
    tight.memory_budget = 1 << 20;
    train::Learner poor(CpuLearning{}, graph, weights, tight);
    CHECK_THROWS_AS(poor.forward({pictures()}), BackendError);
    CHECK_THROWS_AS(poor.backward({Tensor()}), ArgumentError);

    train::Learner learner(CpuLearning{}, graph, weights);
    CHECK_THROWS_AS(learner.backward({Tensor()}), ArgumentError);
    CHECK_THROWS_AS(learner.forward({random_tensor(Shape{1, 4, 64, 64}, 1)}), ShapeError);
    const Outputs outputs = learner.forward({pictures()});
    CHECK_THROWS_AS(learner.backward({}), ArgumentError);
    CHECK_THROWS_AS(learner.backward({random_tensor(Shape{6, 999}, 1)}), ShapeError);
    learner.backward({Tensor()});  // no gradient is zeros
    for (const train::LearnedParameter& parameter : learner.parameters()) {
        CHECK(std::count(parameter.gradient.data<float>(), parameter.gradient.data<float>() + parameter.gradient.numel(), 0.f) == parameter.gradient.numel());
    }
    CHECK_THROWS_AS(learner.backward({Tensor()}), ArgumentError);
}

TEST_CASE("learner: a graph with operations that cannot be taught says which") {
    const Graph graph = [] {
        Graph made = recorded(find_classifier(classifier_models(), "torchvision/regnet_x_400mf"));
        const ValueId logits = made.outputs[0].second;
        Value value = made.values[std::size_t(logits)];
        made.outputs[0].second = made.nodes[std::size_t(made.add_node(ops::SelectChannel{}, "choice", {logits, logits}, {value}))].outputs[0];
        return made;
    }();
    train::Learner learner(CpuLearning{}, graph, seeded_weights(graph, "torchvision"));
    CHECK_THROWS_AS(learner.forward({pictures()}), Error);
}
