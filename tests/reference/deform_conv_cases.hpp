#pragma once
// Deformable convolutions to try on any backend: a graph whose offsets are an input, and the golden cases of mmcv and torchvision.
#include <cmath>
#include <string>
#include <vector>

#include <regulus/graph/record.hpp>
#include <regulus/weights/read_weights.hpp>

#include "support/shared_json.hpp"

namespace regulus::testing {

/// Inputs: the map, and the offsets at the map's size. With a stride the offsets of output pixel (y, x) lie at (stride y, stride x), so that both inputs
/// have one size. Needs a padding that keeps the size. Parameters: conv.weight, conv.bias.
inline Graph deform_graph(const ops::DeformConv2d& op) {
    Graph graph;
    graph.name = "deform";
    const ValueId image = record::image_input(graph, op.conv.in_channels);
    ValueId offsets = record::image_input(graph, op.offset_channels());
    if (op.conv.stride > 1) offsets = record::pool2d(Scope(graph) / "every", ops::Pool2d{ops::Pool2d::Kind::maximum, 1, op.conv.stride, 0}, offsets);
    graph.outputs.emplace_back("y", record::deform_conv2d(Scope(graph) / "conv", op, image, offsets));
    return graph;
}

/// Offsets [n, c, h', w'] where deform_graph wants them: every stride-th pixel of a map of height x width.
inline Tensor spread(const Tensor& offsets, int stride, std::int64_t height, std::int64_t width) {
    const Shape& from = offsets.shape();
    Tensor result = Tensor::zeros(Shape{from[0], from[1], height, width});
    for (std::int64_t plane = 0; plane < from[0] * from[1]; ++plane) {
        for (std::int64_t y = 0; y < from[2]; ++y) {
            for (std::int64_t x = 0; x < from[3]; ++x) {
                result.data<float>()[(plane * height + y * stride) * width + x * stride] = offsets.data<float>()[(plane * from[2] + y) * from[3] + x];
            }
        }
    }
    return result;
}

struct DeformCase {
    std::string name;
    Graph graph;
    Weights weights;
    std::vector<Tensor> inputs;
    Tensor expected;
};

/// Version 1 without and version 2 with bias of each stored case, and mmcv's layer with its own offset convolution.
inline std::vector<DeformCase> golden_deform_cases() {
    const Json json = shared_json("golden/detection2d/ops/deform_conv.json");
    const Weights tensors = read_weights(shared_path("golden/detection2d/ops/deform_conv.safetensors"));
    std::vector<DeformCase> cases;
    for (const Json& one : *json.find("cases")->array()) {
        const std::string name = *one.find("name")->text();
        const auto number = [&](const char* key) { return int(*one.find(key)->integer()); };
        const auto tensor = [&](const std::string& part) { return *tensors.find(name + "." + part); };
        const Tensor x = tensor("x"), weight = tensor("weight");
        ops::DeformConv2d op;
        op.conv.in_channels = int(x.shape()[1]);
        op.conv.out_channels = int(weight.shape()[0]);
        op.conv.kernel = int(weight.shape()[2]);
        op.conv.stride = number("stride");
        op.conv.padding = number("padding");
        op.conv.dilation = number("dilation");
        op.conv.groups = number("groups");
        op.deform_groups = number("deform_groups");
        Weights weights;
        weights.add("conv.weight", weight);
        if (name == "pack_v2") {
            Graph graph;
            graph.name = name;
            const ValueId image = record::image_input(graph, op.conv.in_channels);
            ops::Conv2d looks = op.conv;
            looks.out_channels = op.offset_channels();
            looks.groups = 1;
            looks.bias = true;
            const ValueId offsets = record::conv2d(Scope(graph) / "offset", looks, image);
            graph.outputs.emplace_back("y", record::deform_conv2d(Scope(graph) / "conv", op, image, offsets));
            weights.add("offset.weight", tensor("offset_weight"));
            weights.add("offset.bias", tensor("offset_bias"));
            cases.push_back({name, graph, weights, {x}, tensor("y")});
            continue;
        }
        const Tensor offset = tensor("offset"), mask = tensor("mask");
        const Shape& shape = offset.shape();
        const std::int64_t area = shape[2] * shape[3];
        op.modulated = false;
        cases.push_back({name + " v1", deform_graph(op), weights, {x, spread(offset, op.conv.stride, x.shape()[2], x.shape()[3])}, tensor("v1_without_bias")});
        op.modulated = true;
        op.conv.bias = true;
        weights.add("conv.bias", tensor("bias"));
        Tensor both(Shape{shape[0], op.offset_channels(), shape[2], shape[3]}, DType::f32);  // offsets, then the logits of the stored factors
        for (std::int64_t n = 0; n < shape[0]; ++n) {
            float* to = both.data<float>() + n * op.offset_channels() * area;
            for (std::int64_t i = 0; i < shape[1] * area; ++i) *to++ = offset.data<float>()[n * shape[1] * area + i];
            for (std::int64_t i = 0; i < shape[1] / 2 * area; ++i) {
                const double factor = mask.data<float>()[n * shape[1] / 2 * area + i];
                *to++ = float(std::log(factor / (1 - factor)));
            }
        }
        cases.push_back({name + " v2", deform_graph(op), weights, {x, spread(both, op.conv.stride, x.shape()[2], x.shape()[3])}, tensor("v2_with_bias")});
    }
    return cases;
}

}  // namespace regulus::testing
