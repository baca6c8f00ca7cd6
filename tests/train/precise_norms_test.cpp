// Statistics of batch norms over many batches.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cpu/learning.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/train/detector_teacher.hpp>
#include <regulus/train/precise_norms.hpp>
#include <regulus/zoo/classifiers.hpp>
#include <regulus/zoo/zoo.hpp>

#include "reference/graph_support.hpp"
#include "train/step_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

std::vector<Tensor> batches() {
    std::vector<Tensor> result;
    for (unsigned batch = 0; batch < 3; ++batch) result.push_back(random_tensor(Shape{4, 3, 64, 64}, batch + 1, -1.0f - float(batch), 1.0f));
    return result;
}

bool is_statistic(const train::LearnedParameter& parameter) { return parameter.kind == train::LearnedParameter::Kind::statistic; }

}  // namespace

TEST_CASE("precise norms: means of what each batch alone gives; frozen norms and the learner itself stay as they are") {
    const Graph graph = recorded(find_classifier(classifier_models(), "torchvision/regnet_x_400mf"));
    const Weights weights = seeded_weights(graph, "torchvision");
    train::LearnerOptions options;
    options.frozen = {"backbone.stem"};
    options.norm_momentum = 0.25;
    train::Learner learner(CpuLearning{}, graph, weights, options);
    const std::vector<Tensor> inputs = batches();
    std::vector<std::int64_t> seen;
    const Weights precise = train::precise_norms(learner, 3, [&](std::int64_t batch) {
        seen.push_back(batch);
        learner.forward({inputs[std::size_t(batch)]});
    });
    CHECK(seen == std::vector<std::int64_t>{0, 1, 2});
    CHECK(learner.norm_momentum() == 0.25);
    CHECK_THROWS_AS(learner.backward({}), ArgumentError);

    // A fresh learner's running statistics after one batch: (1 - 1/4) before + 1/4 batch.
    std::vector<Weights> alone;
    for (const Tensor& input : inputs) {
        train::Learner fresh(CpuLearning{}, graph, weights, options);
        fresh.forward({input});
        alone.push_back(fresh.weights());
    }
    REQUIRE(precise.size() == learner.parameters().size());
    std::size_t moved = 0;
    double worst = 0;
    for (const train::LearnedParameter& parameter : learner.parameters()) {
        CAPTURE(parameter.name);
        const Tensor &before = *weights.find(parameter.name), &after = *precise.find(parameter.name);
        CHECK(equal(parameter.value, before));
        if (!is_statistic(parameter) || parameter.name.rfind("backbone.stem", 0) == 0) {
            CHECK(equal(after, before));
            continue;
        }
        ++moved;
        for (std::int64_t i = 0; i < before.numel(); ++i) {
            const double was = double(before.data<float>()[i]);
            double mean = 0;
            for (const Weights& one : alone) mean += (double(one.find(parameter.name)->data<float>()[i]) - 0.75 * was) / 0.25 / 3;
            worst = std::max(worst, std::abs(double(after.data<float>()[i]) - mean) / std::max(std::abs(mean), std::abs(was)));
        }
    }
    CHECK(moved > 40);
    CHECK(worst < 2e-6);  // running statistics are float32: four times their rounding
}

TEST_CASE("precise norms: a look that fails leaves the learner as it was; there is a batch at least") {
    const Graph graph = recorded(find_classifier(classifier_models(), "torchvision/regnet_x_400mf"));
    const Weights weights = seeded_weights(graph, "torchvision");
    train::Learner learner(CpuLearning{}, graph, weights);
    const std::vector<Tensor> inputs = batches();
    const auto look = [&](std::int64_t batch) { learner.forward({batch == 0 ? inputs[0] : random_tensor(Shape{4, 5, 64, 64}, 9)}); };
    CHECK_THROWS_AS(train::precise_norms(learner, 2, look), ShapeError);
    CHECK_THROWS_WITH_AS(train::precise_norms(learner, 0, look), "precise_norms: statistics need one batch at least, got 0", ArgumentError);
    CHECK(learner.norm_momentum() == 0.1);
    for (const train::LearnedParameter& parameter : learner.parameters()) CHECK_MESSAGE(equal(parameter.value, *weights.find(parameter.name)), parameter.name);
}

TEST_CASE("detector teacher: a look moves the norms as a step does, those of heads on regions too, and leaves gradients") {
    const Graph graph = recorded(find_model(zoo_models(), "Misc/scratch_mask_rcnn_R_50_FPN_9x_syncbn"));
    train::DetectorTraining training = train::detector_training(graph, "detectron2");
    training.boxes[0].sampling.count = 16;
    training.proposals.limit = 100;
    train::LearnerOptions options;
    options.threads = 2;
    const Weights weights = step_weights(graph, "detectron2");
    train::DetectorTeacher teacher(CpuLearning{}, graph, weights, training, options), other(CpuLearning{}, graph, weights, training, options);
    const train::TrainingBatch batch = masked_batch(0);
    teacher.look(batch, 5);
    other.step(batch, 5);
    std::size_t of_heads = 0;
    for (std::size_t i = 0; i < teacher.learner().parameters().size(); ++i) {
        const train::LearnedParameter &looked = teacher.learner().parameters()[i], &stepped = other.learner().parameters()[i];
        CAPTURE(looked.name);
        CHECK(equal(looked.value, stepped.value));
        const float* const gradient = looked.gradient.empty() ? nullptr : looked.gradient.data<float>();
        if (gradient != nullptr) CHECK(std::all_of(gradient, gradient + looked.gradient.numel(), [](float value) { return value == 0.f; }));
        if (is_statistic(looked) && looked.name.find("_head.") != std::string::npos && !equal(looked.value, *weights.find(looked.name))) ++of_heads;
    }
    CHECK(of_heads == 16);  // means and variances of four convolutions before the boxes and four before the masks
}
