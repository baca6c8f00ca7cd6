// Cascades and deformable backbones: parameter counts and shapes as mmdetection 3.3 builds them (golden/detection2d/inventory), wiring of the stages.

#include <doctest/doctest.h>

#include <regulus/graph/describe.hpp>
#include <regulus/models/cascade_rcnn.hpp>
#include <regulus/models/mask_rcnn.hpp>

#include "models/inventory.hpp"

using namespace regulus;

namespace {

struct Cascade400 : CascadeMaskRcnn<RegNet<regnetx_400mf>> {};
struct Detectron2Cascade : CascadeMaskRcnn<ResNet<resnet_50_caffe>, 256, 80, detectron2_cascade_sizes> {
    static constexpr CascadeSettings settings = detectron2_cascade;
};
struct BoxesOnly : CascadeRcnn<RegNet<regnetx_400mf>> {};

template <class Op>
std::vector<const Node*> nodes_of(const Graph& graph) {
    std::vector<const Node*> found;
    for (const Node& node : graph.nodes) {
        if (std::holds_alternative<Op>(node.operation)) found.push_back(&node);
    }
    return found;
}

void check_inventory(const Graph& graph, const std::string& config) {
    CAPTURE(config);
    const Json stored = testing::mmdetection_inventory(config);
    CHECK(testing::shapes_of(graph) == testing::stored_shapes(stored));
    CHECK(graph.parameter_count() == testing::whole(testing::member(stored, "parameters")));
}

}  // namespace

TEST_CASE("deformable RegNet: parameters as published, offsets in stages 2 to 4 alone") {
    const Graph graph = recorded<MaskRcnn<RegNet<regnetx_3_2gf_mdconv_c3_c5>>>();
    CHECK(graph.parameter_count() == 36980269);
    static_assert(parameter_count(regnetx_3_2gf_mdconv_c3_c5) - parameter_count(regnetx_3_2gf) == 36980269 - 34635184);
    const auto deformed = nodes_of<ops::DeformConv2d>(graph);
    CHECK(deformed.size() == 6 + 15 + 2);
    for (const Node* node : deformed) {
        const auto& op = std::get<ops::DeformConv2d>(node->operation);
        CHECK(op.conv.groups * 48 == op.conv.in_channels);
        CHECK(op.deform_groups == 1);
        CHECK(op.modulated);
        CHECK(op.conv.stride == (node->name.find(".b1.") != std::string::npos ? 2 : 1));
        CHECK(node->name.find("backbone.s1.") == std::string::npos);
        const Node& looks = graph.nodes[std::size_t(graph.values[std::size_t(node->inputs[1])].producer)];
        CHECK(looks.inputs[0] == node->inputs[0]);  // both see the output of the first 1x1
        CHECK(looks.name == node->name + ".offset");
        CHECK(looks.parameters[0].shape == Shape{27, op.conv.in_channels, 3, 3});
    }
    REGULUS_REQUIRE_SHARED("golden/detection2d/inventory/mmdet/mask-rcnn_regnetx-3.2GF-mdconv-c3-c5_fpn_1x_coco.json");
    check_inventory(graph, "mask-rcnn_regnetx-3.2GF-mdconv-c3-c5_fpn_1x_coco");
}

TEST_CASE("cascade mask r-cnn: as many parameters of each shape as mmdetection's state dicts") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/inventory/mmdet/cascade-mask-rcnn_regnetx-400MF_fpn_ms-3x_coco.json");
    check_inventory(recorded<CascadeMaskRcnn<RegNet<regnetx_400mf>>>(), "cascade-mask-rcnn_regnetx-400MF_fpn_ms-3x_coco");
    check_inventory(recorded<CascadeMaskRcnn<RegNet<regnetx_800mf>>>(), "cascade-mask-rcnn_regnetx-800MF_fpn_ms-3x_coco");
    check_inventory(recorded<CascadeMaskRcnn<RegNet<regnetx_1_6gf>>>(), "cascade-mask-rcnn_regnetx-1.6GF_fpn_ms-3x_coco");
    check_inventory(recorded<CascadeMaskRcnn<RegNet<regnetx_3_2gf>>>(), "cascade-mask-rcnn_regnetx-3.2GF_fpn_ms-3x_coco");
    check_inventory(recorded<CascadeMaskRcnn<RegNet<regnetx_4_0gf>>>(), "cascade-mask-rcnn_regnetx-4GF_fpn_ms-3x_coco");
    check_inventory(recorded<CascadeMaskRcnn<ResNet<resnet_50>>>(), "cascade-mask-rcnn_r50_fpn_1x_coco");
}

TEST_CASE("cascade: each stage pools the boxes that the one before refined, with its own coder") {
    const Graph graph = recorded<Cascade400>();
    const auto value = [&](const std::string& label) { return graph.find_label(label); };
    const auto refine = nodes_of<ops::RefineBoxes>(graph);
    REQUIRE(refine.size() == 2);
    CHECK(refine[0]->inputs[0] == value("proposals"));
    CHECK(refine[0]->inputs[1] == value("stage0.box_regression"));
    CHECK(refine[1]->inputs[0] == refine[0]->outputs[0]);
    CHECK(refine[1]->inputs[1] == value("stage1.box_regression"));
    CHECK(std::get<ops::RefineBoxes>(refine[0]->operation).coder.stds == std::array<float, 4>{0.1f, 0.1f, 0.2f, 0.2f});
    CHECK(std::get<ops::RefineBoxes>(refine[1]->operation).coder.stds == std::array<float, 4>{0.05f, 0.05f, 0.1f, 0.1f});
    CHECK(std::get<ops::RefineBoxes>(refine[1]->operation).coder.clip);
    const auto align = nodes_of<ops::RoiAlign>(graph);
    REQUIRE(align.size() == 4);  // three stages, and one for all three mask heads
    for (std::size_t stage = 0; stage < 3; ++stage) CHECK(align[stage]->inputs[4] == (stage == 0 ? value("proposals") : refine[stage - 1]->outputs[0]));
    const auto classes = nodes_of<ops::ClassCandidates>(graph);
    REQUIRE(classes.size() == 1);
    CHECK(classes[0]->inputs[1] == value("stage2.box_regression"));
    CHECK(classes[0]->inputs[2] == refine[1]->outputs[0]);
    CHECK(std::get<ops::ClassCandidates>(classes[0]->operation).class_agnostic);
    CHECK(std::get<ops::ClassCandidates>(classes[0]->operation).coder.stds == std::array<float, 4>{0.033f, 0.033f, 0.067f, 0.067f});
    const auto means = nodes_of<ops::Average>(graph);
    REQUIRE(means.size() == 2);
    CHECK(means[0]->inputs == std::vector<ValueId>{value("stage0.class_logits"), value("stage1.class_logits"), value("stage2.class_logits")});
    CHECK(means[0]->outputs[0] == value("class_logits"));
    CHECK(means[1]->inputs.size() == 3);
    for (const ValueId mask : means[1]->inputs) CHECK(std::holds_alternative<ops::SelectChannel>(graph.nodes[std::size_t(graph.values[std::size_t(mask)].producer)].operation));
    CHECK(graph.outputs[4] == std::pair<std::string, ValueId>{"masks", means[1]->outputs[0]});
    const std::vector<Shape> shapes = infer_shapes(graph, InputSize{2, 256, 352});
    CHECK(shapes[std::size_t(graph.outputs[4].second)] == Shape{200, 28, 28});
}

TEST_CASE("cascade: detectron2 averages probabilities and has one mask head") {
    const Graph graph = recorded<Detectron2Cascade>();
    const auto classes = nodes_of<ops::ClassCandidates>(graph);
    REQUIRE(classes.size() == 1);
    const Node& mean = graph.nodes[std::size_t(graph.values[std::size_t(classes[0]->inputs[0])].producer)];
    REQUIRE(std::holds_alternative<ops::Average>(mean.operation));
    REQUIRE(mean.inputs.size() == 3);
    for (int stage = 0; stage < 3; ++stage) {
        const Node& softmax = graph.nodes[std::size_t(graph.values[std::size_t(mean.inputs[std::size_t(stage)])].producer)];
        CHECK(std::holds_alternative<ops::Softmax>(softmax.operation));
        CHECK(softmax.inputs[0] == graph.find_label("stage" + std::to_string(stage) + ".class_logits"));
    }
    CHECK(nodes_of<ops::Softmax>(graph).size() == 3);
    CHECK(nodes_of<ops::Average>(graph).size() == 1);
    CHECK(nodes_of<ops::ConvTranspose2d>(graph).size() == 1);
    CHECK(graph.find_label("stage0.mask_logits") == no_value);
    CHECK(graph.find_label("mask_logits") != no_value);
    const auto& coder = std::get<ops::ClassCandidates>(classes[0]->operation).coder;
    CHECK(coder.stds == std::array<float, 4>{1 / 30.f, 1 / 30.f, 1 / 15.f, 1 / 15.f});
    CHECK(!coder.clamp_both_sides);
    CHECK(!std::get<ops::RefineBoxes>(nodes_of<ops::RefineBoxes>(graph)[0]->operation).coder.clamp_both_sides);
    static_assert(!boxes_in_original_pixels<Detectron2Cascade>);
}

TEST_CASE("deformable ResNet: version 1 in stages 2 to 4, strides where the style puts them") {
    const Graph graph = recorded<MaskRcnn<ResNet<resnet_50_caffe_dconv_c3_c5>>>();
    const auto deformed = nodes_of<ops::DeformConv2d>(graph);
    CHECK(deformed.size() == 4 + 6 + 3);
    for (const Node* node : deformed) {
        const auto& op = std::get<ops::DeformConv2d>(node->operation);
        CHECK(!op.modulated);
        CHECK(op.conv.stride == 1);  // Caffe's style strides in the first 1x1
        CHECK(graph.nodes[std::size_t(graph.values[std::size_t(node->inputs[1])].producer)].parameters[0].shape == Shape{18, op.conv.in_channels, 3, 3});
    }
    static_assert(parameter_count(resnet_50_caffe_dconv_c3_c5) - parameter_count(resnet_50_caffe) == 44924058 - 44343216);  // of detectron2's two models
    constexpr ResNetStages late = with_deformable(resnet_50, Deformable::modulated, 4);
    static_assert(late.deformable[2] == Deformable::none && late.deformable[3] == Deformable::modulated);
    static_assert(parameter_count(late) - parameter_count(resnet_50) == 3 * (512 * 9 + 1) * 27);
}

TEST_CASE("cascade: without masks, boxes are suppressed in original pixels") {
    static_assert(boxes_in_original_pixels<BoxesOnly>);
    static_assert(!boxes_in_original_pixels<Cascade400>);
    static_assert(boxes_in_original_pixels<AsMmdetection2<Cascade400>>);
    const Graph graph = recorded<BoxesOnly>();
    CHECK(graph.outputs.size() == 4);
    CHECK(nodes_of<ops::Average>(graph).size() == 1);
}
