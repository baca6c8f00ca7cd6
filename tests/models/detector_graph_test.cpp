// What recorded detectors hold: names, labels, outputs, settings and bounds. Expected values: the published configs
// (spec/detection2d.md, B.4-B.14) and the demo's (shared/demo/README.md).
#include <doctest/doctest.h>

#include <regulus/graph/describe.hpp>
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/panoptic_fpn.hpp>

#include "fasteners.hpp"

using namespace regulus;
using testing::Fasteners;
using testing::FastenersRetina;

namespace {

struct Published : MaskRcnn<RegNet<regnetx_3_2gf>> {};
struct PublishedRetina : RetinaNet<RegNet<regnetx_800mf>> {};

struct Faster : FasterRcnn<RegNet<regnetx_400mf>> {};

struct Detectron2Faster : FasterRcnn<ResNet<resnet_50_caffe>> {
    static constexpr RcnnSettings settings = detectron2_rcnn;
};

struct TwoRatios : FasterRcnn<RegNet<regnetx_200mf>, 64, 5> {
    static constexpr RcnnSettings settings{.anchor_ratios = {0.5, 2}};
};

/// All operations of one kind, in order.
template <class Op>
std::vector<Op> all(const Graph& graph) {
    std::vector<Op> found;
    for (const Node& node : graph.nodes) {
        if (const Op* op = std::get_if<Op>(&node.operation)) found.push_back(*op);
    }
    return found;
}

Shape shape_of(const Graph& graph, const std::string& label, const InputSize& size) {
    const ValueId id = graph.find_label(label);
    CAPTURE(label);
    REQUIRE(id != no_value);
    return infer_shapes(graph, size)[std::size_t(id)];
}

std::vector<std::string> output_names(const Graph& graph) {
    std::vector<std::string> names;
    for (const auto& [name, id] : graph.outputs) names.push_back(name);
    return names;
}

bool has_parameter(const Graph& graph, const std::string& name, const Shape& shape) {
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (parameter.name == name) return parameter.shape == shape;
        }
    }
    return false;
}

// Two pictures of 256 x 352, as the golden case of batch 2.
constexpr InputSize two{2, 256, 352};

}  // namespace

TEST_CASE("mask r-cnn: inputs, outputs and labels") {
    const Graph graph = recorded<Published>();
    CHECK(graph.inputs == std::vector<ValueId>{graph.find_label("image"), graph.find_label("image_info")});
    CHECK(output_names(graph) == std::vector<std::string>{"boxes", "scores", "labels", "count", "masks"});
    const std::vector<std::pair<std::string, Shape>> expected{
        {"stem", {2, 32, 128, 176}},       {"C2", {2, 96, 64, 88}},         {"C3", {2, 192, 32, 44}},         {"C4", {2, 432, 16, 22}},
        {"C5", {2, 1008, 8, 11}},          {"P2", {2, 256, 64, 88}},        {"P3", {2, 256, 32, 44}},         {"P4", {2, 256, 16, 22}},
        {"P5", {2, 256, 8, 11}},           {"P6", {2, 256, 4, 6}},          {"rpn_logits.0", {2, 3, 64, 88}}, {"rpn_deltas.0", {2, 12, 64, 88}},
        {"rpn_logits.4", {2, 3, 4, 6}},    {"rpn_deltas.4", {2, 12, 4, 6}}, {"proposals", {2000, 4}},         {"proposal_scores", {2000}},
        {"roi_feats", {2000, 256, 7, 7}},  {"class_logits", {2000, 81}},    {"box_regression", {2000, 320}},  {"mask_roi_feats", {200, 256, 14, 14}},
        {"mask_logits", {200, 80, 28, 28}}};
    for (const auto& [label, shape] : expected) CHECK(shape_of(graph, label, two) == shape);
    const std::vector<Shape> shapes = infer_shapes(graph, two);
    CHECK(shapes[std::size_t(graph.outputs[0].second)] == Shape{200, 4});
    CHECK(shapes[std::size_t(graph.outputs[4].second)] == Shape{200, 28, 28});
    CHECK(graph.values[std::size_t(graph.outputs[2].second)].dtype == DType::i32);
    CHECK(graph.values[std::size_t(graph.outputs[4].second)].is_rows);
    CHECK(graph.values[std::size_t(graph.outputs[4].second)].count == graph.outputs[3].second);
}

TEST_CASE("mask r-cnn: parameter names") {
    const Graph graph = recorded<Published>();
    CHECK(has_parameter(graph, "backbone.s3.b15.b.weight", {432, 48, 3, 3}));
    CHECK(has_parameter(graph, "neck.lateral.c2.weight", {256, 96, 1, 1}));
    CHECK(has_parameter(graph, "neck.output.p5.bias", {256}));
    CHECK(!has_parameter(graph, "neck.output.p6.weight", {256, 256, 3, 3}));
    CHECK(has_parameter(graph, "rpn.conv.weight", {256, 256, 3, 3}));
    CHECK(has_parameter(graph, "rpn.logits.bias", {3}));
    CHECK(has_parameter(graph, "rpn.deltas.weight", {12, 256, 1, 1}));
    CHECK(has_parameter(graph, "box_head.fc1.weight", {1024, 12544}));
    CHECK(has_parameter(graph, "box_head.fc2.bias", {1024}));
    CHECK(has_parameter(graph, "box_head.logits.weight", {81, 1024}));
    CHECK(has_parameter(graph, "box_head.deltas.weight", {320, 1024}));
    CHECK(has_parameter(graph, "mask_head.conv4.weight", {256, 256, 3, 3}));
    CHECK(has_parameter(graph, "mask_head.upsample.weight", {256, 256, 2, 2}));
    CHECK(has_parameter(graph, "mask_head.logits.weight", {80, 256, 1, 1}));
}

TEST_CASE("mask r-cnn: the published settings are the defaults") {
    const Graph graph = recorded<Published>();
    const auto top_k = all<ops::TopK>(graph);
    const auto decode = all<ops::DecodeAnchors>(graph);
    REQUIRE(top_k.size() == 5);
    REQUIRE(decode.size() == 5);
    for (std::size_t level = 0; level < 5; ++level) {
        CHECK(top_k[level].limit == 1000);
        CHECK(decode[level].stride == 4 << level);
        CHECK(decode[level].label_offset == int(level));  // suppression within the level
        CHECK(decode[level].classes == 1);
        CHECK(decode[level].anchors.size() == 3);
        CHECK(decode[level].anchors[1][2] == float(16 << level));  // ratio 1: half of 8 strides
        CHECK(!decode[level].rescale);
        CHECK(decode[level].coder.clip);
    }
    const auto nms = all<ops::Nms>(graph);
    REQUIRE(nms.size() == 2);
    CHECK(nms[0].lists == 5);
    CHECK(nms[0].iou_threshold == 0.7f);
    CHECK(nms[0].limit == 1000);
    CHECK(nms[0].min_size == 0.f);
    CHECK(nms[1].lists == 1);
    CHECK(nms[1].iou_threshold == 0.5f);
    CHECK(nms[1].limit == 100);
    CHECK(nms[1].min_size == -1.f);
    const auto align = all<ops::RoiAlign>(graph);
    REQUIRE(align.size() == 2);
    CHECK(align[0].size == 7);
    CHECK(align[1].size == 14);
    for (const ops::RoiAlign& op : align) {
        CHECK(op.strides == std::vector<int>{4, 8, 16, 32});
        CHECK(op.finest_scale == 56.f);
        CHECK(op.aligned);
        CHECK(op.sampling_ratio == 0);
    }
    const auto classes = all<ops::ClassCandidates>(graph);
    REQUIRE(classes.size() == 1);
    CHECK(classes[0].threshold == 0.05f);
    CHECK(classes[0].coder.stds == std::array<float, 4>{0.1f, 0.1f, 0.2f, 0.2f});
    CHECK(!classes[0].rescale);
}

TEST_CASE("mmdetection suppresses in original pixels unless there are masks") {
    static_assert(!boxes_in_original_pixels<Published>);
    static_assert(boxes_in_original_pixels<Faster>);
    static_assert(boxes_in_original_pixels<PublishedRetina>);
    static_assert(!boxes_in_original_pixels<Detectron2Faster>);
    const Graph faster = recorded<Faster>();
    CHECK(all<ops::ClassCandidates>(faster).at(0).rescale);
    CHECK(!all<ops::DecodeAnchors>(faster).at(0).rescale);  // proposals stay in network pixels
    CHECK(output_names(faster) == std::vector<std::string>{"boxes", "scores", "labels", "count"});
    CHECK(all<ops::DecodeAnchors>(recorded<PublishedRetina>()).at(0).rescale);
    const Graph detectron2 = recorded<Detectron2Faster>();
    CHECK(!all<ops::ClassCandidates>(detectron2).at(0).rescale);
    CHECK(!all<ops::ClassCandidates>(detectron2).at(0).coder.clamp_both_sides);
    CHECK(all<ops::RoiAlign>(detectron2).at(0).rule == ops::LevelRule::detectron2);
}

TEST_CASE("a user's type shadows sizes and settings: the fasteners demo") {
    const Graph graph = recorded<Fasteners>();
    const auto decode = all<ops::DecodeAnchors>(graph);
    REQUIRE(decode.size() == 5);
    CHECK(decode[0].anchors[1] == Anchor{-6.f, -6.f, 6.f, 6.f});  // scale 3 at stride 4
    CHECK(all<ops::TopK>(graph)[0].limit == 500);
    CHECK(all<ops::Nms>(graph)[0].limit == 300);
    CHECK(all<ops::RoiAlign>(graph)[0].finest_scale == 28.f);
    CHECK(all<ops::RoiAlign>(graph)[1].finest_scale == 28.f);
    CHECK(has_parameter(graph, "box_head.fc1.weight", {256, 3136}));
    CHECK(has_parameter(graph, "mask_head.conv2.weight", {64, 64, 3, 3}));
    CHECK(!has_parameter(graph, "mask_head.conv3.weight", {64, 64, 3, 3}));
    CHECK(shape_of(graph, "mask_logits", {1, 256, 352}) == Shape{100, 5, 28, 28});
}

TEST_CASE("retinanet: labels, names and settings") {
    const Graph graph = recorded<PublishedRetina>();
    CHECK(output_names(graph) == std::vector<std::string>{"boxes", "scores", "labels", "count"});
    CHECK(graph.find_label("P2") == no_value);
    CHECK(shape_of(graph, "P3", two) == Shape{2, 256, 32, 44});
    CHECK(shape_of(graph, "P6", two) == Shape{2, 256, 4, 6});
    CHECK(shape_of(graph, "P7", two) == Shape{2, 256, 2, 3});
    CHECK(shape_of(graph, "cls_logits.0", two) == Shape{2, 720, 32, 44});
    CHECK(shape_of(graph, "box_deltas.4", two) == Shape{2, 36, 2, 3});
    CHECK(has_parameter(graph, "neck.lateral.c3.weight", {256, 128, 1, 1}));
    CHECK(!has_parameter(graph, "neck.lateral.c2.weight", {256, 64, 1, 1}));
    CHECK(has_parameter(graph, "neck.output.p6.weight", {256, 672, 3, 3}));
    CHECK(has_parameter(graph, "neck.output.p7.weight", {256, 256, 3, 3}));
    CHECK(has_parameter(graph, "head.class_tower.4.bias", {256}));
    CHECK(has_parameter(graph, "head.box_tower.1.weight", {256, 256, 3, 3}));
    CHECK(has_parameter(graph, "head.logits.weight", {720, 256, 3, 3}));
    CHECK(has_parameter(graph, "head.deltas.bias", {36}));
    for (const ops::TopK& op : all<ops::TopK>(graph)) {
        CHECK(op.limit == 1000);
        CHECK(op.threshold == 0.05f);
    }
    for (const ops::DecodeAnchors& op : all<ops::DecodeAnchors>(graph)) {
        CHECK(op.classes == 80);
        CHECK(op.label_offset == 0);
    }
    const ops::Nms nms = all<ops::Nms>(graph).at(0);
    CHECK(nms.lists == 5);
    CHECK(nms.min_size == 0.f);
    CHECK(nms.limit == 100);
    CHECK(all<ops::Activate>(graph).size() == 16);  // one per residual block: no ReLU between P6 and P7
    CHECK(all<ops::Conv2d>(recorded<FastenersRetina>()).size() == std::size_t(1 + 13 * 3 + 4 + 3 + 3 + 2 + 5 * 6));
}

TEST_CASE("settings that do not fit the sizes are refused, and say both numbers") {
    CHECK_THROWS_WITH_AS(
        recorded<TwoRatios>(),
        "record rpn: the settings give 2 anchors a cell, the head has 3 score channels; make sizes.anchors equal to ratios times scales per octave times octaves",
        ArgumentError);
    CHECK_THROWS_AS((Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9}), ArgumentError);
}

TEST_CASE("values are used after they are made, and every value has its producer") {
    for (const Graph& graph : {recorded<Fasteners>(), recorded<FastenersRetina>()}) {
        std::vector<bool> made(graph.values.size(), false);
        for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
            for (const ValueId input : graph.nodes[id].inputs) CHECK(made.at(std::size_t(input)));
            for (const ValueId output : graph.nodes[id].outputs) {
                made.at(std::size_t(output)) = true;
                CHECK(graph.values[std::size_t(output)].producer == NodeId(id));
            }
        }
        for (const auto& [name, id] : graph.outputs) CHECK(made.at(std::size_t(id)));
    }
}

TEST_CASE("panoptic fpn: a mask r-cnn and a semantic head of 54 labels at a quarter of the input") {
    const Graph graph = recorded<PanopticFpn<ResNet<resnet_50_caffe>>>();
    CHECK(output_names(graph) == std::vector<std::string>{"boxes", "scores", "labels", "count", "masks", "semantic_logits"});
    CHECK(shape_of(graph, "semantic_logits", two) == Shape{2, 54, 64, 88});
    CHECK(has_parameter(graph, "semantic_head.p2.conv1.weight", {128, 256, 3, 3}));
    CHECK(has_parameter(graph, "semantic_head.p5.conv3.norm.bias", {128}));
    CHECK(has_parameter(graph, "semantic_head.logits.bias", {54}));
    CHECK(all<ops::GroupNorm>(graph).size() == 7);
    CHECK(all<ops::Resize>(graph).size() == 3 + 6);
    std::int64_t trained = graph.parameter_count();
    for (const Node& node : graph.nodes) {
        if (!std::holds_alternative<ops::BatchNorm>(node.operation)) continue;
        trained -= 2 * node.parameters.at(0).shape.numel();  // weight and bias
    }
    CHECK(trained == 45'973'990);  // A.5: frozen batch norms are not counted
}
