// Regions, targets and losses of box and mask heads against torch's autograd and pycocotools, and the rules that those cases do not reach.
#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include <regulus/train/box_head_loss.hpp>
#include <regulus/train/mask_loss.hpp>

#include "reference/graph_support.hpp"
#include "train/dense_support.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

/// Three pictures of box_head.py: proposals, truths, rings; the last shows nothing.
struct BoxHeadCase {
    TrainFile file{"box_head"};
    std::vector<Tensor> proposals;
    std::vector<Truth2d> truths;
    std::vector<std::vector<TruthMask>> masks{
        {{{{10, 8, 42, 11.5, 38, 40, 22, 44.25, 9, 30}}}, {{{50.5, 20, 70, 18, 66, 52, 52, 50}}}, {{{12, 9, 40, 12, 40, 42, 11, 41}}}, {{{2, 50, 8, 50, 8, 57, 2, 57}, {5, 44, 12, 46, 10, 52}}}},
        {{{{30, 5, 75, 9, 60, 30}}}, {{{3.3, 20.7, 25.1, 22, 27, 55.5, 6, 58}}}},
        {}};

    BoxHeadCase() {
        for (const std::string picture : {"0", "1", "2"}) {
            proposals.push_back(file.at("proposals" + picture));
            truths.push_back({file.at("boxes" + picture), file.at("labels" + picture)});
        }
        for (std::vector<TruthMask>& picture : masks) {
            for (TruthMask& mask : picture) mask.bitmap = rle_from_polygons(mask.polygons, 60, 80);
        }
    }
    std::vector<RegionSample> samples(const BoxHeadTraining& training, std::uint64_t seed = 0) const {
        std::vector<RegionSample> result;
        for (std::size_t i = 0; i < 3; ++i) result.push_back(sample_regions(proposals[i], truths[i], training, seed, i));
        return result;
    }
};

/// The script sums in float32 and takes logarithms there: 1e-6 relative.
void check_case(const std::string& name, BoxHeadTraining training) {
    CAPTURE(name);
    const BoxHeadCase data;
    training.sampling.count = 0;
    const std::vector<RegionSample> samples = data.samples(training);
    std::vector<float> deltas;
    for (std::size_t i = 0; i < 3; ++i) {
        const Tensor& truth = data.file.at(name + "/truth" + std::to_string(i));
        const std::int32_t* const first = truth.data<std::int32_t>();
        CHECK(samples[i].truth == std::vector<std::int32_t>(first, first + truth.numel()));
        for (std::size_t row = 0; row < samples[i].truth.size(); ++row) {
            const float* const delta = samples[i].deltas.data<float>() + 4 * row;
            if (samples[i].truth[row] >= 0) deltas.insert(deltas.end(), delta, delta + 4);
        }
    }
    if (const Tensor* const wanted = data.file.tensors.find(name + "/deltas_wanted")) CHECK(relative_error(tensor_of(Shape{std::int64_t(deltas.size() / 4), 4}, deltas), *wanted) < 2e-6);
    const BoxHeadLoss loss = box_head_loss(data.file.at(name + "/logits"), data.file.at(name + "/deltas"), samples, training);
    const double* const expected = data.file.at(name + "/losses").data<double>();
    CHECK(loss.classification == doctest::Approx(expected[0]).epsilon(2e-6));
    CHECK(loss.boxes == doctest::Approx(expected[1]).epsilon(2e-6));
    CHECK(relative_error(loss.by_logits, data.file.at(name + "/by_logits")) < 2e-6);
    CHECK(relative_error(loss.by_deltas, data.file.at(name + "/by_deltas")) < 2e-5);
}

}  // namespace

TEST_CASE("box head: assignment, targets, losses and gradients are mmdetection's, detectron2's and torchvision's") {
    check_case("mmdetection", mmdetection_box_training(3));
    check_case("mmdetection_mask", mmdetection_mask_rcnn_training(3));
    check_case("mmdetection_cascade2", mmdetection_cascade_training(3, 2));
    check_case("detectron2", detectron2_box_training(3));
    check_case("torchvision", torchvision_box_training(3));
}

TEST_CASE("box head: a sample has its size and share, objects first, and is a function of seed and picture") {
    const BoxHeadCase data;
    BoxHeadTraining training = mmdetection_box_training(3);
    training.sampling = {8, 0.25};
    const std::vector<RegionSample> samples = data.samples(training, 3), again = data.samples(training, 3);
    for (std::size_t i = 0; i < 3; ++i) {
        REQUIRE(samples[i].boxes.shape() == Shape{i < 2 ? 8 : 7, 4});  // the last picture has seven proposals
        CHECK(samples[i].positives == (i < 2 ? 2 : 0));
        for (std::int64_t row = 0; row < samples[i].boxes.shape()[0]; ++row) CHECK((samples[i].labels.data<std::int32_t>()[row] < 3) == (row < samples[i].positives));
        CHECK(equal(samples[i].boxes, again[i].boxes));
    }
    bool differs = false;
    for (std::uint64_t seed = 4; seed < 8; ++seed) differs = differs || !equal(data.samples(training, seed)[0].boxes, samples[0].boxes);
    CHECK(differs);
}

TEST_CASE("box head: truths stand before, behind or not at all; mmdetection's are marked") {
    const BoxHeadCase data;
    BoxHeadTraining training = mmdetection_box_training(3);
    training.sampling.count = 0;
    const RegionSample before = data.samples(training)[1];
    CHECK(before.itself[0] + before.itself[1] == 2);
    CHECK(std::count(before.itself.begin(), before.itself.end(), 1) == 2);
    CHECK(std::equal(before.boxes.data<float>(), before.boxes.data<float>() + 8, data.truths[1].boxes.data<float>()));
    training.truths = TruthRegions::after;
    const RegionSample after = data.samples(training)[1];
    CHECK(after.boxes.shape() == before.boxes.shape());
    CHECK(std::equal(after.boxes.data<float>() + after.boxes.numel() - 8, after.boxes.data<float>() + after.boxes.numel(), data.truths[1].boxes.data<float>()));
    training.truths = TruthRegions::none;
    CHECK(equal(data.samples(training)[1].boxes, data.proposals[1]));
    // No proposals at all: the truths alone.
    CHECK(sample_regions({}, data.truths[0], mmdetection_box_training(3)).positives == 4);
    CHECK(sample_regions({}, {}, mmdetection_box_training(3)).boxes.shape() == Shape{0, 4});
}

TEST_CASE("box head: rows behind the regions have no part, no regions cost nothing") {
    const BoxHeadCase data;
    BoxHeadTraining training = mmdetection_box_training(3);
    training.sampling = {6, 0.5};
    const std::vector<RegionSample> samples = data.samples(training);
    const std::array<Tensor, 2> inputs = region_inputs(samples, 8);
    CHECK(inputs[0].shape() == Shape{24, 4});
    CHECK(inputs[1].data<std::int32_t>()[0] == 6);
    CHECK(std::equal(inputs[0].data<float>() + 24, inputs[0].data<float>() + 48, samples[1].boxes.data<float>()));
    CHECK_THROWS_WITH_AS(region_inputs(samples, 5), "region_inputs: picture 0 has more regions than the 5 that the graph takes", ArgumentError);
    const std::array<Tensor, 2> objects = region_inputs(samples, 8, true);
    CHECK(objects[1].data<std::int32_t>()[1] == samples[1].positives);
    CHECK(objects[1].data<std::int32_t>()[2] == 0);

    const Tensor logits = random_tensor(Shape{24, 4}, 1), deltas = random_tensor(Shape{24, 12}, 2);
    const auto first_rows = [](const Tensor& tensor) { return Tensor(Shape{18, tensor.shape()[1]}, DType::f32, tensor.raw(), nullptr); };
    const BoxHeadLoss padded = box_head_loss(logits, deltas, samples, training), exact = box_head_loss(first_rows(logits), first_rows(deltas), samples, training);
    CHECK(padded.classification == exact.classification);
    CHECK(padded.boxes == exact.boxes);
    CHECK(equal(first_rows(padded.by_logits), exact.by_logits));
    for (std::int64_t i = 72; i < 96; ++i) CHECK(padded.by_logits.data<float>()[i] == 0);
    const BoxHeadLoss none = box_head_loss(logits, deltas, {}, training);
    CHECK(none.classification == 0);
    CHECK(greatest(none.by_logits) + greatest(none.by_deltas) == 0);
    CHECK_THROWS_WITH_AS(box_head_loss(first_rows(logits), random_tensor(Shape{18, 8}, 1), samples, training), "box_head_loss: deltas must be float32 [18 regions or more, 12], got float32 [18, 8]", ShapeError);
    CHECK_THROWS_WITH_AS(sample_regions(tensor_of(Shape{1, 4}, {0, 0, INFINITY, 1}), {}, training), "sample_regions: box 0 of the proposals is 0.000000 0.000000 inf 1.000000; it must be finite", ArgumentError);
}

TEST_CASE("cascade: refined regions are decoded, clipped, and go where a rule says so") {
    BoxHeadTraining training = mmdetection_cascade_training(3, 0);
    training.sampling.count = 0;
    const Truth2d truth{tensor_of(Shape{1, 4}, {10, 10, 30, 30}), integers({1})};
    const std::vector<RegionSample> samples{sample_regions(tensor_of(Shape{2, 4}, {10, 10, 30, 34, 60, 40, 80, 60}), truth, training)};
    const Tensor deltas = tensor_of(Shape{3, 4}, {0, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0}), info = tensor_of(Shape{1, 4}, {50, 70, 1, 1});
    const auto refined = [&](bool truths, bool empty) { return refined_regions(samples, deltas, training.coder, info, truths, empty)[0]; };
    CHECK(equal(refined(false, false), tensor_of(Shape{3, 4}, {10, 10, 30, 30, 12, 10, 32, 34, 70, 40, 70, 50})));
    CHECK(equal(refined(true, true), tensor_of(Shape{1, 4}, {12, 10, 32, 34})));
    CHECK(mmdetection_cascade_training(3, 1).assigner.positive == 0.6f);
    CHECK(detectron2_cascade_training(3, 2).coder.stds[2] == doctest::Approx(1 / 15.0));
    CHECK(detectron2_cascade_training(3, 1).sampling.count == 0);
    CHECK_THROWS_AS(detectron2_cascade_training(3, 3), ArgumentError);
}

TEST_CASE("mask head: targets are mmdetection's, detectron2's and torchvision's, loss and gradient torchvision's") {
    const BoxHeadCase data;
    BoxHeadTraining training = mmdetection_box_training(3);
    training.sampling.count = 0;
    const std::vector<RegionSample> samples = data.samples(training);
    const auto targets_of = [&](MaskTargetRule rule) {
        std::vector<Tensor> targets;
        for (std::size_t i = 0; i < 3; ++i) targets.push_back(mask_targets(samples[i], data.masks[i], 10, rule));
        return targets;
    };
    const auto error = [&](MaskTargetRule rule, const std::string& name) {
        std::vector<float> all;
        for (const Tensor& picture : targets_of(rule)) all.insert(all.end(), picture.data<float>(), picture.data<float>() + picture.numel());
        return relative_error(tensor_of(Shape{std::int64_t(all.size()) / 100, 10, 10}, all), data.file.at("masks/" + name));
    };
    CHECK(error(MaskTargetRule::mmdetection, "mmdetection") == 0);
    CHECK(error(MaskTargetRule::detectron2, "detectron2") == 0);
    CHECK(error(MaskTargetRule::torchvision, "torchvision") < 1e-6);  // orders of sums in float32

    const Loss loss = mask_loss(data.file.at("masks/logits"), samples, targets_of(MaskTargetRule::torchvision));
    CHECK(loss.value == doctest::Approx(data.file.at("masks/loss").data<double>()[0]).epsilon(2e-6));
    CHECK(relative_error(loss.gradient, data.file.at("masks/by_logits")) < 2e-6);
}

TEST_CASE("mask head: bitmaps under detectron2's rule, one mask for all classes, nothing to show") {
    const BoxHeadCase data;
    BoxHeadTraining training = detectron2_box_training(3);
    training.sampling.count = 0;
    const std::vector<RegionSample> samples = data.samples(training);
    std::vector<TruthMask> bitmaps = data.masks[0];
    for (TruthMask& mask : bitmaps) mask.polygons.clear();
    CHECK(equal(mask_targets(samples[0], bitmaps, 8, MaskTargetRule::detectron2), mask_targets(samples[0], data.masks[0], 8, MaskTargetRule::mmdetection)));
    CHECK(mask_targets(samples[2], {}, 8, MaskTargetRule::mmdetection).shape() == Shape{0, 8, 8});

    const std::vector<Tensor> targets{mask_targets(samples[0], bitmaps, 8, MaskTargetRule::mmdetection)};
    const std::int64_t rows = samples[0].positives;
    const Loss loss = mask_loss(Tensor::zeros(Shape{rows + 2, 1, 8, 8}), {samples[0]}, targets);
    CHECK(loss.value == doctest::Approx(std::log(2.0)));
    for (std::int64_t i = 0; i < rows * 64; ++i) CHECK(loss.gradient.data<float>()[i] == doctest::Approx((0.5 - double(targets[0].data<float>()[i])) / double(rows * 64)));
    CHECK(loss.gradient.data<float>()[rows * 64] == 0);
    const Loss quarter = mask_loss(Tensor::zeros(Shape{rows + 2, 1, 8, 8}), {samples[0]}, targets, 0.25);
    CHECK(quarter.value == doctest::Approx(0.25 * std::log(2.0)));
    CHECK(quarter.gradient.data<float>()[0] == doctest::Approx(0.25 * double(loss.gradient.data<float>()[0])));
    CHECK(mask_loss(Tensor::zeros(Shape{0, 3, 8, 8}), {samples[2]}, {Tensor(Shape{0, 8, 8}, DType::f32)}).value == 0);
    std::vector<TruthMask> rings = data.masks[0];
    for (TruthMask& mask : rings) mask.bitmap = {};
    CHECK(equal(mask_targets(samples[0], rings, 8, MaskTargetRule::mmdetection), mask_targets(samples[0], rings, 8, MaskTargetRule::detectron2)));  // no region is narrower than a pixel
    CHECK_THROWS_AS(mask_targets(samples[0], rings, 8, MaskTargetRule::torchvision), ArgumentError);
    bitmaps[0] = {};
    CHECK_THROWS_WITH_AS(mask_targets(samples[0], bitmaps, 8, MaskTargetRule::mmdetection), "mask_targets: truth 0 has no bitmap; draw its rings into one of the picture's size (coco_truths)", ArgumentError);
    CHECK_THROWS_AS(mask_targets(samples[0], {}, 8, MaskTargetRule::mmdetection), ShapeError);
    CHECK_THROWS_AS(mask_targets(samples[0], bitmaps, 0, MaskTargetRule::mmdetection), ArgumentError);
    CHECK_THROWS_WITH_AS(mask_loss(Tensor::zeros(Shape{1, 1, 8, 8}), {samples[0]}, targets),
                         doctest::Contains("mask_loss: logits must be float32 ["), ShapeError);
}
