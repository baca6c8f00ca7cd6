// Proposals, regions, heads and detections: wiring of values and parameters (spec/detection2d.md, B.7-B.14).
#include <regulus/layers/detections.hpp>
#include <regulus/layers/fpn.hpp>
#include <regulus/layers/keypoint_head.hpp>
#include <regulus/layers/mask_head.hpp>
#include <regulus/layers/proposals.hpp>
#include <regulus/layers/retina_head.hpp>
#include <regulus/layers/roi_extractor.hpp>

#include "layers/support.hpp"

using namespace regulus;
using testing::Parameters;
using testing::Recording;

namespace {

Pyramid<16, 4, 5> pyramid(Recording& r) {
    Pyramid<16, 4, 5> levels{&r.graph, {}};
    for (ValueId& id : levels.ids) id = r.feature<16, 4>().id;
    return levels;
}

}  // namespace

TEST_CASE("rpn head: one set of parameters for all levels") {
    Recording r;
    const auto maps = RpnHead<16, 3>{}(r.scope, pyramid(r));
    CHECK(r.parameters() == Parameters{{"net.conv.weight", "[16, 16, 3, 3]"},
                                       {"net.conv.bias", "[16]"},
                                       {"net.logits.weight", "[3, 16, 1, 1]"},
                                       {"net.logits.bias", "[3]"},
                                       {"net.deltas.weight", "[12, 16, 1, 1]"},
                                       {"net.deltas.bias", "[12]"}});
    for (std::size_t level = 0; level < 5; ++level) {
        CHECK(r.graph.find_label("rpn_logits." + std::to_string(level)) == maps.logits[level]);
        CHECK(r.graph.find_label("rpn_deltas." + std::to_string(level)) == maps.deltas[level]);
        const ValueId shared = r.producer(maps.logits[level]).inputs[0];
        CHECK(shared == r.producer(maps.deltas[level]).inputs[0]);
        CHECK(r.op<ops::Conv2d>(shared).activation == Activation::relu);
    }
    CHECK(r.graph.parameter_count() == 16 * 16 * 9 + 16 + 3 * 16 + 3 + 12 * 16 + 12);
}

TEST_CASE("retina head: separate towers, shared by the levels") {
    Recording r;
    const auto maps = RetinaHead<16, 2, 9, 5>{}(r.scope, pyramid(r));
    CHECK(r.parameters().size() == 12);
    CHECK(r.parameters().at("net.class_tower.2.weight") == "[16, 16, 3, 3]");
    CHECK(r.parameters().at("net.box_tower.1.bias") == "[16]");
    CHECK(r.parameters().at("net.logits.weight") == "[45, 16, 3, 3]");
    CHECK(r.parameters().at("net.deltas.weight") == "[36, 16, 3, 3]");
    CHECK(r.producer(r.producer(maps.logits[4]).inputs[0]).name == "net.class_tower.2");
    CHECK(r.producer(r.producer(maps.deltas[4]).inputs[0]).name == "net.box_tower.2");
    CHECK(r.op<ops::Conv2d>(maps.logits[0]).activation == Activation::none);
}

TEST_CASE("proposals: each level has its own label, stride and anchors; suppression sees all lists") {
    Recording r;
    const ValueId info = r.info();
    CandidateSettings settings;
    settings.limit = 50;
    settings.anchors.scale = 3;
    const Rois<30> rois = Proposals<30>{settings, 0.6f, 0.f}(r.scope, RpnHead<16, 3>{}(r.scope, pyramid(r)), info);
    const Node& nms = r.producer(rois.boxes);
    CHECK(std::get<ops::Nms>(nms.operation).lists == 5);
    CHECK(std::get<ops::Nms>(nms.operation).limit == 30);
    CHECK(std::get<ops::Nms>(nms.operation).iou_threshold == 0.6f);
    REQUIRE(nms.inputs.size() == 20);
    for (std::size_t level = 0; level < 5; ++level) {
        const Node& decode = r.producer(nms.inputs[4 * level]);
        const ops::DecodeAnchors& op = std::get<ops::DecodeAnchors>(decode.operation);
        CHECK(op.stride == 4 << level);
        CHECK(op.label_offset == int(level));
        CHECK(op.anchors[1] == Anchor{-6.f * float(1 << level), -6.f * float(1 << level), 6.f * float(1 << level), 6.f * float(1 << level)});
        CHECK(decode.inputs.back() == info);
    }
    CHECK(r.graph.find_label("proposals") == rois.boxes);
    CHECK(r.graph.find_label("proposal_scores") == rois.scores);
    CHECK(r.shape(rois.boxes, 2, 8, 8) == Shape{60, 4});
}

TEST_CASE("roi extractor: P6 serves the RPN alone") {
    Recording r;
    const auto levels = pyramid(r);
    const ValueId info = r.info();
    const Rois<30> rois = Proposals<30>{}(r.scope, RpnHead<16, 3>{}(r.scope, levels), info);
    const auto regions = RoiExtractor<7>{{2, false, 28.f, ops::LevelRule::torchvision}}(r.scope / "roi", levels, rois);
    static_assert(std::is_same_v<decltype(regions), const RoiFeature<16, 7, 30>>);
    const ops::RoiAlign& op = r.op<ops::RoiAlign>(regions.id);
    CHECK(op.strides == std::vector<int>{4, 8, 16, 32});
    CHECK(op.sampling_ratio == 2);
    CHECK(!op.aligned);
    CHECK(op.finest_scale == 28.f);
    CHECK(op.rule == ops::LevelRule::torchvision);
    CHECK(r.producer(regions.id).inputs == std::vector<ValueId>{levels.ids[0], levels.ids[1], levels.ids[2], levels.ids[3], rois.boxes, rois.count});
    CHECK(r.shape(regions.id, 2, 8, 8) == Shape{60, 16, 7, 7});
}

TEST_CASE("box head, detections and mask head: shapes, class-agnostic boxes, rows stay bounded") {
    Recording r;
    const auto levels = pyramid(r);
    const ValueId info = r.info();
    const Rois<30> rois = Proposals<30>{}(r.scope, RpnHead<16, 3>{}(r.scope, levels), info);
    const auto regions = RoiExtractor<7>{}(r.scope / "roi", levels, rois);
    const auto predictions = BoxHead<16, 7, 24, 5>{}(r.scope / "box", regions);
    CHECK(r.parameters().at("net.box.fc1.weight") == "[24, 784]");
    CHECK(r.parameters().at("net.box.logits.weight") == "[6, 24]");
    CHECK(r.parameters().at("net.box.deltas.weight") == "[20, 24]");
    const auto agnostic = BoxHead<16, 7, 24, 5, true>{}(r.scope / "agnostic", regions);
    static_assert(agnostic.class_agnostic && !predictions.class_agnostic);
    CHECK(r.parameters().at("net.agnostic.deltas.weight") == "[4, 24]");

    const Rois<10> found = Detections<10>{0.1f, 0.4f, -1.f, {}, true}(r.scope / "detect", predictions, rois, info);
    const Node& nms = r.producer(found.boxes);
    const ops::ClassCandidates& candidates = r.op<ops::ClassCandidates>(nms.inputs[0]);
    CHECK(candidates.classes == 5);
    CHECK(candidates.threshold == 0.1f);
    CHECK(candidates.rescale);
    CHECK(!candidates.class_agnostic);
    CHECK(r.producer(r.producer(nms.inputs[0]).inputs[0]).name == "net.detect.softmax");
    CHECK(r.producer(nms.inputs[0]).inputs[2] == rois.boxes);
    const Rois<10> once = Detections<10>{}(r.scope / "detect_agnostic", agnostic, rois, info);
    CHECK(r.op<ops::ClassCandidates>(r.producer(once.boxes).inputs[0]).class_agnostic);

    const auto mask_regions = RoiExtractor<14>{}(r.scope / "mask_roi", levels, found);
    const auto logits = MaskHead<16, 12, 3, 5>{}(r.scope / "mask", mask_regions);
    static_assert(std::is_same_v<decltype(logits), const RoiFeature<5, 28, 10>>);
    CHECK(r.parameters().at("net.mask.conv1.weight") == "[12, 16, 3, 3]");
    CHECK(r.parameters().at("net.mask.conv3.weight") == "[12, 12, 3, 3]");
    CHECK(r.parameters().at("net.mask.upsample.weight") == "[12, 12, 2, 2]");
    CHECK(r.parameters().at("net.mask.logits.bias") == "[5]");
    CHECK(r.op<ops::ConvTranspose2d>(r.producer(logits.id).inputs[0]).activation == Activation::relu);
    const ValueId masks = select_masks(r.scope / "select", logits, found);
    CHECK(r.op<ops::SelectChannel>(masks).activation == Activation::sigmoid);
    CHECK(r.producer(masks).inputs == std::vector<ValueId>{logits.id, found.labels});
    CHECK(r.shape(masks, 2, 8, 8) == Shape{20, 28, 28});
    CHECK(r.graph.values[std::size_t(masks)].count == found.count);
}

TEST_CASE("keypoint head: convolutions, an overlapping transposed one to a channel a point, twice the size") {
    Recording r;
    const auto levels = pyramid(r);
    const Rois<30> rois = Proposals<30>{}(r.scope, RpnHead<16, 3>{}(r.scope, levels), r.info());
    const auto logits = KeypointHead<16, 12, 3, 5>{}(r.scope / "points", RoiExtractor<14>{}(r.scope / "roi", levels, rois));
    static_assert(std::is_same_v<decltype(logits), const RoiFeature<5, 56, 30>>);
    CHECK(r.parameters().at("net.points.conv1.weight") == "[12, 16, 3, 3]");
    CHECK(r.parameters().at("net.points.conv3.bias") == "[12]");
    CHECK(r.parameters().at("net.points.logits.weight") == "[12, 5, 4, 4]");
    CHECK(r.parameters().at("net.points.logits.bias") == "[5]");
    const ops::Resize& enlarge = r.op<ops::Resize>(logits.id);
    CHECK(enlarge.mode == ops::Resize::Mode::bilinear);
    CHECK(enlarge.factor == 2);
    const ValueId small = r.producer(logits.id).inputs[0];
    CHECK(r.op<ops::ConvTranspose2d>(small).padding == 1);
    CHECK(r.shape(small, 2, 8, 8) == Shape{60, 5, 28, 28});
    CHECK(r.shape(logits.id, 2, 8, 8) == Shape{60, 5, 56, 56});
    CHECK(r.graph.find_label("keypoint_logits_lowres") == small);
    CHECK(r.graph.find_label("keypoint_logits") == logits.id);
    CHECK(r.graph.values[std::size_t(logits.id)].count == rois.count);
}

TEST_CASE("rpn head: more than one convolution, each its own parameters, all levels alike") {
    Recording r;
    const auto maps = RpnHead<16, 3, 2>{}(r.scope, pyramid(r));
    CHECK(r.parameters().size() == 8);
    CHECK(r.parameters().at("net.conv1.weight") == "[16, 16, 3, 3]");
    CHECK(r.parameters().at("net.conv2.bias") == "[16]");
    for (std::size_t level = 0; level < 5; ++level) {
        const Node& second = r.producer(r.producer(maps.deltas[level]).inputs[0]);
        CHECK(second.name == "net.conv2");
        CHECK(r.producer(second.inputs[0]).name == "net.conv1");
        CHECK(std::get<ops::Conv2d>(r.producer(second.inputs[0]).operation).activation == Activation::relu);
    }
}

TEST_CASE("box head and mask head: convolutions with norms instead of biases") {
    Recording r;
    const auto levels = pyramid(r);
    const Rois<30> rois = Proposals<30>{}(r.scope / "rpn", RpnHead<16, 3>{}(r.scope / "rpn", levels), r.info());
    const auto regions = RoiExtractor<7>{}(r.scope / "roi", levels, rois);
    const auto predictions = BoxHead<16, 7, 24, 5, false, 4, 1, true>{}(r.scope / "box", regions);
    CHECK(r.parameters().at("net.box.conv4.weight") == "[16, 16, 3, 3]");
    CHECK(r.parameters().at("net.box.conv4.norm.running_mean") == "[16]");
    CHECK(r.parameters().count("net.box.conv4.bias") == 0);
    CHECK(r.parameters().at("net.box.fc1.weight") == "[24, 784]");
    CHECK(r.parameters().count("net.box.fc2.weight") == 0);
    const Node& linear = r.producer(r.producer(predictions.logits.id).inputs[0]);
    CHECK(linear.name == "net.box.fc1");
    CHECK(r.op<ops::BatchNorm>(linear.inputs[0]).activation == Activation::relu);
    CHECK(r.shape(predictions.deltas.id, 2, 8, 8) == Shape{60, 20});

    MaskHead<16, 12, 2, 5, true>{}(r.scope / "mask", regions);
    CHECK(r.parameters().at("net.mask.conv2.norm.weight") == "[12]");
    CHECK(r.parameters().count("net.mask.conv1.bias") == 0);
    CHECK(r.parameters().at("net.mask.upsample.bias") == "[12]");  // keeps its bias
}
