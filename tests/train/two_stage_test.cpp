// Two-stage detectors that learn: proposals from maps, given regions, boxes and masks down the slope, each stage of a cascade on the boxes of the one before.
#include <algorithm>
#include <map>
#include <string>

#include <doctest/doctest.h>

#include <regulus/cpu/learning.hpp>
#include <regulus/graph/passes.hpp>
#include <regulus/models/cascade_rcnn.hpp>
#include <regulus/reference/learning.hpp>
#include <regulus/train/detector_teacher.hpp>
#include <regulus/train/initialise.hpp>
#include <regulus/train/optimiser.hpp>

#include "graph/detector_graphs.hpp"
#include "train/dense_support.hpp"
#include "train/slope.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

constexpr int limit = 16;

constexpr RcnnSizes small_cascade_sizes = [] {
    RcnnSizes sizes = small_sizes;
    sizes.class_agnostic = true;
    return sizes;
}();
constexpr RcnnSizes one_mask_head_sizes = [] {
    RcnnSizes sizes = small_cascade_sizes;
    sizes.mask_head_per_stage = false;
    return sizes;
}();

/// SmallMaskRcnn's features; as mmdetection builds cascades, and as detectron2 does.
struct SmallCascade : CascadeMaskRcnn<RegNet<regnetx_200mf>, 16, 5, small_cascade_sizes> {
    static constexpr CascadeSettings settings{.rcnn = SmallMaskRcnn::settings};
};
struct SmallCascadeOfOneMaskHead : CascadeMaskRcnn<RegNet<regnetx_200mf>, 16, 5, one_mask_head_sizes> {
    static constexpr CascadeSettings settings{.rcnn = SmallMaskRcnn::settings, .stage_coders = detectron2_cascade.stage_coders, .averages_probabilities = true};
};

/// Two pictures, a truth each, and a detector.
class Lesson {
public:
    template <class Backend>
    Lesson(const Backend& backend, const Graph& detector, const std::string& code_base, double shared_gradient = 1)
        : teacher_(backend, detector, initial_weights(detector, "mmdetection", 2), training(detector, code_base, shared_gradient), one_thread()) {
        batch_.input = random_tensor(Shape{2, 3, 64, 64}, 9);
        batch_.image_info = whole_pictures(2, 64, 64);
        const std::int32_t last = detector_training(detector, code_base).boxes[0].classes - 1;
        batch_.truths = {{{tensor_of(Shape{1, 4}, {6, 10, 38, 46}), integers({std::min(3, last)})}}, {{tensor_of(Shape{1, 4}, {24, 4, 60, 40}), integers({std::min(1, last)})}}};
        for (PictureTruth& picture : batch_.truths) {
            const float* const box = picture.truth.boxes.data<float>();
            const double x1 = double(box[0]), y1 = double(box[1]), x2 = double(box[2]), y2 = double(box[3]);
            picture.masks = {{{}, rle_from_polygon(std::vector<double>{x1, y1, x2, y1, x2, y2}, 64, 64)}};
            picture.semantic = Tensor::zeros(Shape{64, 64}, DType::u8);
            for (std::int64_t i = 0; i < picture.semantic.numel(); ++i) picture.semantic.data<std::uint8_t>()[i] = i < 2000 ? 2 : i < 2600 ? unlabelled_pixel : 5;
            picture.keypoints = tensor_of(Shape{1, 5, 3}, {30, 20, 2, 33, 30, 1, 31, 12, 2, 0, 0, 0, 27, 38, 2});
        }
        batch_.proposals = {tensor_of(Shape{3, 4}, {4, 8, 40, 50, 20, 20, 50, 60, 1, 2, 12, 9}), tensor_of(Shape{2, 4}, {26, 6, 62, 42, 3, 30, 20, 61})};  // for who proposes none
        loss(false);
    }

    /// The loss on the regions that were chosen at first; its gradients lie in the parameters then.
    double loss(bool same_regions = true) {
        teacher_.learner().clear_gradients();
        losses_ = teacher_.step(batch_, 7, same_regions);
        return losses_.total();
    }

    /// As in slope.hpp.
    double kept_promise() {
        return testing::kept_promise(teacher_.learner().parameters(), 1e-3, [&] { return loss(); });
    }

    void learn(int steps) {
        Optimiser optimiser(Sgd{0.9, false, {1e-4}}, 1);
        for (int step = 0; step < steps; ++step) {
            loss();
            clip_gradients(teacher_.learner().parameters(), 10);
            optimiser.step(teacher_.learner().parameters(), 0.02);
        }
    }

    /// Losses of the heads: "rpn", "loss" (classes and boxes), "loss_mask", "loss_keypoint", "loss_semantic", of a cascade "stage0.loss" ...
    std::map<std::string, double> heads() const {
        std::map<std::string, double> sums;
        for (const auto& [name, value] : losses_.parts) {
            const bool of_boxes = name.find("cls") != std::string::npos || name.find("bbox") != std::string::npos;
            sums[of_boxes ? name.substr(0, name.rfind('_')) : name] += value;
        }
        return sums;
    }

    DetectorTeacher& teacher() { return teacher_; }
    const std::vector<std::vector<RegionSample>>& regions() const { return teacher_.regions(); }

private:
    static DetectorTraining training(const Graph& detector, const std::string& code_base, double shared_gradient) {
        DetectorTraining training = detector_training(detector, code_base);
        training.dense.sampling = {32, 0.5};
        training.proposals.candidates = 60;
        training.proposals.limit = 40;
        for (BoxHeadTraining& boxes : training.boxes) boxes.sampling = {boxes.sampling.count > 0 ? limit : 0, 0.25};
        training.masks = MaskTargetRule::mmdetection;  // of bitmaps
        training.shared_gradient = shared_gradient;
        return training;
    }
    static LearnerOptions one_thread() {
        LearnerOptions options;
        options.threads = 1;
        return options;
    }

    TrainingBatch batch_;
    DetectorTeacher teacher_;
    StepLosses losses_;
};

/// The loss falls as its gradient says, and each head's to 0.7 of it in 20 steps.
void check_learning(Lesson& lesson, std::size_t heads) {
    CHECK(lesson.kept_promise() == doctest::Approx(1).epsilon(0.02));  // the slope changes along the step
    const std::map<std::string, double> before = lesson.heads();
    CHECK(before.size() == heads);
    lesson.learn(20);
    lesson.loss();
    for (const auto& head : lesson.heads()) {
        INFO(head.first);
        CHECK(head.second < 0.7 * before.at(head.first));
    }
}

/// The gradient by a parameter.
Tensor gradient_of(Lesson& lesson, const std::string& name) {
    for (const LearnedParameter& parameter : lesson.teacher().learner().parameters()) {
        if (parameter.name == name) return parameter.gradient.clone();
    }
    FAIL(name);
    return {};
}

}  // namespace

TEST_CASE("learning: Mask R-CNN's losses fall as their gradient says, each of them") {
    Lesson lesson(CpuLearning{}, recorded<SmallMaskRcnn>(), "mmdetection");
    REQUIRE(lesson.regions()[0][0].positives > 0);
    REQUIRE(lesson.regions()[0][0].boxes.shape()[0] == limit);
    CHECK(lesson.teacher().learner().graph().inputs.size() == 5);
    check_learning(lesson, 3);
    Lesson plain(ReferenceLearning{}, recorded<SmallMaskRcnn>(), "mmdetection");
    CHECK(plain.kept_promise() == doctest::Approx(1).epsilon(0.02));
}

TEST_CASE("learning: Fast R-CNN's losses on given boxes fall as their gradient says") {
    Lesson lesson(CpuLearning{}, recorded<SmallFastRcnn>(), "detectron2");
    REQUIRE(lesson.regions()[0][0].boxes.shape()[0] == 4);  // those given, and the truth
    REQUIRE(lesson.regions()[0][1].boxes.shape()[0] == 3);
    check_learning(lesson, 1);
    TrainingBatch none;
    none.input = random_tensor(Shape{1, 3, 64, 64}, 9);
    none.image_info = whole_pictures(1, 64, 64);
    none.truths.resize(1);
    CHECK_THROWS_WITH_AS(lesson.teacher().step(none, 1), "detector_teacher: fast_rcnn looks into given boxes: there are 1 pictures and the boxes of 0", ArgumentError);
    CHECK(detector_training(recorded<SmallFastRcnn>(), "detectron2").proposals.limit == 2000);
    CHECK_THROWS_WITH_AS(detector_training(graph_of(3, [](Graph&, ValueId image) { return image; }), "detectron2"),
                         "detector_training: test has neither RetinaNet's maps nor a region proposal network's nor a head for given boxes", ArgumentError);
}

TEST_CASE("learning: the losses of Cascade Mask R-CNN's stages fall as their gradient says, by mmdetection's rules") {
    Lesson lesson(CpuLearning{}, recorded<SmallCascade>(), "mmdetection");
    CHECK(lesson.teacher().learner().graph().inputs.size() == 13);  // the picture; regions and their counts of three box heads and three mask heads
    REQUIRE(lesson.regions().size() == 3);
    for (const std::vector<RegionSample>& stage : lesson.regions()) {
        for (const RegionSample& picture : stage) {
            CHECK(picture.positives > 0);
            CHECK(picture.boxes.shape()[0] == limit);
            CHECK(std::count(picture.itself.begin(), picture.itself.end(), 1) == 1);  // the truth is there anew in each stage, that of the stage before was dropped
        }
    }
    check_learning(lesson, 7);
    Lesson plain(ReferenceLearning{}, recorded<SmallCascade>(), "mmdetection");
    CHECK(plain.kept_promise() == doctest::Approx(1).epsilon(0.02));
}

TEST_CASE("learning: the losses of Cascade Mask R-CNN's stages fall as their gradient says, by detectron2's rules") {
    Lesson lesson(CpuLearning{}, recorded<SmallCascadeOfOneMaskHead>(), "detectron2");
    CHECK(lesson.teacher().learner().graph().inputs.size() == 9);
    REQUIRE(lesson.regions().size() == 3);
    for (std::size_t picture = 0; picture < 2; ++picture) {  // all of the first sample, moved; some may have no area left
        CHECK(lesson.regions()[0][picture].boxes.shape()[0] == limit);
        for (std::size_t stage = 1; stage < 3; ++stage) {
            const std::int64_t rows = lesson.regions()[stage][picture].boxes.shape()[0];
            CHECK(rows > 0);
            CHECK(rows <= lesson.regions()[stage - 1][picture].boxes.shape()[0]);
        }
    }
    check_learning(lesson, 5);
}

TEST_CASE("learning: Keypoint R-CNN's losses fall as their gradient says, each of them, by detectron2's and torchvision's rules") {
    Lesson lesson(CpuLearning{}, recorded<SmallKeypointRcnn>(), "detectron2");
    CHECK(lesson.teacher().learner().graph().inputs.size() == 5);
    REQUIRE(lesson.regions()[0][0].positives > 0);
    check_learning(lesson, 3);
    Lesson plain(ReferenceLearning{}, recorded<SmallKeypointRcnn>(), "torchvision");
    CHECK(plain.kept_promise() == doctest::Approx(1).epsilon(0.02));
    CHECK(detector_training(recorded<SmallKeypointRcnn>(), "detectron2").boxes[0].beta == 0.5);
    CHECK(detector_training(recorded<SmallKeypointRcnn>(), "detectron2").proposals.limit == 1500);
    CHECK_THROWS_WITH_AS(detector_training(recorded<SmallKeypointRcnn>(), "mmdetection"), "detector_training: mmdetection has no keypoints; teach them as detectron2 or torchvision does", ArgumentError);
}

TEST_CASE("learning: Panoptic FPN's losses fall as their gradient says, each of them") {
    Lesson lesson(CpuLearning{}, recorded<SmallPanopticFpn>(), "detectron2");
    check_learning(lesson, 4);
    CHECK_THROWS_WITH_AS(detector_training(recorded<SmallPanopticFpn>(), "mmdetection"), "detector_training: mmdetection has no semantic heads; teach them as detectron2 does", ArgumentError);
}

TEST_CASE("cascade: a part of the heads' gradients goes on to the features, the heads' own are whole") {
    const auto lesson = [](double part) { return Lesson(CpuLearning{}, recorded<SmallCascadeOfOneMaskHead>(), "detectron2", part); };
    Lesson whole = lesson(1), half = lesson(0.5), none = lesson(0);
    for (const char* name : {"box_head.1.fc1.weight", "box_head.2.logits.bias", "box_head.3.deltas.weight", "mask_head.conv1.weight", "rpn.conv.weight"}) {
        INFO(name);
        CHECK(greatest(gradient_of(whole, name)) > 0);
        CHECK(equal(gradient_of(whole, name), gradient_of(half, name)));
    }
    const Tensor all = gradient_of(whole, "neck.output.p2.weight"), mean = gradient_of(half, "neck.output.p2.weight"), others = gradient_of(none, "neck.output.p2.weight");
    CHECK(relative_error(all, others) > 0.01);
    Tensor between(all.shape(), DType::f32);
    for (std::int64_t i = 0; i < all.numel(); ++i) between.data<float>()[i] = 0.5f * (all.data<float>()[i] + others.data<float>()[i]);
    CHECK(relative_error(mean, between) < 1e-5);  // sums in float32
}

TEST_CASE("cascade: how a detector is taught follows from its graph and the code base") {
    const Graph cascade = recorded<SmallCascade>(), one_mask_head = recorded<SmallCascadeOfOneMaskHead>();
    const DetectorTraining ours = detector_training(cascade, "mmdetection"), other = detector_training(one_mask_head, "detectron2");
    REQUIRE(ours.boxes.size() == 3);
    CHECK(ours.boxes[2].assigner.positive == doctest::Approx(0.7));
    CHECK(ours.boxes[1].classes == 5);
    CHECK(ours.mask_weights == std::vector<double>{1, 0.5, 0.25});
    CHECK(ours.proposals.limit == 2000);
    CHECK(ours.dense.border == 0);
    CHECK(ours.shared_gradient == 1);
    REQUIRE(other.boxes.size() == 3);
    CHECK(other.boxes[1].sampling.count == 0);
    CHECK(other.mask_weights == std::vector<double>{1});
    CHECK(other.shared_gradient == doctest::Approx(1 / 3.));
    CHECK(other.drops_empty_regions);
    CHECK_THROWS_WITH_AS(detector_training(cascade, "torchvision"), "detector_training: torchvision has no cascades; teach them as mmdetection or detectron2 does", ArgumentError);
    CHECK_THROWS_WITH_AS(DetectorTeacher(ReferenceLearning{}, cascade, {}, detector_training(recorded<SmallMaskRcnn>(), "mmdetection")),
                         "detector_teacher: cascade_mask_rcnn has 3 box heads, the training is for 1; detector_training() makes one", ArgumentError);
    CHECK_THROWS_WITH_AS(DetectorTeacher(ReferenceLearning{}, cascade, {}, other), "detector_teacher: cascade_mask_rcnn has 3 mask heads, the training is for 1; detector_training() makes one", ArgumentError);
}

TEST_CASE("two-stage graph: a cascade's heads make of given regions what the detector makes of its own") {
    const Graph detector = recorded<SmallCascade>();
    std::vector<std::string> heads;
    for (const std::string stage : {"stage0.", "stage1.", "stage2."}) heads.insert(heads.end(), {stage + "class_logits", stage + "box_regression", stage + "mask_logits"});
    std::vector<std::string> labels = heads;
    labels.insert(labels.end(), {"stage1.regions", "stage2.regions"});
    const Weights weights = detector_weights(detector, 3);
    const Tensor pictures = random_tensor(Shape{2, 3, 64, 96}, 5), boxes = tensor_of(Shape{6, 4}, {3, 4, 40, 50, 10, 2, 90, 60, 20, 20, 30, 34, 0, 0, 64, 64, 50, 30, 96, 64, 7, 9, 20, 40}), counts = integers({3, 3});
    const Outputs own = run(with_outputs(with_given_proposals(detector, 3), labels), weights, {pictures, whole_pictures(2, 64, 96), boxes, counts});

    const Graph graph = two_stage_graph(detector, 3, 12);
    REQUIRE(graph.inputs.size() == 13);
    CHECK(graph.parameter_count() == detector.parameter_count());
    std::vector<Tensor> inputs{pictures, boxes, counts, own["stage1.regions"], counts, own["stage2.regions"], counts};
    Tensor objects = Tensor::zeros(Shape{24, 4});
    std::copy_n(own["boxes"].data<float>(), own["boxes"].numel(), objects.data<float>());
    for (int mask_head = 0; mask_head < 3; ++mask_head) inputs.insert(inputs.end(), {objects, own["count"]});
    REQUIRE(own["count"].data<std::int32_t>()[0] > 0);
    const Outputs given = run(graph, weights, inputs);
    for (const std::string& head : heads) {
        INFO(head);
        CHECK(equal(given[head], own[head]));
    }
    // Each head looks at its own: other regions for the second mask head change its masks alone.
    inputs[9] = random_tensor(inputs[7].shape(), 3, 0, 30);
    const Outputs changed = run(graph, weights, inputs);
    for (const std::string& head : heads) {
        INFO(head);
        CHECK(equal(changed[head], own[head]) == (head != "stage1.mask_logits"));
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
    const Graph given = two_stage_graph(recorded<SmallFastRcnn>(), 8);
    CHECK(given.inputs.size() == 3);
    CHECK(given.outputs.size() == 2);
    CHECK_THROWS_WITH_AS(two_stage_graph(graph_of(3, [](Graph&, ValueId image) { return image; }), 8), "given proposals: \"test\" is no two-stage detector: it has no value labelled \"proposals\"", ArgumentError);
    CHECK_THROWS_WITH_AS(two_stage_graph(recorded<SmallFasterRcnn>(), 8, 4), "two_stage_graph: faster_rcnn makes neither masks nor keypoints of its boxes", ArgumentError);
    CHECK_THROWS_WITH_AS(with_given_proposals(graph_of(3, [](Graph&, ValueId image) { return image; }), 8), "given proposals: \"test\" is no two-stage detector: it has no value labelled \"proposals\"", ArgumentError);
    std::vector<Tensor> gradients(1);
    CHECK_THROWS_WITH_AS(put_gradient(gradients, {}, "class_logits", {}), "put_gradient: there is no output class_logits", ArgumentError);
}
