// Two-stage detectors that learn: proposals from maps, given regions, boxes and masks down the slope.
#include <doctest/doctest.h>

#include <regulus/graph/passes.hpp>
#include <regulus/reference/learning.hpp>
#include <regulus/train/initialise.hpp>
#include <regulus/train/learner.hpp>
#include <regulus/train/mask_loss.hpp>
#include <regulus/train/optimiser.hpp>
#include <regulus/train/two_stage.hpp>

#include "graph/detector_graphs.hpp"
#include "train/dense_support.hpp"
#include "train/slope.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

constexpr int limit = 16, mask_limit = 4;

/// Two pictures, a truth each, and Mask R-CNN.
class Lesson {
public:
    Lesson() : levels_(dense_levels(recorded<SmallMaskRcnn>(), "rpn_deltas")), learner_(ReferenceLearning{}, graph(), initial_weights(graph(), "mmdetection", 2), options()) {
        REQUIRE(learner_.graph().inputs.size() == 5);
        boxes_.sampling = {limit, 0.25};
        rpn_.sampling = {32, 0.5};
        for (const Truth2d& truth : truths_) {
            const float* const box = truth.boxes.data<float>();
            const double x1 = double(box[0]), y1 = double(box[1]), x2 = double(box[2]), y2 = double(box[3]);
            masks_.push_back({{{}, rle_from_polygon(std::vector<double>{x1, y1, x2, y1, x2, y2}, 64, 64)}});
        }
        choose_regions();
    }

    /// Regions by the network's own proposals.
    void choose_regions() {
        const Outputs outputs = learner_.forward({pictures_, Tensor::zeros(Shape{2 * limit, 4}), Tensor::zeros(Shape{2}, DType::i32), Tensor::zeros(Shape{2 * mask_limit, 4}), Tensor::zeros(Shape{2}, DType::i32)});
        const std::vector<Tensor> proposals = dense_proposals(levels_, dense_maps(outputs, "rpn_logits", "rpn_deltas"), info_, {60, 40});
        regions_.clear();
        for (std::size_t i = 0; i < 2; ++i) regions_.push_back(sample_regions(proposals[i], truths_[i], boxes_, 7, i));
    }

    /// The loss of all parts on the chosen regions; gradients lie in the parameters then.
    double loss() {
        const auto [all, counts] = region_inputs(regions_, limit);
        const auto [objects, object_counts] = region_inputs(regions_, mask_limit, true);
        const Outputs outputs = learner_.forward({pictures_, all, counts, objects, object_counts});
        std::vector<Tensor> targets;
        for (std::size_t i = 0; i < 2; ++i) targets.push_back(mask_targets(regions_[i], masks_[i], 28, MaskTargetRule::mmdetection));
        const DenseLoss first = dense_loss(levels_, dense_maps(outputs, "rpn_logits", "rpn_deltas"), info_, truths_, rpn_, 7);
        const BoxHeadLoss second = box_head_loss(outputs["class_logits"], outputs["box_regression"], regions_, boxes_);
        const Loss third = mask_loss(outputs["mask_logits"], regions_, targets);
        std::vector<Tensor> gradients = in_order_of(outputs, first.gradient, "rpn_logits", "rpn_deltas");
        put_gradient(gradients, outputs, "class_logits", second.by_logits);
        put_gradient(gradients, outputs, "box_regression", second.by_deltas);
        put_gradient(gradients, outputs, "mask_logits", third.gradient);
        learner_.clear_gradients();
        learner_.backward(gradients);
        parts_ = {first.classification + first.boxes, second.classification + second.boxes, third.value};
        return parts_[0] + parts_[1] + parts_[2];
    }

    /// As in slope.hpp.
    double kept_promise() {
        return testing::kept_promise(learner_.parameters(), 1e-3, [&] { return loss(); });
    }

    void learn(int steps) {
        Optimiser optimiser(Sgd{0.9, false, {1e-4}}, 1);
        for (int step = 0; step < steps; ++step) {
            loss();
            clip_gradients(learner_.parameters(), 10);
            optimiser.step(learner_.parameters(), 0.02);
        }
    }

    const std::vector<double>& parts() const { return parts_; }
    const std::vector<RegionSample>& regions() const { return regions_; }

private:
    static Graph graph() { return two_stage_graph(recorded<SmallMaskRcnn>(), limit, mask_limit); }
    static LearnerOptions options() {
        LearnerOptions one;
        one.threads = 1;
        return one;
    }

    Tensor pictures_ = random_tensor(Shape{2, 3, 64, 64}, 9), info_ = whole_pictures(2, 64, 64);
    std::vector<Truth2d> truths_{{tensor_of(Shape{1, 4}, {6, 10, 38, 46}), integers({3})}, {tensor_of(Shape{1, 4}, {24, 4, 60, 40}), integers({1})}};
    std::vector<std::vector<TruthMask>> masks_;
    BoxHeadTraining boxes_ = mmdetection_box_training(5);
    DenseTraining rpn_ = mmdetection_rpn_training();
    std::vector<ops::DecodeAnchors> levels_;
    Learner learner_;
    std::vector<RegionSample> regions_;
    std::vector<double> parts_;
};

}  // namespace

TEST_CASE("learning: Mask R-CNN's losses fall as their gradient says, each of them") {
    Lesson lesson;
    REQUIRE(lesson.regions()[0].positives > 0);
    REQUIRE(lesson.regions()[0].boxes.shape()[0] == limit);
    CHECK(lesson.kept_promise() == doctest::Approx(1).epsilon(0.02));  // the slope changes along the step
    const std::vector<double> before = lesson.parts();
    lesson.learn(20);
    lesson.loss();
    for (std::size_t part = 0; part < 3; ++part) {
        CAPTURE(part);
        CAPTURE(before[part]);
        CHECK(lesson.parts()[part] < 0.7 * before[part]);
    }
}

TEST_CASE("proposals: from a detector's maps come the detector's own") {
    const Graph graph = with_outputs(recorded<SmallFasterRcnn>(), {"rpn_logits.0", "rpn_deltas.0", "rpn_logits.1", "rpn_deltas.1", "rpn_logits.2", "rpn_deltas.2", "rpn_logits.3", "rpn_deltas.3", "rpn_logits.4", "rpn_deltas.4", "proposals"});
    Tensor info = whole_pictures(2, 64, 96);
    info.data<float>()[5] = 70;
    const Outputs outputs = run(graph, detector_weights(graph, 3), {random_tensor(Shape{2, 3, 64, 96}, 5), info});
    const std::vector<ops::DecodeAnchors> levels = dense_levels(graph, "rpn_deltas");
    const std::vector<DenseMaps> maps = dense_maps(outputs, "rpn_logits", "rpn_deltas");
    const std::vector<Tensor> proposals = dense_proposals(levels, maps, info, {60, 40});
    REQUIRE(proposals.size() == 2);
    std::vector<float> all(proposals[0].data<float>(), proposals[0].data<float>() + proposals[0].numel());
    all.insert(all.end(), proposals[1].data<float>(), proposals[1].data<float>() + proposals[1].numel());
    CHECK(all.size() > 40);
    CHECK(std::equal(all.begin(), all.end(), outputs["proposals"].data<float>()));
    CHECK(dense_proposals(levels, maps, info, {60, 3})[0].shape() == Shape{3, 4});
    CHECK_THROWS_WITH_AS(dense_proposals(levels, maps, info, {0, 3}), "dense_proposals: 3 proposals of 0 candidates a level; both must be positive", ArgumentError);
    CHECK_THROWS_AS(dense_proposals(levels, maps, whole_pictures(3, 64, 96), {}), ShapeError);
}

TEST_CASE("two-stage graph: regions in, all maps out, nothing for graphs without two stages") {
    const Graph graph = two_stage_graph(recorded<SmallFasterRcnn>(), 8);
    CHECK(graph.inputs.size() == 3);
    CHECK(graph.outputs.size() == 12);
    CHECK(graph.parameter_count() == recorded<SmallFasterRcnn>().parameter_count());
    CHECK_THROWS_WITH_AS(two_stage_graph(recorded<SmallFastRcnn>(), 8), "dense_graph: fast_rcnn has no values labelled rpn_logits.0, rpn_deltas.0, ...", ArgumentError);
    CHECK_THROWS_WITH_AS(two_stage_graph(recorded<SmallFasterRcnn>(), 8, 4), "given boxes: \"faster_rcnn\" makes neither masks nor keypoints of its boxes", ArgumentError);
    CHECK_THROWS_WITH_AS(with_given_proposals(graph_of(3, [](Graph&, ValueId image) { return image; }), 8), "given proposals: \"test\" is no two-stage detector: it has no value labelled \"proposals\"", ArgumentError);
    std::vector<Tensor> gradients(1);
    CHECK_THROWS_WITH_AS(put_gradient(gradients, {}, "class_logits", {}), "put_gradient: there is no output class_logits", ArgumentError);
}
