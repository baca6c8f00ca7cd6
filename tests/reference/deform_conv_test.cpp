// Deformable convolutions against mmcv, torchvision, the definition of their paper, and ordinary convolutions.
#include <doctest/doctest.h>

#include <regulus/graph/passes.hpp>

#include "reference/deform_conv_cases.hpp"
#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

ops::DeformConv2d deform_op(int in, int out, int kernel, int stride, int groups, int deform_groups, bool modulated, int dilation = 1) {
    ops::DeformConv2d op;
    op.conv.in_channels = in;
    op.conv.out_channels = out;
    op.conv.kernel = kernel;
    op.conv.stride = stride;
    op.conv.dilation = dilation;
    op.conv.padding = dilation * (kernel - 1) / 2;
    op.conv.groups = groups;
    op.deform_groups = deform_groups;
    op.modulated = modulated;
    return op;
}

/// The definition in double: a tap's value is the sum of all pixels, each weighted with max(0, 1 - |dy|) max(0, 1 - |dx|) of its distance
/// (Dai et al. 2017, equations 3 and 4); positions that are not finite read zero. `offsets` as deform_graph takes them.
Tensor defined(const ops::DeformConv2d& op, const Tensor& src, const Tensor& offsets, const Tensor& weight) {
    const ops::Conv2d& conv = op.conv;
    const std::int64_t height = src.shape()[2], width = src.shape()[3];
    const std::int64_t out_height = (height - 1) / conv.stride + 1, out_width = (width - 1) / conv.stride + 1;
    const int taps = conv.kernel * conv.kernel, in_group = conv.in_channels / conv.groups, out_group = conv.out_channels / conv.groups;
    Tensor dst(Shape{src.shape()[0], conv.out_channels, out_height, out_width}, DType::f32);
    float* to = dst.data<float>();
    for (std::int64_t n = 0; n < src.shape()[0]; ++n) {
        for (int out = 0; out < conv.out_channels; ++out) {
            for (std::int64_t oy = 0; oy < out_height; ++oy) {
                for (std::int64_t ox = 0; ox < out_width; ++ox) {
                    const auto offset = [&](int channel) {
                        return double(offsets.data<float>()[((n * op.offset_channels() + channel) * height + oy * conv.stride) * width + ox * conv.stride]);
                    };
                    double sum = 0;
                    for (int in = 0; in < in_group; ++in) {
                        const int channel = out / out_group * in_group + in;
                        const int group = channel / (conv.in_channels / op.deform_groups);
                        for (int tap = 0; tap < taps; ++tap) {
                            const double y = double(oy * conv.stride + tap / conv.kernel * conv.dilation - conv.padding) + offset(2 * (group * taps + tap));
                            const double x = double(ox * conv.stride + tap % conv.kernel * conv.dilation - conv.padding) + offset(2 * (group * taps + tap) + 1);
                            if (!std::isfinite(y) || !std::isfinite(x)) continue;
                            double value = 0;
                            for (std::int64_t sy = 0; sy < height; ++sy) {
                                for (std::int64_t sx = 0; sx < width; ++sx) {
                                    const double near = std::max(0.0, 1 - std::fabs(y - double(sy))) * std::max(0.0, 1 - std::fabs(x - double(sx)));
                                    value += near * double(src.data<float>()[((n * conv.in_channels + channel) * height + sy) * width + sx]);
                                }
                            }
                            const double factor = op.modulated ? 1 / (1 + std::exp(-offset(2 * op.deform_groups * taps + group * taps + tap))) : 1;
                            sum += factor * value * double(weight.data<float>()[(out * in_group + in) * taps + tap]);
                        }
                    }
                    *to++ = float(sum);
                }
            }
        }
    }
    return dst;
}

/// Offsets of up to `reach` pixels; about one in `wild` is NaN, infinite or far away (0: none).
Tensor random_offsets(const ops::DeformConv2d& op, std::int64_t n, std::int64_t height, std::int64_t width, std::uint64_t seed, double reach, int wild) {
    Tensor offsets = random_tensor(Shape{n, op.offset_channels(), height, width}, seed, -reach, reach);
    RandomNumbers numbers(seed + 1);
    const float strange[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 3e9f};
    const std::int64_t moves = 2 * op.deform_groups * op.conv.kernel * op.conv.kernel * height * width;  // of an image; its factors follow
    for (std::int64_t i = 0; wild > 0 && i < offsets.numel(); ++i) {
        if (i % (op.offset_channels() * height * width) < moves && numbers.below(wild) == 0) offsets.data<float>()[i] = strange[numbers.below(6)];
    }
    return offsets;
}

Weights weights_of(const Tensor& weight) {
    Weights weights;
    weights.add("conv.weight", weight);
    return weights;
}

}  // namespace

TEST_CASE("deform_conv2d: equals mmcv and torchvision: versions 1 and 2, groups, deform groups, stride, dilation, 1x1, mmcv's layer") {
    REGULUS_REQUIRE_OPERATOR("deform_conv");
    int checked = 0;
    for (const DeformCase& one : golden_deform_cases()) {
        CAPTURE(one.name);
        CHECK(relative_error(run(one.graph, one.weights, one.inputs)["y"], one.expected) < 1e-5);  // the files' limit is 1e-4
        CHECK(relative_error(run<double>(one.graph, one.weights, one.inputs)["y"], one.expected) < 1e-5);
        ++checked;
    }
    CHECK(checked == 13);
}

TEST_CASE("deform_conv2d: the vector of the fact sheet") {
    const ops::DeformConv2d op = deform_op(1, 1, 3, 1, 1, 1, false);
    std::vector<float> map(16), weight(9, 0.f);
    for (std::size_t i = 0; i < 16; ++i) map[i] = float(i);
    weight[4] = 1;
    weight[0] = 10;
    Tensor offsets = Tensor::zeros(Shape{1, 18, 4, 4});
    for (std::size_t i = 0; i < 16; ++i) {
        offsets.data<float>()[8 * 16 + i] = 0.5f;
        offsets.data<float>()[9 * 16 + i] = -0.25f;
    }
    const Tensor y = run(deform_graph(op), weights_of(tensor_of(Shape{1, 1, 3, 3}, weight)), {tensor_of(Shape{1, 1, 4, 4}, map), offsets})["y"];
    const Tensor expected = tensor_of(Shape{1, 1, 4, 4}, {1.5f, 2.75f, 3.75f, 4.75f, 4.5f, 6.75f, 17.75f, 28.75f, 7.5f, 50.75f, 61.75f, 72.75f, 4.5f, 86.375f, 96.875f, 107.375f});
    CHECK(equal(y, expected));  // all sums are exact in float32
}

TEST_CASE("deform_conv2d: equals its definition over kernels, strides, dilations, groups, odd sizes, one pixel and offsets far outside") {
    for (int seed = 1; seed <= 60; ++seed) {
        RandomNumbers numbers(std::uint64_t(seed) * 7);
        const int groups = 1 + numbers.below(3), deform_groups = 1 + numbers.below(3);
        const ops::DeformConv2d op = deform_op(6 * (1 + numbers.below(2)), groups * (1 + numbers.below(3)), 1 + 2 * numbers.below(2), 1 + numbers.below(3), groups, deform_groups, numbers.below(2) == 0,
                                               1 + numbers.below(2));
        const std::int64_t n = 1 + numbers.below(2), height = 1 + numbers.below(9), width = 1 + numbers.below(9);
        CAPTURE(seed);
        const Tensor src = random_tensor(Shape{n, op.conv.in_channels, height, width}, std::uint64_t(seed));
        const Tensor weight = random_tensor(Shape{op.conv.out_channels, op.conv.in_channels / groups, op.conv.kernel, op.conv.kernel}, std::uint64_t(seed) + 100);
        const Tensor offsets = random_offsets(op, n, height, width, std::uint64_t(seed) + 200, seed % 2 == 0 ? 1.5 : 6, seed % 3 == 0 ? 5 : 0);
        const Tensor expected = defined(op, src, offsets, weight);
        // A position is rounded to 2^-21 of a pixel at most here; the values differ by as much times the pixels' differences.
        CHECK(relative_error(run(deform_graph(op), weights_of(weight), {src, offsets})["y"], expected) < 1e-5);
        CHECK(relative_error(run<double>(deform_graph(op), weights_of(weight), {src, offsets})["y"], expected) < 2e-7);
    }
}

TEST_CASE("deform_conv2d: without offsets it is an ordinary convolution, and half of one when its factors are a half") {
    for (const int stride : {1, 2}) {
        const ops::DeformConv2d op = deform_op(8, 12, 3, stride, 4, 2, true);
        const Tensor src = random_tensor(Shape{2, 8, 7, 9}, 1), weight = random_tensor(Shape{12, 2, 3, 3}, 2);
        const Graph ordinary = graph_of(8, [&](Graph& graph, ValueId image) { return record::conv2d(Scope(graph) / "conv", op.conv, image); });
        const Tensor expected = run(ordinary, weights_of(weight), {src})["y"];
        Tensor offsets = Tensor::zeros(Shape{2, op.offset_channels(), 7, 9});
        Tensor halved = run(deform_graph(op), weights_of(weight), {src, offsets})["y"];
        for (std::int64_t i = 0; i < halved.numel(); ++i) halved.data<float>()[i] *= 2;
        CHECK(relative_error(halved, expected) < 1e-6);
        const std::int64_t moves = 36 * 63;
        for (std::int64_t i = 0; i < offsets.numel(); ++i) offsets.data<float>()[i] = i % (54 * 63) < moves ? 0.f : 100.f;  // the sigmoid of 100 is 1
        CHECK(equal(run(deform_graph(op), weights_of(weight), {src, offsets})["y"], expected));
    }
}

TEST_CASE("deform_conv2d: offsets of whole pixels read the shifted map") {
    const ops::DeformConv2d op = deform_op(3, 4, 3, 1, 1, 1, false);
    const Tensor weight = random_tensor(Shape{4, 3, 3, 3}, 3), src = random_tensor(Shape{1, 3, 8, 6}, 4);
    Tensor offsets = Tensor::zeros(Shape{1, 18, 8, 6});
    for (std::int64_t channel = 0; channel < 18; ++channel) std::fill_n(offsets.data<float>() + channel * 48, 48, channel % 2 == 0 ? 2.f : -1.f);
    Tensor shifted = Tensor::zeros(src.shape());  // shifted(y, x) = src(y + 2, x - 1)
    for (std::int64_t c = 0; c < 3; ++c) {
        for (std::int64_t y = 0; y < 6; ++y) std::copy_n(src.data<float>() + (c * 8 + y + 2) * 6, 5, shifted.data<float>() + (c * 8 + y) * 6 + 1);
    }
    const Tensor moved = run(deform_graph(op), weights_of(weight), {src, offsets})["y"];
    const Graph ordinary = graph_of(3, [&](Graph& graph, ValueId image) { return record::conv2d(Scope(graph) / "conv", op.conv, image); });
    const Tensor expected = run(ordinary, weights_of(weight), {shifted})["y"];
    // Away from the borders: there the shifted map lacks rows that the offsets still reach.
    for (std::int64_t c = 0; c < 4; ++c) {
        for (std::int64_t y = 1; y < 5; ++y) {
            for (std::int64_t x = 2; x < 5; ++x) CHECK(moved.data<float>()[(c * 8 + y) * 6 + x] == doctest::Approx(expected.data<float>()[(c * 8 + y) * 6 + x]).epsilon(1e-5));
        }
    }
}

TEST_CASE("deform_conv2d: the passes fold a norm and an activation into it, and the numbers stay") {
    const ops::DeformConv2d op = deform_op(4, 6, 3, 1, 2, 1, true);
    Graph graph = deform_graph(op);
    graph.outputs[0].second = record::activate(Scope(graph) / "relu", Activation::relu, record::batch_norm(Scope(graph) / "conv.norm", ops::BatchNorm{6, 1e-3, Activation::none}, graph.outputs[0].second));
    const Graph optimized = optimize(graph);
    REQUIRE(optimized.nodes.size() == 3);
    const auto* folded = std::get_if<ops::DeformConv2d>(&optimized.nodes.back().operation);
    REQUIRE(folded != nullptr);
    CHECK(folded->conv.norm);
    CHECK(folded->conv.norm_eps == 1e-3);
    CHECK(folded->conv.activation == Activation::relu);
    const Weights weights = random_weights(graph, 5);
    const std::vector<Tensor> inputs{random_tensor(Shape{1, 4, 5, 7}, 6), random_tensor(Shape{1, 27, 5, 7}, 7, -2, 2)};
    CHECK(relative_error(run(optimized, weights, inputs)["y"], run(graph, weights, inputs)["y"]) < 1e-6);
}

TEST_CASE("deform_conv2d: a sum behind it is not drawn in, so it never meets a residual") {
    const ops::DeformConv2d op = deform_op(4, 4, 3, 1, 1, 1, false);
    Graph graph = deform_graph(op);
    graph.outputs[0].second = record::add(Scope(graph) / "sum", graph.inputs[0], graph.outputs[0].second);
    CHECK(optimize(graph).nodes.size() == graph.nodes.size());
}

TEST_CASE("deform_conv2d: offsets of another shape, and channels that deform groups do not divide, are refused by name") {
    const auto infer = [](const ops::DeformConv2d& op, const Shape& offsets) {
        return infer_outputs(Node{op, "s2.b1.b", {0, 1}, {2}, {}}, {Shape{1, op.conv.in_channels, 8, 6}, offsets}, {});
    };
    CHECK(infer(deform_op(8, 4, 3, 2, 1, 2, true), Shape{1, 54, 4, 3})[0] == Shape{1, 4, 4, 3});
    CHECK_THROWS_WITH_AS(infer(deform_op(8, 4, 3, 1, 1, 1, true), Shape{1, 18, 8, 6}), "shape of \"s2.b1.b\" (deform_conv2d): expected offsets of shape [1, 27, 8, 6], got [1, 18, 8, 6]", ShapeError);
    CHECK_THROWS_WITH_AS(infer(deform_op(8, 4, 1, 1, 1, 3, false), Shape{1, 6, 8, 6}),
                         "shape of \"s2.b1.b\": a deformable convolution takes no residual, and its channels must be a multiple of its deform groups", ShapeError);
    CHECK(describe(Operation{deform_op(192, 192, 3, 2, 4, 2, true)}) == "modulated deformable 3x3 convolution, 192 -> 192, stride 2, 4 groups, 2 deform groups");
}
