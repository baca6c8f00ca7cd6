// Dynamic voxels, averaging pillar nets and suppression of centres as operations of a graph, on both backends.
#include <algorithm>
#include <cmath>

#include <doctest/doctest.h>

#include <regulus/cpu.hpp>
#include <regulus/graph/kernels/circle_nms.hpp>
#include <regulus/layers/pillars.hpp>

#include "graph3d/golden_op.hpp"
#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

Tensor counts_of(const std::vector<std::int32_t>& counts) {
    Tensor tensor(Shape{std::int64_t(counts.size())}, DType::i32);
    std::copy(counts.begin(), counts.end(), tensor.data<std::int32_t>());
    return tensor;
}

/// The graph's outputs by the reference backend and by the CPU backend.
std::vector<Outputs> on_both(const Graph& graph, const Weights& weights, const std::vector<Tensor>& inputs) {
    Context context;
    CompileOptions options;
    options.threads = 2;
    return {run(graph, weights, inputs), Program(CpuBackend{}, graph, weights, options).run(context, inputs)};
}

/// A head of one class and one anchor at (0, 0) whose diagonal is 1, so that deltas are places: the picture's channels are its score, deltas, directions.
struct Head {
    static constexpr int code = 7, channels = 1 + code + 2;
    Graph graph;
    Candidates3d list;

    Head() {
        graph.name = "head";
        const Scope scope(graph);
        const ValueId image = record::image_input(graph, channels);
        ops::AnchorGrid3d anchors;
        anchors.ranges = {{0, 0, 0, 0, 0, 0}};
        anchors.sizes = {{1, 0, 1}};
        anchors.rotations = {0};
        list = record::anchor_candidates3d(scope / "list", ops::TopK{1000, 0.f, 1}, ops::DecodeBoxes3d{anchors, 1, code}, select("logits", 1, image), select("deltas", code, image), select("directions", 2, image));
    }
    /// Weights that pick the channels one after the other.
    static Weights weights() {
        Weights weights;
        int first = 0;
        for (const auto& [name, out] : {std::pair<const char*, int>{"logits.weight", 1}, {"deltas.weight", code}, {"directions.weight", 2}}) {
            Tensor tensor = Tensor::zeros(Shape{out, channels, 1, 1});
            for (int i = 0; i < out; ++i) tensor.data<float>()[i * channels + first + i] = 1.f;
            weights.add(name, tensor);
            first += out;
        }
        return weights;
    }

private:
    ValueId select(const char* name, int out, ValueId image) {
        ops::Conv2d op;
        op.in_channels = channels;
        op.out_channels = out;
        return record::conv2d(Scope(graph) / name, op, image);
    }
};

inline constexpr PillarGrid small_grid{{0, 0, -1, 8, 6, 3}, {1, 1, 4}, 5, 40};

}  // namespace

TEST_CASE("dynamic voxelisation as an operation: mmcv's cells, for each cloud of a batch") {
    REGULUS_REQUIRE_SHARED(golden_op_path("voxelize.json"));
    const GoldenOp golden("voxelize");
    int checked = 0;
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        if (one.find_array("in_points") == nullptr || one.find_array("out_dynamic") == nullptr) continue;
        const Tensor& points = one.array("in_points");
        const std::int64_t count = points.shape()[0], features = points.shape()[1];
        ops::DynamicVoxelize op;
        const std::vector<float> range = one.floats("range"), size = one.floats("voxel_size");
        std::copy(range.begin(), range.end(), op.grid.range.begin());
        std::copy(size.begin(), size.end(), op.grid.voxel_size.begin());
        op.grid.features = int(features);
        op.grid.strict = false;
        Graph graph;
        graph.name = "cells";
        const std::vector<ValueId> inputs = record::points_input(graph, int(features));
        graph.outputs = {{"cells", record::dynamic_voxelize(Scope(graph) / "cells", op, inputs[0], inputs[1])}};
        Tensor batch = Tensor::zeros(Shape{2 * count + 7, features});  // more room than points
        std::copy_n(points.data<float>(), points.numel(), batch.data<float>());
        std::copy_n(points.data<float>(), points.numel(), batch.data<float>() + points.numel());
        std::vector<std::int32_t> expected = one.integers("out_dynamic");
        expected.insert(expected.end(), expected.begin(), expected.begin() + 3 * count);
        for (const Outputs& outputs : on_both(graph, {}, {batch, counts_of({std::int32_t(count), std::int32_t(count)})})) {
            const Tensor& cells = outputs["cells"];
            REQUIRE(cells.shape() == Shape{2 * count, 3});
            CHECK(std::equal(expected.begin(), expected.end(), cells.data<std::int32_t>()));
        }
        ++checked;
    }
    CHECK(checked == 11);
}

TEST_CASE("dynamic voxelisation as a layer: the cells that pillars have") {
    Graph graph;
    graph.name = "both";
    const Scope scope(graph);
    const std::vector<ValueId> inputs = record::points_input(graph, 4);
    const Points<4> cloud{&graph, inputs[0], inputs[1]};
    const auto pillars = Voxelizer<small_grid>{}(scope / "pillars", cloud);
    const auto cells = DynamicVoxelizer<small_grid>{}(scope / "cells", cloud);
    graph.outputs = {{"order", pillars.order}, {"first", pillars.first}, {"number", pillars.number}, {"pillars", pillars.cells}, {"cells", cells.id}};
    CHECK(graph.find_label("point_cells") == cells.id);
    const Tensor points = random_tensor(Shape{60, 4}, 1, -0.9, 7.5);
    for (const Outputs& outputs : on_both(graph, {}, {points, counts_of({60})})) {
        const auto integers = [&](const char* name) { return outputs[name].data<std::int32_t>(); };
        std::int64_t stored = 0;
        for (std::int64_t pillar = 0; pillar < outputs["first"].numel(); ++pillar) {
            for (std::int32_t i = 0; i < integers("number")[pillar]; ++i, ++stored) {
                const std::int32_t point = integers("order")[integers("first")[pillar] + i];
                CHECK(std::equal(integers("pillars") + 3 * pillar, integers("pillars") + 3 * pillar + 3, integers("cells") + 3 * point));
            }
        }
        CHECK(stored > 10);
    }
}

TEST_CASE("averaging pillar net: the sum over all slots by the number of points, on both backends") {
    Graph graph;
    graph.name = "net";
    const Scope scope(graph);
    const std::vector<ValueId> inputs = record::points_input(graph, 4);
    const auto pillars = Voxelizer<small_grid>{}(scope / "pillars", Points<4>{&graph, inputs[0], inputs[1]});
    const auto net = AveragingPillarNet<small_grid, PillarCentre::instead, 6>{}(scope / "net", pillars);
    graph.outputs = {{"features", net.id}, {"number", pillars.number}, {"order", pillars.order}, {"first", pillars.first}, {"cells", pillars.cells}};
    const Weights weights = random_weights(graph, 4);
    const Tensor points = random_tensor(Shape{90, 4}, 1, -0.9, 5.5);
    const auto value = [&](const char* part, std::int64_t i) { return double(weights.find(std::string("net.1.") + part)->data<float>()[i]); };
    for (const Outputs& outputs : on_both(graph, weights, {points, counts_of({90})})) {
        const Tensor& features = outputs["features"];
        REQUIRE(features.shape()[0] > 20);
        double worst = 0;
        for (std::int64_t pillar = 0; pillar < features.shape()[0]; ++pillar) {
            const std::int32_t number = outputs["number"].data<std::int32_t>()[pillar], *order = outputs["order"].data<std::int32_t>() + outputs["first"].data<std::int32_t>()[pillar];
            const std::int32_t* const cell = outputs["cells"].data<std::int32_t>() + 3 * pillar;
            double mean[3] = {};
            for (int axis = 0; axis < 3; ++axis) {
                for (int i = 0; i < number; ++i) mean[axis] += double(points.data<float>()[4 * order[i] + axis]) / number;
            }
            for (int o = 0; o < 6; ++o) {
                double sum = 0;
                for (int slot = 0; slot < small_grid.max_points; ++slot) {
                    double product = 0;
                    for (int k = 0; slot < number && k < 10; ++k) {
                        const float* const point = points.data<float>() + 4 * order[slot];
                        const int axis = k < 3 ? k : k == 3 ? 3 : (k - 4) % 3;
                        const double centre = axis == 3 ? 0 : axis == 2 ? 1.0 : cell[2 - axis] + 0.5;
                        const double from = axis == 3 ? 0 : k >= 4 && k < 7 ? mean[axis] : centre;
                        product += (double(point[axis]) - from) * value("weight", 10 * o + k);
                    }
                    sum += std::max(0.0, (product - value("norm.running_mean", o)) / std::sqrt(value("norm.running_var", o) + 1e-5) * value("norm.weight", o) + value("norm.bias", o));
                }
                worst = std::max(worst, std::abs(sum / number - double(features.data<float>()[6 * pillar + o])));
            }
        }
        CHECK(worst < 1e-5);  // sums of up to five values of order ten in float32
    }
}

TEST_CASE("circle_nms as an operation: mmdetection3d's keep lists, on both backends") {
    REGULUS_REQUIRE_SHARED(golden_op_path("circle_nms.json"));
    const GoldenOp golden("circle_nms");
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const Tensor& rows = one.array("in_dets");
        const std::int64_t count = rows.shape()[0];
        Head head;
        ops::CircleNms op;
        op.code = Head::code;
        op.squared_radius = float(one.number("threshold"));
        op.limit = int(one.number("post_max_size"));
        const std::vector<ValueId> kept = record::circle_nms(Scope(head.graph) / "nms", op, {head.list});
        head.graph.outputs = {{"boxes", kept[0]}, {"scores", kept[1]}, {"labels", kept[2]}, {"count", kept[3]}};
        Tensor picture = Tensor::zeros(Shape{2, Head::channels, 1, count});  // the second cloud: the same, its scores falling the other way round
        const auto at = [&](std::int64_t cloud, int channel, std::int64_t i) -> float& { return picture.data<float>()[(cloud * Head::channels + channel) * count + i]; };
        for (std::int64_t cloud = 0; cloud < 2; ++cloud) {
            for (std::int64_t i = 0; i < count; ++i) {
                at(cloud, 0, i) = (cloud == 0 ? 6.f : -6.f) * rows.data<float>()[3 * i + 2];
                at(cloud, 1, i) = rows.data<float>()[3 * i];
                at(cloud, 2, i) = rows.data<float>()[3 * i + 1];
            }
        }
        const std::vector<std::int32_t> expected = one.integers("out_keep");
        const std::vector<Outputs> both = on_both(head.graph, Head::weights(), {picture});
        for (const Outputs& outputs : both) {
            REQUIRE(outputs["count"].data<std::int32_t>()[0] == std::int32_t(expected.size()));
            for (std::size_t i = 0; i < expected.size(); ++i) {
                const float* const box = outputs["boxes"].data<float>() + Head::code * std::int64_t(i);
                CHECK(box[0] == rows.data<float>()[3 * expected[i]]);
                CHECK(box[1] == rows.data<float>()[3 * expected[i] + 1]);
            }
            CHECK(outputs["boxes"].shape()[0] == outputs["count"].data<std::int32_t>()[0] + outputs["count"].data<std::int32_t>()[1]);
        }
        CHECK(equal(both[0]["boxes"], both[1]["boxes"]));
        CHECK(equal(both[0]["count"], both[1]["count"]));
        CHECK(relative_error(both[1]["scores"], both[0]["scores"]) < 1e-6);
    }
}

TEST_CASE("circle_nms: labels play no part, equal scores stand in the order of the lists, NaN scores are dropped, places that are none neither go nor take") {
    const float nan = std::nanf("");
    const std::vector<float> boxes{0, 0, 1, 0, 9, 9, nan, 0, 5, 5}, scores{0.5f, 0.5f, nan, 0.9f, 0.4f};
    const std::vector<std::int32_t> labels{0, 1, 2, 3, 4};
    const kernels::CandidateList3d<float> list{boxes.data(), scores.data(), labels.data(), nullptr, 5};
    ops::CircleNms op;
    op.code = 2;
    op.squared_radius = 1;
    std::vector<kernels::Ranked3d<float>> ranked(5);
    std::vector<float> kept_boxes(2 * 83), kept_scores(83);
    std::vector<std::int32_t> kept(83);
    kept.resize(std::size_t(kernels::circle_nms(op, &list, 1, ranked.data(), kept_boxes.data(), kept_scores.data(), kept.data())));
    CHECK(kept == std::vector<std::int32_t>{3, 0, 4});
}

TEST_CASE("new operations say what they are, and refuse inputs that make no sense") {
    ops::DynamicVoxelize cells;
    cells.grid.range = {0, 0, 0, 8, 6, 4};
    cells.grid.voxel_size = {1, 1, 2};
    CHECK(describe(cells) == "the cell of each point among 8x6x2");
    CHECK(describe(ops::CircleNms{}) == "suppression of centres over 1 list, squared distance 4, at most 83");
    CHECK(std::string(kind_of(ops::CircleNms{})) == "circle_nms");
    const auto shapes = [](const Operation& op, const std::vector<Shape>& inputs) { return infer_outputs(Node{op, "x", {}, {}, {}}, inputs, {}); };
    CHECK(shapes(cells, {Shape{10, 4}, Shape{1}})[0] == Shape{10, 3});
    CHECK_THROWS_AS(shapes(cells, {Shape{10, 5}, Shape{1}}), ShapeError);
    CHECK_THROWS_AS(shapes(ops::CircleNms{}, {Shape{1, 10, 9}, Shape{1, 10}, Shape{1, 10}, Shape{1}}), ShapeError);
    CHECK_THROWS_AS(shapes(ops::CircleNms{}, {Shape{1, 10, 7}}), ShapeError);
}
