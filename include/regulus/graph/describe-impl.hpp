#pragma once
#include <algorithm>
#include <cstdio>

#include <regulus/graph/describe.hpp>

namespace regulus {

namespace detail {

[[noreturn]] inline void wrong_shape(const Node& node, const std::string& expected, const Shape& got) {
    throw ShapeError("shape of \"" + node.name + "\" (" + kind_of(node.operation) + "): expected " + expected + ", got " + to_string(got));
}

inline const Shape& need_rank(const Node& node, const std::vector<Shape>& inputs, std::size_t which, int rank) {
    if (which >= inputs.size()) throw ShapeError("shape of \"" + node.name + "\": input " + std::to_string(which) + " is missing");
    if (inputs[which].rank() != rank) wrong_shape(node, "rank " + std::to_string(rank) + " at input " + std::to_string(which), inputs[which]);
    return inputs[which];
}

/// Output length of a sliding window; throws when no window fits.
inline std::int64_t windows(const Node& node, const Shape& src, std::int64_t length, int kernel, int stride, int padding, int dilation) {
    if (kernel < 1 || stride < 1 || dilation < 1 || padding < 0) wrong_shape(node, "kernel, stride and dilation of at least 1 and no negative padding", src);
    const std::int64_t reach = length + 2 * std::int64_t(padding) - (std::int64_t(kernel) - 1) * dilation - 1;
    if (reach < 0) wrong_shape(node, "a map that holds one " + std::to_string(kernel) + "x" + std::to_string(kernel) + " window", src);
    return reach / stride + 1;
}

inline const char* suffix(Activation activation) {
    switch (activation) {
        case Activation::relu: return ", relu";
        case Activation::sigmoid: return ", sigmoid";
        case Activation::none: break;
    }
    return "";
}

inline std::string square(int side) { return std::to_string(side) + "x" + std::to_string(side); }
inline std::string arrow(int from, int to) { return std::to_string(from) + " -> " + std::to_string(to); }

inline std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

/// The points that a grid divides; throws for a grid that makes no sense.
inline const Shape& need_points(const Node& node, const std::vector<Shape>& inputs, const ops::Voxelize& grid) {
    const Shape& points = need_rank(node, inputs, 0, 2);
    if (points[1] != grid.features || grid.features < 3) wrong_shape(node, std::to_string(grid.features) + " numbers a point, at least 3", points);
    if (grid.max_points < 1 || grid.max_voxels < 1 || grid.cells(0) < 1 || grid.cells(1) < 1 || grid.cells(2) < 1) {
        throw ShapeError("shape of \"" + node.name + "\": a grid needs at least one cell along each axis, and room for one voxel and one point");
    }
    constexpr std::int64_t most = std::int64_t(1) << 31;
    if (std::int64_t(grid.cells(0)) * grid.cells(1) > most / grid.cells(2)) throw ShapeError("shape of \"" + node.name + "\": a grid of more than " + std::to_string(most) + " cells; use a smaller range or larger voxels");
    return points;
}

/// Kind, sentence, output shapes and multiply-adds of each operation, side by side.
struct Describer {
    const Node& node;
    const std::vector<Shape>& in;
    const InputSize& size;

    std::vector<Shape> operator()(const ops::Input& op) const {
        switch (op.role) {
            case ops::Input::Role::image_info: return {Shape{size.n, 4}};
            case ops::Input::Role::points: return {Shape{size.points, op.channels}};
            case ops::Input::Role::point_count: return {Shape{size.n}};
            case ops::Input::Role::proposals:
                if (op.limit < 1) throw ShapeError("shape of \"" + node.name + "\": a picture needs room for one proposal at least");
                return {Shape{std::int64_t(size.n) * op.limit, 4}};
            case ops::Input::Role::proposal_labels: return {Shape{std::int64_t(size.n) * op.limit}};
            case ops::Input::Role::proposal_count: return {Shape{size.n}};
            case ops::Input::Role::image: break;
        }
        return {Shape{size.n, op.channels, size.height, size.width}};
    }
    std::vector<Shape> operator()(const ops::Conv2d& op) const {
        const Shape& src = need_rank(node, in, 0, 4);
        if (src[1] != op.in_channels) wrong_shape(node, std::to_string(op.in_channels) + " channels", src);
        if (op.groups < 1 || op.in_channels % op.groups != 0 || op.out_channels % op.groups != 0) wrong_shape(node, "groups that divide " + arrow(op.in_channels, op.out_channels) + " channels, not " + std::to_string(op.groups), src);
        const Shape dst{src[0], op.out_channels, windows(node, src, src[2], op.kernel, op.stride, op.padding, op.dilation),
                        windows(node, src, src[3], op.kernel, op.stride, op.padding, op.dilation)};
        if (op.residual && !(need_rank(node, in, 1, 4) == dst)) wrong_shape(node, "a residual of shape " + to_string(dst), in[1]);
        return {dst};
    }
    std::vector<Shape> operator()(const ops::DeformConv2d& op) const {
        const Shape dst = (*this)(op.conv)[0];
        const Shape offsets{dst[0], op.offset_channels(), dst[2], dst[3]};
        if (!(need_rank(node, in, 1, 4) == offsets)) wrong_shape(node, "offsets of shape " + to_string(offsets), in[1]);
        if (op.conv.residual || op.deform_groups < 1 || op.conv.in_channels % op.deform_groups != 0) {
            throw ShapeError("shape of \"" + node.name + "\": a deformable convolution takes no residual, and its channels must be a multiple of its deform groups");
        }
        return {dst};
    }
    std::vector<Shape> operator()(const ops::ConvTranspose2d& op) const {
        const Shape& src = need_rank(node, in, 0, 4);
        if (src[1] != op.in_channels) wrong_shape(node, std::to_string(op.in_channels) + " channels", src);
        const auto side = [&](std::int64_t length) { return (length - 1) * op.stride + op.kernel - 2 * std::int64_t(op.padding); };
        if (op.kernel < 1 || op.stride < 1 || op.padding < 0 || side(src[2]) < 1 || side(src[3]) < 1) wrong_shape(node, "kernel and stride of at least 1 and a padding that leaves a pixel", src);
        return {Shape{src[0], op.out_channels, side(src[2]), side(src[3])}};
    }
    std::vector<Shape> operator()(const ops::BatchNorm& op) const {
        const Shape& src = need_rank(node, in, 0, 4);
        if (src[1] != op.channels) wrong_shape(node, std::to_string(op.channels) + " channels", src);
        return {src};
    }
    std::vector<Shape> operator()(const ops::GroupNorm& op) const {
        const Shape& src = need_rank(node, in, 0, 4);
        if (src[1] != op.channels) wrong_shape(node, std::to_string(op.channels) + " channels", src);
        if (op.groups < 1 || op.channels % op.groups != 0) wrong_shape(node, "groups that divide " + std::to_string(op.channels) + " channels, not " + std::to_string(op.groups), src);
        return {src};
    }
    std::vector<Shape> operator()(const ops::Activate&) const { return {in.at(0)}; }
    std::vector<Shape> operator()(const ops::Add&) const {
        if (!(in.at(0) == in.at(1))) wrong_shape(node, "two equal shapes, the left one " + to_string(in[0]), in[1]);
        return {in[0]};
    }
    std::vector<Shape> operator()(const ops::Average&) const {
        for (const Shape& shape : in) {
            if (!(shape == in[0])) wrong_shape(node, "equal shapes, the first one " + to_string(in[0]), shape);
        }
        return {in.at(0)};
    }
    std::vector<Shape> operator()(const ops::Pool2d& op) const {
        const Shape& src = need_rank(node, in, 0, 4);
        return {Shape{src[0], src[1], windows(node, src, src[2], op.kernel, op.stride, op.padding, 1), windows(node, src, src[3], op.kernel, op.stride, op.padding, 1)}};
    }
    std::vector<Shape> operator()(const ops::GlobalAveragePool&) const {
        const Shape& src = need_rank(node, in, 0, 4);
        return {Shape{src[0], src[1], 1, 1}};
    }
    std::vector<Shape> operator()(const ops::ScaleChannels&) const {
        const Shape& src = need_rank(node, in, 0, 4);
        const Shape gate{src[0], src[1], 1, 1};
        if (!(need_rank(node, in, 1, 4) == gate)) wrong_shape(node, "a gate of shape " + to_string(gate), in[1]);
        return {src};
    }
    std::vector<Shape> operator()(const ops::Resize& op) const {
        const Shape& src = need_rank(node, in, 0, 4);
        if (op.factor != 0) {
            if (op.factor < 1 || op.adds || in.size() != 1) wrong_shape(node, "a factor of at least 1 and nothing to add, not " + std::to_string(op.factor), src);
            return {Shape{src[0], src[1], src[2] * op.factor, src[3] * op.factor}};
        }
        const Shape& like = need_rank(node, in, 1, 4);
        const Shape dst{src[0], src[1], like[2], like[3]};
        if (op.adds && !(like == dst)) wrong_shape(node, "an addend of shape " + to_string(dst), like);
        return {dst};
    }
    std::vector<Shape> operator()(const ops::Linear& op) const {
        const Shape& src = in.at(0);
        std::int64_t features = 1;
        for (int axis = 1; axis < src.rank(); ++axis) features *= src[axis];
        if (src.rank() < 2 || features != op.in_features) wrong_shape(node, std::to_string(op.in_features) + " features a row", src);
        return {Shape{src[0], op.out_features}};
    }
    std::vector<Shape> operator()(const ops::Softmax&) const { return {in.at(0)}; }
    std::vector<Shape> operator()(const ops::TopK& op) const {
        const Shape& src = need_rank(node, in, 0, 4);
        if (op.classes < 1 || src[1] % op.classes != 0) wrong_shape(node, "a multiple of " + std::to_string(op.classes) + " channels", src);
        const std::int64_t k = std::min<std::int64_t>(op.limit, src[1] / op.classes * src[2] * src[3]) * op.classes;
        return {Shape{src[0], k}, Shape{src[0], k}, Shape{src[0]}};
    }
    std::vector<Shape> operator()(const ops::DecodeAnchors& op) const {
        const Shape& deltas = need_rank(node, in, 0, 4);
        if (deltas[1] != std::int64_t(4 * op.anchors.size())) wrong_shape(node, std::to_string(4 * op.anchors.size()) + " delta channels", deltas);
        const Shape& index = need_rank(node, in, 1, 2);
        return {Shape{index[0], index[1], 4}, index};
    }
    std::vector<Shape> operator()(const ops::Nms& op) const {
        if (int(in.size()) != 4 * op.lists || op.lists == 0) throw ShapeError("shape of \"" + node.name + "\": expected four inputs a list");
        const std::int64_t rows = in[0][0] * op.limit;
        return {Shape{rows, 4}, Shape{rows}, Shape{rows}, Shape{in[0][0]}};
    }
    std::vector<Shape> operator()(const ops::RoiAlign& op) const {
        if (in.size() != op.strides.size() + 2) throw ShapeError("shape of \"" + node.name + "\": expected one map a stride, boxes and count");
        const Shape& boxes = need_rank(node, in, op.strides.size(), 2);
        return {Shape{boxes[0], need_rank(node, in, 0, 4)[1], op.size, op.size}};
    }
    std::vector<Shape> operator()(const ops::ClassCandidates& op) const {
        const Shape& probabilities = need_rank(node, in, 0, 2);
        if (probabilities[1] != op.classes + 1) wrong_shape(node, std::to_string(op.classes + 1) + " probabilities a row", probabilities);
        const Shape& deltas = need_rank(node, in, 1, 2);
        if (deltas[1] != 4 * (op.class_agnostic ? 1 : op.classes)) wrong_shape(node, "four deltas a class", deltas);
        const std::int64_t n = need_rank(node, in, 3, 1)[0];
        const std::int64_t k = n == 0 ? 0 : probabilities[0] / n * op.classes;
        return {Shape{n, k, 4}, Shape{n, k}, Shape{n, k}, Shape{n}};
    }
    std::vector<Shape> operator()(const ops::RefineBoxes&) const {
        const Shape& boxes = need_rank(node, in, 0, 2);
        if (!(need_rank(node, in, 1, 2) == boxes)) wrong_shape(node, "four deltas a row, " + to_string(boxes), in[1]);
        need_rank(node, in, 2, 1);
        need_rank(node, in, 3, 2);
        return {boxes};
    }
    std::vector<Shape> operator()(const ops::ScaleBoxes&) const {
        need_rank(node, in, 1, 1);
        need_rank(node, in, 2, 2);
        return {need_rank(node, in, 0, 2)};
    }
    std::vector<Shape> operator()(const ops::SelectChannel&) const {
        const Shape& src = need_rank(node, in, 0, 4);
        return {Shape{src[0], src[2], src[3]}};
    }
    std::vector<Shape> operator()(const ops::Concat&) const {
        Shape dst = need_rank(node, in, 0, 4);
        for (std::size_t i = 1; i < in.size(); ++i) {
            Shape same = need_rank(node, in, i, 4);
            const std::int64_t channels = same[1];
            same[1] = dst[1];
            if (!(same == dst)) wrong_shape(node, "maps that differ in their channels only, the first one " + to_string(in[0]), in[i]);
            dst[1] += channels;
        }
        return {dst};
    }
    std::vector<Shape> operator()(const ops::Voxelize& op) const {
        const Shape& points = need_points(node, in, op);
        const std::int64_t n = need_rank(node, in, 1, 1)[0];
        const std::int64_t voxels = std::min<std::int64_t>(points[0], n * op.max_voxels);
        return {Shape{points[0]}, Shape{voxels}, Shape{voxels}, Shape{voxels, 3}, Shape{n}};
    }
    std::vector<Shape> operator()(const ops::EncodePillars& op) const {
        const Shape& points = need_rank(node, in, 0, 2);
        if (points[1] != op.voxels.features || op.units.empty()) wrong_shape(node, std::to_string(op.voxels.features) + " numbers a point and at least one layer", points);
        return {Shape{need_rank(node, in, 4, 2)[0], op.units.back()}};
    }
    std::vector<Shape> operator()(const ops::ScatterPillars& op) const {
        const Shape& pillars = need_rank(node, in, 0, 2);
        if (pillars[1] != op.channels) wrong_shape(node, std::to_string(op.channels) + " channels a pillar", pillars);
        return {Shape{need_rank(node, in, 2, 1)[0], op.channels, op.height, op.width}};
    }
    std::vector<Shape> operator()(const ops::DecodeBoxes3d& op) const {
        const Shape& deltas = need_rank(node, in, 0, 4);
        const int anchors = op.anchors.per_cell();
        if ((op.code != 7 && op.code != 9) || deltas[1] != std::int64_t(anchors) * op.code) wrong_shape(node, "7 or 9 numbers for each of " + std::to_string(anchors) + " anchors, here " + std::to_string(op.code), deltas);
        if (op.anchors.ranges.size() != 1 && op.anchors.ranges.size() != op.anchors.sizes.size()) {
            throw ShapeError("shape of \"" + node.name + "\": anchors need one range, or one for each size");
        }
        const Shape directions{deltas[0], 2 * std::int64_t(anchors), deltas[2], deltas[3]};
        if (!(need_rank(node, in, 1, 4) == directions)) wrong_shape(node, "directions of shape " + to_string(directions), in[1]);
        const Shape& index = need_rank(node, in, 2, 2);
        return {Shape{index[0], index[1], op.code}, index, index};
    }
    std::vector<Shape> operator()(const ops::RotatedNms& op) const {
        if (int(in.size()) != 5 * op.lists || op.lists == 0) throw ShapeError("shape of \"" + node.name + "\": expected five inputs a list");
        const Shape& boxes = need_rank(node, in, 0, 3);
        if (boxes[2] != op.code) wrong_shape(node, std::to_string(op.code) + " numbers a box", boxes);
        const std::int64_t rows = boxes[0] * op.limit;
        return {Shape{rows, op.code}, Shape{rows}, Shape{rows}, Shape{boxes[0]}};
    }
    std::vector<Shape> operator()(const ops::DynamicVoxelize& op) const {
        const Shape& points = need_points(node, in, op.grid);
        need_rank(node, in, 1, 1);
        return {Shape{points[0], 3}};
    }
    std::vector<Shape> operator()(const ops::CircleNms& op) const {
        if (int(in.size()) != 4 * op.lists || op.lists == 0) throw ShapeError("shape of \"" + node.name + "\": expected four inputs a list");
        const Shape& boxes = need_rank(node, in, 0, 3);
        if (boxes[2] != op.code || op.code < 2) wrong_shape(node, std::to_string(op.code) + " numbers a box, x and y first", boxes);
        const std::int64_t rows = boxes[0] * op.limit;
        return {Shape{rows, op.code}, Shape{rows}, Shape{rows}, Shape{boxes[0]}};
    }
};

struct Kind {
    const char* operator()(const ops::Input&) const { return "input"; }
    const char* operator()(const ops::Conv2d&) const { return "conv2d"; }
    const char* operator()(const ops::ConvTranspose2d&) const { return "conv_transpose2d"; }
    const char* operator()(const ops::BatchNorm&) const { return "batch_norm"; }
    const char* operator()(const ops::GroupNorm&) const { return "group_norm"; }
    const char* operator()(const ops::Activate&) const { return "activate"; }
    const char* operator()(const ops::Add&) const { return "add"; }
    const char* operator()(const ops::Pool2d&) const { return "pool2d"; }
    const char* operator()(const ops::GlobalAveragePool&) const { return "global_average_pool"; }
    const char* operator()(const ops::ScaleChannels&) const { return "scale_channels"; }
    const char* operator()(const ops::Resize&) const { return "resize"; }
    const char* operator()(const ops::Linear&) const { return "linear"; }
    const char* operator()(const ops::Softmax&) const { return "softmax"; }
    const char* operator()(const ops::TopK&) const { return "top_k"; }
    const char* operator()(const ops::DecodeAnchors&) const { return "decode_anchors"; }
    const char* operator()(const ops::Nms&) const { return "nms"; }
    const char* operator()(const ops::RoiAlign&) const { return "roi_align"; }
    const char* operator()(const ops::ClassCandidates&) const { return "class_candidates"; }
    const char* operator()(const ops::SelectChannel&) const { return "select_channel"; }
    const char* operator()(const ops::DeformConv2d&) const { return "deform_conv2d"; }
    const char* operator()(const ops::Average&) const { return "average"; }
    const char* operator()(const ops::RefineBoxes&) const { return "refine_boxes"; }
    const char* operator()(const ops::ScaleBoxes&) const { return "scale_boxes"; }
    const char* operator()(const ops::Concat&) const { return "concat"; }
    const char* operator()(const ops::Voxelize&) const { return "voxelize"; }
    const char* operator()(const ops::EncodePillars&) const { return "encode_pillars"; }
    const char* operator()(const ops::ScatterPillars&) const { return "scatter_pillars"; }
    const char* operator()(const ops::DecodeBoxes3d&) const { return "decode_boxes3d"; }
    const char* operator()(const ops::RotatedNms&) const { return "rotated_nms"; }
    const char* operator()(const ops::DynamicVoxelize&) const { return "dynamic_voxelize"; }
    const char* operator()(const ops::CircleNms&) const { return "circle_nms"; }
};

struct Sentence {
    std::string operator()(const ops::Input& op) const {
        switch (op.role) {
            case ops::Input::Role::image_info: return "sizes and resize factors of the pictures";
            case ops::Input::Role::points: return "the points of the clouds";
            case ops::Input::Role::point_count: return "how many points each cloud has";
            case ops::Input::Role::proposals: return "boxes to look at, at most " + std::to_string(op.limit) + " a picture";
            case ops::Input::Role::proposal_labels: return "the classes of the boxes to look at";
            case ops::Input::Role::proposal_count: return "how many boxes each picture has";
            case ops::Input::Role::image: break;
        }
        return "the preprocessed pictures";
    }
    std::string operator()(const ops::Conv2d& op) const {
        std::string text = square(op.kernel) + " convolution, " + arrow(op.in_channels, op.out_channels);
        if (op.stride != 1) text += ", stride " + std::to_string(op.stride);
        if (op.dilation != 1) text += ", dilation " + std::to_string(op.dilation);
        if (op.groups != 1) text += ", " + std::to_string(op.groups) + " groups";
        if (op.norm) text += ", batch norm folded";
        if (op.residual) text += ", plus residual";
        return text + suffix(op.activation);
    }
    std::string operator()(const ops::ConvTranspose2d& op) const {
        return square(op.kernel) + " transposed convolution, stride " + std::to_string(op.stride) + ", " + arrow(op.in_channels, op.out_channels) + (op.norm ? ", batch norm folded" : "") + suffix(op.activation);
    }
    std::string operator()(const ops::BatchNorm& op) const { return "batch norm of " + std::to_string(op.channels) + " channels" + suffix(op.activation); }
    std::string operator()(const ops::GroupNorm& op) const { return "group norm of " + std::to_string(op.channels) + " channels, " + std::to_string(op.groups) + " groups" + suffix(op.activation); }
    std::string operator()(const ops::Activate& op) const { return op.activation == Activation::none ? "identity" : std::string(suffix(op.activation)).substr(2); }
    std::string operator()(const ops::Add& op) const { return std::string("sum") + suffix(op.activation); }
    std::string operator()(const ops::Pool2d& op) const {
        return square(op.kernel) + (op.kind == ops::Pool2d::Kind::maximum ? " max pooling, stride " : " average pooling, stride ") + std::to_string(op.stride);
    }
    std::string operator()(const ops::GlobalAveragePool&) const { return "mean over height and width"; }
    std::string operator()(const ops::ScaleChannels&) const { return "channels times their gate"; }
    std::string operator()(const ops::Resize& op) const {
        const std::string text = op.mode == ops::Resize::Mode::nearest ? "nearest resize" : "bilinear resize";
        return text + (op.factor != 0 ? ", " + std::to_string(op.factor) + " times as large" : op.adds ? ", added to the finer map" : "");
    }
    std::string operator()(const ops::Linear& op) const { return "linear, " + arrow(op.in_features, op.out_features) + suffix(op.activation); }
    std::string operator()(const ops::Softmax&) const { return "softmax over the last axis"; }
    std::string operator()(const ops::DeformConv2d& op) const {
        std::string text = (op.modulated ? "modulated deformable " : "deformable ") + (*this)(op.conv);
        const std::string groups = op.deform_groups == 1 ? "" : ", " + std::to_string(op.deform_groups) + " deform groups";
        return text.insert(text.size() - std::string(suffix(op.conv.activation)).size(), groups);
    }
    std::string operator()(const ops::Average&) const { return "mean of the inputs"; }
    std::string operator()(const ops::RefineBoxes&) const { return "regions moved by their deltas"; }
    std::string operator()(const ops::ScaleBoxes&) const { return "boxes from original to network pixels"; }
    std::string operator()(const ops::TopK& op) const {
        if (op.classes > 1) return "all classes above " + number(op.threshold) + " of the best " + std::to_string(op.limit) + " anchors";
        return "the best " + std::to_string(op.limit) + " scores" + (op.threshold > 0 ? " above " + number(op.threshold) : "");
    }
    std::string operator()(const ops::DecodeAnchors& op) const { return "boxes of the chosen anchors, " + std::to_string(op.anchors.size()) + " a cell at stride " + std::to_string(op.stride); }
    std::string operator()(const ops::Nms& op) const {
        return "non-maximum suppression over " + std::to_string(op.lists) + (op.lists == 1 ? " list" : " lists") + ", IoU " + number(op.iou_threshold) + ", at most " + std::to_string(op.limit);
    }
    std::string operator()(const ops::RoiAlign& op) const { return "RoIAlign " + square(op.size) + " from " + std::to_string(op.strides.size()) + (op.strides.size() == 1 ? " level" : " levels"); }
    std::string operator()(const ops::ClassCandidates& op) const { return "boxes of " + std::to_string(op.classes) + " classes above " + number(op.threshold); }
    std::string operator()(const ops::SelectChannel& op) const { return std::string("the label's channel") + suffix(op.activation); }
    std::string operator()(const ops::Concat&) const { return "channels of all inputs, one after the other"; }
    std::string operator()(const ops::Voxelize& op) const {
        return "points into " + std::to_string(op.cells(0)) + "x" + std::to_string(op.cells(1)) + "x" + std::to_string(op.cells(2)) + " cells, at most " + std::to_string(op.max_voxels) + " of " +
               std::to_string(op.max_points) + " points";
    }
    std::string operator()(const ops::EncodePillars& op) const {
        std::string text = "pillar net, " + std::to_string(op.decorated());
        for (const int unit : op.units) text += " -> " + std::to_string(unit);
        return text + (op.average ? ", averages" : "");
    }
    std::string operator()(const ops::ScatterPillars& op) const { return "pillars onto a " + std::to_string(op.height) + "x" + std::to_string(op.width) + " map"; }
    std::string operator()(const ops::DecodeBoxes3d& op) const { return "oriented boxes of the chosen anchors, " + std::to_string(op.anchors.per_cell()) + " a cell"; }
    std::string operator()(const ops::DynamicVoxelize& op) const {
        return "the cell of each point among " + std::to_string(op.grid.cells(0)) + "x" + std::to_string(op.grid.cells(1)) + "x" + std::to_string(op.grid.cells(2));
    }
    std::string operator()(const ops::CircleNms& op) const {
        return "suppression of centres over " + std::to_string(op.lists) + (op.lists == 1 ? " list" : " lists") + ", squared distance " + number(op.squared_radius) + ", at most " + std::to_string(op.limit);
    }
    std::string operator()(const ops::RotatedNms& op) const {
        return "rotated suppression within classes over " + std::to_string(op.lists) + (op.lists == 1 ? " list" : " lists") + ", IoU " + number(op.iou_threshold) + ", at most " + std::to_string(op.limit);
    }
};

/// The multiply-adds of the pillar net when every point that fits is stored and every voxel has one empty slot.
inline std::int64_t pillar_macs(const ops::EncodePillars& op, std::int64_t points, std::int64_t voxels) {
    std::int64_t a_row = 0, in = op.decorated();
    for (const int unit : op.units) {
        a_row += in * unit;
        in = 2 * std::int64_t(unit);
    }
    return a_row * (points + voxels);
}

inline void check_size(const Graph& graph, const InputSize& size) {
    bool pictures = false;
    for (const ValueId id : graph.inputs) {
        const auto& input = std::get<ops::Input>(graph.nodes[std::size_t(graph.values[std::size_t(id)].producer)].operation);
        pictures = pictures || input.role == ops::Input::Role::image;
    }
    if (pictures && (size.n < 1 || size.height < 1 || size.width < 1)) {
        throw ShapeError("input size: batch, height and width must be positive, got " + std::to_string(size.n) + " x " + std::to_string(size.height) + " x " + std::to_string(size.width));
    }
    if (size.n < 1 || size.points < 0) throw ShapeError("input size: the batch must be positive and the points not negative, got " + std::to_string(size.n) + " clouds and " + std::to_string(size.points) + " points");
}

inline std::string in_thousands(std::int64_t value) {
    std::string digits = std::to_string(value);
    for (int at = int(digits.size()) - 3; at > 0; at -= 3) digits.insert(std::size_t(at), 1, ',');
    return digits;
}

}  // namespace detail

REGULUS_INLINE const char* kind_of(const Operation& operation) { return std::visit(detail::Kind{}, operation); }
REGULUS_INLINE std::string describe(const Operation& operation) { return std::visit(detail::Sentence{}, operation); }

REGULUS_INLINE std::vector<Shape> infer_outputs(const Node& node, const std::vector<Shape>& inputs, const InputSize& size) {
    return std::visit(detail::Describer{node, inputs, size}, node.operation);
}

REGULUS_INLINE std::vector<Shape> infer_shapes(const Graph& graph, const InputSize& size) {
    detail::check_size(graph, size);
    std::vector<Shape> shapes(graph.values.size());
    for (const Node& node : graph.nodes) {
        std::vector<Shape> inputs;
        for (const ValueId id : node.inputs) inputs.push_back(shapes[std::size_t(id)]);
        const std::vector<Shape> outputs = infer_outputs(node, inputs, size);
        for (std::size_t i = 0; i < outputs.size(); ++i) shapes[std::size_t(node.outputs[i])] = outputs[i];
    }
    return shapes;
}

REGULUS_INLINE Cost cost_of(const Graph& graph, const Node& node, const std::vector<Shape>& shapes) {
    Cost cost;
    const auto bytes = [&](ValueId id) { return shapes[std::size_t(id)].numel() * std::int64_t(size_of(graph.values[std::size_t(id)].dtype)); };
    for (const ValueId id : node.inputs) cost.bytes_read += bytes(id);
    for (const ValueId id : node.outputs) cost.bytes_written += bytes(id);
    for (const Parameter& parameter : node.parameters) cost.parameters += parameter.shape.numel();
    if (const auto* conv = std::get_if<ops::Conv2d>(&node.operation)) {
        cost.macs = shapes[std::size_t(node.outputs[0])].numel() * (conv->in_channels / conv->groups) * conv->kernel * conv->kernel;
    } else if (const auto* deform = std::get_if<ops::DeformConv2d>(&node.operation)) {
        cost.macs = shapes[std::size_t(node.outputs[0])].numel() * (deform->conv.in_channels / deform->conv.groups) * deform->conv.kernel * deform->conv.kernel;
    } else if (const auto* deconv = std::get_if<ops::ConvTranspose2d>(&node.operation)) {
        cost.macs = shapes[std::size_t(node.inputs[0])].numel() * deconv->out_channels * deconv->kernel * deconv->kernel;
    } else if (const auto* linear = std::get_if<ops::Linear>(&node.operation)) {
        cost.macs = shapes[std::size_t(node.outputs[0])].numel() * linear->in_features;
    } else if (const auto* pillars = std::get_if<ops::EncodePillars>(&node.operation)) {
        cost.macs = detail::pillar_macs(*pillars, shapes[std::size_t(node.inputs[0])][0], shapes[std::size_t(node.outputs[0])][0]);
    }
    return cost;
}

REGULUS_INLINE std::string summary(const Graph& graph, const InputSize& size) {
    const std::vector<Shape> shapes = infer_shapes(graph, size);
    std::string text = graph.name + " at " + std::to_string(size.n) + " x " +
                       (size.points > 0 ? std::to_string(size.points) + " points" : std::to_string(size.height) + " x " + std::to_string(size.width)) + "\n";
    char line[512];
    std::snprintf(line, sizeof line, "%-32s %-64s %-22s %16s %12s\n", "node", "operation", "output", "multiply-adds", "parameters");
    text += line;
    std::int64_t macs = 0;
    for (const Node& node : graph.nodes) {
        const Cost cost = cost_of(graph, node, shapes);
        macs += cost.macs;
        std::snprintf(line, sizeof line, "%-32s %-64s %-22s %16s %12s\n", node.name.c_str(), describe(node.operation).c_str(), to_string(shapes[std::size_t(node.outputs[0])]).c_str(),
                      cost.macs ? detail::in_thousands(cost.macs).c_str() : "", cost.parameters ? detail::in_thousands(cost.parameters).c_str() : "");
        text += line;
    }
    return text + detail::in_thousands(graph.parameter_count()) + " parameters, " + detail::in_thousands(macs) + " multiply-adds (bounded counts taken as full)\n";
}

}  // namespace regulus
