// Targets and losses of a dense 3D head against mmdetection3d's, and the rules of assignment that its cases do not reach.
#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include <regulus/train/anchor3d_loss.hpp>

#include "graph3d/golden_op.hpp"
#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

/// A case of targets_and_losses: two clouds, two levels.
struct Head {
    Anchor3dTraining training;
    Anchor3dLossSettings settings;
    std::vector<ops::AnchorGrid3d> grids;
    std::vector<Anchor3dMaps> maps;
    std::vector<Truth3d> truths;

    explicit Head(const GoldenOpCase& one) {
        const Json& head = *one.find("head");
        const auto number = [](const Json& json, const char* key) { return number_of(*json.find(key)); };
        training.classes = int(number(head, "num_classes"));
        training.code = int(number(*head.find("bbox_coder"), "code_size"));
        training.direction_offset = float(number(head, "dir_offset"));
        const Json& config = *head.find("train_cfg");
        training.code_weights = floats_of(config.find("code_weight"));
        const Json& assigner = *config.find("assigner");
        training.assigner = {float(number(assigner, "pos_iou_thr")), float(number(assigner, "neg_iou_thr")), float(number(assigner, "min_pos_iou"))};
        settings.focal = {number(*head.find("loss_cls"), "gamma"), number(*head.find("loss_cls"), "alpha")};
        settings.beta = number(*head.find("loss_bbox"), "beta");
        settings.classification = number(*head.find("loss_cls"), "loss_weight");
        settings.boxes = number(*head.find("loss_bbox"), "loss_weight");
        settings.directions = number(*head.find("loss_dir"), "loss_weight");
        const Json& generator = *head.find("anchor_generator");
        for (const float scale : floats_of(generator.find("scales"))) {
            ops::AnchorGrid3d grid;
            const auto copy = [](const Json& list, auto& to) {
                for (const Json& row : *list.array()) {
                    const std::vector<float> numbers = floats_of(&row);
                    std::copy(numbers.begin(), numbers.end(), to.emplace_back().begin());
                }
            };
            copy(*generator.find("ranges"), grid.ranges);
            copy(*generator.find("sizes"), grid.sizes);
            grid.rotations = floats_of(generator.find("rotations"));
            grid.scale = scale;
            const std::string level = std::to_string(grids.size());
            grids.push_back(grid);
            maps.push_back({one.array("in_cls" + level), one.array("in_reg" + level), one.array("in_dir" + level)});
        }
        for (const char* cloud : {"0", "1"}) truths.push_back({one.array(std::string("in_gt") + cloud), one.array(std::string("in_labels") + cloud)});
    }

    Tensor anchors() const {
        std::vector<float> all;
        for (std::size_t level = 0; level < grids.size(); ++level) {
            const Tensor rows = anchors3d(grids[level], maps[level].logits.shape()[2], maps[level].logits.shape()[3], training.code);
            all.insert(all.end(), rows.data<float>(), rows.data<float>() + rows.numel());
        }
        return tensor_of(Shape{std::int64_t(all.size()) / training.code, training.code}, all);
    }
};

/// Elements [first, first + count) of a target against the golden array's of one cloud.
template <class T>
double target_error(const Tensor& target, std::int64_t first, const Tensor& golden, std::int64_t cloud) {
    const std::int64_t count = golden.numel() / golden.shape()[0];
    return largest_difference(target.data<T>() + first, golden.data<T>() + cloud * count, count);
}

Tensor boxes_of(const std::vector<float>& numbers) { return tensor_of(Shape{std::int64_t(numbers.size()) / 7, 7}, numbers); }

}  // namespace

TEST_CASE("anchor targets: labels, weights, deltas and directions are mmdetection3d's") {
    REGULUS_REQUIRE_SHARED(golden_op_path("targets_and_losses.json"));
    const GoldenOp golden("targets_and_losses");
    REQUIRE(golden.cases().size() == 2);
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const Head head(one);
        const Tensor anchors = head.anchors();
        std::int64_t positives = 0, negatives = 0;
        for (std::size_t cloud = 0; cloud < 2; ++cloud) {
            const Anchor3dTargets targets = anchor3d_targets(anchors, head.truths[cloud], head.training);
            positives += std::max<std::int64_t>(targets.positives, 1);
            negatives += std::max<std::int64_t>(targets.negatives, 1);
            std::int64_t first = 0;
            for (const char* level : {"0", "1"}) {
                const auto array = [&](const char* name) -> const Tensor& { return one.array(std::string("out_") + name + level); };
                const std::int64_t c = std::int64_t(cloud), code = head.training.code;
                CHECK(target_error<std::int32_t>(targets.labels, first, array("labels"), c) == 0);
                CHECK(target_error<float>(targets.label_weights, first, array("label_weights"), c) == 0);
                CHECK(target_error<float>(targets.deltas, first * code, array("targets"), c) < 1e-5);
                CHECK(target_error<float>(targets.delta_weights, first * code, array("target_weights"), c) == 0);
                CHECK(target_error<std::int32_t>(targets.directions, first, array("dir_targets"), c) == 0);
                CHECK(target_error<float>(targets.direction_weights, first, array("dir_weights"), c) == 0);
                first += array("labels").shape()[1];
            }
            CHECK(first == anchors.shape()[0]);
        }
        CHECK(positives == std::int64_t(one.number("total_positives")));
        CHECK(negatives == std::int64_t(one.number("total_negatives")));
    }
}

TEST_CASE("anchor loss: the three losses of each level and the gradients by all maps are mmdetection3d's") {
    REGULUS_REQUIRE_SHARED(golden_op_path("targets_and_losses.json"));
    const GoldenOp golden("targets_and_losses");
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const Head head(one);
        const std::vector<Anchor3dLoss> losses = anchor3d_loss(head.grids, head.maps, head.truths, head.training, head.settings);
        REQUIRE(losses.size() == 2);
        for (std::size_t level = 0; level < 2; ++level) {
            CAPTURE(level);
            // The peer sums float32; its values carry errors of 1e-6 relative.
            const auto expected = [&](const char* part) { return double(floats_of(one.find("losses")->find(part))[level]); };
            CHECK(std::abs(losses[level].classification - expected("loss_cls")) < 1e-5 * (1 + expected("loss_cls")));
            CHECK(std::abs(losses[level].boxes - expected("loss_bbox")) < 1e-5 * (1 + expected("loss_bbox")));
            CHECK(std::abs(losses[level].directions - expected("loss_dir")) < 1e-5);
            const auto error = [&](const Tensor& gradient, const char* part) {
                const Tensor& wanted = one.array(std::string("out_grad_") + part + std::to_string(level));
                REQUIRE(gradient.shape() == wanted.shape());
                return largest_difference(gradient.data<float>(), wanted.data<float>(), wanted.numel());
            };
            CHECK(error(losses[level].gradient.logits, "cls") < 1e-5);
            CHECK(error(losses[level].gradient.deltas, "reg") < 1e-5);
            CHECK(error(losses[level].gradient.directions, "dir") < 1e-5);
        }
    }
}

TEST_CASE("assignment: thresholds, forced anchors, later truths first, nothing to assign") {
    // Unit squares in a row; a truth shifted by s shares (1 - s) / (1 + s) with its square.
    const Tensor anchors = boxes_of({0, 0, 0, 1, 1, 1, 0, 2, 0, 0, 1, 1, 1, 0, 4, 0, 0, 1, 1, 1, 0, 6, 0, 0, 1, 1, 1, 0, 9, 0, 0, 1, 1, 1, 0});
    const auto assign = [&](const std::vector<float>& truth) { return assign_anchors3d(anchors, boxes_of(truth)); };
    // 0.67: positive. 0.43 and its best: forced. 0.25: not even that.
    CHECK(assign({0.2f, 0, 0, 1, 1, 1, 0, 2.4f, 0, 0, 1, 1, 1, 0, 4.6f, 0, 0, 1, 1, 1, 0}) == std::vector<std::int32_t>{0, 1, -1, -1, -1});
    // Two truths have one best anchor: the later one gets it.
    CHECK(assign({2.4f, 0, 0, 1, 1, 1, 0, 2.1f, 0, 0, 1, 1, 1, 0}) == std::vector<std::int32_t>{-1, 1, -1, -1, -1});
    // What stays between the thresholds is left out.
    CHECK(assign_anchors3d(boxes_of({0, 0, 0, 1, 1, 1, 0, 0.2f, 0, 0, 1, 1, 1, 0}), boxes_of({-0.2f, 0, 0, 1, 1, 1, 0})) == std::vector<std::int32_t>{0, ignored_box});
    // Halfway between two anchors both are its best.
    const Tensor near = boxes_of({0, 0, 0, 1, 1, 1, 0, 0.5f, 0, 0, 1, 1, 1, 0});
    CHECK(assign_anchors3d(near, boxes_of({0.25f, 0, 0, 1, 1, 1, 0})) == std::vector<std::int32_t>{0, 0});
    // Equal truths: the anchor's own choice is the first, the second takes it.
    CHECK(assign({0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0})[0] == 1);
    CHECK(assign_anchors3d(anchors, Tensor(Shape{0, 7}, DType::f32)) == std::vector<std::int32_t>(5, background_box));
    CHECK(assign_anchors3d(Tensor(Shape{0, 7}, DType::f32), anchors).empty());
    // Boxes count as turned to the nearest axis.
    CHECK(assign_anchors3d(boxes_of({0, 0, 0, 4, 1, 1, 1.57f}), boxes_of({0, 0, 0, 1, 4, 1, 0.3f}))[0] == 0);
}

TEST_CASE("assignment: of many anchors the best are found wherever they stand, by any number of threads") {
    constexpr std::int64_t count = 50000;  // threads share blocks of 16384
    Tensor anchors = Tensor::zeros(Shape{count, 7});
    const auto place = [&](std::int64_t i, float x) {
        const float box[] = {x, 0, 0, 1, 1, 1, 0};
        std::copy_n(box, 7, anchors.data<float>() + 7 * i);
    };
    for (std::int64_t i = 0; i < count; ++i) place(i, 1000);
    place(3, 0.5f), place(20000, 0.5f), place(49999, -0.5f);    // equally good for a truth at 0: a third
    place(16383, 10.7f), place(16384, 10.5f), place(40000, 10.6f);  // the second one is better for a truth at 10
    const Tensor truth = boxes_of({0, 0, 0, 1, 1, 1, 0, 10, 0, 0, 1, 1, 1, 0});
    std::vector<std::int32_t> expected(count, background_box);
    expected[3] = expected[20000] = expected[49999] = 0;
    expected[16384] = 1;
    for (const int threads : {1, 2, 3, 8}) {
        CAPTURE(threads);
        CHECK(assign_anchors3d(anchors, truth, {0.6f, 0.35f, 0.3f}, threads) == expected);
    }
}

TEST_CASE("assignment: each class has its own anchors, and its own thresholds") {
    // Two cells of two sizes, two rotations each: squares of 2 and of 4 m.
    std::vector<float> anchors;
    for (const float x : {0.f, 10.f}) {
        for (const float side : {2.f, 4.f}) {
            for (const float yaw : {0.f, 1.57f}) anchors.insert(anchors.end(), {x, 0, 0, side, side, 1, yaw});
        }
    }
    Anchor3dTraining training;
    training.classes = 2;
    training.code = 7;
    training.by_class = {{0.7f, 0.4f, 0.5f}, {0.5f, 0.2f, 0.2f}};
    const auto labels = [&](const std::vector<float>& boxes, const std::vector<std::int32_t>& classes) {
        Tensor of(Shape{std::int64_t(classes.size())}, DType::i32);
        std::copy(classes.begin(), classes.end(), of.data<std::int32_t>());
        const Anchor3dTargets targets = anchor3d_targets(boxes_of(anchors), {boxes_of(boxes), of}, training);
        std::vector<std::int32_t> given(targets.labels.data<std::int32_t>(), targets.labels.data<std::int32_t>() + 8);
        for (std::size_t i = 0; i < 8; ++i) given[i] = targets.label_weights.data<float>()[i] == 0 ? -1 : given[i];  // left out
        return given;
    };
    // A square of 4 m fits the second size alone, and only its own class's anchors take it: 4 / 16 with the first size is background for class 0, and not even that is asked for class 1.
    CHECK(labels({0, 0, 0, 4, 4, 1, 0}, {1}) == std::vector<std::int32_t>{2, 2, 1, 1, 2, 2, 2, 2});
    CHECK(labels({0, 0, 0, 4, 4, 1, 0}, {0}) == std::vector<std::int32_t>(8, 2));
    // Shifted by 1 of 2 m: a third, below class 0's negative. By 0.6: 0.54, left out, but the truth takes its best. Both classes at once, the truth of class 1 named first.
    CHECK(labels({1, 0, 0, 2, 2, 1, 0}, {0}) == std::vector<std::int32_t>(8, 2));
    CHECK(labels({0.6f, 0, 0, 2, 2, 1, 0}, {0}) == std::vector<std::int32_t>{0, 0, 2, 2, 2, 2, 2, 2});
    CHECK(labels({11, 0, 0, 4, 4, 1, 0, 0, 0, 0, 2, 2, 1, 0}, {1, 0}) == std::vector<std::int32_t>{0, 0, 2, 2, 2, 2, 1, 1});
    // Between the thresholds, beside a better one of the same class.
    CHECK(labels({0, 0, 0, 2, 2, 1, 0, 10.6f, 0, 0, 2, 2.4f, 1, 0, 10.5f, 0, 0, 2, 2, 1, 0}, {0, 0, 0})[4] == 0);

    training.rotations = 3;
    CHECK_THROWS_WITH_AS(labels({0, 0, 0, 4, 4, 1, 0}, {1}), "anchor targets: 2 assigners by class and 3 rotations do not fit 2 classes and 8 anchors", ArgumentError);
    training.rotations = 2;
    training.by_class.pop_back();
    CHECK_THROWS_AS(labels({0, 0, 0, 4, 4, 1, 0}, {1}), ArgumentError);
}

namespace {

/// Unit cubes, in four rows of four.
ops::AnchorGrid3d unit_grid() {
    ops::AnchorGrid3d grid;
    grid.ranges = {{0, 0, 0, 4, 4, 0}};
    grid.sizes = {{1, 1, 1}};
    return grid;
}

Anchor3dTraining two_classes() {
    Anchor3dTraining training;
    training.classes = 2;
    training.code = 7;
    return training;
}

}  // namespace

TEST_CASE("anchor loss: clouds without objects count as one object, and only their anchors' scores are wrong") {
    const ops::AnchorGrid3d grid = unit_grid();
    const Anchor3dTraining training = two_classes();
    const Anchor3dMaps maps{Tensor::zeros(Shape{2, 4, 4, 4}), random_tensor(Shape{2, 14, 4, 4}, 1), random_tensor(Shape{2, 4, 4, 4}, 2)};
    const Truth3d nothing{Tensor(Shape{0, 7}, DType::f32), Tensor(Shape{0}, DType::i32)};
    const Anchor3dLoss loss = anchor3d_loss({grid}, {maps}, {nothing, nothing}, training)[0];
    CHECK(loss.classification == doctest::Approx(2 * 64 * 0.75 * 0.25 * std::log(2.0) / 2));
    CHECK(loss.boxes == 0);
    CHECK(loss.directions == 0);
    CHECK(greatest(loss.gradient.deltas) == 0);
    CHECK(greatest(loss.gradient.directions) == 0);
}

TEST_CASE("anchor loss: the bits do not depend on the number of threads") {
    ops::AnchorGrid3d grid;
    grid.ranges = {{-32, -32, -1, 32, 32, -1}};
    grid.sizes = {{4, 2, 1.5f}, {1, 1, 2}};
    grid.rotations = {0, 1.57f};
    ops::AnchorGrid3d coarse = grid;
    coarse.scale = 2;
    Anchor3dTraining training = two_classes();
    training.code_weights = {1, 1, 1, 1, 1, 1, 0.5f};
    std::vector<Anchor3dMaps> maps;
    for (const std::int64_t side : {64, 32}) {
        maps.push_back({random_tensor(Shape{2, 8, side, side}, std::uint64_t(side)), random_tensor(Shape{2, 28, side, side}, std::uint64_t(side + 1)), random_tensor(Shape{2, 8, side, side}, std::uint64_t(side + 2))});
    }
    std::vector<Truth3d> truths{{boxes_of({3, 4, -1, 4.2f, 1.9f, 1.5f, 0.2f, -20, 11, -1, 1, 1.1f, 1.8f, 2, 8, -15, -1, 8, 4, 3, -1.4f}), Tensor::zeros(Shape{3}, DType::i32)},
                                {boxes_of({-9, -9, -1, 3.9f, 2, 1.4f, 1.6f}), Tensor::zeros(Shape{1}, DType::i32)}};
    truths[0].labels.data<std::int32_t>()[1] = 1;
    training.threads = 1;
    const std::vector<Anchor3dLoss> expected = anchor3d_loss({grid, coarse}, maps, truths, training);
    for (const int threads : {0, 2, 3, 8}) {
        CAPTURE(threads);
        training.threads = threads;
        const std::vector<Anchor3dLoss> losses = anchor3d_loss({grid, coarse}, maps, truths, training);
        for (std::size_t level = 0; level < 2; ++level) {
            CHECK(expected[level].boxes > 0);
            CHECK(losses[level].classification == expected[level].classification);
            CHECK(losses[level].boxes == expected[level].boxes);
            CHECK(losses[level].directions == expected[level].directions);
            CHECK(equal(losses[level].gradient.logits, expected[level].gradient.logits));
            CHECK(equal(losses[level].gradient.deltas, expected[level].gradient.deltas));
            CHECK(equal(losses[level].gradient.directions, expected[level].gradient.directions));
        }
    }
}

TEST_CASE("anchor loss: what does not fit is refused") {
    const ops::AnchorGrid3d grid = unit_grid();
    Anchor3dTraining training = two_classes();
    const Anchor3dMaps maps{Tensor::zeros(Shape{1, 4, 4, 4}), Tensor::zeros(Shape{1, 14, 4, 4}), Tensor::zeros(Shape{1, 4, 4, 4})};
    Truth3d truth{boxes_of({1, 1, 0, 1, 1, 1, 0}), Tensor::zeros(Shape{1}, DType::i32)};
    CHECK_NOTHROW(anchor3d_loss({grid}, {maps}, {truth}, training));
    CHECK_THROWS_WITH_AS(anchor3d_loss({grid}, {maps}, {truth, truth}, training), "anchor3d_loss: logits must be float32 [2, 4, 4, 4], got float32 [1, 4, 4, 4]", ShapeError);
    CHECK_THROWS_WITH_AS(anchor3d_loss({grid, grid}, {maps}, {truth}, training), "anchor3d_loss: 2 anchor grids, maps of 1 levels and 1 clouds; give as many grids as levels, and a cloud", ShapeError);
    truth.labels.data<std::int32_t>()[0] = 2;
    CHECK_THROWS_WITH_AS(anchor3d_loss({grid}, {maps}, {truth}, training), "anchor targets: truth 0 has the label 2, there are 2 classes", ArgumentError);
    truth.labels = Tensor::zeros(Shape{2}, DType::i32);
    CHECK_THROWS_WITH_AS(anchor3d_loss({grid}, {maps}, {truth}, training), "anchor targets: there are 1 truths, their labels are int32 [2]", ShapeError);
    truth.boxes = Tensor::zeros(Shape{1, 9});
    CHECK_THROWS_WITH_AS(anchor3d_loss({grid}, {maps}, {truth}, training), "anchor targets: truths must be float32 rows of 7 numbers, got float32 [1, 9]", ShapeError);
    training.by_class = {{}, {}};
    CHECK_THROWS_WITH_AS(anchor3d_loss({grid}, {maps}, {truth}, training), "anchor3d_loss: anchors of 1 sizes and 2 rotations, assigned by 2 classes and 2 rotations", ArgumentError);
    training.code_weights = {1, 1};
    CHECK_THROWS_WITH_AS(anchor3d_loss({grid}, {maps}, {truth}, training), "anchor3d_loss: 2 code weights for boxes of 7 numbers", ArgumentError);
}
