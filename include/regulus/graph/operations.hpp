#pragma once
// graph/: the recorded network as a plain value, what its operations mean and cost, and the passes over it.
// It includes core/ (and the plain container weights/weights.hpp). This file is the closed list of operations.
//
// Layout words: a *map* is [n, c, h, w]; *rows* are [r, ...] packed over the images of a batch (all rows of image 0, then of
// image 1, ...) with a count value [n] saying how many each image has; a *list* is [n, k, ...] with a count value [n], of
// which the first count entries per image are valid. Rows and lists are bounded buffers: their shape is the bound.
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

namespace regulus {

enum class Activation : std::uint8_t { none, relu, sigmoid };

namespace ops {

/// What a graph is fed.
///   image       [n, channels, h, w]  float32, preprocessed
///   image_info  [n, 4]               float32: height and width of the picture inside its padding, and the factors
///                                    (height, width) by which the original was resized
///   points      rows [p, channels]   float32: the points of the clouds, x, y, z first
///   point_count [n]                  int32: how many of them each cloud has; their sum may be less than p
///   proposals   rows [n * limit, 4]  float32: boxes to look at, x1 y1 x2 y2 in network pixels, of picture 0, then of picture 1, ...
///   proposal_labels rows [n * limit] int32: the class of each proposal, 0 .. channels - 1
///   proposal_count [n]               int32: how many of them each picture has, at most limit
struct Input {
    enum class Role : std::uint8_t { image, image_info, points, point_count, proposals, proposal_labels, proposal_count };
    Role role = Role::image;
    int channels = 3;
    int limit = 0;  // of proposals, their labels and counts
};

/// Grouped two-dimensional cross-correlation with zero padding, weight [out, in / groups, kernel, kernel].
///     dst = activation(norm(conv(src) + bias) + residual)
/// `norm` is a batch norm that a pass folded in: its four parameters follow weight (and bias) in the node's list.
/// Inputs: src map or rows [r, c, h, w]; then the residual if there is one.
struct Conv2d {
    int in_channels = 0;
    int out_channels = 0;
    int kernel = 1;
    int stride = 1;
    int padding = 0;
    int dilation = 1;
    int groups = 1;
    bool bias = false;
    bool norm = false;
    double norm_eps = 1e-5;
    bool residual = false;
    Activation activation = Activation::none;
};

/// Convolution whose taps read where offsets point: tap k = ky * kernel + kx of deform group g reads `src`, bilinearly, (dy, dx) away from its place
/// in the window. Deform groups share the input channels equally; the convolution's own groups are independent of them.
///     src map, offsets map [n, offset_channels(), h', w']  ->  dst as Conv2d's
/// Offset channel 2 (g K + k) is dy, the next one dx (K taps). When modulated, channel 2 G K + g K + k follows, the logit of a factor on the tap's
/// value. Outside the map, and where offsets are not finite, taps read zero.
/// Source: Dai et al., Deformable Convolutional Networks, ICCV 2017 (v1); Zhu et al., Deformable ConvNets v2, CVPR 2019 (modulated).
struct DeformConv2d {
    Conv2d conv;  // without a residual
    int deform_groups = 1;
    bool modulated = true;

    constexpr int offset_channels() const { return (modulated ? 3 : 2) * deform_groups * conv.kernel * conv.kernel; }
};

/// Transposed convolution, weight [in, out, kernel, kernel]: h' = (h - 1) * stride + kernel - 2 * padding. `norm` as Conv2d's.
struct ConvTranspose2d {
    int in_channels = 0;
    int out_channels = 0;
    int kernel = 2;
    int stride = 2;
    int padding = 0;
    bool bias = true;
    bool norm = false;
    double norm_eps = 1e-5;
    Activation activation = Activation::none;
};

/// (x - running_mean) / sqrt(running_var + eps) * weight + bias, per channel.
struct BatchNorm {
    int channels = 0;
    double eps = 1e-5;
    Activation activation = Activation::none;
};

/// For each picture (or region) and each of `groups` equal groups of neighbouring channels: (x - mean) / sqrt(variance + eps) of the group over all its pixels,
/// the variance divided by their number, then per channel * weight + bias.
/// Source: Wu and He, Group Normalization, ECCV 2018.
struct GroupNorm {
    int channels = 0;
    int groups = 32;
    double eps = 1e-5;
    Activation activation = Activation::none;
};

/// Elementwise activation.
struct Activate {
    Activation activation = Activation::relu;
};

/// a + b, elementwise, then the activation.
struct Add {
    Activation activation = Activation::none;
};

/// Elementwise mean of all inputs, which have equal shapes.
struct Average {};

/// Pooling over square windows; the maximum ignores padding, the average counts it not.
struct Pool2d {
    enum class Kind : std::uint8_t { maximum, average };
    Kind kind = Kind::maximum;
    int kernel = 1;
    int stride = 1;
    int padding = 0;
};

/// Mean over height and width: [n, c, h, w] -> [n, c, 1, 1].
struct GlobalAveragePool {};

/// Squeeze-excite's last step: src [n, c, h, w] times gate [n, c, 1, 1].
struct ScaleChannels {};

/// Resamples src to the height and width of `like`, or to `factor` times its own when that is not 0. Nearest takes source index floor(dst * in / out); bilinear mixes the
/// four neighbours of the same place, centres of pixels at .5, without antialiasing (torch's interpolate, align_corners false).
/// With `adds`, like is added to the result (the top-down step of an FPN). Inputs: src; like, where there is no factor.
struct Resize {
    enum class Mode : std::uint8_t { nearest, bilinear };
    Mode mode = Mode::nearest;
    bool adds = false;
    int factor = 0;
};

/// dst = activation(src . weight^T + bias); weight [out, in]. Inputs with more than two dimensions are flattened in C order.
struct Linear {
    int in_features = 0;
    int out_features = 0;
    bool bias = true;
    Activation activation = Activation::none;
};

/// Softmax over the last axis.
struct Softmax {};

/// The best scores of a score map, per image, as a list.
///     src map [n, anchors * classes, h, w] (logits)  ->  scores [n, k], index [n, k] int32, count [n] int32
/// k = min(limit, anchors * classes * h * w). The score is sigmoid(logit); entries must exceed `threshold`. Order: falling
/// score, then rising index. The index counts (y, x, channel), channel fastest.
/// With classes > 1 the limit counts anchors, groups of that many channels: those with the best class stay, whatever their score, and give all
/// their entries above the threshold; k = min(limit, anchors * h * w) * classes, ordered by anchor, then class (mmdetection 2's RetinaNet).
struct TopK {
    int limit = 1000;
    float threshold = -std::numeric_limits<float>::infinity();
    int classes = 1;
};

/// How deltas (dx, dy, dw, dh) become boxes: centre + d * std * size, size * exp(d * std), dw and dh clamped.
struct BoxCoder {
    std::array<float, 4> stds{1.f, 1.f, 1.f, 1.f};
    float max_log_ratio = 4.135166556742356f;  // |log(16 / 1000)|
    bool clamp_both_sides = true;              // mmdetection; detectron2 and torchvision clamp above only
    bool clip = true;                          // to the picture inside its padding
};

/// Boxes of the anchors that TopK chose.
///     deltas map [n, 4 * anchors, h, w], index [n, k], count [n], image_info  ->  boxes [n, k, 4], labels [n, k] int32
/// Anchors are float32 corners around (x * stride, y * stride). label = label_offset + index % classes.
struct DecodeAnchors {
    std::vector<std::array<float, 4>> anchors;
    int stride = 1;
    int classes = 1;
    int label_offset = 0;
    BoxCoder coder;
    bool rescale = false;  // multiply by 1 / scale: boxes in pixels of the original picture
};

/// Greedy suppression among boxes of equal label, over the union of several lists.
///     lists x (boxes [n, k, 4], scores [n, k], labels [n, k], count [n])
///       ->  boxes [n * limit, 4], scores [n * limit], labels [n * limit] int32, count [n] int32     (rows)
/// Order: falling score; equal scores in the order of the lists. A box goes when its IoU with a kept one is > iou_threshold
/// (areas without + 1). Boxes whose width or height is not > min_size are dropped first unless min_size < 0.
struct Nms {
    int lists = 1;
    float iou_threshold = 0.5f;
    int limit = 100;
    float min_size = -1.f;
};

/// Which FPN level pools a box, from its area in network pixels.
enum class LevelRule : std::uint8_t {
    mmdetection,  // floor(log2(sqrt(area) / finest_scale + 1e-6))
    detectron2,   // floor(log2(sqrt(area) / (4 * finest_scale) + 1e-8)) + 2; finest_scale 56 means canonical 224 at P4
    torchvision,  // floor(log2(sqrt(area) / (4 * finest_scale)) + 1e-6) + 2
};

/// RoIAlign with the choice of the level: mean of bilinear samples per bin.
///     maps x levels, boxes rows [r, 4], count [n]  ->  rows [r, c, size, size]
/// Source: He et al., Mask R-CNN, ICCV 2017; the arithmetic of mmcv and detectron2 (aligned: half-pixel shift).
struct RoiAlign {
    std::vector<int> strides;
    int size = 7;
    int sampling_ratio = 0;  // samples per bin and axis; 0: ceil(bin size)
    bool aligned = true;
    float finest_scale = 56.f;
    LevelRule rule = LevelRule::mmdetection;
};

/// The (box, class) pairs above a score, decoded.
///     probabilities rows [r, classes + 1] (background last), deltas rows [r, 4 * classes] (or 4 when class_agnostic),
///     boxes rows [r, 4], count [n], image_info
///       ->  boxes [n, k, 4], scores [n, k], labels [n, k] int32, count [n] int32    (lists), k = r / n * classes
/// Order: by row, then class.
struct ClassCandidates {
    int classes = 80;
    float threshold = 0.05f;
    bool class_agnostic = false;
    BoxCoder coder;
    bool rescale = false;
};

/// Regions moved by their deltas, as a cascade hands them to its next stage. Rows stay where they are, empty boxes too.
///     boxes rows [r, 4], deltas rows [r, 4], count [n], image_info  ->  boxes rows [r, 4], network pixels
struct RefineBoxes {
    BoxCoder coder;
};

/// From pixels of the original picture to network pixels.
///     boxes rows [r, 4], count [n], image_info  ->  boxes rows [r, 4]
struct ScaleBoxes {};

/// For each row the channel that its label names: rows [r, c, h, w], labels [r] -> activation(rows [r, h, w]).
struct SelectChannel {
    Activation activation = Activation::sigmoid;
};

/// Maps one after the other along the channels: any number of [n, c_i, h, w] -> [n, sum of c_i, h, w].
struct Concat {};

/// Points sorted into the cells of a grid, at most max_points a cell and max_voxels cells a cloud, in the order of the points ("hard" voxelisation).
///     points rows [p, features] (x, y, z first), count [n]
///       ->  order [p] int32, first rows [v], number rows [v], cells rows [v, 3] (z, y, x), count [n]; all int32, v <= n * max_voxels
/// Voxel i stores the points order[first[i]] .. order[first[i] + number[i] - 1], rows of `points`. Voxels stand in the order of their first point.
/// The cell of a coordinate is floor((p - min) / size) in float32. With `strict`, points on the lower faces of the range are outside, as behind
/// mmdetection3d's range filter; points that are not finite are outside always.
/// Source: Lang et al., PointPillars, CVPR 2019; the arithmetic of mmcv's Voxelization.
struct Voxelize {
    int features = 4;
    std::array<float, 6> range{};  // minimum x y z, maximum x y z, metres
    std::array<float, 3> voxel_size{1.f, 1.f, 1.f};
    int max_points = 32;
    int max_voxels = 40000;
    bool strict = true;

    constexpr int cells(int axis) const {  // of the grid along x, y or z; 0 for a range or size that makes no sense, at most 2^30
        const std::size_t a = std::size_t(axis);
        const float count = (range[a + 3] - range[a]) / voxel_size[a] + 0.5f;
        constexpr float most = 1 << 30;
        return !(count > 0) ? 0 : count < most ? int(count) : int(most);
    }
};

/// The cell of every point of a grid ("dynamic" voxelisation): no point is left out for want of room, max_points and max_voxels play no part.
///     points rows [p, features], count [n]  ->  cells rows [p, 3] int32 (z, y, x), -1 three times for points outside
/// Which points are outside, and the arithmetic, as Voxelize's.
struct DynamicVoxelize {
    Voxelize grid;
};

/// The pillar net: each voxel's points, decorated, through layers linear -> norm -> relu -> maximum over the voxel's max_points slots.
///     points rows [p, features], order, first, number, cells, count (Voxelize's)  ->  rows [v, units.back()]
/// A decorated row: the point's features; with `cluster_center` its offset from the mean of the voxel's points; with `voxel_center` its offset from the
/// voxel's centre; with `distance` its length. With `legacy` the offset from the centre replaces x, y, z too. A layer that is not the last
/// gives each point its own values and the maximum's beside them. Slots without a point are rows of zeros before the first layer and take part in every maximum.
/// With `average`, instead of the maximum the sum over all slots, divided by how many points the voxel has (at least 1).
/// Parameters per layer: weight [unit, in], then the norm's four.
/// Source: mmdetection3d's HardVFE and PillarFeatureNet.
struct EncodePillars {
    Voxelize voxels;
    std::vector<int> units{64};
    bool cluster_center = true;
    bool voxel_center = true;
    bool distance = false;
    bool legacy = false;
    bool average = false;
    double norm_eps = 1e-3;

    constexpr int decorated() const { return voxels.features + (cluster_center ? 3 : 0) + (voxel_center ? 3 : 0) + (distance ? 1 : 0); }
};

/// Pillars onto an empty map seen from above: row 0 is the range's least y, column 0 its least x.
///     pillars rows [v, channels], cells rows [v, 3], count [n]  ->  map [n, channels, height, width]
struct ScatterPillars {
    int channels = 64;
    int height = 1;
    int width = 1;
};

/// Anchors of a map seen from above, one per cell, size and rotation: (x, y, z of the bottom, size along x, along y, height, yaw).
struct AnchorGrid3d {
    enum class Placement : std::uint8_t {
        centres,  // of the cells (mmdetection3d's AlignedAnchor3DRangeGenerator)
        corners,  // the cells' lower ones (the same with align_corner)
        ends,     // as many places as cells, evenly from one end of the range to the other (Anchor3DRangeGenerator)
    };
    std::vector<std::array<float, 6>> ranges;  // one for all sizes, or one per size: minimum x y z, maximum x y z, metres
    std::vector<std::array<float, 3>> sizes;   // metres
    std::vector<float> rotations{0.f, 1.57f};  // radians, as published: 1.57, not pi / 2
    float scale = 1.f;                         // of the sizes
    Placement placement = Placement::centres;

    constexpr int per_cell() const { return int(sizes.size() * rotations.size()); }
};

/// Oriented boxes of the anchors that TopK chose.
///     deltas map [n, per_cell * code, h, w], directions map [n, per_cell * 2, h, w] (logits), index [n, k], count [n]
///       ->  boxes [n, k, code], labels [n, k] int32, directions [n, k] int32 (the greater logit's bin; 0 when equal)
/// Index counts (y, x, anchor * classes + class). A box is x, y, z of the bottom, length (along x at yaw 0), width, height, yaw counter-clockwise from +x,
/// not wrapped, then vx, vy when code is 9. Metres, radians, metres per second, in the frame of the points.
/// Source: mmdetection3d's DeltaXYZWLHRBBoxCoder.
struct DecodeBoxes3d {
    AnchorGrid3d anchors;
    int classes = 1;
    int code = 7;
};

/// Greedy suppression among oriented boxes of equal label, seen from above, over the union of several lists; then the yaw's half turn from the direction.
///     lists x (boxes [n, k, code], scores [n, k], labels [n, k], directions [n, k], count [n])
///       ->  boxes rows [n * limit, code], scores rows, labels rows int32, count [n] int32
/// Order: by class, in a class by falling score (equal scores in the order of the lists); when more than `limit` are kept, the best by falling score.
/// A box goes when its overlap with a kept one is >= iou_threshold (mmcv on the CPU) or, without `suppress_equal`, > (mmcv on the GPU).
/// yaw = limit_period(yaw - direction_offset, direction_limit_offset, pi) + direction_offset + pi * direction.
struct RotatedNms {
    int lists = 1;
    int code = 7;
    float iou_threshold = 0.2f;
    int limit = 500;
    bool rotated = true;  // false: the boxes' sizes as if their yaw were 0
    bool suppress_equal = true;
    float direction_offset = -0.7854f;
    float direction_limit_offset = 0.f;
};

/// Greedy suppression among boxes whose centres lie close together, whatever their labels, over the union of several lists.
///     lists x (boxes [n, k, code], scores [n, k], labels [n, k], count [n])
///       ->  boxes rows [n * limit, code], scores rows, labels rows int32, count [n] int32
/// Order: falling score; equal scores in the order of the lists. A box goes when the squared distance from its centre (x, y) to a kept one's is
/// <= squared_radius. Candidates whose score is NaN are dropped; centres that are not finite neither go nor take others away.
/// Source: mmdetection3d's circle_nms, of CenterPoint (Yin et al., CVPR 2021).
struct CircleNms {
    int lists = 1;
    int code = 7;
    float squared_radius = 4.f;  // square metres
    int limit = 83;
};

}  // namespace ops

/// The closed list. Adding one means: the struct above, its entry in describe.hpp (shapes, cost, meaning), the reference
/// kernel with its tests; then the fast kernels.
using Operation = std::variant<ops::Input, ops::Conv2d, ops::ConvTranspose2d, ops::BatchNorm, ops::Activate, ops::Add, ops::Pool2d,
                               ops::GlobalAveragePool, ops::ScaleChannels, ops::Resize, ops::Linear, ops::Softmax, ops::TopK,
                               ops::DecodeAnchors, ops::Nms, ops::RoiAlign, ops::ClassCandidates, ops::SelectChannel,
                               ops::DeformConv2d, ops::Average, ops::RefineBoxes, ops::ScaleBoxes, ops::Concat, ops::Voxelize,
                               ops::EncodePillars, ops::ScatterPillars, ops::DecodeBoxes3d, ops::RotatedNms, ops::DynamicVoxelize,
                               ops::CircleNms, ops::GroupNorm>;

}  // namespace regulus
