// Graph parameters meet named tensors.
#include <doctest/doctest.h>

#include <regulus/graph/bind.hpp>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Two convolutions with a bias; the same "head" is used twice.
Graph two_uses() {
    ops::Conv2d stem;
    stem.in_channels = 3;
    stem.out_channels = 2;
    stem.bias = true;
    ops::Conv2d head = stem;
    head.in_channels = 2;
    Graph graph = graph_of(3, [&](Graph& g, ValueId image) {
        const Scope scope(g);
        const ValueId a = record::conv2d(scope / "stem", stem, image);
        const ValueId b = record::conv2d(scope / "head", head, a);
        const ValueId c = record::activate(scope / "relu", Activation::relu, b);
        return record::add(scope / "sum", b, record::conv2d(scope / "head", head, c));
    });
    graph.name = "two_uses";
    return graph;
}

}  // namespace

TEST_CASE("bind_weights: tells everything that does not fit at once, each name once") {
    Weights weights;
    weights.source = "cells.pth";
    weights.add("stem.weight", Tensor::zeros(Shape{2, 4, 1, 1}));
    weights.add("stem.bias", Tensor::zeros(Shape{2}, DType::i64));
    weights.add("head.bias", Tensor::zeros(Shape{2}));
    weights.add("tail.weight", Tensor::zeros(Shape{7}));
    CHECK_THROWS_WITH_AS(bind_weights(two_uses(), weights),
                         "load: cells.pth does not fit two_uses; is it the checkpoint of another model?\n"
                         "  2 misshapen:\n"
                         "    stem.weight is [2, 4, 1, 1], the model has [2, 3, 1, 1]\n"
                         "    stem.bias holds int64, the model needs floating point\n"
                         "  1 missing:\n"
                         "    head.weight [2, 2, 1, 1]\n"
                         "  1 unexpected:\n"
                         "    tail.weight [7]",
                         WeightError);
}

TEST_CASE("bind_weights: long lists are cut after fifty names and counted") {
    Weights weights = random_weights(two_uses(), 1);
    for (int i = 0; i < 60; ++i) weights.add("x" + std::to_string(i), Tensor::zeros(Shape{1}));
    try {
        bind_weights(two_uses(), weights);
        FAIL("no error");
    } catch (const WeightError& error) {
        const std::string text = error.what();
        CHECK(text.find("60 unexpected:") != std::string::npos);
        CHECK(text.find("x49 [1]\n    ... and 10 more") != std::string::npos);
        CHECK(text.find("x50") == std::string::npos);
    }
}

TEST_CASE("bind_weights: float32 is shared, other floating types are widened exactly") {
    const Graph graph = two_uses();
    Weights weights;
    Tensor half(Shape{2, 3, 1, 1}, DType::f16), brain(Shape{2}, DType::bf16), wide(Shape{2}, DType::f64);
    const float values[] = {1, -2.5f, 0.125f, 3, 0, -7};
    for (int i = 0; i < 6; ++i) static_cast<std::uint16_t*>(half.raw())[i] = float_to_half(values[i]);
    for (int i = 0; i < 2; ++i) static_cast<std::uint16_t*>(brain.raw())[i] = float_to_bfloat16(values[i]);
    for (int i = 0; i < 2; ++i) wide.data<double>()[i] = double(values[i]);
    weights.add("stem.weight", half);
    weights.add("stem.bias", brain);
    weights.add("head.weight", random_tensor(Shape{2, 2, 1, 1}, 1));
    weights.add("head.bias", wide);
    const auto bound = bind_weights(graph, weights);
    for (int i = 0; i < 6; ++i) CHECK(bound[1][0].data<float>()[i] == values[i]);
    for (int i = 0; i < 2; ++i) CHECK(bound[1][1].data<float>()[i] == values[i]);
    CHECK(bound[2][0].raw() == weights.find("head.weight")->raw());
    CHECK(bound[4][0].raw() == weights.find("head.weight")->raw());  // both uses
    CHECK(bound[2][1].data<float>()[1] == -2.5f);
}

TEST_CASE("folded_parameters: a convolution with its norm folded equals the two apart") {
    ops::Conv2d op;
    op.in_channels = op.out_channels = 6;
    op.groups = 2;
    op.kernel = 3;
    op.padding = 1;
    for (const bool bias : {false, true}) {
        op.bias = bias;
        const Graph apart = graph_of(6, [&](Graph& g, ValueId image) { return record::batch_norm(Scope(g) / "n", {6, 1e-3, Activation::none}, record::conv2d(Scope(g) / "c", op, image)); });
        const Weights weights = random_weights(apart, 3);
        ops::Conv2d folded = op;
        folded.norm = true;
        folded.norm_eps = 1e-3;
        const std::vector<std::vector<Tensor>> all = bind_weights(apart, weights);
        std::vector<Tensor> bound = all[1];
        bound.insert(bound.end(), all[2].begin(), all[2].end());
        const ConvParameters parameters = folded_parameters(folded, bound);
        ops::Conv2d plain = op;
        plain.bias = true;
        Weights own;
        own.add("c.weight", parameters.weight);
        own.add("c.bias", parameters.bias);
        const Graph together = graph_of(6, [&](Graph& g, ValueId image) { return record::conv2d(Scope(g) / "c", plain, image); });
        const Tensor src = random_tensor(Shape{1, 6, 5, 8}, 4);
        CHECK(relative_error(run<double>(together, own, {src})["y"], run<double>(apart, weights, {src})["y"]) < 5e-7);  // weights rounded once to float32
    }
}
