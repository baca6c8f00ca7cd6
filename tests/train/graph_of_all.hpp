#pragma once
// One small graph of every operation that learns: branches that meet again, parameters that two nodes share, two outputs.
#include "reference/graph_support.hpp"

namespace regulus::testing {

struct GraphThatLearns {
    Graph graph;
    std::vector<Tensor> inputs;
    InputSize size;
};

/// Two pictures of odd sizes and three boxes each. Without `regions` there are only convolutions, batch norms, linear layers and what works on maps.
inline GraphThatLearns graph_of_all(bool regions) {
    GraphThatLearns result;
    Graph& graph = result.graph;
    graph.name = "all";
    result.size = {2, 15, 13};
    const Scope scope(graph);
    const ValueId image = record::image_input(graph, 3);
    const ValueId stem = record::activate(scope / "stem_relu", Activation::relu, record::batch_norm(scope / "stem_norm", {.channels = 8},
        record::conv2d(scope / "stem", {.in_channels = 3, .out_channels = 8, .kernel = 3, .stride = 2, .padding = 1}, image)));  // [2, 8, 8, 7]
    const ValueId grouped = record::batch_norm(scope / "grouped_norm", {.channels = 8}, record::conv2d(scope / "grouped", {.in_channels = 8, .out_channels = 8, .kernel = 3, .padding = 1, .groups = 2}, stem));
    const ValueId squeezed = record::activate(scope / "gate_sigmoid", Activation::sigmoid, record::conv2d(scope / "gate", {.in_channels = 8, .out_channels = 8, .bias = true}, record::global_average_pool(scope / "mean", grouped)));
    const ValueId block = record::activate(scope / "block_relu", Activation::relu, record::add(scope / "sum", record::scale_channels(scope / "scale", grouped, squeezed), stem));
    const ValueId pooled = record::pool2d(scope / "pool", {ops::Pool2d::Kind::maximum, 3, 2, 1}, block);      // [2, 8, 4, 4]
    const ValueId mean = record::pool2d(scope / "mean_pool", {ops::Pool2d::Kind::average, 3, 2, 1}, block);
    const ops::Conv2d tower{.in_channels = 8, .out_channels = 8, .kernel = 3, .padding = 1, .bias = true};
    const ValueId coarse = record::conv2d(scope / "tower", tower, record::average(scope / "average", {pooled, mean}));
    const ValueId top_down = record::resize(scope / "top_down", {ops::Resize::Mode::nearest, true}, coarse, record::conv2d(scope / "tower", tower, block));  // the tower's parameters serve twice
    const ValueId larger = record::resize(scope / "larger", {ops::Resize::Mode::bilinear}, coarse, top_down);
    ValueId both = record::concat(scope / "concat", {top_down, larger});  // [2, 16, 8, 7]
    if (regions) {
        const ValueId offsets = record::conv2d(scope / "offsets", {.in_channels = 16, .out_channels = 27, .kernel = 3, .padding = 1, .bias = true}, both);
        both = record::group_norm(scope / "deformed_norm", {16, 4, 1e-5, Activation::none}, record::deform_conv2d(scope / "deformed", {{.in_channels = 16, .out_channels = 16, .kernel = 3, .padding = 1}, 1, true}, both, offsets));
    }
    const ValueId mask = record::conv2d(scope / "mask", {.in_channels = 4, .out_channels = 3, .bias = true},
        record::activate(scope / "mask_relu", Activation::relu, record::conv_transpose2d(scope / "up", {.in_channels = 16, .out_channels = 4}, both)));
    graph.outputs.emplace_back("mask", mask);  // [2, 3, 16, 14]
    result.inputs.push_back(random_tensor(Shape{2, 3, 15, 13}, 51));
    if (!regions) {
        graph.outputs.emplace_back("logits", record::linear(scope / "logits", {.in_features = 16, .out_features = 5}, record::global_average_pool(scope / "last", both)));
        return result;
    }
    const ops::RoiAlign align{.strides = {2, 4}, .size = 2, .finest_scale = 4.f};
    const std::vector<ValueId> proposals = record::proposals_input(graph, 3);  // behind what it does not serve: the order of the nodes is not that of the inputs
    const ValueId coarse_wide = record::concat(scope / "wide", {coarse, pooled});
    const ValueId pooled_regions = record::roi_align(scope / "regions", align, {both, coarse_wide}, proposals[0], proposals[1]);
    const ValueId hidden = record::activate(scope / "hidden_relu", Activation::relu, record::linear(scope / "hidden", {.in_features = 64, .out_features = 6}, pooled_regions));
    graph.outputs.emplace_back("probabilities", record::softmax(scope / "softmax", record::linear(scope / "scores", {.in_features = 6, .out_features = 4}, hidden)));
    result.inputs.push_back(tensor_of(Shape{6, 4}, {1.3f, 2.1f, 4.2f, 5.7f, 0.4f, 0.9f, 12.1f, 13.6f, 3.3f, 4.4f, 6.1f, 9.3f, 5.2f, 1.7f, 9.9f, 4.1f, 2.6f, 0.3f, 11.8f, 12.3f, -2.1f, 6.7f, 5.4f, 17.2f}));
    Tensor counts(Shape{2}, DType::i32);
    counts.data<std::int32_t>()[0] = counts.data<std::int32_t>()[1] = 3;
    result.inputs.push_back(counts);
    return result;
}

}  // namespace regulus::testing
