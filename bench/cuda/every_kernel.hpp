#pragma once
// Small graphs that together launch every own kernel of the CUDA backend (but those of pictures, which CudaDetector launches): what device_check runs on a device, and
// under compute-sanitizer; tests/cuda/every_kernel_test.cpp sees to it that no kernel is missing.
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/graph/record.hpp>
#include <regulus/models/panoptic_fpn.hpp>

namespace regulus::device_check {

/// A graph with weights and inputs. In float32, outputs agree with the reference within `limit` of their greatest value.
struct Case {
    std::string name;
    Graph graph;
    Weights weights;
    std::vector<Tensor> inputs;
    double limit;
};

inline bool ends_with(const std::string& text, const std::string& end) { return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0; }

/// Seeded, but residual branches damped, and the last layers' numbers small: so a detector finds something.
inline Weights weights_of(const Graph& graph) {
    Weights weights;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (weights.find(parameter.name) != nullptr) continue;
            Tensor tensor = seeded_tensor(parameter.name, parameter.shape, 0);
            const float factor = ends_with(parameter.name, ".c.norm.weight") ? 0.25f : ends_with(parameter.name, "logits.weight") ? 0.1f : ends_with(parameter.name, "deltas.weight") ? 0.05f : 1.f;
            for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] *= factor;
            weights.add(parameter.name, tensor);
        }
    }
    return weights;
}

/// Numbers in [low, high), the same everywhere.
inline Tensor numbers(const Shape& shape, const char* name, float low, float high) {
    Tensor tensor(shape, DType::f32);
    for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = low + (high - low) * float(seeded_uniform(fnv1a64(name), 1, std::uint64_t(i)));
    return tensor;
}

/// Pictures as they are, [n, 4]: height, width, 1, 1.
inline Tensor whole_picture_info(std::int64_t n, std::int64_t height, std::int64_t width) {
    Tensor info(Shape{n, 4}, DType::f32);
    for (std::int64_t i = 0; i < n; ++i) {
        const float row[4] = {float(height), float(width), 1, 1};
        std::memcpy(info.data<float>() + 4 * i, row, sizeof row);
    }
    return info;
}

inline ops::Conv2d convolution(int in, int out, int kernel, int groups = 1) {
    ops::Conv2d op;
    op.in_channels = in, op.out_channels = out, op.kernel = kernel, op.padding = kernel / 2, op.groups = groups, op.bias = true;
    return op;
}

/// Everything that makes maps and tables from maps.
inline Graph maps_graph() {
    Graph graph;
    graph.name = "maps";
    const Scope scope(graph);
    const ValueId image = record::image_input(graph, 8);
    const ValueId grouped = record::conv2d(scope / "grouped", convolution(8, 8, 3, 2), image);
    ops::DeformConv2d deform;
    deform.conv = convolution(8, 8, 3, 2);
    deform.deform_groups = 2;
    deform.modulated = true;
    const ValueId deformed = record::deform_conv2d(scope / "deform", deform, image, record::conv2d(scope / "offsets", convolution(8, deform.offset_channels(), 3), image));
    const ValueId sum = record::add(scope / "sum", record::activate(scope / "relu", Activation::relu, image), deformed);
    ops::Pool2d pool;
    pool.kernel = 3, pool.stride = 2, pool.padding = 1;
    const ValueId small = record::pool2d(scope / "pool", pool, sum);
    ops::BatchNorm norm;
    norm.channels = 8;
    const ValueId normed = record::group_norm(scope / "group_norm", ops::GroupNorm{8, 4, 1e-5, Activation::relu}, record::batch_norm(scope / "norm", norm, small));
    ops::ConvTranspose2d up;
    up.in_channels = 8, up.out_channels = 8, up.kernel = 3, up.stride = 2, up.padding = 1;
    const ValueId overlapping = record::conv_transpose2d(scope / "overlapping", up, normed);
    up.kernel = 2, up.padding = 0;
    const ValueId apart = record::conv_transpose2d(scope / "apart", up, normed);
    const ValueId resized = record::resize(scope / "resize", ops::Resize{ops::Resize::Mode::bilinear}, normed, grouped);
    const ValueId mean = record::average(scope / "mean", {resized, grouped, sum});
    const ValueId all = record::concat(scope / "concat", {mean, grouped});
    const ValueId pooled = record::global_average_pool(scope / "squeeze", all);
    const ValueId gate = record::activate(scope / "gate", Activation::sigmoid, pooled);
    ops::Linear linear;
    linear.in_features = 16, linear.out_features = 7, linear.bias = true;
    const ValueId table = record::linear(scope / "linear", linear, record::global_average_pool(scope / "average", all));
    graph.outputs = {{"scaled", record::scale_channels(scope / "scale", all, gate)}, {"overlapping", overlapping}, {"apart", apart}, {"classes", record::softmax(scope / "softmax", table)}};
    return graph;
}

/// Anchors with several classes, suppression, regions, boxes moved and scaled.
inline Graph boxes_graph() {
    Graph graph;
    graph.name = "boxes";
    const ValueId image = record::image_input(graph, 3), info = record::image_info_input(graph);
    const Scope scope(graph);
    ops::DecodeAnchors decode;
    decode.anchors = {{-8, -8, 8, 8}, {-4, -9, 5, 9}};
    decode.stride = 1;
    decode.classes = 3;
    ops::TopK top_k;
    top_k.limit = 60, top_k.threshold = 0.3f, top_k.classes = 3;
    const Candidates list = record::anchor_candidates(scope / "list", top_k, decode, record::conv2d(scope / "logits", convolution(3, 6, 1), image), record::conv2d(scope / "deltas", convolution(3, 8, 1), image), info);
    ops::Nms nms;
    nms.limit = 20;
    const std::vector<ValueId> found = record::nms(scope / "nms", nms, {list});
    ops::RoiAlign align;
    align.strides = {1};
    align.size = 3;
    const ValueId regions = record::roi_align(scope / "regions", align, {image}, found[0], found[3]);
    ops::Linear linear;
    linear.in_features = 27, linear.out_features = 4, linear.bias = true;
    const ValueId moved = record::refine_boxes(scope / "refine", ops::BoxCoder{}, found[0], record::linear(scope / "box_deltas", linear, regions), found[3], info);
    graph.outputs = {{"boxes", found[0]}, {"moved", moved}, {"scaled", record::scale_boxes(scope / "scale", moved, found[3], info)}, {"labels", found[2]}, {"count", found[3]}};
    return graph;
}

/// From points to oriented boxes, by overlap and by centres, and the cells of all points.
inline Graph points_graph() {
    Graph graph;
    graph.name = "points";
    const std::vector<ValueId> points = record::points_input(graph, 4);
    const Scope scope(graph);
    ops::EncodePillars net;
    net.voxels.range = {0.f, -8.f, -5.f, 16.f, 8.f, 9.f};
    net.voxels.voxel_size = {1.f, 1.f, 14.f};
    net.voxels.max_points = 4;
    net.voxels.max_voxels = 200;
    net.units = {8, 8};
    const std::vector<ValueId> rows = record::voxelize(scope / "voxels", net.voxels, points[0], points[1]);
    const ValueId pillars = record::encode_pillars(scope / "net", net, points[0], rows);
    const ValueId canvas = record::scatter_pillars(scope / "canvas", ops::ScatterPillars{8, 16, 16}, pillars, rows[3], rows[4]);
    ops::DecodeBoxes3d decode;
    decode.anchors.ranges = {{0.f, -8.f, -1.f, 16.f, 8.f, -1.f}};
    decode.anchors.sizes = {{2.f, 1.f, 1.5f}, {4.f, 2.f, 1.5f}};
    decode.classes = 3;
    const Candidates3d list = record::anchor_candidates3d(scope / "list", ops::TopK{200, 0.1f, 1}, decode, record::conv2d(scope / "logits", convolution(8, 12, 1), canvas),
                                                          record::conv2d(scope / "deltas", convolution(8, 28, 1), canvas), record::conv2d(scope / "directions", convolution(8, 8, 1), canvas));
    const std::vector<ValueId> turned = record::rotated_nms(scope / "rotated_nms", ops::RotatedNms{.limit = 50}, {list}), centres = record::circle_nms(scope / "circle_nms", ops::CircleNms{.code = 7}, {list});
    graph.outputs = {{"cells", record::dynamic_voxelize(scope / "cells", {net.voxels}, points[0], points[1])}, {"pillars", pillars}, {"boxes", turned[0]}, {"scores", turned[1]},
                     {"labels", turned[2]}, {"count", turned[3]}, {"centre_boxes", centres[0]}, {"centre_count", centres[3]}};
    return graph;
}

inline constexpr RcnnSizes small_sizes{.rpn_candidates = 60, .proposals = 40, .box_features = 64, .mask_convs = 1, .mask_channels = 16, .detections = 20};
struct SmallNetwork : PanopticFpn<RegNet<regnetx_200mf>, 16, 5, 7, small_sizes> {
    static constexpr RcnnSettings settings{.score_threshold = 0.1f};
};

/// Everything but the kernels of pictures; two pictures or clouds each.
inline std::vector<Case> small_cases() {
    std::vector<Case> cases;
    const auto add = [&](Graph graph, std::vector<Tensor> inputs, double limit) {
        Weights weights = weights_of(graph);
        cases.push_back({graph.name, std::move(graph), std::move(weights), std::move(inputs), limit});
    };
    // float32 sums in another order, a few layers deep; a transcendental or two.
    add(maps_graph(), {numbers(Shape{2, 8, 13, 18}, "maps", -2, 2)}, 2e-5);
    add(boxes_graph(), {numbers(Shape{2, 3, 24, 31}, "boxes", -2, 2), whole_picture_info(2, 24, 31)}, 1e-4);
    Tensor counts(Shape{2}, DType::i32);
    counts.data<std::int32_t>()[0] = 300;
    counts.data<std::int32_t>()[1] = 150;
    add(points_graph(), {numbers(Shape{500, 4}, "points", -8, 16), counts}, 1e-4);
    Graph network = recorded<SmallNetwork>();
    network.name = "panoptic_fpn";
    add(std::move(network), {numbers(Shape{2, 3, 96, 128}, "image", -2, 2), whole_picture_info(2, 96, 128)}, 2e-3);  // a box moves a region by as much
    return cases;
}

}  // namespace regulus::device_check
