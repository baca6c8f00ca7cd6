// Whole detectors that learn: from truths to the gradients of all parameters, and down the slope.
#include <doctest/doctest.h>

#include <regulus/cpu/learning.hpp>
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/retina_net.hpp>
#include <regulus/train/dense_loss.hpp>
#include <regulus/train/initialise.hpp>
#include <regulus/train/learner.hpp>
#include <regulus/train/optimiser.hpp>

#include "reference/graph_support.hpp"
#include "train/dense_support.hpp"
#include "train/slope.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

/// Two pictures of noise with bright rectangles where something is to be found.
struct Scene {
    Tensor pictures = random_tensor(Shape{2, 3, 96, 128}, 4, -0.5, 0.5), info = tensor_of(Shape{2, 4}, {96, 128, 1, 1, 90, 120, 1, 1});
    std::vector<Truth2d> truths{{tensor_of(Shape{2, 4}, {8, 12, 60, 50, 70, 30, 120, 90}), integers({0, 2})}, {tensor_of(Shape{1, 4}, {20, 20, 52, 84}), integers({1})}};

    Scene() {
        for (std::int64_t picture = 0; picture < 2; ++picture) {
            const Truth2d& truth = truths[std::size_t(picture)];
            for (std::int64_t i = 0; i < truth.boxes.shape()[0]; ++i) {
                const float* const box = truth.boxes.data<float>() + 4 * i;
                float* const plane = pictures.data<float>() + (picture * 3 + truth.labels.data<std::int32_t>()[i]) * 96 * 128;
                for (std::int64_t y = std::int64_t(box[1]); y < std::int64_t(box[3]); ++y) {
                    for (std::int64_t x = std::int64_t(box[0]); x < std::int64_t(box[2]); ++x) plane[y * 128 + x] += 2;
                }
            }
        }
    }
};

/// A detector's dense head on the scene.
class Lesson {
public:
    Lesson(const Graph& detector, std::string logits, std::string deltas, const DenseTraining& training)
        : logits_(std::move(logits)), deltas_(std::move(deltas)), training_(training), levels_(dense_levels(detector, deltas_)), learner_(CpuLearning{}, graph_of(detector), weights_of(detector), one_thread()) {
        CHECK(learner_.graph().inputs.size() == 1);
        CHECK(learner_.graph().outputs.size() == 2 * levels_.size());
    }

    /// The loss; gradients lie in the parameters then.
    double loss() {
        const Outputs outputs = learner_.forward({scene_.pictures});
        const DenseLoss loss = dense_loss(levels_, dense_maps(outputs, logits_, deltas_), scene_.info, scene_.truths, training_, 5);
        CHECK(loss.positives > 0);
        learner_.clear_gradients();
        learner_.backward(in_order_of(outputs, loss.gradient, logits_, deltas_));
        return loss.classification + loss.boxes;
    }

    /// As in slope.hpp.
    double kept_promise() {
        return testing::kept_promise(learner_.parameters(), 2e-3, [&] { return loss(); });
    }

    double loss_after(int steps) {
        Optimiser optimiser(Sgd{0.9, false, {1e-4}}, 1);
        for (int step = 0; step < steps; ++step) {
            loss();
            clip_gradients(learner_.parameters(), 10);
            optimiser.step(learner_.parameters(), 0.03);
        }
        return loss();
    }

private:
    Graph graph_of(const Graph& detector) const { return dense_graph(detector, logits_, deltas_); }
    Weights weights_of(const Graph& detector) const { return initial_weights(graph_of(detector), "mmdetection", 3); }
    static LearnerOptions one_thread() {
        LearnerOptions options;
        options.threads = 1;
        return options;
    }

    Scene scene_;
    std::string logits_, deltas_;
    DenseTraining training_;
    std::vector<ops::DecodeAnchors> levels_;
    Learner learner_;
};

constexpr RetinaSizes shallow{.tower_depth = 1};

}  // namespace

TEST_CASE("learning: RetinaNet's loss falls as its gradient says, and to a third in thirty steps") {
    Lesson lesson(recorded<RetinaNet<RegNet<regnetx_400mf>, 64, 3, shallow>>(), "cls_logits", "box_deltas", mmdetection_retina_training());
    CHECK(lesson.kept_promise() == doctest::Approx(1).epsilon(0.02));  // the slope changes along the step
    const double before = lesson.loss(), after = lesson.loss_after(30);
    CAPTURE(before);
    CHECK(after < before / 3);
}

TEST_CASE("learning: a region proposal network's loss falls as its gradient says, and to a third in thirty steps") {
    Lesson lesson(recorded<FasterRcnn<RegNet<regnetx_400mf>, 64, 3>>(), "rpn_logits", "rpn_deltas", mmdetection_rpn_training());
    CHECK(lesson.kept_promise() == doctest::Approx(1).epsilon(0.02));
    const double before = lesson.loss(), after = lesson.loss_after(30);
    CAPTURE(before);
    CHECK(after < before / 3);
}
