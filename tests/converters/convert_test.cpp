#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/seeded_weights.hpp>
#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/models/classifier.hpp>
#include <regulus/zoo/zoo.hpp>

#include "support/shared.hpp"

using namespace regulus;
using doctest::Contains;

namespace {

const ModelSpec& model(const char* name) { return find_model(zoo_models(), name); }

std::map<std::string, Shape> parameters_of(const Graph& graph) {
    std::map<std::string, Shape> parameters;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) parameters[parameter.name] = parameter.shape;
    }
    return parameters;
}

/// A peer's list of [name, shape]: each but the counters must have one parameter of ours, of its shape, and none of ours may be left.
void compare_names(const Json& state_dict, const Graph& graph, const std::string& code_base) {
    std::map<std::string, Shape> parameters = parameters_of(graph);
    const NameTable& table = names_of(code_base, graph);
    for (const Json& entry : *state_dict.array()) {
        const std::string name = *(*entry.array())[0].text();
        CAPTURE(name);
        if (name.size() > 19 && name.substr(name.size() - 19) == "num_batches_tracked") continue;
        Shape shape;
        for (const Json& size : *(*entry.array())[1].array()) shape.push_back(*size.integer());
        const auto ours = table.to_ours(name);
        REQUIRE(ours);
        REQUIRE(parameters.count(*ours) == 1);
        CHECK(parameters[*ours] == shape);
        CHECK(table.to_foreign(*ours) == name);
        parameters.erase(*ours);
    }
    CHECK(parameters.empty());
}

/// A tensor whose elements are 0, 1, 2, ...
Tensor counted(const Shape& shape) {
    Tensor tensor(shape, DType::f32);
    for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = float(i);
    return tensor;
}

}  // namespace

TEST_CASE("mmdetection: every entry of every published state dict has one parameter of ours, of its shape, and the other way round") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/inventory/mmdet/mask-rcnn_r50_fpn_1x_coco.json");
    int compared = 0;
    for (const ModelSpec& spec : zoo_models()) {
        if (spec.code_base != "mmdetection") continue;
        CAPTURE(spec.name);
        const std::string config = spec.aliases.empty() ? spec.name.substr(spec.name.find('/') + 1) : spec.aliases.front();
        const auto bytes = read_file(testing::shared_path("golden/detection2d/inventory/mmdet/" + config + ".json"), 1 << 26);
        const Json json = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, config);
        const Graph graph = recorded(spec);
        compare_names(*json.find("state_dict"), graph, "mmdetection");
        CHECK(graph.parameter_count() == *json.find("parameters")->integer());
        ++compared;
    }
    CHECK(compared >= 27);
}

TEST_CASE("pycls, mmpretrain, timm: every entry of the state dicts of six published classifiers has one parameter of ours, of its shape") {
    REGULUS_REQUIRE_SHARED("golden/classification/inventory_pycls.json");
    struct Row {
        const char* code_base;
        const char* model;
        Graph graph;
    };
    const Row rows[] = {{"pycls", "RegNetX-3.2GF", recorded<Classifier<RegNet<regnetx_3_2gf>>>()},
                        {"pycls", "RegNetY-400MF", recorded<Classifier<RegNet<regnety_400mf>>>()},
                        {"mmpretrain", "regnetx-400mf_8xb128_in1k", recorded<Classifier<RegNet<regnetx_400mf>>>()},
                        {"mmpretrain", "regnetx-12gf_8xb64_in1k", recorded<Classifier<RegNet<regnetx_12gf>>>()},
                        {"timm", "regnetx_080.pycls_in1k", recorded<Classifier<RegNet<regnetx_8_0gf>>>()},
                        {"timm", "regnety_040.pycls_in1k", recorded<Classifier<RegNet<regnety_4_0gf>>>()}};
    for (const Row& row : rows) {
        CAPTURE(row.code_base);
        CAPTURE(row.model);
        const auto bytes = read_file(testing::shared_path(std::string("golden/classification/inventory_") + row.code_base + ".json"), 1 << 28);
        const Json json = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, row.code_base, {64, 1 << 26});
        const Json* published = json.find("models")->find(row.model);
        REQUIRE(published != nullptr);
        compare_names(*published->find("state_dict"), row.graph, row.code_base);
        const Weights theirs = from_regulus(seeded_weights(row.graph, row.code_base), row.graph, row.code_base);
        const Weights ours = to_regulus(theirs, row.graph);
        CHECK_NOTHROW(bind_weights(row.graph, ours));
    }
}

TEST_CASE("converting: ours to mmdetection and back gives the same tensors, counters appear and go") {
    const Graph graph = recorded(model("retinanet_regnetx-800MF_fpn_1x_coco"));
    const Weights ours = seeded_weights(graph, "mmdetection");
    const Weights theirs = from_regulus(ours, graph, "mmdetection");
    const Tensor* counter = theirs.find("backbone.bn1.num_batches_tracked");
    REQUIRE(counter != nullptr);
    CHECK(counter->dtype() == DType::i64);
    CHECK(counter->shape() == Shape{});
    CHECK(theirs.find("neck.fpn_convs.4.conv.weight") != nullptr);
    const Weights back = to_regulus(theirs, graph);
    CHECK(back.metadata.at("regulus.names") == "mmdetection");
    REQUIRE(back.size() == ours.size());
    for (const auto& entry : ours.entries()) {
        const Tensor* tensor = back.find(entry.name);
        REQUIRE(tensor != nullptr);
        CHECK(tensor->raw() == entry.tensor.raw());  // shared, not copied
    }
    CHECK_NOTHROW(bind_weights(graph, back));
}

TEST_CASE("converting: our own names are left as they are") {
    const Graph graph = recorded(model("retinanet_regnetx-800MF_fpn_1x_coco"));
    const Weights ours = seeded_weights(graph, "mmdetection");
    CHECK(recognise_names(ours, graph) == nullptr);
    CHECK(to_regulus(ours, graph).size() == ours.size());
}

TEST_CASE("converting: binding reports foreign tensors that no rule knows, and what is missing, all at once") {
    const Graph graph = recorded(model("retinanet_regnetx-800MF_fpn_1x_coco"));
    Weights theirs;
    theirs.source = "file.pth";
    const Weights whole = from_regulus(seeded_weights(graph, "mmdetection"), graph, "mmdetection");
    for (const auto& entry : whole.entries()) {
        if (entry.name != "bbox_head.retina_cls.bias") theirs.add(entry.name, entry.tensor);
    }
    theirs.add("ema.decay", Tensor::zeros(Shape{1}));
    CHECK_THROWS_WITH_AS(bind_weights(graph, to_regulus(theirs, graph)), Contains("ema.decay [1]"), WeightError);
    CHECK_THROWS_WITH_AS(bind_weights(graph, to_regulus(theirs, graph)), Contains("head.logits.bias [720]"), WeightError);
}

TEST_CASE("converting: a binding error says the file's own names too, and is unchanged for our own") {
    const Graph graph = recorded(model("retinanet_regnetx-800MF_fpn_1x_coco"));
    const Weights ours = seeded_weights(graph, "mmdetection");
    const Weights theirs = from_regulus(ours, graph, "mmdetection");
    const std::string text = "load: x does not fit\n  2 missing:\n    head.logits.bias [720]\n    neck.lateral.c3.weight is [1]\n  1 unexpected:\n    what.ever [2]";
    CHECK(with_foreign_names(text, theirs, graph) == "load: x does not fit\n  2 missing:\n    head.logits.bias [720]  (mmdetection: bbox_head.retina_cls.bias)\n"
                                                     "    neck.lateral.c3.weight is [1]  (mmdetection: neck.lateral_convs.0.conv.weight)\n  1 unexpected:\n    what.ever [2]");
    CHECK(with_foreign_names(text, ours, graph) == text);
    CHECK(with_foreign_names("", theirs, graph).empty());
}

TEST_CASE("converting: two spellings of one parameter in a file do not hide each other") {
    const Graph graph = recorded(model("faster_rcnn_regnetx-400MF_fpn_mstrain_3x_coco"));
    Weights theirs;
    theirs.add("roi_head.bbox_head.fc_cls.bias", Tensor::zeros(Shape{81}));
    theirs.add("bbox_head.fc_cls.bias", Tensor::zeros(Shape{81}));
    const Weights ours = to_regulus(theirs, graph);
    CHECK(ours.find("box_head.logits.bias") != nullptr);
    CHECK(ours.find("bbox_head.fc_cls.bias") != nullptr);  // binding will call it unexpected
}

TEST_CASE("mmdetection 1.x: the background's row moves behind the classes, its box and mask go") {
    const Graph graph = recorded(model("mask_rcnn_r50_fpn_1x_coco"));
    Weights old;
    old.add("bbox_head.fc_cls.bias", counted(Shape{81}));
    old.add("bbox_head.fc_cls.weight", counted(Shape{81, 2}));
    old.add("bbox_head.fc_reg.bias", counted(Shape{324}));
    old.add("mask_head.conv_logits.weight", counted(Shape{81, 2, 1, 1}));
    old.add("rpn_head.rpn_cls.bias", counted(Shape{3}));
    const Weights ours = to_regulus(old, graph);
    const Tensor& classes = *ours.find("box_head.logits.bias");
    CHECK(classes.data<float>()[0] == 1);
    CHECK(classes.data<float>()[79] == 80);
    CHECK(classes.data<float>()[80] == 0);
    CHECK(ours.find("box_head.logits.weight")->data<float>()[160] == 0);
    CHECK(ours.find("box_head.logits.weight")->data<float>()[0] == 2);
    const Tensor& boxes = *ours.find("box_head.deltas.bias");
    CHECK(boxes.shape() == Shape{320});
    CHECK(boxes.data<float>()[0] == 4);
    const Tensor& masks = *ours.find("mask_head.logits.weight");
    CHECK(masks.shape() == Shape{80, 2, 1, 1});
    CHECK(masks.data<float>()[0] == 2);
    CHECK(ours.find("rpn.logits.bias")->data<float>()[0] == 0);  // the proposals' head has no background
}

TEST_CASE("mmdetection 2.x: heads without a background among their boxes stay as they are") {
    const Graph graph = recorded(model("faster_rcnn_r50_fpn_1x_coco"));
    Weights weights;
    weights.add("bbox_head.fc_cls.bias", counted(Shape{81}));
    weights.add("bbox_head.fc_reg.bias", counted(Shape{320}));
    const Weights ours = to_regulus(weights, graph);
    CHECK(ours.find("box_head.logits.bias")->data<float>()[0] == 0);
    CHECK(ours.find("box_head.deltas.bias")->shape() == Shape{320});
}

TEST_CASE("names_of: an unknown code base is refused with the list of known ones") {
    const Graph graph = recorded(model("retinanet_r50_fpn_1x_coco"));
    CHECK_THROWS_WITH_AS(names_of("mmdet", graph), Contains("known code bases: mmdetection, mmdetection3d, mmdetection3d-voxelnet, pycls, mmpretrain, timm, torchvision, detectron2, caffe2"), ArgumentError);
    Graph strange;
    strange.name = "strange";
    CHECK_THROWS_AS(names_of("mmdetection", strange), ArgumentError);
}
