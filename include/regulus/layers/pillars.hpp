#pragma once
// From points to a map seen from above: columns of a grid, a small net over the points of each, the canvas.
#include <utility>

#include <regulus/graph/record.hpp>

namespace regulus {

/// What a checkpoint fixes about its grid. Named constants of it are template arguments.
struct PillarGrid {
    std::array<float, 6> range{};       // minimum x y z, maximum x y z, metres
    std::array<float, 3> voxel_size{};  // metres
    int max_points = 32;                // stored in a pillar
    int max_pillars = 40000;            // of a cloud

    /// Pillars along x (0: the canvas's width) or y (1: its height).
    constexpr int cells(int axis) const {
        ops::Voxelize op;
        op.range = range;
        op.voxel_size = voxel_size;
        return op.cells(axis);
    }
};

namespace detail {

inline ops::Voxelize voxelize_op(const PillarGrid& grid, int features) {
    ops::Voxelize op;
    op.features = features;
    op.range = grid.range;
    op.voxel_size = grid.voxel_size;
    op.max_points = grid.max_points;
    op.max_voxels = grid.max_pillars;
    return op;
}

}  // namespace detail

/// Pillars of a cloud that a layer's grid has room for, against those that it is given.
template <int DeclaredPillars, int GivenPillars>
struct SamePillars {
    static_assert(DeclaredPillars == GivenPillars, "pillars: the layer's grid has room for another number of pillars than the one that made them (declared == given is printed here)");
    static constexpr bool agree = DeclaredPillars == GivenPillars;
};

/// Points of a pillar, likewise.
template <int DeclaredPoints, int GivenPoints>
struct SamePointsPerPillar {
    static_assert(DeclaredPoints == GivenPoints, "pillars: the layer's grid stores another number of points in a pillar than the one that made them (declared == given is printed here)");
    static constexpr bool agree = DeclaredPoints == GivenPoints;
};

/// Sorts points into the columns of a grid, in the order in which they come; points outside the range, and those that find their column full,
/// are left out.
///
///     points rows [p, Dims], count [n]  ->  at most Grid.max_pillars pillars a cloud
///
/// Labels: "pillar_order", "pillar_first", "pillar_points", "pillar_cells", "pillar_count" (see ops::Voxelize).
/// Source: Lang et al., PointPillars, CVPR 2019; mmcv's hard voxelisation behind mmdetection3d's range filter.
template <const PillarGrid& Grid>
struct Voxelizer {
    static_assert(Grid.cells(2) == 1, "Voxelizer: a pillar is one cell high; make the voxel's z size that of the range");

    template <int Dims>
    Pillars<Grid.max_pillars, Grid.max_points, Dims> operator()(const Scope& scope, Points<Dims> cloud) const {
        static_assert(Dims >= 3, "Voxelizer: points have at least x, y, z");
        const std::vector<ValueId> out = record::voxelize(scope, detail::voxelize_op(Grid, Dims), cloud.points, cloud.count);
        constexpr const char* labels[] = {"pillar_order", "pillar_first", "pillar_points", "pillar_cells", "pillar_count"};
        for (std::size_t i = 0; i < out.size(); ++i) cloud.graph->values[std::size_t(out[i])].label = labels[i];
        return {cloud.graph, cloud, out[0], out[1], out[2], out[3], out[4]};
    }
};

/// The cell of every point of a grid, which may have several cells in z; nothing is left out for want of room. Label: "point_cells".
///
///     points rows [p, Dims], count [n]  ->  cells rows [p, 3] int32 as z, y, x; -1 three times for points outside
///
/// Source: mmcv's dynamic voxelisation.
template <const PillarGrid& Grid>
struct DynamicVoxelizer {
    template <int Dims>
    PointCells<Dims> operator()(const Scope& scope, Points<Dims> cloud) const {
        static_assert(Dims >= 3, "DynamicVoxelizer: points have at least x, y, z");
        const ValueId cells = record::dynamic_voxelize(scope, ops::DynamicVoxelize{detail::voxelize_op(Grid, Dims)}, cloud.points, cloud.count);
        cloud.graph->values[std::size_t(cells)].label = "point_cells";
        return {cloud.graph, cloud, cells};
    }
};

/// How the centre of its pillar enters a point's row.
enum class PillarCentre : std::uint8_t {
    beside,   // the offset from it stands beside x, y, z (mmdetection3d's HardVFE)
    instead,  // and replaces them too (its PillarFeatureNet, the net of the paper)
};

namespace detail {

template <const PillarGrid& Grid, int Channels, int Max, int PointsPerPillar, int Dims>
PillarFeatures<Channels, Max> pillar_net(const Scope& scope, const Pillars<Max, PointsPerPillar, Dims>& pillars, PillarCentre centre, bool average, std::vector<int> units) {
    static_assert(SamePillars<Grid.max_pillars, Max>::agree);
    static_assert(SamePointsPerPillar<Grid.max_points, PointsPerPillar>::agree);
    ops::EncodePillars op;
    op.voxels = voxelize_op(Grid, Dims);
    op.units = std::move(units);
    op.legacy = centre == PillarCentre::instead;
    op.average = average;
    op.norm_eps = scope.norm_eps();
    const ValueId features = record::encode_pillars(scope, op, pillars.cloud.points, {pillars.order, pillars.first, pillars.number, pillars.cells, pillars.count});
    return labelled(PillarFeatures<Channels, Max>{pillars.graph, features, pillars.cells, pillars.count}, "pillars");
}

}  // namespace detail

/// Rows of a point, its offsets from the pillar's mean and centre, through linear layers with batch norm and ReLU; the greatest value of a pillar's
/// slots is its feature. A layer before the last hands on each slot's values with the maximum beside them.
///
///     pillars of Dims numbers  ->  rows [v, last of Units]
///
/// Parameters per layer J from 1: J.weight [unit, in], J.norm.*. Label: "pillars".
/// Source: Lang et al., PointPillars, CVPR 2019.
template <const PillarGrid& Grid, PillarCentre Centre, int... Units>
struct PillarNet {
    static_assert(sizeof...(Units) >= 1, "PillarNet: give the width of at least one layer");
    static constexpr std::array<int, sizeof...(Units)> units{Units...};
    static constexpr int channels = units.back();

    template <int Max, int PointsPerPillar, int Dims>
    PillarFeatures<channels, Max> operator()(const Scope& scope, const Pillars<Max, PointsPerPillar, Dims>& pillars) const {
        return detail::pillar_net<Grid, channels>(scope, pillars, Centre, false, {Units...});
    }
};

/// The same with the sum over all slots, divided by how many points the pillar has, instead of the maximum (mmdetection3d's PillarFeatureNet with mode "avg").
template <const PillarGrid& Grid, PillarCentre Centre, int... Units>
struct AveragingPillarNet {
    static_assert(sizeof...(Units) >= 1, "AveragingPillarNet: give the width of at least one layer");
    static constexpr std::array<int, sizeof...(Units)> units{Units...};
    static constexpr int channels = units.back();

    template <int Max, int PointsPerPillar, int Dims>
    PillarFeatures<channels, Max> operator()(const Scope& scope, const Pillars<Max, PointsPerPillar, Dims>& pillars) const {
        return detail::pillar_net<Grid, channels>(scope, pillars, Centre, true, {Units...});
    }
};

/// The pillars' features at their places of an empty map; row 0 is the least y. Label: "canvas".
///
///     rows [v, C]  ->  map [n, C, cells along y, cells along x], stride 1: the grid is the picture
template <const PillarGrid& Grid>
struct PillarScatter {
    template <int C, int Max>
    Feature<C, 1> operator()(const Scope& scope, const PillarFeatures<C, Max>& pillars) const {
        const ValueId map = record::scatter_pillars(scope, ops::ScatterPillars{C, Grid.cells(1), Grid.cells(0)}, pillars.id, pillars.cells, pillars.count);
        return labelled(Feature<C, 1>{pillars.graph, map}, "canvas");
    }
};

}  // namespace regulus
