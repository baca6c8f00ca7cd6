// Losses of RetinaNet's head and of the region proposal network against torch's autograd, and the rules that those cases do not reach.
#include <algorithm>
#include <cmath>
#include <set>

#include <doctest/doctest.h>

#include <regulus/models/faster_rcnn.hpp>
#include <regulus/train/dense_loss.hpp>

#include "reference/graph_support.hpp"
#include "train/dense_support.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

/// Losses, assignment and gradients of a case. The script sums in float32: 1e-6 relative remain; encoded logarithms of float32 add 1e-6 to a delta, which only smooth L1 shows.
void check_case(const std::string& name, DenseTraining training) {
    CAPTURE(name);
    const DenseCase data(training.objectness);
    if (training.sampling.count > 0) training.sampling.count = 4096;  // all of them
    const DenseLoss loss = dense_loss(data.levels, data.maps, data.info(), data.truths, training);
    const double* const expected = data.file.at(name + "/losses").data<double>();
    CHECK(loss.classification == doctest::Approx(expected[0]).epsilon(2e-6));
    CHECK(loss.boxes == doctest::Approx(expected[1]).epsilon(2e-6));
    CHECK(expected[0] > 0);
    CHECK(expected[1] > 0);
    for (std::size_t level = 0; level < 2; ++level) {
        CHECK(relative_error(loss.gradient[level].logits, data.file.at(name + "/by_logits" + std::to_string(level))) < 2e-6);
        CHECK(relative_error(loss.gradient[level].deltas, data.file.at(name + "/by_deltas" + std::to_string(level))) < 1e-5);
    }
    const Tensor* const assigned = data.file.tensors.find(name + "/assigned");
    if (assigned == nullptr) return;
    std::int64_t positives = 0, negatives = 0;
    for (std::int64_t picture = 0; picture < assigned->shape()[0]; ++picture) {
        const std::int32_t* const row = assigned->data<std::int32_t>() + picture * assigned->shape()[1];
        const std::vector<std::int32_t> wanted(row, row + assigned->shape()[1]);
        CHECK(dense_assignment(data.levels, data.maps, data.info().data<float>() + 4 * picture, data.truths[std::size_t(picture)], training) == wanted);
        positives += std::count_if(wanted.begin(), wanted.end(), [](std::int32_t which) { return which >= 0; });
        negatives += std::count(wanted.begin(), wanted.end(), background_box);
    }
    CHECK(loss.positives == positives);
    CHECK(loss.negatives == negatives);
}

}  // namespace

TEST_CASE("dense loss: RetinaNet's assignment, losses and gradients are mmdetection's, detectron2's and torchvision's") {
    check_case("mmdetection_retina", mmdetection_retina_training());
    DenseTraining with_regions = mmdetection_retina_training();
    with_regions.assigner.ignored = 0.5f;
    check_case("mmdetection_retina_ignored", with_regions);
    check_case("detectron2_retina", detectron2_retina_training());
    check_case("torchvision_retina", torchvision_retina_training());
}

TEST_CASE("dense loss: the proposal network's assignment, losses and gradients are mmdetection's, detectron2's and torchvision's") {
    check_case("mmdetection_rpn", mmdetection_rpn_training());
    check_case("mmdetection_cascade_rpn", mmdetection_cascade_rpn_training());
    check_case("detectron2_rpn", detectron2_rpn_training());
    check_case("torchvision_rpn", torchvision_rpn_training());
}

TEST_CASE("dense loss: detectron2's moving normaliser goes on from step to step, the published models divide by their objects") {
    const DenseCase data(false);
    DenseTraining training = detectron2_retina_training();
    const DenseLoss first = dense_loss(data.levels, data.maps, data.info(), data.truths, training);
    training.moving_average = first.normaliser;
    const DenseLoss second = dense_loss(data.levels, data.maps, data.info(), data.truths, training);
    CHECK(first.normaliser == doctest::Approx(90 + 0.1 * double(first.positives)));
    CHECK(second.normaliser == doctest::Approx(0.9 * first.normaliser + 0.1 * double(first.positives)));
    CHECK(second.boxes * second.normaliser == doctest::Approx(first.boxes * first.normaliser));
    training.normaliser = Normaliser::objects_of_all;
    CHECK(dense_loss(data.levels, data.maps, data.info(), data.truths, training).normaliser == double(first.positives));
}

TEST_CASE("dense loss: a sample has its size and its share, another seed chooses others, the loss is that of the chosen anchors") {
    const DenseCase data(true);
    DenseTraining training = mmdetection_rpn_training();
    training.sampling = {20, 0.05};
    const DenseLoss loss = dense_loss(data.levels, data.maps, data.info(), data.truths, training, 7);
    // One object's anchor in each of the three pictures that have any.
    CHECK(loss.positives == 3);
    CHECK(loss.negatives == 77);
    CHECK(loss.normaliser == 3 + 1 + 77);
    double scores = 0;
    std::int64_t yes = 0, no = 0;
    for (std::size_t level = 0; level < 2; ++level) {
        const Tensor &logits = data.maps[level].logits, &gradient = loss.gradient[level].logits;
        for (std::int64_t i = 0; i < logits.numel(); ++i) {
            const double slope = double(gradient.data<float>()[i]), logit = double(logits.data<float>()[i]);
            if (slope == 0) continue;
            (slope < 0 ? yes : no) += 1;
            scores += std::log1p(std::exp(slope < 0 ? -logit : logit)) / loss.normaliser;
        }
    }
    CHECK(yes == 3);
    CHECK(no == 77);
    CHECK(loss.classification == doctest::Approx(scores));

    const auto gradient_of = [&](std::uint64_t seed, int threads) {
        training.threads = threads;
        return dense_loss(data.levels, data.maps, data.info(), data.truths, training, seed);
    };
    const DenseLoss again = gradient_of(7, 3), other = gradient_of(8, 1);
    CHECK(again.classification == loss.classification);
    CHECK(equal(again.gradient[0].logits, loss.gradient[0].logits));
    CHECK(equal(again.gradient[1].deltas, loss.gradient[1].deltas));
    CHECK_FALSE(equal(other.gradient[0].logits, loss.gradient[0].logits));
}

TEST_CASE("sampling: every box is as likely as another, of scarce objects all are taken, background fills up") {
    std::vector<std::int32_t> assigned(60, background_box);
    for (std::size_t i = 0; i < 20; ++i) assigned[3 * i] = std::int32_t(i);
    for (const std::size_t i : {1u, 4u, 7u, 10u}) assigned[i] = ignored_box;
    std::vector<int> times(60, 0);
    for (std::uint64_t seed = 0; seed < 4000; ++seed) {
        const SampledBoxes sampled = sample_boxes(assigned, {16, 0.5}, seed, seed % 3);
        REQUIRE(sampled.positives.size() == 8);
        REQUIRE(sampled.negatives.size() == 8);
        CHECK(std::is_sorted(sampled.positives.begin(), sampled.positives.end()));
        CHECK(std::adjacent_find(sampled.negatives.begin(), sampled.negatives.end()) == sampled.negatives.end());
        for (const std::int64_t i : sampled.positives) ++times[std::size_t(i)];
        for (const std::int64_t i : sampled.negatives) ++times[std::size_t(i)];
    }
    for (std::size_t i = 0; i < 60; ++i) {  // means 1600 and 889, five standard deviations are 155 and 131
        if (assigned[i] == ignored_box) CHECK(times[i] == 0);
        else if (assigned[i] >= 0) CHECK(std::abs(times[i] - 1600) < 155);
        else CHECK(std::abs(times[i] - 889) < 131);
    }
    CHECK(sample_boxes(assigned, {56, 0.5}, 1, 0).positives.size() == 20);
    CHECK(sample_boxes(assigned, {56, 0.5}, 1, 0).negatives.size() == 36);
    CHECK(sample_boxes(assigned, {}, 1, 0).negatives.size() == 36);
    CHECK(sample_boxes({}, {8, 0.5}, 1, 0).positives.empty());
    CHECK(sample_boxes(std::vector<std::int32_t>(9, 0), {8, 1}, 1, 0).positives.size() == 8);
    CHECK_THROWS_WITH_AS(sample_boxes({}, {8, 1.5}, 1, 0), "sample_boxes: 8 boxes with a share of 1.500000 objects; the count must be >= 0, the share in 0 .. 1", ArgumentError);
}

TEST_CASE("assignment: ties, forced matches of either rule, truths that overlap nothing") {
    // Unit squares in a row at x = 0, 2, 4; a truth shifted by s shares (1 - s) / (1 + s) with its square.
    const Tensor boxes = tensor_of(Shape{3, 4}, {0, 0, 1, 1, 2, 0, 3, 1, 4, 0, 5, 1});
    const auto truth = [](const std::vector<float>& corners) { return Truth2d{tensor_of(Shape{std::int64_t(corners.size()) / 4, 4}, corners), Tensor::zeros(Shape{std::int64_t(corners.size()) / 4}, DType::i32)}; };
    AssignRules to_truth, to_own, none;
    to_own.forced = ForcedMatches::to_own;
    none.forced = ForcedMatches::none;
    using Found = std::vector<std::int32_t>;
    // One equal to a square, then one that overlaps the same square by 0.25: mmdetection gives the square to the weak truth, the others leave it to its own.
    const Truth2d weak = truth({0, 0, 1, 1, 0.6f, 0, 1.6f, 1});
    CHECK(assign_boxes(boxes, weak, to_truth) == Found{1, -1, -1});
    CHECK(assign_boxes(boxes, weak, to_own) == Found{0, -1, -1});
    CHECK(assign_boxes(boxes, weak, none) == Found{0, -1, -1});
    // Only forced: 0.25 is background by itself.
    CHECK(assign_boxes(boxes, truth({2.6f, 0, 3.6f, 1}), to_own) == Found{-1, 0, -1});
    CHECK(assign_boxes(boxes, truth({2.6f, 0, 3.6f, 1}), none) == Found{-1, -1, -1});
    // Between two squares both are its best; equal truths: the first is the box's own, the second takes it where truths take.
    CHECK(assign_boxes(boxes, truth({0.5f, 0, 2.5f, 1}), to_truth) == Found{0, 0, -1});
    CHECK(assign_boxes(boxes, truth({0, 0, 1, 1, 0, 0, 1, 1}), to_truth)[0] == 1);
    CHECK(assign_boxes(boxes, truth({0, 0, 1, 1, 0, 0, 1, 1}), to_own)[0] == 0);
    // A truth that overlaps no box forces every box it does not overlap, as in the peers; with a bar above 0, none.
    CHECK(assign_boxes(boxes, truth({0, 5, 1, 6}), to_truth) == Found{0, 0, 0});
    CHECK(assign_boxes(boxes, truth({2, 0, 3, 1, 0, 5, 1, 6}), to_own) == Found{0, 0, 0});
    AssignRules bar = to_truth;
    bar.least_forced = 0.1f;
    CHECK(assign_boxes(boxes, truth({0, 5, 1, 6}), bar) == Found{-1, -1, -1});
    // What takes no part is left out, and so is nobody's best; in the middle between the thresholds as well.
    CHECK(assign_boxes(boxes, truth({0, 0, 1, 1}), bar, {0, 1, 1}) == Found{ignored_box, -1, -1});
    CHECK(assign_boxes(boxes, Truth2d{}, bar, {0, 1, 1}) == Found{ignored_box, -1, -1});
    CHECK(assign_boxes(boxes, truth({0, 0, 1, 2.2f}), none) == Found{ignored_box, -1, -1});
    CHECK(assign_boxes(Tensor(Shape{0, 4}, DType::f32), weak, to_truth).empty());
    // Regions: more than half of the box inside one.
    Truth2d crowded = truth({2, 0, 3, 1});
    crowded.ignored = tensor_of(Shape{2, 4}, {0, 0, 0.6f, 1, 4.6f, 0, 9, 1});
    AssignRules regions = to_truth;
    regions.ignored = 0.5f;
    CHECK(assign_boxes(boxes, crowded, to_truth) == Found{-1, 0, -1});
    CHECK(assign_boxes(boxes, crowded, regions) == Found{ignored_box, 0, -1});
}

TEST_CASE("dense loss: pictures without truths cost their scores only") {
    DenseCase data(false);
    for (Truth2d& truth : data.truths) truth = {};
    for (const DenseTraining& training : {mmdetection_retina_training(), detectron2_retina_training(), torchvision_retina_training()}) {
        const DenseLoss loss = dense_loss(data.levels, data.maps, data.info(), data.truths, training);
        CHECK(loss.positives == 0);
        CHECK(loss.boxes == 0);
        CHECK(loss.classification > 0);
        CHECK(greatest(loss.gradient[0].deltas) == 0);
        CHECK(std::isfinite(greatest(loss.gradient[0].logits)));
    }
}

TEST_CASE("dense loss: anchors beyond a border are left out, and one picture may have none at all") {
    const DenseCase data(false);
    DenseTraining training = mmdetection_retina_training();
    training.border = 0;
    for (std::size_t picture = 0; picture < 4; ++picture) {
        const float* const info = data.info().data<float>() + 4 * picture;
        const std::vector<std::int32_t> assigned = dense_assignment(data.levels, data.maps, info, data.truths[picture], training);
        std::size_t i = 0;
        for (const ops::DecodeAnchors& level : data.levels) {
            const int columns = 96 / level.stride, rows = 64 / level.stride;
            for (int cell = 0; cell < rows * columns; ++cell) {
                for (const Anchor& a : level.anchors) {
                    const float x = float(cell % columns * level.stride), y = float(cell / columns * level.stride);
                    const bool inside = x + a[0] >= 0 && y + a[1] >= 0 && x + a[2] < info[1] && y + a[3] < info[0];
                    if (!inside) CHECK(assigned[i] == ignored_box);
                    ++i;
                }
            }
        }
        CHECK(std::count(assigned.begin(), assigned.end(), background_box) > 0);
    }
    const float tiny[] = {4, 4, 1, 1};
    const std::vector<std::int32_t> nothing = dense_assignment(data.levels, data.maps, tiny, data.truths[0], training);
    CHECK(std::count(nothing.begin(), nothing.end(), ignored_box) == std::int64_t(nothing.size()));
}

TEST_CASE("dense loss: a recorded detector's levels, its maps by name and gradients in the order of outputs") {
    const Graph graph = recorded<FasterRcnn<RegNet<regnetx_400mf>>>();
    const std::vector<ops::DecodeAnchors> levels = dense_levels(graph, "rpn_deltas");
    REQUIRE(levels.size() == 5);
    CHECK(levels[0].stride == 4);
    CHECK(levels[4].stride == 64);
    CHECK(levels[0].anchors.size() == 3);
    CHECK(levels[0].classes == 1);
    CHECK_THROWS_AS(dense_levels(graph, "box_deltas"), ArgumentError);

    Outputs outputs;
    for (const char* name : {"deltas.1", "P3", "logits.0", "deltas.0", "logits.1"}) outputs.add(name, Tensor::zeros(Shape{std::int64_t(outputs.entries().size()) + 1}));
    const std::vector<DenseMaps> maps = dense_maps(outputs, "logits", "deltas");
    REQUIRE(maps.size() == 2);
    CHECK(maps[1].deltas.numel() == 1);
    CHECK(maps[0].logits.numel() == 3);
    const std::vector<Tensor> ordered = in_order_of(outputs, maps, "logits", "deltas");
    REQUIRE(ordered.size() == 5);
    CHECK(ordered[1].empty());
    for (const std::size_t i : {0u, 2u, 3u, 4u}) CHECK(ordered[i].numel() == std::int64_t(i) + 1);
    CHECK_THROWS_WITH_AS(dense_maps(outputs, "cls_logits", "deltas"), "dense_maps: there is no output cls_logits.0; record the maps as the graph's outputs", ArgumentError);
    CHECK_THROWS_WITH_AS(dense_maps(outputs, "logits", "moves"), "dense_maps: there is an output logits.0, but no moves.0", ArgumentError);
}

TEST_CASE("dense loss: what does not fit is refused") {
    DenseCase data(false);
    const DenseTraining training;
    const auto loss = [&] { return dense_loss(data.levels, data.maps, data.info(), data.truths, training); };
    data.truths[1].labels = integers({1, 2});
    CHECK_THROWS_WITH_AS(loss(), "dense_loss: truth 1 has the label 2, there are 2 classes", ArgumentError);
    data.truths[1].labels = integers({1});
    CHECK_THROWS_WITH_AS(loss(), "dense_loss: there are 2 truths, their labels are int32 [1]", ShapeError);
    data.truths[1] = {tensor_of(Shape{1, 4}, {3, 3, 3, 9}), integers({0})};
    CHECK_THROWS_WITH_AS(loss(), "dense_loss: box 0 of the truth is 3.000000 3.000000 3.000000 9.000000; it must be finite and have x1 < x2, y1 < y2", ArgumentError);
    data.truths[1] = {tensor_of(Shape{1, 5}, {3, 3, 3, 9, 1}), integers({0})};
    CHECK_THROWS_WITH_AS(loss(), "dense_loss: the truth must be float32 [boxes, 4], got float32 [1, 5]", ShapeError);
    data.truths.pop_back();
    CHECK_THROWS_WITH_AS(loss(), "dense_loss: logits must be float32 [3, 12, 4, 6], got float32 [4, 12, 4, 6]", ShapeError);
    data.truths.clear();
    CHECK_THROWS_WITH_AS(loss(), "dense_loss: anchors of 2 levels, maps of 2 and 0 pictures; give as many anchors as maps, and a picture", ShapeError);
    DenseCase other(false);
    other.levels[1].classes = 3;
    CHECK_THROWS_WITH_AS(dense_loss(other.levels, other.maps, other.info(), other.truths, training), "dense_loss: level 1 has stride 32 and 3 classes; both must be positive, and the classes those of the first level",
                         ArgumentError);
    Tensor info = other.info().clone();
    info.data<float>()[4] = std::nanf("");
    other.levels[1].classes = 2;
    CHECK_THROWS_WITH_AS(dense_loss(other.levels, other.maps, info, other.truths, training), "dense_loss: picture 1 has the size nan x 33.000000; image_info is what preprocess() gives", ArgumentError);
}
