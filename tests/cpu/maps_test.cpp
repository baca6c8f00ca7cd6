// Elementwise operations, pooling, resizing, residuals and squeeze-excite of the CPU backend.
#include "compare.hpp"

#include <regulus/cpu/maps-impl.hpp>
#include <regulus/layers/bottleneck.hpp>
#include <regulus/layers/fpn.hpp>
#include <regulus/layers/resnet_block.hpp>
#include <regulus/layers/stem.hpp>

using namespace regulus;
using namespace regulus::testing;

namespace {

const std::vector<InputSize> odd_sizes{{1, 1, 1}, {1, 1, 33}, {3, 7, 5}, {2, 16, 9}};

ValueId pointwise(const Scope& scope, int in, int out, ValueId src) {
    ops::Conv2d op;
    op.in_channels = in;
    op.out_channels = out;
    return record::conv2d(scope, op, src);
}

/// A layer over a picture of `Channels` channels as a graph.
template <int Channels, class Layer>
Graph graph_of_layer(const Layer& layer) {
    return graph_of(Channels, [&](const Scope& scope, ValueId image) { return layer(scope / "layer", Feature<Channels, 1>{&scope.graph(), image}).id; });
}

std::vector<Step> steps_of(const Graph& graph, const InputSize& size, const CompileOptions& options = {.threads = 2}) { return compile(CpuBackend{}, graph, random_weights(graph), options).steps(size); }

}  // namespace

TEST_CASE("cpu layout: a map of every small and some uneven sizes is turned, each element to its place") {
    for (const std::int64_t a : {1, 3, 15, 16, 17, 63, 64, 65, 130}) {
        for (const std::int64_t b : {1, 2, 16, 33, 64, 100, 129}) {
            constexpr std::int64_t maps = 2;
            std::vector<float> src(std::size_t(maps * a * b)), dst(src.size(), -1.f);
            for (std::size_t i = 0; i < src.size(); ++i) src[i] = float(i);
            cpu::transpose(src.data(), dst.data(), maps, a, b);
            std::int64_t wrong = 0;
            for (std::int64_t map = 0; map < maps; ++map) {
                for (std::int64_t i = 0; i < a; ++i) {
                    for (std::int64_t j = 0; j < b; ++j) wrong += dst[std::size_t((map * b + j) * a + i)] != src[std::size_t((map * a + i) * b + j)] ? 1 : 0;
                }
            }
            INFO(a << " x " << b);
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("cpu maps: a batch norm that stands alone, with each activation") {
    for (const Activation activation : {Activation::none, Activation::relu, Activation::sigmoid}) {
        for (const int channels : {1, 5, 16, 33}) {
            for (const InputSize& size : odd_sizes) {
                check_equal_to_reference(graph_of(channels, [&](const Scope& scope, ValueId image) { return record::batch_norm(scope / "norm", ops::BatchNorm{channels, 1e-5, activation}, image); }), size);
            }
        }
    }
}

TEST_CASE("cpu maps: activations and sums that stand alone") {
    for (const InputSize& size : odd_sizes) {
        for (const Activation activation : {Activation::none, Activation::relu, Activation::sigmoid}) {
            check_equal_to_reference(graph_of(7, [&](const Scope& scope, ValueId image) { return record::activate(scope / "act", activation, image); }), size);
        }
        check_equal_to_reference(graph_of(7, [&](const Scope& scope, ValueId image) { return record::add(scope / "add", image, image); }), size);
        check_equal_to_reference(graph_of(7, [&](const Scope& scope, ValueId image) { return record::activate(scope / "relu", Activation::relu, record::add(scope / "add", image, image)); }), size);
    }
}

TEST_CASE("cpu maps: NaN passes through a sum with ReLU, as in the reference") {
    const Graph graph = graph_of(1, [&](const Scope& scope, ValueId image) { return record::activate(scope / "relu", Activation::relu, record::add(scope / "add", image, image)); });
    std::vector<Tensor> inputs = random_inputs(graph, {1, 4, 5});
    inputs[0].data<float>()[7] = NAN;
    const Tensor y = run_on(CpuBackend{}, graph, {}, inputs)["y"];
    for (std::int64_t i = 0; i < y.numel(); ++i) CHECK(std::isnan(y.data<float>()[i]) == (i == 7));
}

TEST_CASE("cpu maps: pooling of both kinds; the maximum is exact") {
    for (const auto kind : {ops::Pool2d::Kind::maximum, ops::Pool2d::Kind::average}) {
        for (const ops::Pool2d op : {ops::Pool2d{kind, 1, 2, 0}, ops::Pool2d{kind, 3, 2, 1}, ops::Pool2d{kind, 3, 1, 1}, ops::Pool2d{kind, 5, 3, 2}}) {
            for (const InputSize& size : odd_sizes) {
                check_equal_to_reference(graph_of(5, [&](const Scope& scope, ValueId image) { return record::pool2d(scope / "pool", op, image); }), size,
                                         kind == ops::Pool2d::Kind::maximum ? 0 : one_layer);
            }
        }
    }
}

TEST_CASE("cpu maps: the mean over the map, also of large ones") {
    for (const InputSize size : {InputSize{1, 1, 1}, InputSize{3, 5, 7}, InputSize{1, 101, 67}}) {
        check_equal_to_reference(graph_of(19, [&](const Scope& scope, ValueId image) { return record::global_average_pool(scope / "mean", image); }), size);
    }
}

TEST_CASE("cpu maps: nearest resizing up and down between odd sizes is exact, and adds") {
    for (const bool adds : {false, true}) {
        for (const InputSize& size : odd_sizes) {
            for (const int stride : {2, 3}) {
                const Graph up = graph_of(3, [&](const Scope& scope, ValueId image) {
                    const ValueId small = record::pool2d(scope / "pool", ops::Pool2d{ops::Pool2d::Kind::maximum, 1, stride, 0}, image);
                    return record::resize(scope / "resize", ops::Resize{ops::Resize::Mode::nearest, adds}, small, image);
                });
                check_equal_to_reference(up, size, adds ? one_layer : 0);
                if (adds) continue;
                const Graph down = graph_of(3, [&](const Scope& scope, ValueId image) {
                    const ValueId small = record::pool2d(scope / "pool", ops::Pool2d{ops::Pool2d::Kind::maximum, 1, stride, 0}, image);
                    return record::resize(scope / "resize", ops::Resize{}, image, small);
                });
                check_equal_to_reference(down, size, 0);
            }
        }
    }
}

TEST_CASE("cpu maps: bilinear resizing up and down between odd sizes, by a factor, and adding") {
    constexpr auto bilinear = ops::Resize::Mode::bilinear;
    const auto every = [](const Scope& scope, int stride, ValueId image) { return record::pool2d(scope / "pool", ops::Pool2d{ops::Pool2d::Kind::maximum, 1, stride, 0}, image); };
    for (const InputSize& size : odd_sizes) {
        for (const int stride : {2, 3}) {
            for (const bool adds : {false, true}) {
                check_equal_to_reference(graph_of(17, [&](const Scope& scope, ValueId image) { return record::resize(scope / "up", ops::Resize{bilinear, adds}, every(scope, stride, image), image); }), size, one_layer);
            }
            check_equal_to_reference(graph_of(3, [&](const Scope& scope, ValueId image) { return record::resize(scope / "down", ops::Resize{bilinear}, image, every(scope, stride, image)); }), size, one_layer);
            for (const auto mode : {bilinear, ops::Resize::Mode::nearest}) {
                check_equal_to_reference(graph_of(9, [&](const Scope& scope, ValueId image) { return record::enlarge(scope / "enlarge", mode, stride, image); }), size, one_layer);
            }
        }
    }
}

TEST_CASE("cpu maps: softmax over vectors, stable for large logits") {
    const Graph graph = graph_of(11, [&](const Scope& scope, ValueId image) { return record::softmax(scope / "softmax", record::linear(scope / "fc", ops::Linear{11, 81, true, Activation::none}, image)); });
    std::vector<Tensor> inputs = random_inputs(graph, {5, 1, 1});
    check_equal_to_reference(graph, random_weights(graph), inputs);
    for (int i = 0; i < 11; ++i) inputs[0].data<float>()[i] *= 500.f;
    check_equal_to_reference(graph, random_weights(graph), inputs, 1e-4);  // logits near 1000 carry 6e-5 of their own rounding
}

TEST_CASE("cpu maps: a residual is added in the convolution, in place where nobody needs it afterwards") {
    for (const InputSize& size : odd_sizes) {
        const Graph graph = graph_of(6, [&](const Scope& scope, ValueId image) {
            const ValueId trunk = pointwise(scope / "trunk", 6, 16, image);
            const ValueId branch = pointwise(scope / "branch", 16, 16, record::activate(scope / "act", Activation::relu, pointwise(scope / "inner", 16, 16, trunk)));
            return record::activate(scope / "relu", Activation::relu, record::add(scope / "add", branch, trunk));
        });
        check_equal_to_reference(graph, size);
        CHECK(steps_of(graph, size).size() == 4);  // layout, trunk, inner + relu, branch + residual + relu
    }
}

TEST_CASE("cpu maps: a residual that lives on is not overwritten") {
    Graph graph = graph_of(6, [&](const Scope& scope, ValueId image) {
        const ValueId trunk = pointwise(scope / "trunk", 6, 16, image);
        scope.graph().values[std::size_t(trunk)].label = "trunk";
        const ValueId first = record::add(scope / "add1", pointwise(scope / "branch1", 16, 16, trunk), trunk);
        const ValueId second = record::add(scope / "add2", pointwise(scope / "branch2", 16, 16, first), trunk);  // trunk again, later
        return record::add(scope / "add3", second, first);
    });
    for (const InputSize& size : odd_sizes) {
        check_equal_to_reference(graph, size);
        check_equal_to_reference(graph, size, one_layer, {.threads = 2, .extra_outputs = {"trunk"}});
    }
}

TEST_CASE("cpu maps: the picture itself as residual, and a branch that is its own residual's source") {
    for (const InputSize& size : odd_sizes) {
        check_equal_to_reference(graph_of(8, [&](const Scope& scope, ValueId image) { return record::add(scope / "add", pointwise(scope / "conv", 8, 8, image), image); }), size);
        check_equal_to_reference(graph_of(8, [&](const Scope& scope, ValueId image) {
                                     const ValueId a = pointwise(scope / "a", 8, 8, image);
                                     return record::add(scope / "add", pointwise(scope / "b", 8, 8, a), a);
                                 }),
                                 size);
    }
}

TEST_CASE("cpu maps: a norm whose convolution is asked for stays unfused and gives the same") {
    Graph graph = graph_of(6, [&](const Scope& scope, ValueId image) {
        const ValueId convolved = pointwise(scope / "conv", 6, 10, image);
        scope.graph().values[std::size_t(convolved)].label = "convolved";
        return record::batch_norm(scope / "conv.norm", ops::BatchNorm{10, 1e-5, Activation::relu}, convolved);
    });
    for (const InputSize& size : odd_sizes) {
        check_equal_to_reference(graph, size);
        check_equal_to_reference(graph, size, one_layer, {.threads = 2, .extra_outputs = {"convolved"}});
        CHECK(steps_of(graph, size).size() == 2);
        CHECK(steps_of(graph, size, {.threads = 2, .extra_outputs = {"convolved"}}).size() == 3);
    }
}

TEST_CASE("cpu maps: bottlenecks of RegNetX and RegNetY and of ResNet, ResNeXt, with and without projection") {
    // Up to five convolutions in a row: five times the limit of one.
    for (const InputSize& size : odd_sizes) {
        check_equal_to_reference(graph_of_layer<24>(Bottleneck<24, 56, 2, 8>{}), size, 5 * one_layer);
        check_equal_to_reference(graph_of_layer<48>(Bottleneck<48, 48, 1, 48>{}), size, 5 * one_layer);
        check_equal_to_reference(graph_of_layer<24>(Bottleneck<24, 48, 2, 16, 6>{}), size, 5 * one_layer);
        check_equal_to_reference(graph_of_layer<48>(Bottleneck<48, 48, 1, 24, 12>{}), size, 5 * one_layer);
        check_equal_to_reference(graph_of_layer<64>(ResNetBlock<64, 16, 64, 1>{}), size, 5 * one_layer);
        check_equal_to_reference(graph_of_layer<64>(ResNetBlock<64, 32, 128, 2, 8>{}), size, 5 * one_layer);
        check_equal_to_reference(graph_of_layer<64>(ResNetBlock<64, 32, 128, 2, 1, StrideStyle::caffe>{}), size, 5 * one_layer);
        check_equal_to_reference(graph_of_layer<3>(ResNetStem<3, 64>{}), size);
        check_equal_to_reference(graph_of_layer<3>(RegNetStem<3, 32>{}), size);
    }
}

TEST_CASE("cpu maps: every kind of feature pyramid over odd sizes") {
    const auto pyramid_graph = [](auto neck) {
        Graph graph;
        graph.name = "pyramid";
        const ValueId image = record::image_input(graph, 6);
        const Scope scope(graph);
        StageMaps<1, 6, 10, 14> maps{&graph, {}};
        maps.ids[0] = image;
        int width = 6;
        for (std::size_t i = 1; i < 3; ++i, width += 4) {
            ops::Conv2d op;
            op.in_channels = width;
            op.out_channels = width + 4;
            op.stride = 2;
            maps.ids[i] = record::conv2d(scope / indexed("down", int(i)), op, maps.ids[i - 1]);
        }
        const auto levels = neck(scope / "neck", maps);
        for (std::size_t i = 0; i < levels.ids.size(); ++i) graph.outputs.emplace_back(indexed("level", int(i)), levels.ids[i]);
        return graph;
    };
    for (const InputSize size : {InputSize{1, 1, 1}, InputSize{1, 1, 33}, InputSize{2, 13, 21}}) {
        check_equal_to_reference(pyramid_graph(Fpn<Widths<6, 10, 14>, 16, FpnExtra::none>{}), size, 5 * one_layer);
        check_equal_to_reference(pyramid_graph(Fpn<Widths<6, 10, 14>, 16, FpnExtra::pool>{}), size, 5 * one_layer);
        check_equal_to_reference(pyramid_graph(Fpn<Widths<6, 10, 14>, 16, FpnExtra::convs_on_input, 1>{}), size, 5 * one_layer);
        check_equal_to_reference(pyramid_graph(Fpn<Widths<6, 10, 14>, 16, FpnExtra::convs_on_input_relu, 1>{}), size, 5 * one_layer);
        check_equal_to_reference(pyramid_graph(Fpn<Widths<6, 10, 14>, 16, FpnExtra::convs_on_output_relu, 1>{}), size, 5 * one_layer);
    }
}
