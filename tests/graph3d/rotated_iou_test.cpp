// Overlaps of oriented boxes against exact clipping in float64, mmcv and mmdetection3d.
#include <cmath>

#include <regulus/graph/kernels/rotated_iou.hpp>

#include "graph3d/golden_op.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

kernels::RotatedBox box_at(const float* row) { return kernels::rotated_box(row[0], row[1], row[2], row[3], row[4]); }

}  // namespace

TEST_CASE("rotated_iou: every pair of the reference, within 1e-5 of the exact value") {
    REGULUS_REQUIRE_SHARED(golden_op_path("rotated_iou.json"));
    const GoldenOp golden("rotated_iou");
    REQUIRE(golden.cases().size() == 6);
    for (const GoldenOpCase& one : golden.cases()) {
        CAPTURE(one.name());
        const Tensor& a = one.array("in_a");
        const Tensor& b = one.array("in_b");
        const double* exact = one.array("out_exact").data<double>();
        const float* iof = one.floats_at("out_iof");
        const bool tiny = one.name() == "tiny_boxes_for_information";
        for (std::int64_t i = 0; i < a.shape()[0]; ++i) {
            for (std::int64_t j = 0; j < b.shape()[0]; ++j) {
                CAPTURE(i);
                CAPTURE(j);
                const kernels::RotatedBox first = box_at(a.data<float>() + 5 * i), second = box_at(b.data<float>() + 5 * j);
                const double expected = exact[i * b.shape()[0] + j];
                CHECK(std::fabs(kernels::rotated_iou(first, second) - expected) < 1e-5);
                CHECK(std::fabs(kernels::rotated_iou(second, first) - expected) < 1e-5);
                if (!tiny && one.name() != "special") CHECK(std::fabs(kernels::rotated_iof(first, second) - double(iof[i * b.shape()[0] + j])) < 1e-5);  // the peer is off in the two others
            }
        }
    }
}

TEST_CASE("rotated_iou: the facts sheet's values") {
    const double half_pi = kernels::pi / 2;
    const kernels::RotatedBox a = kernels::rotated_box(0, 0, 4, 2, 0), turned = kernels::rotated_box(0, 0, 4, 2, half_pi), moved = kernels::rotated_box(1, 0.5, 4, 2, 0.3);
    CHECK(kernels::rotated_iou(a, turned) == doctest::Approx(1.0 / 3).epsilon(1e-12));
    CHECK(kernels::rotated_iou(a, moved) == doctest::Approx(0.442102).epsilon(1e-5));
    CHECK(kernels::rotated_iou(turned, moved) == doctest::Approx(0.325019).epsilon(1e-5));
    CHECK(kernels::rotated_iou(a, kernels::rotated_box(2, 0, 4, 2, 0)) == doctest::Approx(1.0 / 3).epsilon(1e-12));
    CHECK(kernels::rotated_iou(a, kernels::rotated_box(4, 0, 4, 2, 0)) == 0);
    CHECK(kernels::rotated_iou(a, kernels::rotated_box(0, 0, 4, 2, kernels::pi)) == doctest::Approx(1).epsilon(1e-12));
    CHECK(kernels::rotated_iou(kernels::rotated_box(10, -5, 4.6, 1.95, 1.57), kernels::rotated_box(10.7, -4.6, 4.2, 1.8, 1.9)) == doctest::Approx(0.403384).epsilon(1e-5));
}

TEST_CASE("rotated_iou: moving, turning and scaling both boxes changes nothing") {
    std::uint32_t state = 1;
    const auto random = [&](double low, double high) {
        state = state * 1664525u + 1013904223u;
        return low + (high - low) * double(state >> 8) / double(1 << 24);
    };
    for (int i = 0; i < 500; ++i) {
        const double ax = random(-2, 2), ay = random(-2, 2), al = random(0.2, 5), aw = random(0.2, 3), at = random(-4, 4), bl = random(0.2, 5), bw = random(0.2, 3), bt = random(-4, 4);
        const double turn = random(-3, 3), scale = std::exp(random(-18, 5)), c = std::cos(turn), s = std::sin(turn);
        const double iou = kernels::rotated_iou(kernels::rotated_box(ax, ay, al, aw, at), kernels::rotated_box(0, 0, bl, bw, bt));
        const auto other = kernels::rotated_box(scale * (c * ax - s * ay), scale * (s * ax + c * ay), scale * al, scale * aw, at + turn);
        CHECK(kernels::rotated_iou(other, kernels::rotated_box(0, 0, scale * bl, scale * bw, bt + turn)) == doctest::Approx(iou).epsilon(1e-9));
        CHECK(iou >= 0);
        CHECK(iou <= 1 + 1e-12);
    }
}

TEST_CASE("rotated_iou: boxes that are empty, inside out or not finite overlap nothing") {
    const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity(), huge = 1e300;
    const kernels::RotatedBox unit = kernels::rotated_box(0, 0, 1, 1, 0);
    for (const double bad : {0.0, -1.0, nan}) {
        CHECK(kernels::rotated_iou(unit, kernels::rotated_box(0, 0, bad, 1, 0)) == 0);
        CHECK(kernels::rotated_iou(kernels::rotated_box(0, 0, 1, bad, 0), unit) == 0);
    }
    for (const double bad : {nan, infinity, -infinity, huge}) {
        for (int which = 0; which < 5; ++which) {
            double v[5] = {0.1, 0.2, 2, 1, 0.3};
            v[which] = bad;
            const kernels::RotatedBox box = kernels::rotated_box(v[0], v[1], v[2], v[3], v[4]);
            for (const double iou : {kernels::rotated_iou(unit, box), kernels::rotated_iou(box, unit), kernels::rotated_iou(box, box)}) {
                CHECK(iou >= 0);  // so not NaN
                CHECK(iou <= 1);
            }
        }
    }
}

TEST_CASE("3D overlaps of oriented boxes are mmdetection3d's") {
    REGULUS_REQUIRE_SHARED(golden_op_path("boxes.json"));
    const GoldenOp golden("boxes");
    const GoldenOpCase& one = golden.cases()[1];
    REQUIRE(one.name() == "overlaps");
    for (std::int64_t i = 0; i < 30; ++i) {
        for (std::int64_t j = 0; j < 30; ++j) {
            const kernels::Box3d<float> a = kernels::load_box3d(one.floats_at("in_a") + 9 * i), b = kernels::load_box3d(one.floats_at("in_b") + 9 * j);
            CHECK(std::fabs(kernels::iou3d(a, b) - double(one.floats_at("out_iou3d")[30 * i + j])) < 1e-4);
            CHECK(std::fabs(kernels::iof3d(a, b) - double(one.floats_at("out_iof3d")[30 * i + j])) < 1e-4);
            CHECK(std::fabs(kernels::shared_height(a, b) - double(one.floats_at("out_height")[30 * i + j])) < 1e-4);
        }
    }
}
