// One step of whole detectors that learn, beside mmdetection's own code (mmdet_detectors.py): RegNets, a cascade and deformable convolutions among them.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/cpu/learning.hpp>

#include "train/mmdet_detectors.hpp"
#include "train/step_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Our name of one of mmdetection's losses.
std::string our_name(const std::string& loss) {
    const std::map<std::string, std::string> names{{"loss_rpn_cls", "rpn_cls"}, {"loss_rpn_bbox", "rpn_bbox"}};
    const auto found = names.find(loss);
    if (found != names.end()) return found->second;
    return loss[0] == 's' ? "stage" + loss.substr(1) : loss;  // s0.loss_cls
}

/// Our parts of one of mmdetection's, by the beginning of the name.
std::vector<std::string> our_parts(const std::string& part) {
    const std::map<std::string, std::vector<std::string>> parts{{"backbone", {"backbone."}}, {"neck", {"neck."}}, {"rpn_head", {"rpn."}}, {"roi_head.bbox_head", {"box_head."}},
        {"roi_head.mask_head", {"mask_head."}}, {"bbox_head.cls_convs", {"head.class_tower."}}, {"bbox_head.retina_cls", {"head.logits."}}, {"bbox_head.reg_convs", {"head.box_tower."}},
        {"bbox_head.retina_reg", {"head.deltas."}}};
    const auto found = parts.find(part);
    if (found != parts.end()) return found->second;
    const std::size_t stage = std::size_t(part.back() - '0');  // roi_head.bbox_head.0
    return {(part.find("mask") != std::string::npos ? "mask_head." : "box_head.") + std::to_string(stage + 1) + "."};
}

}  // namespace

TEST_CASE("detector teacher: losses and gradients of a step are mmdetection's for its RegNets, cascades among them") {
    for (const MmdetDetector& expected : mmdet_detectors) {
        const std::string model = expected.model;
        CAPTURE(model);
#if defined(REGULUS_SANITIZED)  // where a step takes half a minute
        if (model.find("cascade") == std::string::npos) continue;
#endif
        const Graph graph = recorded(find_model(zoo_models(), model));
        train::DetectorTraining training = train::detector_training(graph, "mmdetection");
        if (training.dense.objectness) training.dense.sampling.count = 1'000'000, training.dense.sampling.positive_share = 1;
        for (train::BoxHeadTraining& stage : training.boxes) stage.sampling.count = 64, stage.sampling.positive_share = 1;
        training.proposals.candidates = 500;
        training.proposals.limit = 40;
        train::LearnerOptions options;
        options.threads = 2;
        train::DetectorTeacher teacher(CpuLearning{}, graph, step_weights(graph, "mmdetection"), training, options);
        train::TrainingBatch batch = masked_batch(0);
        for (train::PictureTruth& picture : batch.truths) {
            for (std::size_t i = 0; model.find("poly") != std::string::npos && i < picture.masks.size(); ++i) picture.masks[i] = ring_in(picture.truth.boxes.data<float>() + 4 * i);
        }
        const train::StepLosses losses = teacher.step(batch, 1);
        REQUIRE(losses.parts.size() == expected.losses.size());
        for (const auto& entry : expected.losses) {
            const std::string& name = entry.first;
            CAPTURE(name);
            const auto found = std::find_if(losses.parts.begin(), losses.parts.end(), [&](const auto& part) { return part.first == our_name(name); });
            REQUIRE(found != losses.parts.end());
            // Proposals and refined regions come from float32 deltas; the targets of a cascade's second stage are twenty times how far a refined region is from its truth. There mmdetection's
            // own float32 is off by -2e-4, ours by -3e-5, -4e-4, -2e-4 and 5e-4 with AVX-512, AVX2, SSE4 and under sanitizers.
            const bool is_box = name.find("bbox") != std::string::npos, is_refined = name.rfind("s1.", 0) == 0 || name.rfind("s2.", 0) == 0;
            CHECK(found->second == doctest::Approx(entry.second).scale(0).epsilon(!is_box ? 1e-4 : is_refined ? 1e-3 : 4e-4));
        }
        for (const auto& entry : expected.norms) {
            const std::string& part = entry.first;
            CAPTURE(part);
            // Maps of 4 x 5 pixels: a relu that float32 decides otherwise changes the backbone's gradients.
            CHECK(gradient_norm(teacher.learner(), our_parts(part)) == doctest::Approx(entry.second).scale(0).epsilon(part == "backbone" ? 2e-2 : 2e-3));
        }
    }
}
