// Anchors, coder, angles and corners of oriented boxes against mmdetection3d.
#include <cmath>

#include <regulus/graph/kernels/boxes3d.hpp>

#include "graph3d/golden_op.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

ops::AnchorGrid3d grid_of(const Json& generator) {
    ops::AnchorGrid3d grid;
    for (const Json& range : *generator.find("ranges")->array()) {
        const std::vector<float> values = floats_of(&range);
        grid.ranges.push_back({values[0], values[1], values[2], values[3], values[4], values[5]});
    }
    for (const Json& size : *generator.find("sizes")->array()) {
        const std::vector<float> values = floats_of(&size);
        grid.sizes.push_back({values[0], values[1], values[2]});
    }
    grid.rotations = floats_of(generator.find("rotations"));
    if (*generator.find("type")->text() == "Anchor3DRangeGenerator") grid.placement = ops::AnchorGrid3d::Placement::ends;
    if (const Json* corner = generator.find("align_corner"); corner != nullptr && *corner->boolean()) grid.placement = ops::AnchorGrid3d::Placement::corners;
    return grid;
}

}  // namespace

TEST_CASE("anchor3d: every published anchor set at its real map size, and the other placements") {
    REGULUS_REQUIRE_SHARED(golden_op_path("anchors.json"));
    const GoldenOp golden("anchors");
    REQUIRE(golden.cases().size() == 10);
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const Json& generator = *one.find("generator");
        ops::AnchorGrid3d grid = grid_of(generator);
        std::vector<float> scales = floats_of(generator.find("scales"));
        if (scales.empty()) scales = {1};
        const Json::Array& sizes = *one.find("map_sizes_h_w")->array();
        REQUIRE(scales.size() == sizes.size());
        for (std::size_t level = 0; level < scales.size(); ++level) {
            grid.scale = scales[level];
            const std::int64_t height = std::int64_t(floats_of(&sizes[level])[0]), width = std::int64_t(floats_of(&sizes[level])[1]);
            const Tensor& expected = one.array("out_anchors" + std::to_string(level));
            const std::int64_t code = expected.shape()[expected.shape().rank() - 1], rows = expected.numel() / code;
            const bool sampled = one.find_array("out_rows" + std::to_string(level)) != nullptr;
            const std::vector<std::int32_t> numbers = sampled ? one.integers("out_rows" + std::to_string(level)) : std::vector<std::int32_t>();
            if (!sampled) REQUIRE(rows == height * width * grid.per_cell());
            double largest = 0;
            for (std::int64_t i = 0; i < rows; ++i) {
                const std::int64_t row = sampled ? numbers[std::size_t(i)] : i, cell = row / grid.per_cell();
                float anchor[9] = {};
                kernels::store_box3d(kernels::anchor3d<float>(grid, height, width, cell / width, cell % width, std::size_t(row % grid.per_cell())), anchor);
                largest = std::max(largest, largest_difference(anchor, expected.data<float>() + i * code, code));
            }
            CHECK(largest < 1e-5);  // a float32 step at 100 m is 7.6e-6
        }
    }
}

TEST_CASE("box coder: mmdetection3d's deltas and boxes, there and back, infinities included") {
    REGULUS_REQUIRE_SHARED(golden_op_path("coder.json"));
    const GoldenOp golden("coder");
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const Tensor& anchors = one.array("in_anchors");
        const std::int64_t code = anchors.shape()[1];
        const auto near = [](float got, float expected) { return got == expected || (std::isnan(got) && std::isnan(expected)) || std::fabs(got - expected) <= 1e-5 * std::max(1.f, std::fabs(expected)); };
        for (std::int64_t i = 0; i < anchors.shape()[0]; ++i) {
            const kernels::Box3d<float> anchor = kernels::load_box3d(anchors.data<float>() + i * code);
            float decoded[7];
            kernels::store_box3d(kernels::decode_box3d(anchor, one.floats_at("in_deltas") + i * code), decoded);
            for (int k = 0; k < 7; ++k) CHECK(near(decoded[k], one.floats_at("out_decoded")[i * code + k]));
            if (one.find_array("in_targets") == nullptr) continue;
            float deltas[7];
            kernels::encode_box3d(anchor, kernels::load_box3d(one.floats_at("in_targets") + i * code), deltas);
            for (int k = 0; k < 7; ++k) CHECK(near(deltas[k], one.floats_at("out_encoded")[i * code + k]));
            kernels::store_box3d(kernels::decode_box3d(anchor, deltas), decoded);
            for (int k = 0; k < 7; ++k) CHECK(near(decoded[k], one.floats_at("out_round_trip")[i * code + k]));
        }
    }
}

TEST_CASE("limit_period and the final yaw are mmdetection3d's") {
    REGULUS_REQUIRE_SHARED(golden_op_path("direction.json"));
    const GoldenOp golden("direction");
    REQUIRE(golden.cases().size() == 13);
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const bool is_limit = one.find("period") != nullptr;
        const Tensor& in = one.array(is_limit ? "in_value" : "in_yaw");
        const float* expected = one.floats_at(is_limit ? "out" : "out_yaw");
        const double period = is_limit ? one.number("period") : kernels::pi;
        int moved = 0;
        for (std::int64_t i = 0; i < in.numel(); ++i) {
            const float value = in.data<float>()[i];
            const float got = is_limit ? kernels::limit_period(value, float(one.number("offset")), float(period))
                                       : kernels::directed_yaw(value, float(one.number("dir_offset")), float(one.number("dir_limit_offset")), int(one.number("bin")));
            const double tolerance = std::fabs(value) > 50 ? 1e-4 : 1e-5, difference = std::fabs(double(got) - double(expected[i]));
            CHECK((difference <= tolerance || std::fabs(difference - period) <= tolerance));  // at a border rounding may move a whole period
            moved += difference > tolerance ? 1 : 0;
        }
        CHECK(moved <= 3);
    }
}

TEST_CASE("directed_yaw: the facts sheet's values") {
    const double yaw[] = {-3.0, -0.8, -0.7, 0, 2.4, 4.0}, bin0[] = {0.141593, 2.341593, -0.7, 0, -0.741593, 0.858407}, bin1[] = {3.283185, 5.483186, 2.441593, 3.141593, 2.4, 4.0};
    for (int i = 0; i < 6; ++i) {
        CHECK(kernels::directed_yaw(yaw[i], -0.7854, 0.0, 0) == doctest::Approx(bin0[i]).epsilon(1e-6));
        CHECK(kernels::directed_yaw(yaw[i], -0.7854, 0.0, 1) == doctest::Approx(bin1[i]).epsilon(1e-6));
    }
}

TEST_CASE("corners and nearest axis-aligned boxes are mmdetection3d's") {
    REGULUS_REQUIRE_SHARED(golden_op_path("boxes.json"));
    const GoldenOp golden("boxes");
    const GoldenOpCase& one = golden.cases().front();
    REQUIRE(one.name() == "geometry");
    // The peer walks round each x side: our corner of its i-th.
    const int ours[8] = {0, 1, 3, 2, 4, 5, 7, 6};
    for (std::int64_t i = 0; i < 30; ++i) {
        const kernels::Box3d<float> box = kernels::load_box3d(one.floats_at("in_boxes") + 9 * i);
        float corners[24], nearest[4];
        kernels::corners_of(box, corners);
        for (int corner = 0; corner < 8; ++corner) CHECK(largest_difference(corners + 3 * ours[corner], one.floats_at("out_corners") + 24 * i + 3 * corner, 3) < 1e-4);
        kernels::nearest_bev(box, nearest);
        CHECK(largest_difference(nearest, one.floats_at("out_nearest_bev") + 4 * i, 4) < 1e-4);
    }
}

TEST_CASE("boxes of the old convention: sizes swapped and yaw turned give the same corners") {
    REGULUS_REQUIRE_SHARED(golden_op_path("conventions.json"));
    const GoldenOp golden("conventions");
    const GoldenOpCase& one = golden.cases().front();
    REQUIRE(one.name() == "boxes");
    for (std::int64_t i = 0; i < 24; ++i) {
        kernels::Box3d<float> box = kernels::load_box3d(one.floats_at("in_v0_boxes") + 9 * i);
        std::swap(box.length, box.width);
        box.yaw = -box.yaw - float(kernels::pi / 2);
        float stored[7], corners[24];
        kernels::store_box3d(box, stored);
        CHECK(largest_difference(stored, one.floats_at("out_v1_boxes") + 9 * i, 7) < 1e-4);
        kernels::corners_of(box, corners);
        for (int corner = 0; corner < 8; ++corner) {  // the two lists hold the same points in another order
            double nearest = 1e9;
            for (int other = 0; other < 8; ++other) nearest = std::min(nearest, largest_difference(corners + 3 * corner, one.floats_at("out_v0_corners") + 24 * i + 3 * other, 3));
            CHECK(nearest < 1e-4);
        }
    }
}
