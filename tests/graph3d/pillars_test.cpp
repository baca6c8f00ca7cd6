// The pillar net and the canvas against mmdetection3d, and what padded slots do.
#include <cmath>

#include <regulus/graph/kernels/encode_pillars.hpp>
#include <regulus/graph/kernels/scatter_pillars.hpp>

#include "graph3d/golden_op.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// Parameters in the order of the node's list, in T.
template <class T>
struct Parameters {
    std::vector<std::vector<T>> values;
    std::vector<const T*> pointers;

    void add(const float* data, std::int64_t count) { values.emplace_back(data, data + count); }
    void done() {
        for (const std::vector<T>& value : values) pointers.push_back(value.data());
    }
};

ops::EncodePillars op_of(const GoldenOpCase& golden) {
    const Json& config = *golden.find("config");
    const auto flag = [&](const char* key, bool absent) { return config.find(key) == nullptr ? absent : *config.find(key)->boolean(); };
    ops::EncodePillars op;
    const std::vector<float> range = floats_of(config.find("point_cloud_range")), size = floats_of(config.find("voxel_size"));
    std::copy(range.begin(), range.end(), op.voxels.range.begin());
    std::copy(size.begin(), size.end(), op.voxels.voxel_size.begin());
    op.voxels.features = 4;
    op.voxels.max_points = int(golden.array("in_voxels").shape()[1]);
    op.distance = flag("with_distance", false);
    op.cluster_center = flag("with_cluster_center", true);
    op.voxel_center = flag("with_voxel_center", true);
    const bool feature_net = *config.find("type")->text() == "PillarFeatureNet";
    op.legacy = feature_net && flag("legacy", true);
    op.average = config.find("mode") != nullptr && *config.find("mode")->text() == "avg";
    op.norm_eps = 1e-3;
    op.units.clear();
    const std::string layers = feature_net ? "state.pfn_layers." : "state.vfe_layers.";
    for (int layer = 0; golden.find_array(layers + std::to_string(layer) + ".linear.weight") != nullptr; ++layer) {
        op.units.push_back(int(golden.array(layers + std::to_string(layer) + ".linear.weight").shape()[0]));
    }
    return op;
}

template <class T>
Parameters<T> parameters_of(const GoldenOpCase& golden) {
    Parameters<T> result;
    for (int layer = 0;; ++layer) {
        const std::string vfe = "state.vfe_layers." + std::to_string(layer), pfn = "state.pfn_layers." + std::to_string(layer);
        const std::string prefix = golden.find_array(vfe + ".linear.weight") != nullptr ? vfe : pfn;
        if (golden.find_array(prefix + ".linear.weight") == nullptr) break;
        for (const char* part : {".linear.weight", ".norm.weight", ".norm.bias", ".norm.running_mean", ".norm.running_var"}) {
            const Tensor& tensor = golden.array(prefix + part);
            result.add(tensor.data<float>(), tensor.numel());
        }
    }
    result.done();
    return result;
}

/// All voxels of a case through encode_pillar; slot s of voxel v is row v * max_points + s of the points.
template <class T>
std::vector<T> encoded(const ops::EncodePillars& op, const GoldenOpCase& golden) {
    const Tensor& voxels = golden.array("in_voxels");
    const std::vector<T> points(voxels.data<float>(), voxels.data<float>() + voxels.numel());
    const std::vector<std::int32_t> number = golden.integers("in_num"), coors = golden.integers("in_coors");
    const Parameters<T> parameters = parameters_of<T>(golden);
    std::vector<T> scratch(kernels::encode_pillar_scratch(op), T(NAN)), dst(number.size() * std::size_t(op.units.back()), T(NAN));
    std::vector<std::int32_t> order(std::size_t(op.voxels.max_points), 0);
    for (std::size_t v = 0; v < number.size(); ++v) {
        for (std::size_t s = 0; s < order.size(); ++s) order[s] = std::int32_t(v * order.size() + s);
        kernels::encode_pillar(op, points.data(), order.data(), number[v], coors.data() + 4 * v + 1, parameters.pointers.data(), dst.data() + v * std::size_t(op.units.back()), scratch.data());
    }
    return dst;
}

}  // namespace

TEST_CASE("encode_pillar: mmdetection3d's HardVFE and PillarFeatureNet, float and double") {
    REGULUS_REQUIRE_SHARED(golden_op_path("pillar_encoders.json"));
    const GoldenOp golden("pillar_encoders");
    int checked = 0;
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const ops::EncodePillars op = op_of(one);
        const Tensor& expected = one.array("out");
        // 2e-5: the peer's own float32 error reaches 1.6e-5 here.
        CHECK(largest_difference(encoded<float>(op, one).data(), expected.data<float>(), expected.numel()) < 2e-5);
        CHECK(largest_difference(encoded<double>(op, one).data(), expected.data<float>(), expected.numel()) < 2e-5);
        ++checked;
        const Tensor* decorated = one.find_array("out_decorated");
        if (decorated == nullptr) continue;
        const Tensor& voxels = one.array("in_voxels");
        const std::vector<std::int32_t> number = one.integers("in_num"), coors = one.integers("in_coors");
        const std::int64_t slots = op.voxels.max_points, width = op.decorated();
        std::vector<float> rows(std::size_t(slots * width), 0.f);
        std::vector<std::int32_t> order(std::size_t(slots), 0);
        for (std::size_t s = 0; s < order.size(); ++s) order[s] = std::int32_t(s);
        for (std::size_t v = 0; v < number.size(); ++v) {
            kernels::decorate_pillar(op, voxels.data<float>() + std::int64_t(v) * slots * 4, order.data(), number[v], coors.data() + 4 * v + 1, rows.data(), width, 1);
            CHECK(largest_difference(rows.data(), decorated->data<float>() + std::int64_t(v) * slots * width, number[v] * width) < 2e-5);
        }
    }
    CHECK(checked == 11);
}

TEST_CASE("encode_pillar: the facts sheet's worked example, in which an empty slot wins") {
    ops::EncodePillars op;
    op.voxels.range = {-50, -50, -5, 50, 50, 3};
    op.voxels.voxel_size = {0.25f, 0.25f, 8};
    op.voxels.max_points = 4;
    std::vector<double> points{1.10, 2.05, -0.5, 0, 1.20, 2.20, -1.5, 0.05};
    for (int j = 0; j < 4; ++j) points.insert(points.end(), {-10 + 0.05 * j, 7.30 + 0.02 * j, -1 + 0.3 * j, 0.1 * j});
    const std::vector<std::int32_t> order{0, 1, 2, 3, 4, 5}, cells{0, 208, 204, 0, 229, 160};

    std::vector<std::vector<double>> values;
    for (const int in : {10, 6}) {
        std::vector<double> weight, gamma, beta, mean, variance;
        for (int o = 0; o < 3; ++o) {
            for (int i = 0; i < in; ++i) weight.push_back(std::sin(10.0 * o + i));
            gamma.push_back(1 + 0.1 * o);
            beta.push_back(0.2 * o - 0.1);
            mean.push_back(0.05 * o);
            variance.push_back(1 + 0.1 * o);
        }
        values.insert(values.end(), {weight, gamma, beta, mean, variance});
    }
    std::vector<const double*> parameters;
    for (const std::vector<double>& value : values) parameters.push_back(value.data());

    const auto run = [&](std::int64_t first, std::int64_t number, std::size_t voxel) {
        std::vector<double> dst(3), scratch(kernels::encode_pillar_scratch(op));
        kernels::encode_pillar(op, points.data(), order.data() + first, number, cells.data() + 3 * voxel, parameters.data(), dst.data(), scratch.data());
        return dst;
    };
    const auto near = [](const std::vector<double>& got, const std::vector<double>& expected) { return largest_difference(got.data(), expected.data(), 3) < 1e-6; };  // six decimals are stated
    op.units = {3};
    CHECK(near(run(0, 2, 0), {1.255174, 0.047583, 3.359970}));
    CHECK(near(run(2, 4, 1), {6.202708, 0, 0}));
    op.units = {3, 3};
    CHECK(near(run(0, 2, 0), {0, 2.783381, 0}));
    CHECK(near(run(2, 4, 1), {0.774889, 0, 0.643689}));
}

TEST_CASE("encode_pillar: an empty slot changes the pillar, how many there are does not") {
    REGULUS_REQUIRE_SHARED(golden_op_path("pillar_encoders.json"));
    const GoldenOp golden("pillar_encoders");
    const GoldenOpCase& one = golden.cases().front();
    const ops::EncodePillars op = op_of(one);
    const Tensor& voxels = one.array("in_voxels");
    const std::vector<double> points(voxels.data<float>(), voxels.data<float>() + voxels.numel());
    const std::vector<std::int32_t> number = one.integers("in_num"), coors = one.integers("in_coors");
    const Parameters<double> parameters = parameters_of<double>(one);
    double by_the_first = 0;
    for (std::size_t v = 0; v < number.size(); ++v) {
        std::vector<std::int32_t> order;
        for (int s = 0; s < number[v]; ++s) order.push_back(std::int32_t(v) * op.voxels.max_points + s);
        const auto with_empty_slots = [&](int empty) {
            ops::EncodePillars other = op;
            other.voxels.max_points = number[v] + empty;
            std::vector<double> dst(std::size_t(op.units.back())), scratch(kernels::encode_pillar_scratch(other));
            kernels::encode_pillar(other, points.data(), order.data(), number[v], coors.data() + 4 * v + 1, parameters.pointers.data(), dst.data(), scratch.data());
            return dst;
        };
        const std::vector<double> none = with_empty_slots(0), first = with_empty_slots(1), many = with_empty_slots(9);
        by_the_first = std::max(by_the_first, largest_difference(none.data(), first.data(), std::int64_t(none.size())));
        CHECK(first == many);
    }
    CHECK(by_the_first > 1e-3);
}

TEST_CASE("encode_pillar: NaN in a point reaches the pillar, as in the peers") {
    ops::EncodePillars op;
    op.voxels.range = {0, 0, 0, 1, 1, 1};
    op.units = {2};
    const std::vector<float> points{0.5f, 0.5f, 0.5f, NAN, 0.2f, 0.2f, 0.2f, 1.f}, weight(20, 1.f), ones(2, 1.f), zeros(2, 0.f);
    const float* const parameters[] = {weight.data(), ones.data(), zeros.data(), zeros.data(), ones.data()};
    const std::int32_t order[] = {0, 1}, cell[] = {0, 0, 0};
    std::vector<float> dst(2), scratch(kernels::encode_pillar_scratch(op));
    kernels::encode_pillar(op, points.data(), order, 2, cell, parameters, dst.data(), scratch.data());
    CHECK(std::isnan(dst[0]));
    CHECK(std::isnan(dst[1]));
}

TEST_CASE("scatter_pillars: mmdetection3d's canvas in both layouts") {
    REGULUS_REQUIRE_SHARED(golden_op_path("scatter.json"));
    const GoldenOp golden("scatter");
    REQUIRE(golden.cases().size() == 5);
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const Tensor& canvas = one.array("out_canvas");
        const ops::ScatterPillars op{int(canvas.shape()[1]), int(canvas.shape()[2]), int(canvas.shape()[3])};
        const std::vector<std::int32_t> coors = one.integers("in_coors");
        const std::int64_t area = std::int64_t(op.height) * op.width, map = op.channels * area;
        std::int64_t row = 0;
        const std::int64_t rows = std::int64_t(coors.size()) / 4;
        for (std::int64_t cloud = 0; cloud < canvas.shape()[0]; ++cloud) {
            std::vector<std::int32_t> cells;
            const std::int64_t first = row;
            for (; row < rows && coors[std::size_t(4 * row)] == cloud; ++row) cells.insert(cells.end(), coors.begin() + 4 * row + 1, coors.begin() + 4 * row + 4);
            std::vector<float> nchw(std::size_t(map), NAN), nhwc(std::size_t(map), NAN);
            const float* pillars = one.floats_at("in_features") + first * op.channels;
            kernels::scatter_pillars(op, pillars, cells.data(), row - first, area, 1, nchw.data());
            kernels::scatter_pillars(op, pillars, cells.data(), row - first, 1, op.channels, nhwc.data());
            const float* expected = canvas.data<float>() + cloud * map;
            CHECK(largest_difference(nchw.data(), expected, map) == 0);
            bool same = true;
            for (std::int64_t c = 0; c < op.channels; ++c) {
                for (std::int64_t i = 0; i < area; ++i) same = same && nhwc[std::size_t(i * op.channels + c)] == expected[c * area + i];
            }
            CHECK(same);
        }
        CHECK(row == rows);
    }
}

TEST_CASE("scatter_pillars: cells outside the map are passed over") {
    const ops::ScatterPillars op{1, 2, 2};
    const float pillars[] = {1, 2, 3, 4, 5};
    const std::int32_t cells[] = {0, -1, 0, 0, 2, 0, 0, 0, -1, 0, 0, 2, 0, 1, 1};
    float map[4] = {9, 9, 9, 9};
    kernels::scatter_pillars(op, pillars, cells, 5, 4, 1, map);
    CHECK(map[0] == 0);
    CHECK(map[1] == 0);
    CHECK(map[2] == 0);
    CHECK(map[3] == 5);
}
