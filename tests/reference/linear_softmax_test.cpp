// Linear layers and softmax against plain arithmetic.
#include <doctest/doctest.h>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

TEST_CASE("linear: equals its definition; maps are flattened in C order; odd sizes") {
    for (const auto& [channels, height, width, out, batch] : {std::array{1, 1, 1, 1, 1}, std::array{3, 2, 5, 7, 2}, std::array{17, 3, 3, 33, 19}, std::array{64, 7, 7, 81, 3}}) {
        ops::Linear op;
        op.in_features = channels * height * width;
        op.out_features = out;
        const Graph graph = graph_of(channels, [&](Graph& g, ValueId image) { return record::linear(Scope(g) / "fc", op, image); });
        const Weights weights = random_weights(graph, 7);
        const Tensor src = random_tensor(Shape{batch, channels, height, width}, 8);
        Tensor expected(Shape{batch, out}, DType::f32);
        for (int row = 0; row < batch; ++row) {
            for (int o = 0; o < out; ++o) {
                double sum = double(weights.find("fc.bias")->data<float>()[o]);
                for (int i = 0; i < op.in_features; ++i) sum += double(src.data<float>()[row * op.in_features + i]) * double(weights.find("fc.weight")->data<float>()[o * op.in_features + i]);
                expected.data<float>()[row * out + o] = float(sum);
            }
        }
        const int columns = channels;  // clang++ 14 captures no structured bindings
        CAPTURE(columns);
        CHECK(relative_error(run(graph, weights, {src})["y"], expected) < 1e-5);  // float32 sums of at most 3136 products
        CHECK(relative_error(run<double>(graph, weights, {src})["y"], expected) < 1e-7);
    }
}

TEST_CASE("softmax: rows sum to one, a shift of the logits changes nothing, large logits stay finite") {
    const Graph graph = graph_of(1, [](Graph& g, ValueId image) { return record::softmax(Scope(g) / "softmax", image); });
    const Tensor y = run(graph, {}, {tensor_of(Shape{1, 1, 3, 2}, {0, std::log(3.f), 1000, 1000, -500, 500})})["y"];
    const float* p = y.data<float>();
    CHECK(p[0] == doctest::Approx(0.25));
    CHECK(p[1] == doctest::Approx(0.75));
    CHECK(p[2] == 0.5f);
    CHECK(p[3] == 0.5f);
    CHECK(p[4] == 0);
    CHECK(p[5] == 1);
}
