#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <regulus/core/json.hpp>
#include <regulus/graph/describe.hpp>
#include <regulus/zoo/class_names.hpp>
#include <regulus/zoo/zoo.hpp>

#include "support/shared_json.hpp"

using namespace regulus;
using doctest::Contains;

TEST_CASE("zoo: a model is found by its name, an alias, or an unambiguous tail, without regard to case") {
    const std::string full = "mmdetection/mask_rcnn_regnetx-3.2GF_fpn_1x_coco";
    for (const char* name : {"mmdetection/mask_rcnn_regnetx-3.2GF_fpn_1x_coco", "mask_rcnn_regnetx-3.2GF_fpn_1x_coco", "mask-rcnn_regnetx-3.2GF_fpn_1x_coco",
                             "mmdetection/mask-rcnn_regnetx-3.2GF_fpn_1x_coco", "MASK_RCNN_REGNETX-3.2gf_fpn_1x_coco"}) {
        CAPTURE(name);
        CHECK(find_model(zoo_models(), name).name == full);
    }
    CHECK(find_model(zoo_models(), "mask-rcnn_regnetx-400MF_fpn_ms-poly-3x_coco").name == "mmdetection/mask_rcnn_regnetx-400MF_fpn_mstrain-poly_3x_coco");
    CHECK(find_model(zoo_models(), "12GF_fpn_1x_coco").name == "mmdetection/mask_rcnn_regnetx-12GF_fpn_1x_coco");
}

TEST_CASE("zoo: a name that is a tail of another model's name still means itself") {
    std::vector<ModelSpec> models(2);
    models[0].name = "a/small";
    models[1].name = "b/very_small";
    CHECK(find_model(models, "small").name == "a/small");
    CHECK_THROWS_AS(find_model(models, "mall"), ArgumentError);  // tails begin at a part of the name
}

TEST_CASE("zoo: an ambiguous name lists its candidates") {
    CHECK_THROWS_WITH_AS(find_model(zoo_models(), "regnetx-3.2GF_fpn_1x_coco"),
                         "zoo: \"regnetx-3.2GF_fpn_1x_coco\" fits 3 models; give more of the name:\n"
                         "  mmdetection/mask_rcnn_regnetx-3.2GF_fpn_1x_coco\n"
                         "  mmdetection/faster_rcnn_regnetx-3.2GF_fpn_1x_coco\n"
                         "  mmdetection/retinanet_regnetx-3.2GF_fpn_1x_coco",
                         ArgumentError);
}

TEST_CASE("zoo: an unknown name is answered with near ones") {
    CHECK_THROWS_WITH_AS(find_model(zoo_models(), "mask_rcnn_r50_fpn_1x_cocoo"), Contains("the nearest names:\n  mmdetection/mask_rcnn_r50_fpn_1x_coco\n"), ArgumentError);
    CHECK_THROWS_AS(find_model(zoo_models(), ""), ArgumentError);
    CHECK_THROWS_AS(find_model(zoo_models(), std::string(10000, 'x')), ArgumentError);
}

TEST_CASE("zoo: names and spellings are distinct, every model records, and is called by its name") {
    std::set<std::string> names;
    for (const ModelSpec& model : zoo_models()) {
        CAPTURE(model.name);
        CHECK(names.insert(model.name).second);
        for (const std::string& alias : model.aliases) CHECK(names.insert("mmdetection/" + alias).second);
        CHECK(recorded(model).name == model.name);
        const std::size_t classes = model.proposal_ar > 0 ? model.facts.class_names.size() : model.data == "LVIS 0.5" ? 1230 : model.data == "Cityscapes" ? 8 : model.data == "Pascal VOC 2007" ? 20 : model.keypoint_ap > 0 ? 1 : model.code_base == "torchvision" ? (model.name.find("retinanet") == std::string::npos ? 90 : 91) : 80;
        CHECK(model.facts.class_names.size() == classes);
        CHECK(model.facts.category_ids.size() == (classes == 1230 || classes == 20 ? 0 : classes));
        for (const Node& node : recorded(model).nodes) {
            if (const auto* candidates = std::get_if<ops::ClassCandidates>(&node.operation)) CHECK(std::size_t(candidates->classes) == classes);
            if (const auto* nms = std::get_if<ops::Nms>(&node.operation); nms != nullptr && model.proposal_ar > 0) CHECK(std::size_t(nms->lists) == classes);  // a class a level
        }
        CHECK(&find_model(zoo_models(), model.name) == &model);
    }
    CHECK_THROWS_AS(recorded(ModelSpec{}), ArgumentError);
}

TEST_CASE("zoo: parameters are those that the fact sheet computed from the layers") {
    const std::map<std::string, std::int64_t> expected{
        {"retinanet_r50_fpn_1x_coco", 37968692},           {"faster_rcnn_r50_fpn_1x_coco", 41753056},          {"mask_rcnn_r50_fpn_1x_coco", 44396336},
        {"mask_rcnn_r101_fpn_1x_coco", 63388464},          {"mask_rcnn_x101_32x4d_fpn_1x_coco", 63017008},     {"retinanet_regnetx-800MF_fpn_1x_coco", 17238036},
        {"retinanet_regnetx-1.6GF_fpn_1x_coco", 19583876}, {"retinanet_regnetx-3.2GF_fpn_1x_coco", 25852340},  {"faster_rcnn_regnetx-3.2GF_fpn_1x_coco", 31991904},
        {"faster_rcnn_regnetx-3.2GF_fpn_2x_coco", 31991904}, {"faster_rcnn_regnetx-3.2GF_fpn_mstrain_3x_coco", 31991904}, {"mask_rcnn_regnetx-3.2GF_fpn_1x_coco", 34635184},
        {"mask_rcnn_regnetx-3.2GF_fpn_mstrain_3x_coco", 34635184}, {"mask_rcnn_regnetx-4GF_fpn_1x_coco", 41235952}, {"mask_rcnn_regnetx-6.4GF_fpn_1x_coco", 45249328},
        {"mask_rcnn_regnetx-8GF_fpn_1x_coco", 58314672},   {"mask_rcnn_regnetx-12GF_fpn_1x_coco", 64745168}};
    for (const auto& [name, parameters] : expected) {
        const std::string model = name;  // clang++ 14 captures no structured bindings
        CAPTURE(model);
        CHECK(recorded(find_model(zoo_models(), model)).parameter_count() == parameters);
    }
}

TEST_CASE("zoo: colours, statistics and size limits are those of the published configs") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/inventory/mmdet/mask-rcnn_r50_fpn_1x_coco.json");
    for (const ModelSpec& model : zoo_models()) {
        if (model.code_base != "mmdetection") continue;
        CAPTURE(model.name);
        const std::string config = model.aliases.empty() ? model.name.substr(model.name.find('/') + 1) : model.aliases.front();
        const Json json = testing::shared_json("golden/detection2d/inventory/mmdet/" + config + ".json");
        const Json& input = *json.find("model")->find("data_preprocessor");
        const Preprocessing& ours = model.facts.preprocessing;
        CHECK((ours.channel_order == ChannelOrder::rgb) == *input.find("bgr_to_rgb")->boolean());
        for (std::size_t i = 0; i < 3; ++i) {
            CHECK(ours.mean[i] == float(*(*input.find("mean")->array())[i].real()));
            CHECK(ours.std[i] == float(*(*input.find("std")->array())[i].real()));
        }
        CHECK(ours.pad_divisor == *input.find("pad_size_divisor")->integer());
        for (const Json& step : *json.find("test_pipeline")->array()) {
            const Json* scale = step.find("scale");
            if (scale == nullptr) continue;
            CHECK(ours.long_side == *(*scale->array())[0].integer());
            CHECK(ours.short_side == *(*scale->array())[1].integer());
        }
    }
}

namespace {

/// Levels, sizes of anchors, and how many boxes stay, against a resolved config.
void check_proposals(const Graph& graph, const Json& network) {
    std::vector<double> sides;
    for (const Node& node : graph.nodes) {
        const auto* decode = std::get_if<ops::DecodeAnchors>(&node.operation);
        if (decode == nullptr) continue;
        for (const auto& anchor : decode->anchors) {
            const double side = std::sqrt(double(anchor[2] - anchor[0]) * double(anchor[3] - anchor[1]));
            if (sides.empty() || std::abs(sides.back() - side) > 0.01) sides.push_back(side);
        }
    }
    std::vector<double> wanted;
    for (const Json& level : *network.find("ANCHOR_GENERATOR")->find("SIZES")->array()) {
        for (const Json& size : *level.array()) wanted.push_back(size.real() != nullptr ? *size.real() : double(*size.integer()));
    }
    const bool given = graph.inputs.size() == 4;  // with the pictures
    REQUIRE(sides.size() == (given ? 0 : wanted.size()));
    for (std::size_t i = 0; i < sides.size(); ++i) CHECK(sides[i] == doctest::Approx(wanted[i]));
    if (graph.find_label("proposals") == no_value) return;  // RetinaNet
    for (const Node& node : graph.nodes) {
        if (const auto* top_k = std::get_if<ops::TopK>(&node.operation)) CHECK(top_k->limit == *network.find("RPN")->find("PRE_NMS_TOPK_TEST")->integer());
        if (node.name == "rpn.nms") CHECK(std::get<ops::Nms>(node.operation).limit == *network.find("RPN")->find("POST_NMS_TOPK_TEST")->integer());
        if (node.name == "box_head.roi_align") {
            const auto& align = std::get<ops::RoiAlign>(node.operation);
            CHECK(align.size == *network.find("ROI_BOX_HEAD")->find("POOLER_RESOLUTION")->integer());
            CHECK(align.strides.size() == network.find("ROI_HEADS")->find("IN_FEATURES")->array()->size());
        }
    }
}

}  // namespace

TEST_CASE("zoo: detectron2's detectors see pictures as their published configs say") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/inventory/detectron2/COCO-Detection__faster_rcnn_R_50_FPN_1x.json");
    int models = 0;
    for (const ModelSpec& model : zoo_models()) {
        if (model.code_base != "detectron2") continue;
        CAPTURE(model.name);
        std::string config = model.name.substr(model.name.find('/') + 1);
        config.replace(config.find('/'), 1, "__");
        const Json json = testing::shared_json("golden/detection2d/inventory/detectron2/" + config + ".json");
        const Preprocessing& ours = model.facts.preprocessing;
        CHECK(ours.channel_order == ChannelOrder::bgr);
        CHECK(ours.resize_rule == ResizeRule::detectron2_short);
        CHECK(ours.interpolation == Interpolation::pillow_bilinear);
        CHECK(model.facts.clips_boxes);
        const bool one_map = config.find("C4") != std::string::npos || config.find("DC5") != std::string::npos;
        CHECK(ours.pad_divisor == (one_map ? 1 : 32));
        const auto check = [&](const Json& format, const Json& mean, const Json& std, const Json& short_side, const Json& long_side) {
            CHECK(*format.text() == "BGR");
            for (std::size_t i = 0; i < 3; ++i) {
                CHECK(ours.mean[i] == float(*(*mean.array())[i].real()));
                CHECK(ours.std[i] == float(*(*std.array())[i].real()));
            }
            CHECK(ours.short_side == *short_side.integer());
            CHECK(ours.long_side == *long_side.integer());
        };
        ++models;
        if (const Json* lazy = json.find("lazy_config")) {  // configs in Python: RegNets
            const Json& network = *lazy->find("model");
            const Json& resize = (*lazy->find("dataloader")->find("test")->find("mapper")->find("augmentations")->array())[0];
            check(*network.find("input_format"), *network.find("pixel_mean"), *network.find("pixel_std"), *resize.find("short_edge_length"), *resize.find("max_size"));
            continue;
        }
        const Json& network = *json.find("config_resolved")->find("MODEL");
        const Json& input = *json.find("config_resolved")->find("INPUT");
        check(*input.find("FORMAT"), *network.find("PIXEL_MEAN"), *network.find("PIXEL_STD"), *input.find("MIN_SIZE_TEST"), *input.find("MAX_SIZE_TEST"));
        CHECK((model.mask_ap > 0) == *network.find("MASK_ON")->boolean());
        CHECK((model.keypoint_ap > 0) == *network.find("KEYPOINT_ON")->boolean());
        const Graph graph = recorded(model);
        const auto strided = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) { return node.name == "backbone.s2.b1.a"; });
        REQUIRE(strided != graph.nodes.end());
        CHECK((std::get<ops::Conv2d>(strided->operation).stride == 2) == *network.find("RESNETS")->find("STRIDE_IN_1X1")->boolean());
        check_proposals(graph, network);
    }
    CHECK(models == 63);
}

TEST_CASE("zoo: detectron2's panoptic models know 53 kinds of stuff by name and id, and the rule of their configs") {
    int models = 0;
    for (const ModelSpec& model : zoo_models()) {
        if (model.facts.stuff_names.empty()) continue;
        CAPTURE(model.name);
        ++models;
        CHECK(model.panoptic_quality > 30);
        CHECK(model.facts.stuff_names.size() == 54);
        CHECK(model.facts.stuff_ids.size() == 54);
        CHECK(model.facts.stuff_name(1) == "banner");
        CHECK(model.facts.stuff_id(1) == 92);
        CHECK(model.facts.stuff_name(53) == "rug-merged");
        CHECK(model.facts.stuff_id(53) == 200);
        const Graph graph = recorded(model);
        CHECK(graph.outputs.back().first == "semantic_logits");
        std::string config = model.name.substr(model.name.find('/') + 1);
        config.replace(config.find('/'), 1, "__");
        const std::string file = "golden/detection2d/inventory/detectron2/" + config + ".json";
        REGULUS_REQUIRE_SHARED(file);
        const Json json = testing::shared_json(file);
        const Json& network = *json.find("config_resolved")->find("MODEL");
        const Json& rule = *network.find("PANOPTIC_FPN")->find("COMBINE");
        CHECK(double(model.facts.panoptic.score) == *rule.find("INSTANCES_CONFIDENCE_THRESH")->real());
        CHECK(double(model.facts.panoptic.overlap) == *rule.find("OVERLAP_THRESH")->real());
        CHECK(model.facts.panoptic.stuff_area == *rule.find("STUFF_AREA_LIMIT")->integer());
        CHECK(*network.find("SEM_SEG_HEAD")->find("NUM_CLASSES")->integer() == 54);
    }
    CHECK(models == 4);
    CHECK(std::is_sorted(coco_stuff_ids().begin(), coco_stuff_ids().end()));
}

TEST_CASE("zoo: detectron2's Keypoint R-CNNs have its layers, its counts of parameters and the points of COCO's persons") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/inventory/detectron2/COCO-Keypoints__keypoint_rcnn_R_50_FPN_1x.json");
    const std::map<std::string, std::int64_t> with_norms{{"R_50_FPN_1x", 59133158}, {"R_50_FPN_3x", 59133158}, {"R_101_FPN_3x", 78073062}, {"X_101_32x8d_FPN_3x", 122217702}};
    for (const auto& [name, parameters] : with_norms) {
        const ModelSpec& model = find_model(zoo_models(), "COCO-Keypoints/keypoint_rcnn_" + name);
        const Graph graph = recorded(model);
        std::int64_t trained = 0;  // detectron2's frozen norms are no parameters of it
        std::set<std::string> once;  // the proposals' head stands once a level
        for (const Node& node : graph.nodes) {
            for (const Parameter& parameter : node.parameters) {
                if (once.insert(parameter.name).second && parameter.name.find(".norm.") == std::string::npos) trained += parameter.shape.numel();
            }
        }
        CHECK(trained == parameters);
        std::string config = "COCO-Keypoints__keypoint_rcnn_" + name;
        const Json json = testing::shared_json("golden/detection2d/inventory/detectron2/" + config + ".json");
        const Json& head = *json.find("config_resolved")->find("MODEL")->find("ROI_KEYPOINT_HEAD");
        CHECK(std::int64_t(model.facts.keypoint_names.size()) == *head.find("NUM_KEYPOINTS")->integer());
        for (const Node& node : graph.nodes) {
            if (node.name == "keypoint_head.roi_align") CHECK(std::get<ops::RoiAlign>(node.operation).size == *head.find("POOLER_RESOLUTION")->integer());
            if (node.name == "keypoint_head.conv8") CHECK(std::get<ops::Conv2d>(node.operation).out_channels == *(*head.find("CONV_DIMS")->array())[7].integer());
        }
        CHECK(graph.outputs.back().first == "keypoints");
        CHECK(infer_shapes(graph, {2, 64, 96})[std::size_t(graph.outputs.back().second)] == Shape{200, 17, 56, 56});
        CHECK(model.facts.class_name(0) == "person");
        CHECK(model.facts.keypoint_names[16] == "right_ankle");
    }
}

TEST_CASE("zoo: detectron2's models on LVIS keep more boxes of lower scores, and their labels are LVIS's") {
    for (const char* name : {"LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x", "LVISv0.5-InstanceSegmentation/mask_rcnn_X_101_32x8d_FPN_1x"}) {
        const ModelSpec& model = find_model(zoo_models(), name);
        const Graph graph = recorded(model);
        const auto last = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) { return node.name == "detections.nms"; });
        const auto candidates = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) { return node.name == "detections.candidates"; });
        REQUIRE(last != graph.nodes.end());
        REQUIRE(candidates != graph.nodes.end());
        CHECK(std::get<ops::Nms>(last->operation).limit == 300);
        CHECK(std::get<ops::ClassCandidates>(candidates->operation).threshold == 1e-4f);
        CHECK(model.facts.class_name(0) == "acorn");
        CHECK(model.facts.class_name(1229) == "zucchini");
        CHECK(model.facts.category_id(1229) == 1230);
    }
    const ModelSpec& streets = find_model(zoo_models(), "Cityscapes/mask_rcnn_R_50_FPN");
    CHECK(streets.facts.class_name(7) == "bicycle");
    CHECK(streets.facts.category_id(5) == 31);  // train
}

TEST_CASE("zoo: torchvision's detectors have the published parameters, and its labels") {
    // torchvision counts no parameters of frozen norms (53'120 in ResNet-50) and has the background's boxes and masks: rows of 1025 and 257.
    constexpr std::int64_t frozen = 53120, boxes = 4 * 1025, masks = 257;
    const auto count = [](const char* name) { return recorded(find_model(zoo_models(), name)).parameter_count(); };
    CHECK(count("fasterrcnn_resnet50_fpn") - frozen + boxes == 41755286);
    CHECK(count("maskrcnn_resnet50_fpn") - frozen + boxes + masks == 44401393);
    CHECK(count("retinanet_resnet50_fpn") - frozen == 34014999);
    CHECK(count("keypointrcnn_resnet50_fpn") - frozen + boxes == 59137258);
    CHECK(count("fasterrcnn_resnet50_fpn_v2") + boxes == 43712278);
    CHECK(count("maskrcnn_resnet50_fpn_v2") + boxes + masks == 46359409);
    CHECK(count("retinanet_resnet50_fpn_v2") == 38198935);
    int models = 0;
    for (const ModelSpec& model : zoo_models()) {
        if (model.code_base != "torchvision") continue;
        CAPTURE(model.name);
        ++models;
        const Preprocessing& p = model.facts.preprocessing;
        CHECK(resized_size({480, 640}, p) == PictureSize{800, 1066});
        CHECK(resized_size({1024, 2048}, p) == PictureSize{666, 1333});
        CHECK(p.channel_order == ChannelOrder::rgb);
        const int first = model.name.find("retinanet") == std::string::npos ? 1 : 0;
        for (std::size_t i = 0; i < (model.keypoint_ap > 0 ? 1 : 80); ++i) {
            const int label = int(coco_category_ids()[i]) - first;
            CHECK(model.facts.class_name(label) == coco_classes()[i]);
            CHECK(model.facts.category_id(label) == coco_category_ids()[i]);
        }
        if (model.keypoint_ap > 0) CHECK(model.facts.keypoint_names == coco_person_keypoints());
        else CHECK(model.facts.class_name(12 - first) == "N/A");
        // Frozen norms lost their epsilon when the first version's weights were loaded; the second has norms that were trained.
        const bool second = model.name.find("_v2") != std::string::npos;
        for (const Node& node : recorded(model).nodes) {
            if (const auto* norm = std::get_if<ops::BatchNorm>(&node.operation)) CHECK(norm->eps == (second ? 1e-5 : 0));
            if (const auto* norm = std::get_if<ops::GroupNorm>(&node.operation)) CHECK((norm->eps == 1e-5 && norm->groups == 32));
        }
    }
    CHECK(models == 7);
}

TEST_CASE("classes: COCO's 80 things and their ids with the ten gaps") {
    CHECK(coco_classes().size() == 80);
    CHECK(coco_category_ids().size() == 80);
    CHECK(coco_classes()[0] == "person");
    CHECK(coco_classes()[79] == "toothbrush");
    CHECK(coco_category_ids()[79] == 90);
    std::set<std::int64_t> missing;
    for (std::int64_t id = 1; id <= 90; ++id) missing.insert(id);
    for (const std::int64_t id : coco_category_ids()) missing.erase(id);
    CHECK(missing == std::set<std::int64_t>{12, 26, 29, 30, 45, 66, 68, 69, 71, 83});
}
