// Voxels against mmcv's, byte by byte, and the properties that its cases do not reach.
#include <cmath>
#include <limits>
#include <map>

#include <regulus/graph/describe.hpp>
#include <regulus/graph/kernels/voxelize.hpp>

#include "graph3d/golden_op.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

struct Voxels {
    std::vector<std::int32_t> order, first, number, cells, count;
};

Voxels voxelized(const ops::Voxelize& op, const std::vector<float>& points, const std::vector<std::int32_t>& counts) {
    const std::int64_t bound = std::int64_t(points.size()) / op.features;
    Voxels result{std::vector<std::int32_t>(std::size_t(bound), -7), std::vector<std::int32_t>(std::size_t(bound), -7), std::vector<std::int32_t>(std::size_t(bound), -7),
                  std::vector<std::int32_t>(std::size_t(3 * bound), -7), std::vector<std::int32_t>(counts.size(), -7)};
    std::vector<std::byte> scratch(kernels::voxelize_scratch(op, bound), std::byte(0x5a));  // what is in it does not matter
    kernels::voxelize(op, points.data(), bound, counts.data(), std::int64_t(counts.size()), {result.order.data(), result.first.data(), result.number.data(), result.cells.data()}, result.count.data(),
                      scratch.data());
    std::size_t voxels = 0;
    for (const std::int32_t count : result.count) voxels += std::size_t(count);
    result.first.resize(voxels);
    result.number.resize(voxels);
    result.cells.resize(3 * voxels);
    return result;
}

ops::Voxelize op_of(const GoldenOpCase& golden, int features) {
    ops::Voxelize op;
    op.features = features;
    const std::vector<float> range = golden.floats("range"), size = golden.floats("voxel_size");
    std::copy(range.begin(), range.end(), op.range.begin());
    std::copy(size.begin(), size.end(), op.voxel_size.begin());
    op.max_points = int(golden.number("max_points"));
    op.max_voxels = int(golden.number("max_voxels"));
    op.strict = false;  // the cases call the voxelizer without the filter before it
    return op;
}

/// mmcv's first output: [voxels, max_points, features], zeros in empty slots.
std::vector<float> slots_of(const ops::Voxelize& op, const std::vector<float>& points, const Voxels& voxels) {
    std::vector<float> slots(voxels.first.size() * std::size_t(op.max_points * op.features), 0.f);
    for (std::size_t v = 0; v < voxels.first.size(); ++v) {
        for (std::int32_t i = 0; i < voxels.number[v]; ++i) {
            const std::size_t row = std::size_t(voxels.order[std::size_t(voxels.first[v] + i)]);
            std::copy_n(points.begin() + std::ptrdiff_t(row * std::size_t(op.features)), op.features, slots.begin() + std::ptrdiff_t((v * std::size_t(op.max_points) + std::size_t(i)) * std::size_t(op.features)));
        }
    }
    return slots;
}

/// Columns x, y, z of the nuScenes frame, and 0; points strictly inside the range.
std::vector<float> nuscenes_frame(const ops::Voxelize& op) {
    std::ifstream file(shared_path("data/points/nuscenes_frame.bin"), std::ios::binary);
    std::vector<float> points;
    for (float row[5]; file.read(reinterpret_cast<char*>(row), sizeof row);) {
        bool inside = true;
        for (std::size_t axis = 0; axis < 3; ++axis) inside = inside && row[axis] > op.range[axis] && row[axis] < op.range[axis + 3];
        if (inside) points.insert(points.end(), {row[0], row[1], row[2], 0.f});
    }
    return points;
}

/// Equal, NaN equal to NaN.
bool same(const float* a, const float* b, std::size_t count) { return largest_difference(a, b, std::int64_t(count)) == 0; }

ops::Voxelize small_grid() {
    ops::Voxelize op;
    op.features = 3;
    op.range = {0, 0, 0, 4, 2, 1};
    op.voxel_size = {1, 1, 1};
    op.max_points = 2;
    op.max_voxels = 3;
    op.strict = false;
    return op;
}

}  // namespace

TEST_CASE("voxelize: voxels, their order, cells and points are mmcv's in every case") {
    REGULUS_REQUIRE_SHARED(golden_op_path("voxelize.json"));
    const GoldenOp golden("voxelize");
    REQUIRE(golden.cases().size() == 13);
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const Tensor* in = one.find_array("in_points");
        const ops::Voxelize op = op_of(one, in != nullptr ? int(in->shape()[1]) : 4);
        const std::vector<float> points = in != nullptr ? std::vector<float>(in->data<float>(), in->data<float>() + in->numel()) : nuscenes_frame(op);
        const std::int32_t count = std::int32_t(points.size() / std::size_t(op.features));
        if (in == nullptr) CHECK(count == std::int32_t(one.number("points_kept")));

        const Voxels voxels = voxelized(op, points, {count});
        CHECK(voxels.cells == one.integers("out_coors"));
        CHECK(voxels.number == one.integers("out_num"));
        const std::vector<float> slots = slots_of(op, points, voxels);
        if (const Tensor* all = one.find_array("out_voxels")) {
            REQUIRE(std::size_t(all->numel()) == slots.size());
            CHECK(same(slots.data(), all->data<float>(), slots.size()));
        } else {
            const Tensor& first = one.array("out_first_voxels");
            const Tensor& last = one.array("out_last_voxels");
            CHECK(same(slots.data(), first.data<float>(), std::size_t(first.numel())));
            CHECK(same(slots.data() + slots.size() - std::size_t(last.numel()), last.data<float>(), std::size_t(last.numel())));
        }
        if (one.find_array("out_dynamic") != nullptr) {
            std::vector<std::int32_t> cells(std::size_t(3 * count), -7);
            kernels::dynamic_voxelize(op, points.data(), count, cells.data());
            CHECK(cells == one.integers("out_dynamic"));
        }
    }
}

TEST_CASE("voxelize: the facts sheet's counts and sums of the nuScenes frame") {
    REGULUS_REQUIRE_SHARED("data/points/nuscenes_frame.bin");
    struct Row {
        float xy;
        int max_points, max_voxels;
        std::size_t kept;
        std::int32_t voxels, stored;
        std::int64_t sum_y, sum_x, weighted;
    };
    for (const Row& row : {Row{50, 64, 40000, 32242, 6522, 25603, 1295032, 1428793, 81765770}, Row{50, 64, 1000, 32242, 1000, 5305, 224344, 160342, 2089926}}) {
        ops::Voxelize op;
        op.range = {-row.xy, -row.xy, -5, row.xy, row.xy, 3};
        op.voxel_size = {0.25f, 0.25f, 8};
        op.max_points = row.max_points;
        op.max_voxels = row.max_voxels;
        const std::vector<float> points = nuscenes_frame(op);
        CHECK(points.size() / 4 == row.kept);
        const Voxels voxels = voxelized(op, points, {std::int32_t(row.kept)});
        CHECK(voxels.count[0] == row.voxels);
        std::int64_t stored = 0, sum_y = 0, sum_x = 0, weighted = 0;
        for (std::size_t v = 0; v < voxels.number.size(); ++v) {
            stored += voxels.number[v];
            sum_y += voxels.cells[3 * v + 1];
            sum_x += voxels.cells[3 * v + 2];
            weighted += std::int64_t(v + 1) * voxels.number[v];
        }
        CHECK(stored == row.stored);
        CHECK(sum_y == row.sum_y);
        CHECK(sum_x == row.sum_x);
        CHECK(weighted == row.weighted);
    }
}

TEST_CASE("voxelize: clouds of a batch are packed, and each is what it is alone") {
    const ops::Voxelize op = small_grid();
    std::vector<float> points;
    for (int i = 0; i < 40; ++i) points.insert(points.end(), {float(i * 7 % 43) / 10.f, float(i * 5 % 21) / 10.f, 0.5f});
    const std::vector<std::int32_t> counts{17, 0, 20};
    const Voxels all = voxelized(op, points, counts);
    std::size_t voxel = 0, slot = 0, row = 0;
    for (std::size_t cloud = 0; cloud < counts.size(); ++cloud) {
        const std::vector<float> own(points.begin() + std::ptrdiff_t(3 * row), points.begin() + std::ptrdiff_t(3 * (row + std::size_t(counts[cloud]))));
        const Voxels alone = voxelized(op, own, {counts[cloud]});
        REQUIRE(all.count[cloud] == alone.count[0]);
        for (std::size_t v = 0; v < alone.first.size(); ++v, ++voxel) {
            CHECK(all.number[voxel] == alone.number[v]);
            CHECK(all.first[voxel] == std::int32_t(slot));
            for (int i = 0; i < alone.number[v]; ++i, ++slot) CHECK(all.order[slot] == std::int32_t(row) + alone.order[std::size_t(alone.first[v] + i)]);
            for (std::size_t axis = 0; axis < 3; ++axis) CHECK(all.cells[3 * voxel + axis] == alone.cells[3 * v + axis]);
        }
        row += std::size_t(counts[cloud]);
    }
    for (; slot < all.order.size(); ++slot) CHECK(all.order[slot] == -1);
}

TEST_CASE("voxelize: strict leaves out the lower faces and what lies beyond the upper ones in an over-long last cell") {
    ops::Voxelize op = small_grid();
    op.range[3] = 3.6f;  // rounds to four cells, the last of which reaches 4
    const std::vector<float> points{0, 1, 0.5f, 0.5f, 1, 0.5f, 3.6f, 1, 0.5f, 3.59f, 1, 0.5f, 3.8f, 1, 0.5f};
    CHECK(voxelized(op, points, {5}).number == std::vector<std::int32_t>{2, 2});  // 3.6 and 3.59; 3.8 finds its voxel full
    op.strict = true;
    const Voxels strict = voxelized(op, points, {5});
    CHECK(strict.number == std::vector<std::int32_t>{1, 1});
    CHECK(strict.order == std::vector<std::int32_t>{1, 3, -1, -1, -1});
}

TEST_CASE("voxelize: numbers that are no places, and counts that lie, leave out points only") {
    const ops::Voxelize op = small_grid();
    const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity(), huge = std::numeric_limits<float>::max();
    const std::vector<float> points{nan, 1, 0.5f, 1, infinity, 0.5f, -infinity, 1, 0.5f, huge, 1, 0.5f, 1, -huge, 0.5f, 1, 1, nan, 3e9f, 1, 0.5f, 1.5f, 1.5f, 0.5f};
    CHECK(voxelized(op, points, {8}).order == std::vector<std::int32_t>{7, -1, -1, -1, -1, -1, -1, -1});
    CHECK(voxelized(op, points, {1000}).count == std::vector<std::int32_t>{1});
    CHECK(voxelized(op, points, {-5, 1000, 3}).count == std::vector<std::int32_t>{0, 1, 0});
    const std::vector<double> wide{1.5, 1.5, 0.5, 1e300, 1, 1};
    CHECK(kernels::voxel_cell(op, wide.data()).inside());
    CHECK_FALSE(kernels::voxel_cell(op, wide.data() + 3).inside());
}

TEST_CASE("voxelize: the grid's size is counted without overflow") {
    ops::Voxelize op;
    op.range = {0, 0, 0, 1e9f, 1e9f, 1e9f};
    CHECK(kernels::voxel_grid_cells(op) == std::int64_t(1) << 48);
    op.range = {0, 0, 0, 400, 400, 1};
    CHECK(kernels::voxelize_scratch(op, 300000) == (160000 + 300000) * 4);
}

TEST_CASE("voxelize: grids without cells, beyond all bounds or of numbers that are none are refused, not computed") {
    const auto shapes = [](const std::array<float, 6>& range, const std::array<float, 3>& size) {
        ops::Voxelize op;
        op.range = range;
        op.voxel_size = size;
        const Node node{op, "voxelizer", {}, {}, {}};
        return infer_outputs(node, {Shape{100, 4}, Shape{1}}, {});
    };
    const float huge = std::numeric_limits<float>::max(), nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    CHECK(shapes({0, 0, 0, 8, 8, 4}, {1, 1, 4})[3] == Shape{100, 3});
    CHECK_THROWS_AS(shapes({0, 0, 0, 0, 8, 4}, {1, 1, 4}), ShapeError);
    CHECK_THROWS_AS(shapes({0, 0, 0, 8, 8, 4}, {-1, 1, 4}), ShapeError);
    CHECK_THROWS_AS(shapes({0, 0, 0, nan, 8, 4}, {1, 1, 4}), ShapeError);
    CHECK_THROWS_AS(shapes({0, 0, 0, 8, 8, 4}, {nan, 1, 4}), ShapeError);
    CHECK_THROWS_AS(shapes({-huge, -huge, 0, huge, huge, 4}, {1, 1, 4}), ShapeError);
    CHECK_THROWS_AS(shapes({0, 0, 0, inf, inf, inf}, {1, 1, 1}), ShapeError);
    CHECK_THROWS_AS(shapes({0, 0, 0, 8, 8, 4}, {0, 0, 0}), ShapeError);
}
