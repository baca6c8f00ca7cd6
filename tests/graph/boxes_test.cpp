// Decoding, clipping, scaling and overlap of boxes.
#include <doctest/doctest.h>

#include <regulus/graph/kernels/boxes.hpp>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;
using kernels::Box;

namespace {

ops::BoxCoder coder_of(const char* peer, const Json& weights) {
    ops::BoxCoder coder;
    for (std::size_t i = 0; i < 4; ++i) coder.stds[i] = float(1.0 / number((*weights.array())[i]));
    coder.clamp_both_sides = std::string(peer) == "mmdet";
    coder.clip = false;
    return coder;
}

}  // namespace

TEST_CASE("decode_box: equals mmdetection, detectron2 and torchvision on random boxes and deltas") {
    REGULUS_REQUIRE_OPERATOR("box_coding");
    const OperatorFile file("box_coding");
    for (const Json& one : file.cases()) {
        const Tensor &rois = file.input(one, "roi"), &deltas = file.input(one, "delta");
        for (const char* peer : {"mmdet", "detectron2", "torchvision"}) {
            INFO(name_of_case(one), " ", peer);
            const ops::BoxCoder coder = coder_of(peer, *one.find("weights"));
            Tensor decoded(rois.shape(), DType::f32);
            for (int i = 0; i < rois.shape()[0]; ++i) {
                kernels::store_box(kernels::decode_box(coder, kernels::load_box(rois.data<float>() + 4 * i), deltas.data<float>() + 4 * i), decoded.data<float>() + 4 * i);
            }
            CHECK(relative_error(decoded, file.output(one, peer)) < 1e-5);  // the bound of golden/README.md
        }
    }
}

TEST_CASE("place_box: clips to the picture as the peers do") {
    REGULUS_REQUIRE_OPERATOR("box_coding");
    const OperatorFile file("box_coding");
    const kernels::Picture<float> picture{200, 300, 1, 1};
    for (const Json& one : file.cases()) {
        const Tensor &rois = file.input(one, "roi"), &deltas = file.input(one, "delta");
        for (const char* peer : {"mmdet", "torchvision"}) {
            INFO(name_of_case(one), " ", peer);
            ops::BoxCoder coder = coder_of(peer, *one.find("weights"));
            coder.clip = true;
            Tensor placed(rois.shape(), DType::f32);
            for (int i = 0; i < rois.shape()[0]; ++i) {
                kernels::store_box(kernels::place_box(coder, false, picture, kernels::load_box(rois.data<float>() + 4 * i), deltas.data<float>() + 4 * i), placed.data<float>() + 4 * i);
            }
            CHECK(relative_error(placed, file.output(one, std::string(peer) + "_clipped")) < 1e-5);
        }
    }
}

TEST_CASE("decode_box: the vectors of the fact sheet") {
    ops::BoxCoder coder;
    coder.stds = {.1f, .1f, .2f, .2f};
    const float delta[] = {1, -2, .5f, -.5f};
    const Box<float> box = kernels::decode_box(coder, Box<float>{10, 20, 50, 100}, delta);
    CHECK(box.x1 == doctest::Approx(11.896582).epsilon(1e-6));
    CHECK(box.y1 == doctest::Approx(7.806503).epsilon(1e-6));
    CHECK(box.x2 == doctest::Approx(56.103418).epsilon(1e-6));
    CHECK(box.y2 == doctest::Approx(80.193497).epsilon(1e-6));
    const double giant[] = {0, 0, 100, -100};
    const Box<double> both = kernels::decode_box(ops::BoxCoder{}, Box<double>{10, 20, 50, 100}, giant);
    CHECK(both.x1 == doctest::Approx(-1220));
    CHECK(both.y1 == doctest::Approx(59.36));
    CHECK(both.x2 == doctest::Approx(1280));
    CHECK(both.y2 == doctest::Approx(60.64));
    ops::BoxCoder above;
    above.clamp_both_sides = false;
    const Box<double> one_sided = kernels::decode_box(above, Box<double>{10, 20, 50, 100}, giant);
    CHECK(one_sided.y1 == doctest::Approx(60));
    CHECK(one_sided.y2 == doctest::Approx(60));
}

TEST_CASE("decode_box: deltas may lie apart, as in a map") {
    const float dense[] = {.1f, .2f, .3f, .4f};
    const float strided[] = {.1f, 9, 9, .2f, 9, 9, .3f, 9, 9, .4f};
    const Box<float> from{3, 4, 20, 30};
    CHECK(kernels::decode_box(ops::BoxCoder{}, from, dense).y2 == kernels::decode_box(ops::BoxCoder{}, from, strided, 3).y2);
}

TEST_CASE("place_box: rescaling multiplies x and y by their own factor") {
    const float none[] = {0, 0, 0, 0};
    const kernels::Picture<float> picture{100, 100, .5f, .25f};
    const Box<float> box = kernels::place_box(ops::BoxCoder{}, true, picture, Box<float>{10, 20, 30, 200}, none);
    CHECK(box.x1 == 40);
    CHECK(box.y1 == 40);
    CHECK(box.x2 == 120);
    CHECK(box.y2 == 200);  // clipped at 100 before
}

TEST_CASE("iou: plain arithmetic, no + 1") {
    CHECK(kernels::iou(Box<float>{0, 0, 10, 10}, Box<float>{0, 0, 10, 5}) == 0.5f);
    CHECK(kernels::iou(Box<float>{0, 0, 10, 10}, Box<float>{10, 0, 20, 10}) == 0.f);
    CHECK(kernels::iou(Box<double>{0, 0, 2, 2}, Box<double>{1, 1, 3, 3}) == doctest::Approx(1.0 / 7));
    CHECK(std::isnan(kernels::iou(Box<float>{5, 5, 5, 5}, Box<float>{5, 5, 5, 5})));
}

TEST_CASE("clip_box: NaN stays NaN, infinity goes to the border") {
    const Box<float> box = kernels::clip_box(Box<float>{NAN, -INFINITY, INFINITY, 5}, kernels::Picture<float>{20, 30, 1, 1});
    CHECK(std::isnan(box.x1));
    CHECK(box.y1 == 0);
    CHECK(box.x2 == 30);
    CHECK(box.y2 == 5);
}
