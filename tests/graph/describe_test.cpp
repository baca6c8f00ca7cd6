// Shapes, costs and words of operations.
#include <doctest/doctest.h>

#include <set>
#include <utility>
#include <variant>
#include <vector>

#include <regulus/graph/describe.hpp>

#include "graph/detector_graphs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

template <std::size_t... Which>
std::vector<Operation> all_operations(std::index_sequence<Which...>) {
    return {Operation{std::variant_alternative_t<Which, Operation>{}}...};
}

const std::vector<Operation> every_operation = all_operations(std::make_index_sequence<std::variant_size_v<Operation>>{});

}  // namespace

TEST_CASE("every operation has its own short name and a sentence") {
    std::set<std::string> names;
    for (const Operation& operation : every_operation) {
        names.insert(kind_of(operation));
        CHECK_FALSE(describe(operation).empty());
    }
    CHECK(names.size() == every_operation.size());
}

TEST_CASE("describe: the sentence of a convolution says what differs from the plain one") {
    ops::Conv2d op;
    op.in_channels = op.out_channels = 432;
    op.kernel = 3;
    CHECK(describe(op) == "3x3 convolution, 432 -> 432");
    op.stride = 2;
    op.groups = 9;
    op.norm = op.residual = true;
    op.activation = Activation::relu;
    CHECK(describe(op) == "3x3 convolution, 432 -> 432, stride 2, 9 groups, batch norm folded, plus residual, relu");
}

TEST_CASE("shapes: a window is counted where it fits whole, on odd sizes and one pixel") {
    RandomNumbers numbers(3);
    for (int round = 0; round < 200; ++round) {
        ops::Conv2d op;
        op.in_channels = op.out_channels = 1;
        op.kernel = 1 + numbers.below(7);
        op.stride = 1 + numbers.below(4);
        op.padding = numbers.below(4);
        op.dilation = 1 + numbers.below(3);
        const int length = 1 + numbers.below(20);
        int fit = 0;  // by trying every place
        for (int at = -op.padding; at + op.dilation * (op.kernel - 1) < length + op.padding; at += op.stride) ++fit;
        const Node node{op, "conv", {0}, {1}, {}};
        if (fit == 0) CHECK_THROWS_AS(infer_outputs(node, {Shape{1, 1, length, length}}, {}), ShapeError);
        else CHECK(infer_outputs(node, {Shape{1, 1, length, length}}, {})[0] == Shape{1, 1, fit, fit});
    }
}

TEST_CASE("shapes: windows without size or step, and groups that do not divide the channels, are refused") {
    ops::Conv2d op;
    op.in_channels = op.out_channels = 6;
    const std::vector<Shape> map{Shape{1, 6, 9, 9}};
    CHECK(infer_outputs({op, "conv", {0}, {1}, {}}, map, {})[0] == map[0]);
    for (int ops::Conv2d::*field : {&ops::Conv2d::kernel, &ops::Conv2d::stride, &ops::Conv2d::dilation, &ops::Conv2d::groups}) {
        ops::Conv2d wrong = op;
        wrong.*field = 0;
        CHECK_THROWS_AS(infer_outputs({wrong, "conv", {0}, {1}, {}}, map, {}), ShapeError);
    }
    op.groups = 4;
    CHECK_THROWS_AS(infer_outputs({op, "conv", {0}, {1}, {}}, map, {}), ShapeError);
}

TEST_CASE("shapes: an error names the node, what it needs and what it got") {
    ops::Conv2d op;
    op.in_channels = 8;
    op.out_channels = 8;
    op.kernel = 3;
    const Node node{op, "s1.b1.a", {0}, {1}, {}};
    CHECK_THROWS_WITH_AS(infer_outputs(node, {Shape{1, 4, 9, 9}}, {}), "shape of \"s1.b1.a\" (conv2d): expected 8 channels, got [1, 4, 9, 9]", ShapeError);
    CHECK_THROWS_WITH_AS(infer_outputs(node, {Shape{1, 8, 2, 9}}, {}), "shape of \"s1.b1.a\" (conv2d): expected a map that holds one 3x3 window, got [1, 8, 2, 9]", ShapeError);
    const Node sum{ops::Add{}, "sum", {0, 0}, {1}, {}};
    CHECK_THROWS_WITH_AS(infer_outputs(sum, {Shape{1, 8, 2, 2}, Shape{1, 8, 2, 3}}, {}), "shape of \"sum\" (add): expected two equal shapes, the left one [1, 8, 2, 2], got [1, 8, 2, 3]", ShapeError);
    CHECK_THROWS_AS(infer_shapes(recorded<SmallMaskRcnn>(), {1, 0, 64}), ShapeError);
    CHECK_THROWS_AS(infer_shapes(recorded<SmallMaskRcnn>(), {-1, 64, 64}), ShapeError);
}

TEST_CASE("shapes: the bounds of a detector's lists and rows follow from picture and batch") {
    const Graph graph = recorded<SmallMaskRcnn>();
    const std::vector<Shape> shapes = infer_shapes(graph, {3, 64, 96});
    const auto shape = [&](const char* label) { return shapes[std::size_t(graph.find_label(label))]; };
    CHECK(shape("C2") == Shape{3, 24, 16, 24});
    CHECK(shape("proposals") == Shape{3 * 40, 4});
    CHECK(shape("roi_feats") == Shape{3 * 40, 16, 7, 7});
    CHECK(shape("class_logits") == Shape{3 * 40, 6});
    CHECK(shape("mask_logits") == Shape{3 * 12, 5, 28, 28});
}

TEST_CASE("cost: multiply-adds and parameters of a grouped convolution and a linear layer") {
    ops::Conv2d op;
    op.in_channels = 6;
    op.out_channels = 4;
    op.kernel = 3;
    op.padding = 1;
    op.stride = 2;
    op.groups = 2;
    op.bias = true;
    const Graph graph = graph_of(6, [&](Graph& g, ValueId image) {
        ops::Linear linear;
        linear.in_features = 4 * 4 * 5;
        linear.out_features = 7;
        return record::linear(Scope(g) / "fc", linear, record::conv2d(Scope(g) / "conv", op, image));
    });
    const std::vector<Shape> shapes = infer_shapes(graph, {2, 7, 10});
    const Cost conv = cost_of(graph, graph.nodes[1], shapes), linear = cost_of(graph, graph.nodes[2], shapes);
    CHECK(conv.macs == 2 * 4 * 4 * 5 * 3 * 9);
    CHECK(conv.parameters == 4 * 3 * 9 + 4);
    CHECK(conv.bytes_read == 4 * 2 * 6 * 7 * 10);
    CHECK(conv.bytes_written == 4 * 2 * 4 * 4 * 5);
    CHECK(linear.macs == 2 * 80 * 7);
    CHECK(graph.parameter_count() == 4 * 3 * 9 + 4 + 80 * 7 + 7);
}

TEST_CASE("summary: a line a node, then the sums") {
    const Graph graph = recorded<SmallMaskRcnn>();
    const std::string text = summary(graph, {1, 64, 96});
    CHECK(std::count(text.begin(), text.end(), '\n') == std::ptrdiff_t(graph.nodes.size()) + 3);
    CHECK(text.find("RoIAlign 14x14 from 4 levels") != std::string::npos);
    CHECK(text.find("multiply-adds (bounded counts taken as full)") != std::string::npos);
}
