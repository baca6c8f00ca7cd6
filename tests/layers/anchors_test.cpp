// Base anchors against those of mmdetection 3.3, detectron2 0.6 and torchvision 0.16 (golden/detection2d/ops/anchors), bit by bit.
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <regulus/layers/anchors.hpp>

#include "support/shared.hpp"

using namespace regulus;

namespace {

/// The float32 arrays of a small safetensors file.
class Arrays {
public:
    explicit Arrays(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        bytes_.assign(std::istreambuf_iterator<char>(file), {});
        std::uint64_t length = 0;
        std::memcpy(&length, bytes_.data(), 8);
        header_ = nlohmann::json::parse(bytes_.substr(8, length));
        start_ = std::size_t(8 + length);
    }

    std::vector<Anchor> boxes(const std::string& name) const {
        const auto& entry = header_.at(name);
        REQUIRE(entry.at("dtype") == "F32");
        std::vector<Anchor> boxes(entry.at("shape").at(0).get<std::size_t>());
        std::memcpy(boxes.data(), bytes_.data() + start_ + entry.at("data_offsets").at(0).get<std::size_t>(), boxes.size() * sizeof(Anchor));
        return boxes;
    }

private:
    std::string bytes_;
    nlohmann::json header_;
    std::size_t start_ = 0;
};

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
    const Arrays arrays(testing::shared_path("golden/detection2d/ops/anchors.safetensors"));
    std::ifstream file(testing::shared_path("golden/detection2d/ops/anchors.json"));
    const nlohmann::json cases = nlohmann::json::parse(file).at("cases");
    std::size_t levels = 0;
    for (const auto& item : cases) {
        const std::string name = item.at("name");
        const std::vector<double> ratios = item.at("ratios");
        for (std::size_t level = 0; item.at("outputs").contains("base." + std::to_string(level)); ++level, ++levels) {
            std::vector<Anchor> anchors;
            if (item.contains("strides") && !item.contains("sizes")) {
                const std::vector<double> scales = item.contains("scales") ? item.at("scales").get<std::vector<double>>()
                                                                           : octave_scales(item.at("octave_base_scale"), item.at("scales_per_octave"));
                anchors = base_anchors(AnchorRule::mmdetection, item.at("strides").at(level), scales, ratios, item.value("center_offset", 0.0));
            } else {
                const AnchorRule rule = name.rfind("detectron2", 0) == 0 ? AnchorRule::detectron2 : AnchorRule::torchvision;
                anchors = base_anchors(rule, 1, item.at("sizes").at(level).get<std::vector<double>>(), ratios);
            }
            CAPTURE(name);
            CAPTURE(level);
            CHECK(anchors == arrays.boxes(name + ".base." + std::to_string(level)));
        }
    }
    CHECK(levels == 33);
}

TEST_CASE("anchors: scales of octaves over strides give the sizes of the peers' configs") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/ops/anchors.safetensors");
    const Arrays arrays(testing::shared_path("golden/detection2d/ops/anchors.safetensors"));
    for (int level = 0; level < 5; ++level) {
        CAPTURE(level);
        const std::string suffix = ".base." + std::to_string(level);
        CHECK(base_anchors(AnchorRule::torchvision, 8 << level, octave_scales(4, 3), {0.5, 1, 2}) == arrays.boxes("torchvision_retina" + suffix));
        CHECK(base_anchors(AnchorRule::detectron2, 8 << level, octave_scales(4, 3), {0.5, 1, 2}) == arrays.boxes("detectron2_retina" + suffix));
        CHECK(base_anchors(AnchorRule::torchvision, 4 << level, {8}, {0.5, 1, 2}) == arrays.boxes("torchvision_rpn_fpn" + suffix));
        CHECK(base_anchors(AnchorRule::detectron2, 4 << level, {8}, {0.5, 1, 2}) == arrays.boxes("detectron2_rpn_fpn" + suffix));
    }
}
