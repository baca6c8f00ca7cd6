// Convolutions of one map made together, and maps written where a concat wants them: the reference's numbers, whatever else reads the maps.
#include <algorithm>

#include <doctest/doctest.h>

#include <regulus/cpu.hpp>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

ops::Conv2d pointwise(int in, int out, Activation activation = Activation::none) {
    ops::Conv2d op;
    op.in_channels = in;
    op.out_channels = out;
    op.bias = true;
    op.activation = activation;
    return op;
}

ops::ConvTranspose2d raise(int in, int out, int factor, Activation activation = Activation::relu) {
    ops::ConvTranspose2d op;
    op.in_channels = in;
    op.out_channels = out;
    op.kernel = op.stride = factor;
    op.activation = activation;
    return op;
}

/// Both backends on random weights; largest difference of any output relative to its greatest value.
double difference(const Graph& graph, const std::vector<Tensor>& inputs, int threads = 2) {
    const Weights weights = random_weights(graph, 3);
    CompileOptions options;
    options.threads = threads;
    Context context;
    const Outputs got = Program(CpuBackend{}, graph, weights, options).run(context, inputs), expected = run(graph, weights, inputs);
    double worst = 0;
    for (const auto& [name, tensor] : expected.entries()) worst = std::max(worst, relative_error(got[name], tensor));
    return worst;
}

std::vector<std::string> kernels_of(const Graph& graph, const InputSize& size) {
    const Program program(CpuBackend{}, graph, random_weights(graph, 3));
    std::vector<std::string> kernels;
    for (const Step& step : program.steps(size)) kernels.push_back(step.kernel);
    return kernels;
}

std::int64_t count(const std::vector<std::string>& kernels, const std::string& kernel) { return std::count(kernels.begin(), kernels.end(), kernel); }

/// A head of three layers over the picture; `early` reads the first of them before the last comes.
Graph head(int channels, bool early) {
    Graph graph;
    graph.name = "head";
    const Scope scope(graph);
    const ValueId image = record::image_input(graph, channels);
    const ValueId a = record::conv2d(scope / "a", pointwise(channels, 7), image);
    const ValueId b = record::conv2d(scope / "b", pointwise(channels, 18, Activation::relu), image);
    if (early) graph.outputs.emplace_back("early", record::pool2d(scope / "early", ops::Pool2d{ops::Pool2d::Kind::maximum, 2, 2, 0}, a));
    const ValueId c = record::conv2d(scope / "c", pointwise(channels, 1), image);
    graph.outputs.insert(graph.outputs.end(), {{"b", b}, {"c", c}});
    if (!early) graph.outputs.emplace_back("a", a);
    return graph;
}

/// Maps of three sizes, raised to the picture's and joined; `shown`: the second of them is an output too.
Graph neck(bool shown, Activation activation) {
    Graph graph;
    graph.name = "neck";
    const Scope scope(graph);
    const ValueId image = record::image_input(graph, 5);
    const ValueId half = record::pool2d(scope / "half", ops::Pool2d{ops::Pool2d::Kind::maximum, 2, 2, 0}, image);
    const ValueId quarter = record::pool2d(scope / "quarter", ops::Pool2d{ops::Pool2d::Kind::maximum, 2, 2, 0}, half);
    const ValueId c = record::conv_transpose2d(scope / "c", raise(5, 9, 4, activation), quarter);
    const ValueId a = record::conv_transpose2d(scope / "a", raise(5, 16, 1), image);
    const ValueId b = record::conv_transpose2d(scope / "b", raise(5, 33, 2), half);
    const ValueId joined = record::concat(scope / "joined", {a, b, c});
    graph.outputs = {{"joined", joined}, {"sum", record::conv2d(scope / "sum", pointwise(58, 3), joined)}};
    if (shown) graph.outputs.emplace_back("b", b);
    return graph;
}

}  // namespace

TEST_CASE("cpu: pointwise convolutions of one large map are one kernel") {
    // 4e-6 of the greatest value: three times sqrt(512) * 2^-24, sums of 512 products in another order than the reference's.
    for (const int channels : {24, 512}) {  // pixels of 512 channels are copied first
        const int side = channels == 24 ? 131 : 37;
        const Graph graph = head(channels, false);
        CHECK(count(kernels_of(graph, {2, side, side}), "matrix products, 3 nodes") == 1);
        for (const int threads : {1, 2, 3}) CHECK(difference(graph, {random_tensor(Shape{2, channels, side, side}, 1)}, threads) < 4e-6);
    }
}

TEST_CASE("cpu: a convolution that is read before its siblings come is not made with them") {
    const Graph graph = head(24, true);
    const std::vector<std::string> kernels = kernels_of(graph, {1, 131, 131});
    CHECK(count(kernels, "matrix products, 2 nodes") == 1);
    CHECK(count(kernels, "matrix products, 3 nodes") == 0);
    CHECK(difference(graph, {random_tensor(Shape{1, 24, 131, 131}, 1)}) < 4e-6);
}

TEST_CASE("cpu: convolutions of a small map stay apart") {
    const std::vector<std::string> kernels = kernels_of(head(24, false), {1, 20, 20});
    CHECK(std::none_of(kernels.begin(), kernels.end(), [](const std::string& kernel) { return kernel.rfind("matrix products", 0) == 0; }));
    CHECK(difference(head(24, false), {random_tensor(Shape{1, 24, 20, 20}, 1)}) < 4e-6);
}

TEST_CASE("cpu: transposed convolutions write into the concat that alone reads them") {
    const InputSize size{2, 24, 40};
    const std::vector<Tensor> inputs{random_tensor(Shape{2, 5, 24, 40}, 1)};
    const Graph joined = neck(false, Activation::relu), shown = neck(true, Activation::relu), smooth = neck(false, Activation::sigmoid);
    CHECK(count(kernels_of(joined, size), "concat") == 0);
    CHECK(count(kernels_of(shown, size), "concat") == 1);
    CHECK(count(kernels_of(smooth, size), "concat") == 1);
    for (const Graph* graph : {&joined, &shown, &smooth}) CHECK(difference(*graph, inputs) < 4e-6);
    const auto arena = [&](const Graph& graph) { return Program(CpuBackend{}, graph, random_weights(graph, 3)).memory(size).arena; };
    CHECK(double(arena(joined)) < 0.7 * double(arena(shown)));
}
