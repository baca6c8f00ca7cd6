// Base anchors against those of mmdetection 3.3, detectron2 0.6 and torchvision 0.16 (golden/detection2d/ops/anchors), bit by bit.
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/layers/anchors.hpp>
#include <regulus/weights/read_weights.hpp>

#include "support/shared_json.hpp"

using namespace regulus;

namespace {

/// The boxes of a tensor [n, 4] of golden/detection2d/ops/anchors.safetensors.
std::vector<Anchor> boxes_of(const Weights& arrays, const std::string& name) {
    const Tensor* found = arrays.find(name);
    REQUIRE_MESSAGE(found != nullptr, name);
    std::vector<Anchor> boxes(std::size_t(found->shape()[0]));
    std::memcpy(boxes.data(), found->data<float>(), boxes.size() * sizeof(Anchor));
    return boxes;
}

}  // namespace

TEST_CASE("anchors: the published base anchors of a stride of 4") {
    // spec/detection2d.md, B.5: side 32, ratios 0.5, 1, 2; torchvision rounds.
    const std::vector<Anchor> torchvision = base_anchors(AnchorRule::torchvision, 4, {8}, {0.5, 1, 2});
    CHECK(torchvision == std::vector<Anchor>{{-23, -11, 23, 11}, {-16, -16, 16, 16}, {-11, -23, 11, 23}});
    for (const AnchorRule rule : {AnchorRule::mmdetection, AnchorRule::detectron2}) {
        const std::vector<Anchor> anchors = base_anchors(rule, 4, {8}, {0.5, 1, 2});
        REQUIRE(anchors.size() == 3);
        CHECK(anchors[1] == Anchor{-16, -16, 16, 16});
        CHECK(anchors[0][2] == doctest::Approx(22.627417).epsilon(1e-6));
        CHECK(anchors[0][3] == doctest::Approx(11.313708).epsilon(1e-6));
    }
}

TEST_CASE("anchors: mmdetection goes ratio by ratio, detectron2 scale by scale") {
    const std::vector<double> scales = octave_scales(4, 3);
    const std::vector<Anchor> mm = base_anchors(AnchorRule::mmdetection, 8, scales, {0.5, 1, 2});
    const std::vector<Anchor> d2 = base_anchors(AnchorRule::detectron2, 8, scales, {0.5, 1, 2});
    REQUIRE(mm.size() == 9);
    REQUIRE(d2.size() == 9);
    for (std::size_t ratio = 0; ratio < 3; ++ratio) {
        for (std::size_t scale = 0; scale < 3; ++scale) {
            for (std::size_t corner = 0; corner < 4; ++corner)
                CHECK(mm[3 * ratio + scale][corner] == doctest::Approx(d2[3 * scale + ratio][corner]).epsilon(1e-6));
        }
    }
}

TEST_CASE("anchors: equal to the peers' to the last bit") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/anchors.safetensors");
    const Weights arrays = read_weights(testing::shared_path("golden/detection2d/ops/anchors.safetensors"));
    const Json file = testing::shared_json("golden/detection2d/ops/anchors.json");
    std::size_t levels = 0;
    for (const Json& item : testing::list(testing::member(file, "cases"))) {
        const std::string name = testing::text_of(testing::member(item, "name"));
        const std::vector<double> ratios = testing::numbers(testing::member(item, "ratios"));
        for (std::size_t level = 0; testing::member(item, "outputs").find("base." + std::to_string(level)) != nullptr; ++level, ++levels) {
            std::vector<Anchor> anchors;
            if (item.find("strides") != nullptr && item.find("sizes") == nullptr) {
                const Json* const given = item.find("scales");
                const std::vector<double> scales = given != nullptr ? testing::numbers(*given)
                                                                    : octave_scales(testing::number(testing::member(item, "octave_base_scale")), int(testing::whole(testing::member(item, "scales_per_octave"))));
                const double stride = testing::number(testing::list(testing::member(item, "strides"))[level]);
                anchors = base_anchors(AnchorRule::mmdetection, stride, scales, ratios, testing::number(item, "center_offset", 0.0));
            } else {
                const AnchorRule rule = name.rfind("detectron2", 0) == 0 ? AnchorRule::detectron2 : AnchorRule::torchvision;
                anchors = base_anchors(rule, 1, testing::numbers(testing::list(testing::member(item, "sizes"))[level]), ratios);
            }
            CAPTURE(name);
            CAPTURE(level);
            CHECK(anchors == boxes_of(arrays, name + ".base." + std::to_string(level)));
        }
    }
    CHECK(levels == 33);
}

TEST_CASE("anchors: scales of octaves over strides give the sizes of the peers' configs") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/anchors.safetensors");
    const Weights arrays = read_weights(testing::shared_path("golden/detection2d/ops/anchors.safetensors"));
    for (int level = 0; level < 5; ++level) {
        CAPTURE(level);
        const std::string suffix = ".base." + std::to_string(level);
        CHECK(base_anchors(AnchorRule::torchvision, 8 << level, octave_scales(4, 3), {0.5, 1, 2}) == boxes_of(arrays, "torchvision_retina" + suffix));
        CHECK(base_anchors(AnchorRule::detectron2, 8 << level, octave_scales(4, 3), {0.5, 1, 2}) == boxes_of(arrays, "detectron2_retina" + suffix));
        CHECK(base_anchors(AnchorRule::torchvision, 4 << level, {8}, {0.5, 1, 2}) == boxes_of(arrays, "torchvision_rpn_fpn" + suffix));
        CHECK(base_anchors(AnchorRule::detectron2, 4 << level, {8}, {0.5, 1, 2}) == boxes_of(arrays, "detectron2_rpn_fpn" + suffix));
    }
}
