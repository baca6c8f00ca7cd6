// Group norm of the CPU backend: maps of less and more than a chunk of pixels, values far from 0, regions, threads.
#include "scene.hpp"

#include <array>

using namespace regulus;
using namespace regulus::testing;

namespace {

Graph normed(int channels, int groups, Activation activation) {
    return graph_of(channels, [=](const Scope& scope, ValueId image) { return record::group_norm(scope / "norm", ops::GroupNorm{channels, groups, 1e-5, activation}, image); });
}

}  // namespace

TEST_CASE("cpu group norm: equals the reference over odd sizes, groups of one channel and of all, each activation") {
    for (const Activation activation : {Activation::none, Activation::relu, Activation::sigmoid}) {
        for (const std::array<int, 2>& sizes : {std::array{64, 32}, std::array{32, 32}, std::array{21, 3}, std::array{17, 1}}) {
            INFO("channels " << sizes[0] << " groups " << sizes[1]);
            const Graph graph = normed(sizes[0], sizes[1], activation);
            for (const InputSize& size : {InputSize{1, 1, 1}, InputSize{1, 7, 9}, InputSize{2, 8, 8}, InputSize{3, 5, 13}, InputSize{1, 33, 41}}) check_equal_to_reference(graph, size);
        }
    }
}

TEST_CASE("cpu group norm: a mean of a thousand deviations costs few digits") {
    const Graph graph = normed(32, 8, Activation::none);
    Tensor image = random_tensor(Shape{2, 32, 23, 29}, 5, 999.f, 1001.f);
    // A value's own rounding is 2^-24 of 1000, a ten thousandth of a deviation of 0.58: the reference sees the same rounded values, so only the mean's
    // rounding is left.
    check_equal_to_reference(graph, random_weights(graph), {image}, 2e-4);
}

TEST_CASE("cpu group norm: how many threads there are does not change a bit") {
    const Graph graph = normed(64, 32, Activation::relu);
    const std::vector<Tensor> inputs = random_inputs(graph, {2, 31, 47});
    const Weights weights = random_weights(graph);
    const Outputs one = run_on(CpuBackend{}, graph, weights, inputs, {.threads = 1});
    for (const int threads : {2, 3, 5}) CHECK(same_bits(run_on(CpuBackend{}, graph, weights, inputs, {.threads = threads}), one));
}

TEST_CASE("cpu group norm: every region by itself, as many as there are, none too") {
    for (const int size : {7, 14}) {
        Scene scene;
        const std::vector<ValueId> rois = scene.rois(40);
        const ValueId regions = scene.aligned(rois, size);
        const ValueId y = record::group_norm(scene.scope() / "norm", ops::GroupNorm{10, 5, 1e-5, Activation::relu}, regions);
        scene.graph.outputs = {{"y", y}};
        for (const std::vector<int>& counts : {std::vector{5}, std::vector{3, 0, 17}, std::vector{0}, std::vector{40}}) {
            check_equal_to_reference(scene.graph, scene.weights(), Scene::inputs(counts, 19, 23), 5 * one_layer);
        }
    }
}
