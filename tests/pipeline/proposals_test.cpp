// Boxes given beside the pictures: as inputs of a graph, and how a detector makes them from boxes of the picture as read.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <regulus/cpu.hpp>
#include <regulus/pipeline/any_detector.hpp>
#include <regulus/reference.hpp>

#include "graph/detector_graphs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Those of a Faster R-CNN that a Fast R-CNN has too.
Weights without_proposals(const Weights& weights) {
    Weights rest;
    for (const Weights::Entry& entry : weights.entries()) {
        if (entry.name.compare(0, 4, "rpn.") != 0) rest.add(entry.name, entry.tensor);
    }
    return rest;
}

Weights fast_weights() { return without_proposals(detector_weights(recorded<SmallFasterRcnn>(), 5)); }

Image gradient(std::int64_t height, std::int64_t width) {
    Image image(height, width);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = std::uint8_t(i * 7 + i / 97 * 31);
    return image;
}

PreparedBatch batch_of(const std::vector<std::vector<float>>& infos) {
    PreparedBatch batch;
    batch.image_info = Tensor(Shape{std::int64_t(infos.size()), 4}, DType::f32);
    for (std::size_t i = 0; i < infos.size(); ++i) std::copy(infos[i].begin(), infos[i].end(), batch.image_info.data<float>() + 4 * i);
    return batch;
}

}  // namespace

TEST_CASE("given proposals: those that a Faster R-CNN makes give a Fast R-CNN of the same weights its detections, on two pictures") {
    Graph faster = recorded<SmallFasterRcnn>();
    faster.values[std::size_t(faster.values[std::size_t(faster.find_label("proposals"))].count)].label = "proposal_count";
    const Graph fast = recorded<SmallFastRcnn>();
    const Weights weights = detector_weights(faster, 5);
    std::vector<Tensor> inputs{random_tensor(Shape{2, 3, 64, 96}, 8), whole_pictures(2, 64, 96)};
    inputs[1].data<float>()[4] = 50;  // the second picture ends above the padding
    const auto check = [&](const Backend& backend) {
        Context context;
        const Outputs whole = Program(backend, faster, weights, {.threads = 2, .extra_outputs = {"proposals", "proposal_count"}}).run(context, inputs);
        const Tensor& boxes = whole["proposals"];
        REQUIRE(boxes.shape()[0] > 20);
        Tensor given = Tensor::zeros(Shape{2 * small_sizes.proposals, 4});
        std::copy(boxes.data<float>(), boxes.data<float>() + boxes.numel(), given.data<float>());
        const Outputs part = Program(backend, fast, without_proposals(weights), {.threads = 2}).run(context, {inputs[0], inputs[1], given, whole["proposal_count"]});
        REQUIRE(whole["boxes"].shape()[0] > 0);
        for (const auto& [name, tensor] : part.entries()) {
            if (tensor.dtype() == DType::f32) CHECK(relative_error(tensor, whole[name]) <= 1e-6);  // the same sums
            else CHECK(equal(tensor, whole[name]));
        }
    };
    check(CpuBackend{});
    check(ReferenceBackend{});
}

TEST_CASE("given proposals: none on one picture of two, or on all, is no error") {
    const Graph graph = recorded<SmallFastRcnn>();
    Tensor given = Tensor::zeros(Shape{2 * small_sizes.proposals, 4}), count = Tensor::zeros(Shape{2}, DType::i32);
    const float box[] = {5, 6, 40, 50};
    std::copy(box, box + 4, given.data<float>());
    const std::vector<Tensor> pictures{random_tensor(Shape{2, 3, 64, 96}, 8), whole_pictures(2, 64, 96)};
    for (const int first : {1, 0}) {
        count.data<std::int32_t>()[0] = first;
        Context context;
        const Outputs cpu = Program(CpuBackend{}, graph, fast_weights()).run(context, {pictures[0], pictures[1], given, count});
        const Outputs reference = Program(ReferenceBackend{}, graph, fast_weights()).run(context, {pictures[0], pictures[1], given, count});
        CHECK(cpu["count"].data<std::int32_t>()[1] == 0);
        CHECK(equal(cpu["count"], reference["count"]));
        if (first == 0) CHECK(cpu["boxes"].numel() == 0);
        else CHECK(relative_error(cpu["boxes"], reference["boxes"]) <= 1e-3);
    }
}

TEST_CASE("given proposals: wrong shapes, counts and numbers are refused by name") {
    const Graph graph = recorded<SmallFastRcnn>();
    CHECK(describe(graph.nodes[2].operation) == "boxes to look at, at most 40 a picture");
    CHECK(describe(graph.nodes[3].operation) == "how many boxes each picture has");
    const Program program(ReferenceBackend{}, graph, fast_weights());
    Context context;
    const std::vector<Tensor> pictures{random_tensor(Shape{1, 3, 32, 32}, 8), whole_pictures(1, 32, 32)};
    const auto run = [&](const Tensor& boxes, std::int32_t number) {
        Tensor count(Shape{1}, DType::i32);
        count.data<std::int32_t>()[0] = number;
        program.run(context, {pictures[0], pictures[1], boxes, count});
    };
    Tensor boxes = Tensor::zeros(Shape{40, 4});
    CHECK_NOTHROW(run(boxes, 40));
    CHECK_THROWS_WITH_AS(run(Tensor::zeros(Shape{39, 4}), 1), "run: input \"proposals\" must be float32 [40, 4], got float32 [39, 4]", ShapeError);
    CHECK_THROWS_AS(run(Tensor::zeros(Shape{40, 5}), 1), ShapeError);
    CHECK_THROWS_AS(run(Tensor::zeros(Shape{40, 4}, DType::i32), 1), ShapeError);
    CHECK_THROWS_WITH_AS(run(boxes, 41), "run: a picture has 0 .. 40 proposals, picture 0 has 41", ArgumentError);
    CHECK_THROWS_WITH_AS(run(boxes, -1), "run: a picture has 0 .. 40 proposals, picture 0 has -1", ArgumentError);
    for (const float odd : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        boxes.data<float>()[14] = odd;
        CHECK_THROWS_WITH_AS(run(boxes, 4), "run: a coordinate of proposal 3 is not finite", ArgumentError);
        CHECK_NOTHROW(run(boxes, 3));  // what is behind the counts is not looked at
    }
    CHECK_THROWS_AS(program.run(context, pictures), ShapeError);
    ops::Input none{ops::Input::Role::proposals, 4, 0};
    CHECK_THROWS_WITH_AS(infer_outputs({none, "proposals", {}, {0}, {}}, {}, {1, 32, 32}), "shape of \"proposals\": a picture needs room for one proposal at least", ShapeError);
}

TEST_CASE("prepare_proposals: boxes go the way of their picture, are clipped to it, and empty ones give their place to the next") {
    const PreparedBatch batch = batch_of({{50, 80, 0.5f, 0.25f}, {60, 60, 1, 1}});  // height and width after resizing; factors of height and width
    const std::vector<ProposalList> lists{{{8, 4, 40, 20}, {-16, -8, 400, 10}, {320, 0, 400, 50}, {5, 30, 5, 40}, {0, 0, 4, 2}, {1, 1, 2, 2}}, {{70, 0, 80, 10}, {1, 2, 3, 4}}};
    const auto [boxes, counts] = prepare_proposals(lists, batch, 3);
    CHECK(boxes.shape() == Shape{6, 4});
    CHECK(counts.data<std::int32_t>()[0] == 3);
    CHECK(counts.data<std::int32_t>()[1] == 1);
    const std::vector<float> expected{2, 2, 10, 10, 0, 0, 80, 5, 0, 0, 1, 1, 1, 2, 3, 4};  // packed: the second picture's follow
    CHECK(std::vector<float>(boxes.data<float>(), boxes.data<float>() + 16) == expected);
    CHECK(std::count(boxes.data<float>() + 16, boxes.data<float>() + 24, 0.f) == 8);
    CHECK_THROWS_WITH_AS(prepare_proposals(std::vector<ProposalList>(1), batch, 3), "proposals: expected a list for each of 2 pictures, got 1", ShapeError);
    const std::vector<ProposalList> odd{{}, {{1, 2, 3, 4}, {1, std::nanf(""), 3, 4}}};
    CHECK_THROWS_WITH_AS(prepare_proposals(odd, batch, 3), "proposals: box 1 of picture 1 is not finite", ArgumentError);
}

TEST_CASE("detector: given boxes are taken in pixels of the picture as read; the wrong kind of call is refused") {
    const Graph graph = recorded<SmallFastRcnn>();
    CHECK(proposal_limit(graph) == 40);
    CHECK(proposal_limit(recorded<SmallFasterRcnn>()) == 0);
    ModelFacts facts;
    facts.preprocessing.long_side = facts.preprocessing.short_side = 64;
    const AnyDetector fast(CpuBackend{}, graph, fast_weights(), facts), faster(CpuBackend{}, recorded<SmallFasterRcnn>(), detector_weights(recorded<SmallFasterRcnn>(), 5), facts);
    const Image picture = gradient(128, 192);
    const ProposalList boxes{{10, 20, 100, 90}, {60, 10, 190, 120}};
    const DetectionList found = fast(picture, boxes);
    REQUIRE(found.size() > 0);

    // By hand, with the factors of this picture.
    const PreparedBatch batch = preprocess(picture, facts.preprocessing);
    const float* info = batch.image_info.data<float>();
    Tensor given = Tensor::zeros(Shape{40, 4}), count(Shape{1}, DType::i32);
    for (std::size_t k = 0; k < 2; ++k) {
        for (std::size_t j = 0; j < 4; ++j) given.data<float>()[4 * k + j] = boxes[k][j] * info[j % 2 == 0 ? 3 : 2];
    }
    count.data<std::int32_t>()[0] = 2;
    Context context;
    const Outputs outputs = fast.program().run(context, {batch.input, batch.image_info, given, count});
    REQUIRE(outputs["scores"].numel() == std::int64_t(found.size()));
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i].score == outputs["scores"].data<float>()[i]);

    CHECK(fast(picture, ProposalList{}).empty());
    CHECK(fast(std::vector<Image>{picture, picture}, std::vector<ProposalList>{{}, boxes})[1].size() == found.size());
    CHECK_THROWS_WITH_AS(fast(picture), "detector: fast_rcnn looks into given boxes; call it with a list of them for each picture", ArgumentError);
    CHECK_THROWS_WITH_AS(faster(picture, boxes), "detector: faster_rcnn proposes its own boxes; call it with pictures alone", ArgumentError);
    CHECK_THROWS_AS(fast(std::vector<Image>{picture, picture}, std::vector<ProposalList>{boxes}), ShapeError);
}
