// One step of whole detectors that learn, beside PyTorch's.
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/cpu/learning.hpp>
#include <regulus/train/detector_teacher.hpp>
#include <regulus/zoo/zoo.hpp>

#include "train/step_support.hpp"
#include "train/torch_detectors.hpp"

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("detector teacher: losses and gradients of a step are PyTorch's for torchvision's detectors") {
    for (const TorchDetector& expected : torch_detectors) {
        INFO(expected.model);
        const ModelSpec& model = find_model(zoo_models(), expected.model);
        const Graph graph = recorded(model);
        train::DetectorTraining training = train::detector_training(graph, "torchvision");
        training.dense.sampling.count = training.dense.objectness ? 1'000'000 : 0;
        training.boxes[0].sampling.count = 1024;
        training.proposals.candidates = 500;
        training.proposals.limit = 200;
        train::LearnerOptions options;
        options.threads = 2;
        train::DetectorTeacher teacher(CpuLearning{}, graph, step_weights(graph, "torchvision"), training, options);
        const train::StepLosses losses = teacher.step(masked_batch(training.dense.objectness ? 0 : 1), 1);
        REQUIRE(losses.parts.size() == expected.losses.size());
        for (std::size_t i = 0; i < losses.parts.size(); ++i) {
            CAPTURE(losses.parts[i].first);
            // Proposals come from float32 deltas, and what is regressed from them.
            CHECK(losses.parts[i].second == doctest::Approx(expected.losses[i]).scale(0).epsilon(losses.parts[i].first == "loss_bbox" ? 4e-4 : 1e-4));
        }
        // Of torchvision's parts in ours, by the beginning of the name.
        const std::map<std::string, std::vector<std::string>> parts{{"backbone.body", {"backbone."}}, {"backbone.fpn", {"neck."}}, {"rpn.head", {"rpn."}},
            {"head.classification_head", {"head.class_tower.", "head.logits."}}, {"head.regression_head", {"head.box_tower.", "head.deltas."}},
            {"roi_heads.box_head", {"box_head.fc"}}, {"roi_heads.box_predictor", {"box_head.logits.", "box_head.deltas."}},
            {"roi_heads.mask_head", {"mask_head.conv"}}, {"roi_heads.mask_predictor", {"mask_head.upsample.", "mask_head.logits."}}};
        for (const auto& entry : expected.norms) {
            const auto& part = entry.first;
            CAPTURE(part);
            // Maps of 4 x 5 pixels: a relu that float32 decides otherwise changes the backbone's gradients; tensor by tensor torch's own float32 is 4e-2 off there.
            CHECK(gradient_norm(teacher.learner(), parts.at(part)) == doctest::Approx(entry.second).scale(0).epsilon(part == "backbone.body" ? 2e-2 : 2e-3));
        }
    }
}
