// Group norm against torch's and plain arithmetic.
#include <doctest/doctest.h>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

Tensor normed(const ops::GroupNorm& op, const Tensor& src, const Tensor& weight, const Tensor& bias) {
    const Graph graph = graph_of(op.channels, [&](Graph& g, ValueId image) { return record::group_norm(Scope(g) / "norm", op, image); });
    Weights weights;
    weights.add("norm.weight", weight);
    weights.add("norm.bias", bias);
    return run(graph, weights, {src})["y"];
}

}  // namespace

TEST_CASE("group norm: torch's numbers, one pixel included") {
    REGULUS_REQUIRE_OPERATOR("layers");
    const OperatorFile file("layers");
    int checked = 0;
    for (const Json& one : file.cases()) {
        if (name_of_case(one).find("group_norm") != 0) continue;
        CAPTURE(name_of_case(one));
        const Tensor& src = file.input(one, "x");
        const ops::GroupNorm op{int(src.shape()[1]), int(number(*one.find("groups"))), number(*one.find("eps")), Activation::none};
        CHECK(relative_error(normed(op, src, file.input(one, "weight"), file.input(one, "bias")), file.output(one, "y")) < 1e-5);  // float32 rounding of either
        ++checked;
    }
    CHECK(checked == 2);
}

TEST_CASE("group norm: groups of channels and pictures have statistics of their own, then weight, bias and activation a channel") {
    // Two pictures, four channels, two groups, two pixels. Group values 0 1 2 3: mean 1.5, variance 1.25.
    const Tensor src = tensor_of(Shape{2, 4, 1, 2}, {0, 1, 2, 3, 7, 7, 7, 7, 10, 10, 10, 10, 0, -2, -4, -6});
    const double eps = 0.25, first = std::sqrt(1.5), last = std::sqrt(5.25);
    const Tensor y = normed({4, 2, eps, Activation::none}, src, tensor_of(Shape{4}, {1, 2, 1, -1}), tensor_of(Shape{4}, {0, 1, 5, 0}));
    const auto f = [](double value) { return float(value); };
    const Tensor expected = tensor_of(Shape{2, 4, 1, 2}, {f(-1.5 / first), f(-0.5 / first), f(1 + 2 * 0.5 / first), f(1 + 2 * 1.5 / first), 5, 5, 0, 0, 0, 0, 1, 1, f(5 + 3 / last), f(5 + 1 / last), f(1 / last), f(3 / last)});
    CHECK(relative_error(y, expected) < 1e-6);
    const Tensor rectified = normed({4, 2, eps, Activation::relu}, src, tensor_of(Shape{4}, {1, 2, 1, -1}), tensor_of(Shape{4}, {0, 1, 5, 0}));
    for (std::int64_t i = 0; i < y.numel(); ++i) CHECK(rectified.data<float>()[i] == std::max(0.f, y.data<float>()[i]));
}

TEST_CASE("group norm: groups that do not divide the channels are refused, naming the node") {
    Graph graph = graph_of(6, [](Graph& g, ValueId image) { return record::group_norm(Scope(g) / "norm", {6, 4, 1e-5, Activation::none}, image); });
    CHECK_THROWS_WITH_AS(run(graph, random_weights(graph, 1), {random_tensor(Shape{1, 6, 2, 2}, 1)}), doctest::Contains("\"norm\" (group_norm): expected groups that divide 6 channels, not 4"), ShapeError);
}
