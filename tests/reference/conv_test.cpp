// Convolutions against the seven loops of their definition, golden layers, and their own algebra.
#include <doctest/doctest.h>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// The definition, in double.
Tensor defined_conv(const ops::Conv2d& op, const Tensor& src, const Tensor& weight, const Tensor* bias) {
    const std::int64_t height = src.shape()[2], width = src.shape()[3];
    const std::int64_t out_height = (height + 2 * op.padding - op.dilation * (op.kernel - 1) - 1) / op.stride + 1;
    const std::int64_t out_width = (width + 2 * op.padding - op.dilation * (op.kernel - 1) - 1) / op.stride + 1;
    const int in_group = op.in_channels / op.groups, out_group = op.out_channels / op.groups;
    Tensor dst(Shape{src.shape()[0], op.out_channels, out_height, out_width}, DType::f32);
    float* to = dst.data<float>();
    for (std::int64_t n = 0; n < src.shape()[0]; ++n) {
        for (int out = 0; out < op.out_channels; ++out) {
            for (std::int64_t y = 0; y < out_height; ++y) {
                for (std::int64_t x = 0; x < out_width; ++x) {
                    double sum = bias == nullptr ? 0 : double(bias->data<float>()[out]);
                    for (int in = 0; in < in_group; ++in) {
                        for (int ky = 0; ky < op.kernel; ++ky) {
                            for (int kx = 0; kx < op.kernel; ++kx) {
                                const std::int64_t sy = y * op.stride + ky * op.dilation - op.padding, sx = x * op.stride + kx * op.dilation - op.padding;
                                if (sy < 0 || sy >= height || sx < 0 || sx >= width) continue;
                                const std::int64_t channel = out / out_group * in_group + in;
                                sum += double(src.data<float>()[((n * op.in_channels + channel) * height + sy) * width + sx]) *
                                       double(weight.data<float>()[((out * in_group + in) * op.kernel + ky) * op.kernel + kx]);
                            }
                        }
                    }
                    *to++ = float(sum);
                }
            }
        }
    }
    return dst;
}

ops::Conv2d conv_op(int in, int out, int kernel, int stride = 1, int groups = 1) {
    ops::Conv2d op;
    op.in_channels = in;
    op.out_channels = out;
    op.kernel = kernel;
    op.stride = stride;
    op.padding = kernel / 2;
    op.groups = groups;
    return op;
}

Graph conv_graph(const ops::Conv2d& op) {
    return graph_of(op.in_channels, [&](Graph& graph, ValueId image) { return record::conv2d(Scope(graph) / "conv", op, image); });
}

}  // namespace

TEST_CASE("conv2d: equals its definition over kernels, strides, paddings, dilations, groups, odd sizes and one pixel") {
    RandomNumbers numbers(11);
    for (int round = 0; round < 60; ++round) {
        ops::Conv2d op;
        op.groups = 1 + numbers.below(3);
        op.in_channels = op.groups * (1 + numbers.below(9));
        op.out_channels = op.groups * (1 + numbers.below(7));
        op.kernel = 1 + numbers.below(4);
        op.stride = 1 + numbers.below(3);
        op.padding = numbers.below(3);
        op.dilation = 1 + numbers.below(2);
        op.bias = round % 2 == 0;
        const int reach = op.dilation * (op.kernel - 1) + 1 - 2 * op.padding;
        const int least = std::max(1, reach);
        const Shape shape{1 + numbers.below(2), op.in_channels, least + (round % 5 == 0 ? 0 : numbers.below(30)), least + (round % 5 == 0 ? 0 : numbers.below(40))};
        CAPTURE(round);
        const Tensor src = random_tensor(shape, std::uint64_t(round) + 1);
        const Graph graph = conv_graph(op);
        const Weights weights = random_weights(graph, std::uint64_t(round) + 100);
        const Tensor expected = defined_conv(op, src, *weights.find("conv.weight"), weights.find("conv.bias"));
        CHECK(relative_error(run(graph, weights, {src})["y"], expected) < 2e-6);          // float32 sums of at most 144 products
        CHECK(relative_error(run<double>(graph, weights, {src})["y"], expected) < 1e-7);  // one rounding to float32
    }
}

TEST_CASE("conv2d: many channels and positions, cut into strips, equal the definition") {
    const ops::Conv2d op = conv_op(70, 33, 3);
    const Graph graph = conv_graph(op);
    const Weights weights = random_weights(graph, 5);
    const Tensor src = random_tensor(Shape{1, 70, 37, 41}, 6);
    CHECK(relative_error(run(graph, weights, {src})["y"], defined_conv(op, src, *weights.find("conv.weight"), nullptr)) < 3e-6);
}

TEST_CASE("conv2d: a grouped convolution equals its groups done apart, bit for bit") {
    constexpr int groups = 3, in_group = 8, out_group = 5;
    const Graph whole = conv_graph(conv_op(groups * in_group, groups * out_group, 3, 2, groups));
    const Weights weights = random_weights(whole, 9);
    const Tensor src = random_tensor(Shape{1, groups * in_group, 13, 9}, 10);
    const Tensor all = run(whole, weights, {src})["y"];
    const Graph part = conv_graph(conv_op(in_group, out_group, 3, 2));
    for (int group = 0; group < groups; ++group) {
        Tensor slice(Shape{1, in_group, 13, 9}, DType::f32), filter(Shape{out_group, in_group, 3, 3}, DType::f32);
        std::copy_n(src.data<float>() + group * slice.numel(), slice.numel(), slice.data<float>());
        std::copy_n(weights.find("conv.weight")->data<float>() + group * filter.numel(), filter.numel(), filter.data<float>());
        Weights own;
        own.add("conv.weight", filter);
        const Tensor got = run(part, own, {slice})["y"];
        CHECK(std::equal(got.data<float>(), got.data<float>() + got.numel(), all.data<float>() + group * got.numel()));
    }
}

TEST_CASE("conv2d: zero weights leave relu of the shortcut") {
    ops::Conv2d op = conv_op(6, 6, 3);
    Graph graph = graph_of(6, [&](Graph& g, ValueId image) {
        const ValueId conv = record::conv2d(Scope(g) / "conv", op, image);
        return record::activate(Scope(g) / "relu", Activation::relu, record::add(Scope(g) / "sum", conv, image));
    });
    Weights weights;
    weights.add("conv.weight", Tensor::zeros(Shape{6, 6, 3, 3}));
    const Tensor src = random_tensor(Shape{2, 6, 5, 7}, 3);
    for (const bool optimize : {false, true}) {
        const Tensor y = run(graph, weights, {src}, {optimize})["y"];
        for (std::int64_t i = 0; i < y.numel(); ++i) CHECK(y.data<float>()[i] == std::max(0.f, src.data<float>()[i]));
    }
}

TEST_CASE("batch_norm: plain arithmetic, eps included") {
    const Graph graph = graph_of(2, [](Graph& g, ValueId image) { return record::batch_norm(Scope(g) / "bn", ops::BatchNorm{2, 0.5, Activation::none}, image); });
    Weights weights;
    weights.add("bn.weight", tensor_of(Shape{2}, {2, -1}));
    weights.add("bn.bias", tensor_of(Shape{2}, {1, 10}));
    weights.add("bn.running_mean", tensor_of(Shape{2}, {3, 0}));
    weights.add("bn.running_var", tensor_of(Shape{2}, {3.5f, 0.5f}));
    const Tensor y = run(graph, weights, {tensor_of(Shape{1, 2, 1, 2}, {3, 7, 0, 4})})["y"];
    CHECK(equal(y, tensor_of(Shape{1, 2, 1, 2}, {1, 5, 10, 6})));
}

TEST_CASE("conv_transpose2d: equals torch's layers") {
    REGULUS_REQUIRE_OPERATOR("layers");
    const OperatorFile file("layers");
    int checked = 0;
    for (const Json& one : file.cases()) {
        if (name_of_case(one).find("deconv") != 0) continue;
        CAPTURE(name_of_case(one));
        const Tensor& weight = file.input(one, "weight");
        ops::ConvTranspose2d op;
        op.in_channels = int(weight.shape()[0]);
        op.out_channels = int(weight.shape()[1]);
        op.kernel = int(weight.shape()[2]);
        op.stride = int(number(*one.find("stride")));
        op.padding = int(number(*one.find("padding")));
        const Graph graph = graph_of(op.in_channels, [&](Graph& g, ValueId image) { return record::conv_transpose2d(Scope(g) / "up", op, image); });
        Weights weights;
        weights.add("up.weight", weight);
        weights.add("up.bias", file.input(one, "bias"));
        CHECK(relative_error(run(graph, weights, {file.input(one, "x")})["y"], file.output(one, "y")) < 1e-5);
        ++checked;
    }
    CHECK(checked == 2);
}

TEST_CASE("conv_transpose2d: is the transpose of the convolution with the same weight") {
    // <conv(x), y> == <x, conv_transpose(y)> for all x and y; stride 3 with kernel 3, so that sizes come back exactly.
    ops::Conv2d op = conv_op(4, 7, 3, 3);
    op.padding = 0;
    ops::ConvTranspose2d back;
    back.in_channels = 7;
    back.out_channels = 4;
    back.kernel = 3;
    back.stride = 3;
    back.bias = false;
    const Graph forward = conv_graph(op);
    const Graph backward = graph_of(7, [&](Graph& g, ValueId image) { return record::conv_transpose2d(Scope(g) / "conv", back, image); });
    const Weights weights = random_weights(forward, 21);
    const Tensor x = random_tensor(Shape{1, 4, 9, 12}, 22), y = random_tensor(Shape{1, 7, 3, 4}, 23);
    const Tensor ax = run<double>(forward, weights, {x})["y"], aty = run<double>(backward, weights, {y})["y"];
    double left = 0, right = 0;
    for (std::int64_t i = 0; i < y.numel(); ++i) left += double(ax.data<float>()[i]) * double(y.data<float>()[i]);
    for (std::int64_t i = 0; i < x.numel(); ++i) right += double(aty.data<float>()[i]) * double(x.data<float>()[i]);
    CHECK(left == doctest::Approx(right).epsilon(1e-6));
}
