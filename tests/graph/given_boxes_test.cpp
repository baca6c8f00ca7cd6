// A detector's masks of boxes that are given instead of found.
#include <doctest/doctest.h>

#include <regulus/cpu.hpp>
#include <regulus/graph/passes.hpp>

#include "graph/detector_graphs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

constexpr int limit = 12;

struct Scene {
    Graph whole = recorded<SmallMaskRcnn>(), given = with_given_boxes(whole, limit);
    Weights weights = detector_weights(whole, 3);
    Tensor image = random_tensor(Shape{2, 3, 64, 96}, 5), info = Tensor(Shape{2, 4}, DType::f32);
    Tensor boxes = Tensor::zeros(Shape{2 * limit, 4}, DType::f32), labels = Tensor::zeros(Shape{2 * limit}, DType::i32), counts = Tensor::zeros(Shape{2}, DType::i32);

    Scene() {
        for (int i = 0; i < 2; ++i) {
            float* const row = info.data<float>() + 4 * i;
            row[0] = 64, row[1] = float(96 - 16 * i), row[2] = row[3] = 1;
        }
    }
    void give(std::int64_t row, const float* box, std::int32_t label) {
        std::copy_n(box, 4, boxes.data<float>() + 4 * row);
        labels.data<std::int32_t>()[row] = label;
    }
    template <class BackendType>
    Outputs run_on(const BackendType& backend, const Graph& graph) const {
        Context context;
        std::vector<Tensor> inputs{image, info};
        if (graph.inputs.size() > 2) inputs.insert(inputs.end(), {boxes, labels, counts});
        return Program(backend, graph, weights).run(context, inputs);
    }
};

template <class BackendType>
void check_own_boxes(const BackendType& backend) {
    Scene scene;
    const Outputs found = scene.run_on(backend, scene.whole);
    const std::int64_t rows = found["boxes"].shape()[0];
    REQUIRE(found["count"].data<std::int32_t>()[0] > 2);
    REQUIRE(found["count"].data<std::int32_t>()[1] > 2);
    for (std::int64_t row = 0; row < rows; ++row) scene.give(row, found["boxes"].data<float>() + 4 * row, found["labels"].data<std::int32_t>()[row]);
    std::copy_n(found["count"].data<std::int32_t>(), 2, scene.counts.data<std::int32_t>());
    const Outputs again = scene.run_on(backend, scene.given);
    for (const char* name : {"boxes", "scores", "labels", "count", "masks"}) CHECK(equal(again[name], found[name]));

    // Of the first picture only its third box, as class 4; of the second its first two, exchanged.
    Scene few;
    const std::int64_t second = found["count"].data<std::int32_t>()[0];
    few.give(0, found["boxes"].data<float>() + 4 * 2, found["labels"].data<std::int32_t>()[2]);
    few.give(1, found["boxes"].data<float>() + 4 * (second + 1), found["labels"].data<std::int32_t>()[second + 1]);
    few.give(2, found["boxes"].data<float>() + 4 * second, found["labels"].data<std::int32_t>()[second]);
    few.counts.data<std::int32_t>()[0] = 1;
    few.counts.data<std::int32_t>()[1] = 2;
    const Tensor masks = few.run_on(backend, few.given)["masks"];
    REQUIRE(masks.shape() == Shape{3, 28, 28});
    const std::int64_t from[] = {2, second + 1, second};
    for (std::int64_t i = 0; i < 3; ++i) {
        float largest = 0;
        for (std::int64_t k = 0; k < 784; ++k) largest = std::max(largest, std::abs(masks.data<float>()[784 * i + k] - found["masks"].data<float>()[784 * from[i] + k]));
        CHECK(largest < 1e-5f);  // a block of other rows may add up in another order
    }
    Scene none;
    CHECK(none.run_on(backend, none.given)["masks"].numel() == 0);
    CHECK(equal(none.run_on(backend, none.given)["boxes"], found["boxes"]));
}

}  // namespace

TEST_CASE("given boxes: the masks of a detector's own boxes are its masks, those of some of them the same, of none none; what it finds stays") {
    check_own_boxes(ReferenceBackend{});
    check_own_boxes(CpuBackend{});
}

TEST_CASE("given boxes: classes that there are not, too many boxes and numbers that are not finite are refused") {
    Scene scene;
    const float box[] = {1, 2, 30, 40};
    scene.give(0, box, 5);
    scene.counts.data<std::int32_t>()[0] = 1;
    CHECK_THROWS_WITH_AS(scene.run_on(ReferenceBackend{}, scene.given), "run: classes of proposals are 0 .. 4, proposal 0 has 5", ArgumentError);
    scene.give(0, box, -1);
    CHECK_THROWS_WITH_AS(scene.run_on(ReferenceBackend{}, scene.given), "run: classes of proposals are 0 .. 4, proposal 0 has -1", ArgumentError);
    scene.give(0, box, 0);
    scene.counts.data<std::int32_t>()[1] = limit + 1;
    CHECK_THROWS_AS(scene.run_on(ReferenceBackend{}, scene.given), ArgumentError);
    scene.counts.data<std::int32_t>()[1] = -1;
    CHECK_THROWS_AS(scene.run_on(ReferenceBackend{}, scene.given), ArgumentError);
    scene.counts.data<std::int32_t>()[1] = 0;
    scene.boxes.data<float>()[2] = std::nanf("");
    CHECK_THROWS_AS(scene.run_on(ReferenceBackend{}, scene.given), ArgumentError);
    scene.boxes.data<float>()[2] = 3e38f;  // finite: a box of which the picture is a small part
    CHECK(scene.run_on(ReferenceBackend{}, scene.given)["masks"].shape() == Shape{1, 28, 28});
}

TEST_CASE("given boxes: graphs that are no detectors and detectors of boxes alone are refused") {
    Graph bare;
    bare.name = "bare";
    CHECK_THROWS_WITH_AS(with_given_boxes(bare, 3), "given boxes: \"bare\" is no detector: it has no output \"boxes\"", ArgumentError);
    CHECK_THROWS_WITH_AS(with_given_boxes(recorded<FasterRcnn<RegNet<regnetx_200mf>, 16, 5, small_sizes>>(), 3), "given boxes: \"faster_rcnn\" makes neither masks nor keypoints of its boxes", ArgumentError);
}
