// Each pass alone: what it fuses, what it must leave, and that the numbers stay.
#include <doctest/doctest.h>

#include <regulus/graph/passes.hpp>

#include "graph/detector_graphs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

template <class Op>
int count_of(const Graph& graph) {
    return int(std::count_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) { return std::holds_alternative<Op>(node.operation); }));
}

ops::Conv2d conv_op(int channels = 4) {
    ops::Conv2d op;
    op.in_channels = op.out_channels = channels;
    op.kernel = 3;
    op.padding = 1;
    return op;
}

/// conv, norm, relu, conv, sum with the image, relu.
Graph block() {
    return graph_of(4, [](Graph& g, ValueId image) {
        const Scope scope(g);
        const ValueId a = record::batch_norm(scope / "norm", {4, 1e-3, Activation::none}, record::conv2d(scope / "a", conv_op(), image));
        const ValueId b = record::conv2d(scope / "b", conv_op(), record::activate(scope / "relu", Activation::relu, a));
        return record::activate(scope / "out", Activation::relu, record::add(scope / "sum", image, b));
    });
}

/// Producers, order and ids still fit together, and every input is made before it is read.
void check_consistent(const Graph& graph) {
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        for (const ValueId out : graph.nodes[id].outputs) CHECK(graph.values[std::size_t(out)].producer == NodeId(id));
        for (const ValueId in : graph.nodes[id].inputs) CHECK(graph.values[std::size_t(in)].producer < NodeId(id));
    }
}

void check_same_numbers(const Graph& before, const Graph& after, const std::vector<Tensor>& inputs, double tolerance) {
    check_consistent(after);
    const Weights weights = random_weights(before, 77);
    const Outputs a = run(before, weights, inputs), b = run(after, weights, inputs);
    REQUIRE(a.entries().size() == b.entries().size());
    for (std::size_t i = 0; i < a.entries().size(); ++i) {
        CHECK(a.entries()[i].first == b.entries()[i].first);
        CHECK(relative_error(b.entries()[i].second, a.entries()[i].second) <= tolerance);
    }
}

const std::vector<Tensor> inputs{random_tensor(Shape{2, 4, 9, 7}, 1)};

}  // namespace

TEST_CASE("fold_batch_norm: the norm's parameters follow the convolution's") {
    const Graph before = block(), after = fold_batch_norm(before);
    CHECK(count_of<ops::BatchNorm>(after) == 0);
    const Node& conv = after.nodes[1];
    CHECK(std::get<ops::Conv2d>(conv.operation).norm);
    CHECK(std::get<ops::Conv2d>(conv.operation).norm_eps == 1e-3);
    std::vector<std::string> names;
    for (const Parameter& parameter : conv.parameters) names.push_back(parameter.name);
    CHECK(names == std::vector<std::string>{"a.weight", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"});
    CHECK(after.parameter_count() == before.parameter_count());
    check_same_numbers(before, after, inputs, 1e-6);
}

TEST_CASE("fuse_activation: a relu moves into the node before it, never into one that applies none") {
    const Graph before = block(), after = fuse_activation(before);
    CHECK(count_of<ops::Activate>(after) == 0);  // into the norm and into the sum
    check_same_numbers(before, after, inputs, 0);
    const Graph pooled = graph_of(4, [](Graph& g, ValueId image) {
        return record::activate(Scope(g) / "relu", Activation::relu, record::pool2d(Scope(g) / "pool", {ops::Pool2d::Kind::maximum, 2, 2, 0}, image));
    });
    CHECK(count_of<ops::Activate>(fuse_activation(pooled)) == 1);
}

TEST_CASE("fuse_residual: the earlier operand becomes the residual of the later convolution") {
    const Graph before = fuse_activation(block()), after = fuse_residual(before);
    CHECK(count_of<ops::Add>(after) == 0);
    const auto& conv = std::get<ops::Conv2d>(after.nodes.back().operation);
    CHECK(conv.residual);
    CHECK(conv.activation == Activation::relu);
    CHECK(after.nodes.back().inputs == std::vector<ValueId>{after.nodes.back().inputs[0], after.inputs[0]});
    check_same_numbers(before, after, inputs, 1e-6);
}

TEST_CASE("fuse_residual: x + x and a convolution with an activation stay") {
    const Graph twice = graph_of(4, [](Graph& g, ValueId image) {
        const ValueId y = record::conv2d(Scope(g) / "a", conv_op(), image);
        return record::add(Scope(g) / "sum", y, y);
    });
    CHECK(count_of<ops::Add>(fuse_residual(twice)) == 1);
    const Graph activated = graph_of(4, [](Graph& g, ValueId image) {
        ops::Conv2d op = conv_op();
        op.activation = Activation::relu;
        return record::add(Scope(g) / "sum", image, record::conv2d(Scope(g) / "a", op, image));
    });
    CHECK(count_of<ops::Add>(fuse_residual(activated)) == 1);
    check_same_numbers(twice, fuse_residual(twice), inputs, 0);
    check_same_numbers(activated, fuse_residual(activated), inputs, 0);
}

TEST_CASE("fuse_resize_add: the sum with the map that gives the size becomes one node, whichever side it is on") {
    for (const bool resized_first : {false, true}) {
        const Graph before = graph_of(4, [&](Graph& g, ValueId image) {
            const Scope scope(g);
            const ValueId coarse = record::pool2d(scope / "pool", {ops::Pool2d::Kind::maximum, 2, 2, 0}, image);
            const ValueId up = record::resize(scope / "up", {}, coarse, image);
            return resized_first ? record::add(scope / "sum", up, image) : record::add(scope / "sum", image, up);
        });
        const Graph after = fuse_resize_add(before);
        CHECK(count_of<ops::Add>(after) == 0);
        CHECK(std::get<ops::Resize>(after.nodes.back().operation).adds);
        check_same_numbers(before, after, inputs, 0);
    }
}

TEST_CASE("fuse_resize_add: a sum with another map than the one that gives the size stays") {
    const Graph before = graph_of(4, [](Graph& g, ValueId image) {
        const Scope scope(g);
        const ValueId coarse = record::pool2d(scope / "pool", {ops::Pool2d::Kind::maximum, 2, 2, 0}, image);
        return record::add(scope / "sum", record::activate(scope / "relu", Activation::relu, image), record::resize(scope / "up", {}, coarse, image));
    });
    CHECK(count_of<ops::Add>(fuse_resize_add(before)) == 1);
}

TEST_CASE("passes: a value that is an output, or that two nodes read, is never fused away") {
    Graph read_twice = graph_of(4, [](Graph& g, ValueId image) {
        const Scope scope(g);
        const ValueId conv = record::conv2d(scope / "a", conv_op(), image);
        return record::add(scope / "sum", record::batch_norm(scope / "norm", {4, 1e-5, Activation::none}, conv), record::activate(scope / "relu", Activation::relu, conv));
    });
    const Graph optimized = optimize(read_twice);
    CHECK(count_of<ops::BatchNorm>(optimized) == 1);
    CHECK(count_of<ops::Activate>(optimized) == 1);
    check_same_numbers(read_twice, optimized, inputs, 1e-6);

    Graph given_out = block();
    given_out.values[std::size_t(given_out.nodes[1].outputs[0])].label = "conv";
    given_out = with_outputs(given_out, {"conv"});
    CHECK(count_of<ops::BatchNorm>(optimize(given_out)) == 1);
    check_same_numbers(given_out, optimize(given_out), inputs, 1e-6);
}

TEST_CASE("with_outputs: adds labelled values under their label and refuses unknown labels") {
    Graph graph = block();
    graph.values[1].label = "a";
    CHECK(with_outputs(graph, {"a"}).outputs.back() == std::pair<std::string, ValueId>{"a", 1});
    CHECK_THROWS_WITH_AS(with_outputs(graph, {"b"}), "outputs: \"test\" has no value labelled \"b\"", ArgumentError);
}

TEST_CASE("remove_dead: drops what no output needs, keeps inputs and the counts of outputs") {
    Graph graph = block();
    record::activate(Scope(graph) / "unused", Activation::relu, graph.inputs[0]);
    record::image_info_input(graph);
    const Graph alive = remove_dead(graph);
    CHECK(alive.nodes.size() == graph.nodes.size() - 1);
    CHECK(alive.inputs.size() == 2);
    check_consistent(alive);
    Graph detector = recorded<SmallMaskRcnn>();
    detector.outputs.resize(1);  // boxes only: the mask head goes, the box head stays
    const Graph boxes_only = remove_dead(detector);
    check_consistent(boxes_only);
    CHECK(count_of<ops::SelectChannel>(boxes_only) == 0);
    CHECK(count_of<ops::ClassCandidates>(boxes_only) == 1);
}

TEST_CASE("optimize: random graphs keep their numbers") {
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
        CAPTURE(seed);
        const Graph graph = random_graph(seed, 12);
        check_consistent(optimize(graph));
        // Through the backend's option: it binds the whole graph first, so parameters of dead nodes are no surprise.
        const Weights weights = random_weights(graph, seed);
        const Tensor image = random_tensor(Shape{1, 8, 6, 5}, seed);
        const Outputs recorded = run(graph, weights, {image}), optimized = run(graph, weights, {image}, {true});
        for (const auto& [name, value] : recorded.entries()) CHECK(relative_error(optimized[name], value) <= 1e-6);
    }
}
