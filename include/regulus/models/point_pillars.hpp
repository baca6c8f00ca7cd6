#pragma once
// PointPillars.
#include <limits>

#include <regulus/core/error.hpp>
#include <regulus/layers/anchor3d_head.hpp>
#include <regulus/layers/fpn.hpp>
#include <regulus/layers/pillars.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/models/regnet.hpp>
#include <regulus/models/second.hpp>

namespace regulus {

/// One anchor shape: where its grid lies and what size it has.
struct AnchorShape3d {
    std::array<float, 6> range{};  // minimum x y z, maximum x y z of the grid, metres; z is the boxes' bottom
    std::array<float, 3> size{};   // length, width, height, metres
};

/// Up to ten anchor shapes at two rotations each, and what each level multiplies their sizes by.
struct AnchorSet3d {
    std::array<AnchorShape3d, 10> shapes{};
    int count = 0;
    std::array<float, 3> scales{1.f, 2.f, 4.f};  // per level
    std::array<float, 2> rotations{0.f, 1.57f};  // radians, as published

    constexpr int per_cell() const { return 2 * count; }

    /// The anchors of one level.
    ops::AnchorGrid3d grid(int level) const {
        ops::AnchorGrid3d anchors;
        for (int i = 0; i < count; ++i) {
            anchors.ranges.push_back(shapes[std::size_t(i)].range);
            anchors.sizes.push_back(shapes[std::size_t(i)].size);
        }
        anchors.rotations.assign(rotations.begin(), rotations.end());
        anchors.scale = scales[std::size_t(level)];
        return anchors;
    }
};

/// Anchors of these sizes over one range.
template <std::size_t Count>
constexpr AnchorSet3d anchors3d(const std::array<float, 6>& range, const std::array<float, 3> (&sizes)[Count]) {
    static_assert(Count <= 10, "anchors3d: at most ten sizes");
    AnchorSet3d set;
    for (const std::array<float, 3>& size : sizes) set.shapes[std::size_t(set.count++)] = {range, size};
    return set;
}

/// What is chosen at run time. The defaults are those of mmdetection3d's nuScenes models (1.x; on the CPU).
struct PointPillarsSettings {
    AnchorSet3d anchors;
    int candidates = 1000;  // anchors kept per level before suppression, by their best class
    float score_threshold = 0.05f;
    float iou_threshold = 0.2f;
    bool rotated_suppression = true;
    bool suppress_equal = true;         // overlaps equal to the threshold go too (mmcv on the CPU); on the GPU they stay
    float direction_offset = -0.7854f;  // +0.7854 for weights of mmdetection3d before 1.0
    float direction_limit_offset = 0.f;
};

/// Outputs of a graph: boxes rows [r, Code], scores rows [r], labels rows [r] int32, count [n] int32.
///
/// points rows [p, 4], point_count [n]  ->  at most Max boxes a cloud: by class, then falling score; all by falling score when Max cut the list.
///
/// A box is x, y, z of the bottom, length, width, height, yaw counter-clockwise from +x, and with Code 9 vx, vy: metres, radians, metres per second
/// in the frame of the points. Pillar net, canvas, backbone, neck, dense head, rotated suppression within classes over all levels.
/// Source: Lang et al., PointPillars, CVPR 2019; mmdetection3d's HardVFE, NoStemRegNet, SECOND, FPN, SECONDFPN, Anchor3DHead.
template <const PillarGrid& Grid, class Net, class Backbone, class Neck, const AnchorSet3d& Anchors, int Classes, int Code = 7, int Max = 500>
struct PointPillars {
    static constexpr const char* kind = "point_pillars";
    static constexpr int point_features = 4;
    static constexpr int classes = Classes;
    static constexpr PointPillarsSettings settings{.anchors = Anchors};

    void operator()(const Scope& outer, const Points<point_features>& cloud, const PointPillarsSettings& chosen) const {
        if (chosen.anchors.count != Anchors.count) {
            throw ArgumentError("record " + outer.name() + ": the settings have " + std::to_string(chosen.anchors.count) + " anchor sizes, the head " + std::to_string(Anchors.count));
        }
        const Scope scope = outer.with_norm_eps(1e-3);
        const auto pillars = Voxelizer<Grid>{}(scope / "voxelizer", cloud);
        const auto features = Net{}(scope / "pillar_net", pillars);
        const auto canvas = PillarScatter<Grid>{}(scope / "scatter", features);
        const auto maps = Backbone{}(scope / "backbone", canvas);
        const auto pyramid = Neck{}(scope / "neck", maps);
        using Pyramid = std::remove_const_t<decltype(pyramid)>;
        const auto dense = Anchor3dHead<Pyramid::channels, Anchors.per_cell(), Classes, Code>{}(scope / "head", pyramid);

        std::vector<Candidates3d> lists;
        for (int level = 0; level < Pyramid::count; ++level) {
            const std::size_t i = std::size_t(level);
            const ops::TopK top_k{chosen.candidates, chosen.score_threshold, Classes};
            lists.push_back(record::anchor_candidates3d(scope / "detections" / indexed("level", level), top_k, ops::DecodeBoxes3d{chosen.anchors.grid(level), Classes, Code},
                                                        dense.logits[i], dense.deltas[i], dense.directions[i]));
        }
        ops::RotatedNms nms;
        nms.code = Code;
        nms.iou_threshold = chosen.iou_threshold;
        nms.limit = Max;
        nms.rotated = chosen.rotated_suppression;
        nms.suppress_equal = chosen.suppress_equal;
        nms.direction_offset = chosen.direction_offset;
        nms.direction_limit_offset = chosen.direction_limit_offset;
        const std::vector<ValueId> kept = record::rotated_nms(scope / "detections.nms", nms, lists);
        cloud.graph->outputs = {{"boxes", kept[0]}, {"scores", kept[1]}, {"labels", kept[2]}, {"count", kept[3]}};
    }
};

}  // namespace regulus
