// The keypoint head: cells and losses by hand and by differences, points of a data set by the loaders' rules, a whole detector down the slope.
#include <cmath>

#include <doctest/doctest.h>

#include <regulus/train/coco_truths.hpp>
#include <regulus/train/keypoint_loss.hpp>
#include <regulus/zoo/class_names.hpp>

#include "reference/graph_support.hpp"
#include "train/dense_support.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

std::vector<std::int32_t> values_of(const Tensor& tensor) { return {tensor.data<std::int32_t>(), tensor.data<std::int32_t>() + tensor.numel()}; }

/// Two truths of a picture, of which the first is in two regions; a third region is background.
RegionSample three_regions() {
    BoxHeadTraining training = detectron2_box_training(1);
    training.sampling.count = 0;
    training.truths = TruthRegions::none;
    const Truth2d truth{tensor_of(Shape{2, 4}, {10, 20, 38, 48, 60, 60, 90, 90}), integers({0, 0})};
    return sample_regions(tensor_of(Shape{4, 4}, {10, 20, 38, 48, 0, 0, 5, 5, 12, 20, 40, 48, 60, 60, 88, 88}), truth, training);
}

}  // namespace

TEST_CASE("keypoints: a target is the cell of the region that holds the point, the last edges included") {
    const RegionSample regions = three_regions();
    REQUIRE(regions.positives == 3);
    const Tensor points = tensor_of(Shape{2, 4, 3}, {10, 20, 2, 38, 48, 1, 24.5f, 21.1f, 2, 11, 30, 2,  //
                                                     61, 61, 2, 70, 89, 2, 59.9f, 70, 2, 70, 70, 0});
    // 28 pixels are 56 cells: half a pixel each.
    const std::vector<std::int32_t> expected{0, 55 * 56 + 55, 2 * 56 + 29, 20 * 56 + 2,  //
                                             -1, 55 * 56 + 52, 2 * 56 + 25, -1,          //
                                             2 * 56 + 2, -1, -1, -1};
    CHECK(values_of(keypoint_targets(regions, points, 56)) == expected);
    CHECK(values_of(keypoint_targets(regions, points, 1)) == std::vector<std::int32_t>{0, 0, 0, 0, -1, 0, 0, -1, 0, -1, -1, -1});
    CHECK_THROWS_WITH_AS(keypoint_targets(regions, Tensor::zeros(Shape{1, 4, 3}), 56), "keypoint_targets: keypoints must be float32 [truths, points, 3] for all truths of the regions, got float32 [1, 4, 3]", ShapeError);
    CHECK_THROWS_AS(keypoint_targets(regions, Tensor(), 56), ShapeError);
    CHECK_THROWS_AS(keypoint_targets(regions, points, 0), ArgumentError);
    RegionSample flat = regions;
    flat.boxes = tensor_of(Shape{4, 4}, {24, 20, 24, 48, 0, 0, 5, 5, 12, 20, 40, 48, 60, 60, 88, 88});
    CHECK(values_of(keypoint_targets(flat, points, 56))[0] == -1);  // no width
}

TEST_CASE("keypoints: the loss is the mean over labelled points, its gradient that of differences; others have no part") {
    const std::vector<Tensor> targets{integers({3, -1, 8, 0}).reshaped(Shape{2, 2}), Tensor(Shape{0, 2}, DType::i32), integers({-1, -1}).reshaped(Shape{1, 2})};
    const Tensor logits = random_tensor(Shape{5, 2, 3, 3}, 4, -2, 2);
    const Loss loss = keypoint_loss(logits, targets);
    double expected = 0;
    for (const auto& [map, cell] : {std::pair{0, 3}, std::pair{2, 8}, std::pair{3, 0}}) {
        double sum = 0;
        for (int i = 0; i < 9; ++i) sum += std::exp(double(logits.data<float>()[9 * map + i]));
        expected += std::log(sum) - double(logits.data<float>()[9 * map + cell]);
    }
    CHECK(loss.value == doctest::Approx(expected / 3).epsilon(1e-12));
    for (std::int64_t i = 0; i < logits.numel(); ++i) {
        const float step = 1.f / 256;
        const auto moved = [&](float by) {
            Tensor other = logits.clone();
            other.data<float>()[i] += by;
            return std::pair{keypoint_loss(other, targets).value, double(other.data<float>()[i])};
        };
        const auto up = moved(step), down = moved(-step);
        const double slope = (up.first - down.first) / (up.second - down.second);
        CHECK(std::abs(double(loss.gradient.data<float>()[i]) - slope) < 2e-6);  // the third derivative is below 1, times step^2 / 6
    }
    CHECK(keypoint_loss(logits, targets, 12).value == doctest::Approx(expected / 12));  // detectron2's static normaliser
    const Loss none = keypoint_loss(logits, {targets[2]});
    CHECK(none.value == 0);
    CHECK(greatest(none.gradient) == 0);
    CHECK(keypoint_loss(Tensor(Shape{0, 2, 3, 3}, DType::f32), {targets[1]}).value == 0);
    CHECK_THROWS_WITH_AS(keypoint_loss(random_tensor(Shape{2, 2, 3, 3}, 1), targets), "keypoint_loss: logits must be float32 [3 regions or more, points, side, side], got float32 [2, 2, 3, 3]", ShapeError);
    CHECK_THROWS_AS(keypoint_loss(random_tensor(Shape{5, 3, 3, 3}, 1), targets), ShapeError);
    CHECK_THROWS_AS(keypoint_loss(logits, {integers({9, 0}).reshaped(Shape{1, 2})}), ArgumentError);
}

TEST_CASE("keypoints: left and right ones change places in a mirror") {
    CHECK(mirrored_keypoints(coco_person_keypoints()) == std::vector<int>{0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15});
    CHECK(mirrored_keypoints({"tip", "end"}) == std::vector<int>{0, 1});
    CHECK_THROWS_WITH_AS(mirrored_keypoints({"left_eye", "nose"}), "mirrored_keypoints: \"left_eye\" has no \"right_eye\" beside it", ArgumentError);
}

TEST_CASE("coco truths: keypoints follow the picture by detectron2's and torchvision's rules; pictures of too few are left out") {
    CocoDataset dataset;
    dataset.images = {{1, 60, 40, "a.jpg"}, {2, 60, 40, "b.jpg"}};
    dataset.categories.push_back({5, "person", {}});
    const auto add = [&](std::int64_t image, std::vector<double> keypoints) {
        CocoAnnotation annotation;
        annotation.id = std::int64_t(dataset.annotations.size()) + 1;
        annotation.image_id = image;
        annotation.category_id = 5;
        annotation.bbox = {4, 4, 20, 30};
        annotation.area = 600;
        annotation.keypoints = std::move(keypoints);
        dataset.annotations.push_back(annotation);
    };
    add(1, {10, 20, 2, 59.5, 30, 1, 60, 5, 2, 0, 0, 0});
    add(1, {});
    add(2, {1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    const std::vector<int> mirrored{0, 2, 1, 3};
    const PictureSize twice{80, 120};
    const auto points = [&](TruthRule rule, bool flipped) { return CocoTruths(dataset, {5}, rule).truth(0, {twice, flipped}, false, mirrored).keypoints; };
    // Pixel 10 has its centre at 10.5; 60.5 is beyond the right edge.
    CHECK(equal(points(TruthRule::detectron2, false), tensor_of(Shape{2, 4, 3}, {21, 41, 2, 120, 61, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})));
    CHECK(equal(points(TruthRule::detectron2, true), tensor_of(Shape{2, 4, 3}, {99, 41, 2, 0, 0, 0, 0, 61, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})));
    CHECK(equal(points(TruthRule::torchvision, false), tensor_of(Shape{2, 4, 3}, {20, 40, 2, 119, 60, 1, 120, 10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})));
    CHECK(equal(points(TruthRule::torchvision, true), tensor_of(Shape{2, 4, 3}, {100, 40, 2, 0, 10, 2, 1, 60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})));
    CHECK(CocoTruths(dataset, {5}, TruthRule::detectron2).truth(0, {twice}).keypoints.empty());

    CHECK(CocoTruths(dataset, {5}, TruthRule::detectron2, 1).pictures().size() == 2);
    CHECK(CocoTruths(dataset, {5}, TruthRule::torchvision, 3).pictures() == std::vector<std::size_t>{0});
    const CocoTruths truths(dataset, {5}, TruthRule::detectron2);
    CHECK_THROWS_WITH_AS(truths.truth(0, {twice}, false, {0, 1}), "coco truths: annotation 1 has 4 keypoints, expected 2", ArgumentError);
    CHECK_THROWS_AS(truths.truth(0, {twice}, false, {0, 1, 2, 4}), ArgumentError);
}
