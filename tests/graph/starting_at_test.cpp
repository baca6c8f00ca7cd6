// The part of a network behind one of its maps.
#include <doctest/doctest.h>

#include <regulus/graph/passes.hpp>
#include <regulus/zoo/zoo.hpp>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

ops::Conv2d three_by_three(int in, int out) {
    ops::Conv2d op;
    op.in_channels = in;
    op.out_channels = out;
    op.kernel = 3;
    op.padding = 1;
    return op;
}

/// image -> a -> b -> y, and beside it z, which needs both the image and b.
Graph network() {
    Graph graph = graph_of(3, [](Graph& g, ValueId image) {
        const ValueId a = record::conv2d(Scope(g) / "a", three_by_three(3, 4), image);
        g.values[std::size_t(a)].label = "a";
        const ValueId b = record::conv2d(Scope(g) / "b", three_by_three(4, 3), a);
        g.values[std::size_t(b)].label = "b";
        return record::conv2d(Scope(g) / "c", three_by_three(3, 2), b);
    });
    graph.outputs.emplace_back("z", record::add(Scope(graph) / "z", graph.find_label("b"), graph.inputs[0]));
    return graph;
}

Graph only(Graph graph, std::size_t output) {
    graph.outputs = {graph.outputs[output]};
    return graph;
}

}  // namespace

TEST_CASE("starting_at: what a network makes of a map is what its part makes of that map, with no other parameters") {
    const Graph whole = network(), part = starting_at(only(whole, 0), "a", 4);
    REQUIRE(part.inputs.size() == 1);
    Weights all = random_weights(whole, 1), few;
    for (const Node& node : part.nodes) {
        for (const Parameter& parameter : node.parameters) few.add(parameter.name, *all.find(parameter.name));
    }
    CHECK(few.size() == 2);
    const Tensor picture = random_tensor(Shape{2, 3, 7, 5}, 2);
    const Outputs expected = run(with_outputs(whole, {"a"}), all, {picture});
    CHECK(equal(run(part, few, {expected["a"]})["y"], expected["y"]));
}

TEST_CASE("starting_at: the picture itself is a map") {
    const Graph whole = with_outputs(network(), {"image"}), part = starting_at(whole, "image", 3);
    CHECK(part.inputs == whole.inputs);
    CHECK(part.nodes.size() == whole.nodes.size());
}

TEST_CASE("starting_at: sizes of pictures stay an input where boxes need them") {
    const Graph part = starting_at(recorded(find_model(zoo_models(), "retinanet_r50_fpn_1x_coco")), "C3", 512);
    REQUIRE(part.inputs.size() == 2);
    const std::vector<Shape> shapes = infer_shapes(part, {1, 100, 152});
    CHECK(shapes[std::size_t(part.inputs[0])] == Shape{1, 512, 100, 152});
    CHECK(shapes[std::size_t(part.inputs[1])] == Shape{1, 4});
    CHECK(shapes[std::size_t(part.find_label("cls_logits.4"))] == Shape{1, 720, 7, 10});
}

TEST_CASE("starting_at: unknown labels, values that are no maps and parts that need more are refused") {
    CHECK_THROWS_WITH_AS(starting_at(network(), "q", 4), "from: \"test\" has no value labelled \"q\"", ArgumentError);
    CHECK_THROWS_WITH_AS(starting_at(network(), "a", 4), "from: what \"test\" does behind \"a\" needs more than that map; ask for other outputs", ArgumentError);
    Graph points;
    points.name = "points";
    const std::vector<ValueId> inputs = record::points_input(points, 4);
    points.outputs = {{"points", inputs[0]}};
    CHECK_THROWS_WITH_AS(starting_at(points, "points", 4), "from: \"points\" of \"points\" is no map", ArgumentError);
}
