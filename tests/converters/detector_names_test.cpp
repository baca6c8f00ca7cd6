// Names and values of detectors of detectron2, torchvision and Caffe2, against the state dicts of their own models.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include <dirent.h>

#include <regulus/converters/caffe2.hpp>
#include <regulus/converters/convert.hpp>
#include <regulus/converters/detectron2.hpp>
#include <regulus/converters/seeded_weights.hpp>
#include <regulus/converters/torchvision_detectors.hpp>
#include <regulus/converters/value_rule.hpp>
#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/models/retina_net.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/zoo/zoo.hpp>

#include "support/shared_json.hpp"

using namespace regulus;

namespace {

struct Detectron2Retina : RetinaNet<ResNet<resnet_50_caffe>, 256, 80, detectron2_retina_sizes> {
    static constexpr RetinaSettings settings = detectron2_retina;
};

bool is_counter(const std::string& name) { return name.size() > 19 && name.substr(name.size() - 19) == "num_batches_tracked"; }

using Entries = std::vector<std::pair<std::string, Shape>>;

Entries entries_of(const Json& state_dict) {
    Entries entries;
    for (const Json& entry : *state_dict.array()) {
        Shape shape;
        for (const Json& size : *(*entry.array())[1].array()) shape.push_back(*size.integer());
        entries.emplace_back(*(*entry.array())[0].text(), shape);
    }
    return entries;
}

std::vector<std::string> files_of(const std::string& folder) {
    std::vector<std::string> names;
    if (DIR* open = opendir(folder.c_str())) {
        while (const dirent* entry = readdir(open)) {
            const std::string name = entry->d_name;
            if (name.size() > 5 && name.substr(name.size() - 5) == ".json") names.push_back(name.substr(0, name.size() - 5));
        }
        closedir(open);
    }
    return names;
}

/// The peer's weights for a graph of ours: each entry has a parameter of ours of the shape that its rule says, and none of ours is left.
void check_entries(const Entries& peer, const Graph& graph, const std::string& code_base) {
    const NameTable& table = names_of(code_base, graph);
    std::map<std::string, Shape> parameters;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) parameters[parameter.name] = parameter.shape;
    }
    int wrong = 0;
    for (const auto& [name, shape] : peer) {
        if (is_counter(name)) continue;
        const auto ours = table.renamed_to_ours(name);
        const auto found = ours ? parameters.find(ours->name) : parameters.end();
        const bool fits = found != parameters.end() && to_foreign_shape(found->second, ours->values) == shape && table.to_foreign(ours->name) == name;
        if (!fits) MESSAGE(code_base << ": " << name);
        wrong += fits ? 0 : 1;
        if (found != parameters.end()) parameters.erase(found);
    }
    CHECK(wrong == 0);
    CHECK(parameters.empty());
}

bool same_bytes(const Tensor& a, const Tensor& b) {
    return a.dtype() == b.dtype() && a.shape() == b.shape() && (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

/// A tensor whose elements are 0, 1, 2, ...
Tensor counted(const Shape& shape) {
    Tensor tensor(shape, DType::f32);
    for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = float(i);
    return tensor;
}

/// Ours, theirs, ours: the same bits; the names say whose they are.
void check_round_trip(const Graph& graph, const std::string& code_base) {
    const Weights ours = seeded_weights(graph, code_base, 3);
    const Weights theirs = from_regulus(ours, graph, code_base);
    CHECK(recognise_names(theirs, graph) == &names_of(code_base, graph));
    const Weights back = to_regulus(theirs, graph);
    CHECK(back.metadata.at("regulus.names") == code_base);
    CHECK_NOTHROW(bind_weights(graph, back));
    REQUIRE(back.size() == ours.size());
    int wrong = 0;
    for (const auto& entry : ours.entries()) wrong += back.find(entry.name) != nullptr && same_bytes(*back.find(entry.name), entry.tensor) ? 0 : 1;
    CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("detectron2: every name of its zoo maps to ours and back") {
    const std::string folder = "golden/detection2d/inventory/detectron2";
    REGULUS_REQUIRE_SHARED(folder + "/COCO-Detection__faster_rcnn_R_50_FPN_1x.json");
    const NameTable pyramid = detectron2_resnet_rcnn_names(), retina = detectron2_resnet_retinanet_names(), regnet = detectron2_regnet_rcnn_names(), one_map = detectron2_one_map_rcnn_names();
    int files = 0;
    for (const std::string& name : files_of(testing::shared_path(folder))) {
        CAPTURE(name);
        const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
        const NameTable& table = has("retinanet") ? retina : has("regnet") ? regnet : has("C4") || has("DC5") ? one_map : pyramid;
        std::set<std::string> ours;
        int strays = 0;
        const Json json = testing::shared_json(folder + "/" + name + ".json");
        for (const auto& [entry, shape] : entries_of(*json.find("state_dict"))) {
            const auto mapped = table.to_ours(entry);
            const bool whole = mapped && table.to_foreign(*mapped) == entry && ours.insert(*mapped).second;
            if (!whole) MESSAGE(entry);
            strays += whole ? 0 : 1;
        }
        CHECK(strays == 0);
        if (has("keypoint")) CHECK(ours.count("keypoint_head.conv8.weight") == 1);
        if (has("panoptic")) CHECK(ours.count("semantic_head.p5.conv3.norm.bias") == 1);
        if (has("C4") && !has("rpn")) CHECK(ours.count("shared_head.s4.b1.proj.norm.running_var") == 1);
        if (has("DC5")) CHECK(ours.count("backbone.s4.b3.c.weight") == 1);
        ++files;
    }
    CHECK(files == 66);
}

TEST_CASE("detectron2: the state dicts of its models fit our graphs, shapes included") {
    const std::string folder = "golden/detection2d/inventory/detectron2/";
    REGULUS_REQUIRE_SHARED(folder + "COCO-Detection__faster_rcnn_R_50_FPN_1x.json");
    const auto check = [&](const std::string& config, const Graph& graph) {
        CAPTURE(config);
        check_entries(entries_of(*testing::shared_json(folder + config + ".json").find("state_dict")), graph, "detectron2");
    };
    int of_zoo = 0;
    for (const ModelSpec& model : zoo_models()) {
        if (model.code_base != "detectron2") continue;
        std::string config = model.name.substr(model.name.find('/') + 1);
        config.replace(config.find('/'), 1, "__");
        check(config, recorded(model));
        ++of_zoo;
    }
    CHECK(of_zoo == 63);
    for (const char* name : {"retinanet_R_50_FPN_1x", "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x", "mask_rcnn_regnety_4gf_dds_fpn_1x", "new_baselines/mask_rcnn_regnetx_4gf_dds_FPN_100ep_LSJ", "cascade_mask_rcnn_R_50_FPN_1x", "mask_rcnn_R_50_FPN_1x_dconv_c3-c5",
                             "keypoint_rcnn_R_50_FPN_1x", "fast_rcnn_R_50_FPN_1x", "faster_rcnn_R_50_C4_1x", "mask_rcnn_R_50_C4_3x", "mask_rcnn_R_50_DC5_3x", "Misc/mask_rcnn_R_50_FPN_3x_gn", "rpn_R_50_FPN_1x",
                             "rpn_R_50_C4_1x", "panoptic_fpn_R_50_3x"}) check_round_trip(recorded(find_model(zoo_models(), name)), "detectron2");
    check("LVISv1-InstanceSegmentation__mask_rcnn_R_50_FPN_1x", recorded<MaskRcnn<ResNet<resnet_50_caffe>, 256, 1203>>());
}

TEST_CASE("torchvision: the state dicts of its detectors fit our graphs") {
    REGULUS_REQUIRE_SHARED("golden/detection2d/tv_fasterrcnn_r50_fpn/case.json");
    const auto entries = [](const char* name) { return entries_of(*testing::shared_json(std::string("golden/detection2d/") + name + "/case.json").find("state_dict")); };
    const Graph faster = recorded<FasterRcnn<ResNet<resnet_50>, 256, 90>>(), mask = recorded<MaskRcnn<ResNet<resnet_50>, 256, 90>>();
    check_entries(entries("tv_fasterrcnn_r50_fpn"), faster, "torchvision");
    check_entries(entries("tv_maskrcnn_r50_fpn"), mask, "torchvision");
    check_round_trip(mask, "torchvision");
    CHECK(names_of("torchvision", mask).kind == "R-CNN");

    check_entries(entries("tv_keypointrcnn_r50_fpn"), recorded(find_model(zoo_models(), "keypointrcnn_resnet50_fpn")), "torchvision");
    CHECK(torchvision_rcnn_names().to_ours("roi_heads.keypoint_head.14.bias") == "keypoint_head.conv8.bias");
    CHECK(detectron2_resnet_rcnn_names().to_foreign("keypoint_head.logits.weight") == "roi_heads.keypoint_head.score_lowres.weight");
    check_entries(entries("tv_retinanet_r50_fpn_v2"), recorded(find_model(zoo_models(), "retinanet_resnet50_fpn_v2")), "torchvision");
    const NameTable table = torchvision_retinanet_names();
    CHECK(table.to_ours("backbone.fpn.inner_blocks.2.0.weight") == "neck.lateral.c5.weight");
    CHECK(table.to_ours("backbone.fpn.inner_blocks.2.weight") == "neck.lateral.c5.weight");  // before 0.13
    CHECK(table.to_ours("head.classification_head.conv.6.bias") == "head.class_tower.4.bias");
}

TEST_CASE("torchvision: its detectors of both versions go there and back, each by its own table, the second's norms with their counters") {
    struct Row {
        std::string name;
        const char *kind, *parameter;
        int counters;  // of ResNet-50's 53 norms, the pyramid's 8, four in each head
    };
    for (const Row& row : {Row{"fasterrcnn_resnet50_fpn", "R-CNN", "roi_heads.box_head.fc7.bias", 0}, Row{"maskrcnn_resnet50_fpn", "R-CNN", "roi_heads.mask_head.3.0.bias", 0},
                           Row{"keypointrcnn_resnet50_fpn", "R-CNN", "roi_heads.keypoint_predictor.kps_score_lowres.weight", 0},
                           Row{"retinanet_resnet50_fpn", "RetinaNet", "head.regression_head.conv.3.0.bias", 0},
                           Row{"fasterrcnn_resnet50_fpn_v2", "R-CNN, version 2", "roi_heads.box_head.5.weight", 53 + 8 + 4},
                           Row{"maskrcnn_resnet50_fpn_v2", "R-CNN, version 2", "roi_heads.mask_head.3.1.running_var", 53 + 8 + 8},
                           Row{"retinanet_resnet50_fpn_v2", "RetinaNet, version 2", "head.classification_head.conv.3.1.weight", 53}}) {
        CAPTURE(row.name);
        const Graph graph = recorded(find_model(zoo_models(), row.name));
        CHECK(names_of("torchvision", graph).kind == row.kind);
        check_round_trip(graph, "torchvision");
        const Weights theirs = from_regulus(seeded_weights(graph, "torchvision", 3), graph, "torchvision");
        CHECK(theirs.find(row.parameter) != nullptr);
        int counters = 0;
        for (const auto& entry : theirs.entries()) counters += is_counter(entry.name) ? 1 : 0;
        CHECK(counters == row.counters);
        if (row.name == "maskrcnn_resnet50_fpn_v2") {
            CHECK(theirs.find("rpn.head.conv.1.0.weight")->shape() == Shape{256, 256, 3, 3});
            CHECK(theirs.find("roi_heads.box_head.5.weight")->shape() == Shape{1024, 12544});
            CHECK(theirs.find("backbone.fpn.layer_blocks.3.1.num_batches_tracked") != nullptr);
            CHECK(theirs.find("backbone.fpn.inner_blocks.0.0.bias") == nullptr);
        }
    }
}

TEST_CASE("torchvision: the background's class comes first in the file and last in ours, its boxes and mask go and come back as zeros") {
    const Graph graph = recorded<MaskRcnn<ResNet<resnet_50>, 256, 90>>();
    Weights theirs;
    theirs.add("roi_heads.box_predictor.cls_score.bias", counted({91}));
    theirs.add("roi_heads.box_predictor.bbox_pred.weight", counted({364, 2}));
    theirs.add("roi_heads.mask_predictor.mask_fcn_logits.bias", counted({91}));
    theirs.add("rpn.head.cls_logits.bias", counted({3}));
    const Weights ours = to_regulus(theirs, graph);
    const float* classes = ours.find("box_head.logits.bias")->data<float>();
    CHECK(classes[0] == 1);
    CHECK(classes[89] == 90);
    CHECK(classes[90] == 0);
    CHECK(ours.find("box_head.deltas.weight")->shape() == Shape{360, 2});
    CHECK(ours.find("box_head.deltas.weight")->data<float>()[0] == 8);
    CHECK(ours.find("mask_head.logits.bias")->shape() == Shape{90});
    CHECK(ours.find("mask_head.logits.bias")->data<float>()[89] == 90);
    CHECK(ours.find("rpn.logits.bias")->data<float>()[0] == 0);
    const Weights back = from_regulus(ours, graph, "torchvision");
    CHECK(same_bytes(*back.find("roi_heads.box_predictor.cls_score.bias"), *theirs.find("roi_heads.box_predictor.cls_score.bias")));
    const Tensor& boxes = *back.find("roi_heads.box_predictor.bbox_pred.weight");
    REQUIRE(boxes.shape() == Shape{364, 2});
    for (int i = 0; i < 728; ++i) REQUIRE(boxes.data<float>()[i] == (i < 8 ? 0.0f : float(i)));
}

TEST_CASE("RetinaNet: blocks of anchors by scale and by ratio change places, unless the graph's anchors are detectron2's") {
    const Graph by_ratio = recorded<RetinaNet<ResNet<resnet_50_caffe>>>(), by_scale = recorded<Detectron2Retina>();
    CHECK_FALSE(has_anchors_by_scale(by_ratio));
    CHECK(has_anchors_by_scale(by_scale));
    Weights theirs;
    theirs.add("head.bbox_pred.bias", counted({36}));
    const Tensor moved = *to_regulus(theirs, by_ratio).find("head.deltas.bias");
    for (int scale = 0; scale < 3; ++scale) {
        for (int ratio = 0; ratio < 3; ++ratio) {
            for (int k = 0; k < 4; ++k) CHECK(moved.data<float>()[(3 * ratio + scale) * 4 + k] == float((3 * scale + ratio) * 4 + k));
        }
    }
    CHECK(to_regulus(theirs, by_scale).find("head.deltas.bias")->raw() == theirs.find("head.bbox_pred.bias")->raw());
    check_round_trip(by_ratio, "detectron2");
}

TEST_CASE("Caffe2: nets of 50, 101 and 152 layers go there and back, a pyramid's blobs named after the last block of each stage") {
    const Graph net50 = recorded<MaskRcnn<ResNet<resnet_50_caffe>>>(), net101 = recorded<FasterRcnn<ResNet<resnet_101_caffe>>>(), net152 = recorded<FasterRcnn<ResNet<resnet_152_caffe>>>();
    const Graph retina = recorded<Detectron2Retina>(), by_ratio = recorded<RetinaNet<ResNet<resnet_101_caffe>>>();
    CHECK(names_of("caffe2", net50).to_foreign("neck.lateral.c4.weight") == "fpn_inner_res4_5_sum_lateral_w");
    CHECK(names_of("caffe2", net101).to_foreign("neck.lateral.c4.weight") == "fpn_inner_res4_22_sum_lateral_w");
    CHECK(names_of("caffe2", net152).to_foreign("neck.output.p3.bias") == "fpn_res3_7_sum_b");
    const Graph persons = recorded(find_model(zoo_models(), "keypoint_rcnn_R_50_FPN_1x"));
    CHECK(names_of("caffe2", persons).to_foreign("keypoint_head.conv8.weight") == "conv_fcn8_w");
    CHECK(names_of("caffe2", persons).to_foreign("keypoint_head.logits.bias") == "kps_score_lowres_b");
    CHECK(names_of("caffe2", persons).to_ours("conv_fcn1_b") == "keypoint_head.conv1.bias");
    CHECK(names_of("caffe2", persons).to_ours("kps_score_w") == "");  // bilinear, never trained
    for (const Graph* graph : {&net50, &net101, &net152, &retina, &by_ratio, &persons}) {
        // Norms of mean 0 and variance 1, as files of Caffe2 give them, lose nothing.
        Weights ours;
        const Weights seeded = seeded_weights(*graph, "detectron2", 9);
        for (const auto& entry : seeded.entries()) {
            const bool mean = entry.name.find("running_mean") != std::string::npos, variance = entry.name.find("running_var") != std::string::npos;
            Tensor tensor = entry.tensor;
            if (mean || variance) {
                tensor = Tensor::zeros(entry.tensor.shape(), DType::f32);
                for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = variance ? 1.0f : 0.0f;
            }
            ours.add(entry.name, tensor);
        }
        const Weights theirs = from_regulus(ours, *graph, "caffe2");
        CHECK(theirs.find("res2_0_branch1_bn_s") != nullptr);
        CHECK(theirs.find("res2_0_branch1_bn_rm") == nullptr);
        const Weights back = to_regulus(theirs, *graph);
        REQUIRE(back.size() == ours.size());
        int wrong = 0;
        for (const auto& entry : ours.entries()) wrong += back.find(entry.name) != nullptr && same_bytes(*back.find(entry.name), entry.tensor) ? 0 : 1;
        CHECK(wrong == 0);
        CHECK_NOTHROW(bind_weights(*graph, back));
    }
}

TEST_CASE("Caffe2: the blobs of a RetinaNet, towers named after P3, anchors scale by scale") {
    const Graph graph = recorded<Detectron2Retina>(), by_ratio = recorded<RetinaNet<ResNet<resnet_50_caffe>>>();
    const NameTable& table = names_of("caffe2", graph);
    const std::pair<const char*, const char*> pairs[] = {{"retnet_cls_conv_n0_fpn3_w", "head.class_tower.1.weight"}, {"retnet_bbox_conv_n3_fpn3_b", "head.box_tower.4.bias"},
                                                         {"retnet_cls_pred_fpn3_w", "head.logits.weight"},           {"retnet_bbox_pred_fpn3_b", "head.deltas.bias"},
                                                         {"fpn_6_w", "neck.output.p6.weight"},                       {"fpn_7_b", "neck.output.p7.bias"},
                                                         {"fpn_inner_res3_3_sum_lateral_w", "neck.lateral.c3.weight"}, {"fpn_res4_5_sum_w", "neck.output.p4.weight"}};
    for (const auto& pair : pairs) {
        CHECK(table.to_ours(pair.first) == pair.second);
        CHECK(table.to_foreign(pair.second) == pair.first);
    }
    Weights blobs;  // the boxes of anchors, counted: 9 anchors, scale by scale
    blobs.add("retnet_bbox_pred_fpn3_b", counted({36}));
    CHECK(to_regulus(blobs, graph).find("head.deltas.bias")->raw() == blobs.find("retnet_bbox_pred_fpn3_b")->raw());
    CHECK(to_regulus(blobs, by_ratio).find("head.deltas.bias")->data<float>()[4] == 12);  // second of ours: first ratio, second scale
}

TEST_CASE("Caffe2: writing folds a norm's mean and variance into its scale and shift") {
    const Graph graph = recorded<FasterRcnn<ResNet<resnet_50_caffe>>>();
    const Weights ours = seeded_weights(graph, "detectron2", 1), theirs = from_regulus(ours, graph, "caffe2");
    const auto value = [&](const char* name) { return double(ours.find(std::string("backbone.s3.b4.b.norm.") + name)->data<float>()[17]); };
    const double scale = value("weight") / std::sqrt(value("running_var") + 1e-5);
    CHECK(theirs.find("res4_3_branch2b_bn_s")->data<float>()[17] == float(scale));
    CHECK(theirs.find("res4_3_branch2b_bn_b")->data<float>()[17] == float(value("bias") - value("running_mean") * scale));
}

TEST_CASE("Caffe2: nets on one map and nets of group norms have blobs for all that detectron2's have") {
    const std::string folder = "golden/detection2d/inventory/detectron2/";
    REGULUS_REQUIRE_SHARED(folder + "COCO-InstanceSegmentation__mask_rcnn_R_50_C4_1x.json");
    const NameTable pyramid = detectron2_resnet_rcnn_names(), one_map = detectron2_one_map_rcnn_names();
    struct Case {
        const char* file;
        const NameTable* theirs;
        NameTable blobs;
        bool has_statistics;
    };
    const Case cases[] = {{"COCO-InstanceSegmentation__mask_rcnn_R_50_C4_1x", &one_map, caffe2_one_map_names(), true},
                          {"COCO-Detection__faster_rcnn_R_101_C4_3x", &one_map, caffe2_one_map_names(), true},
                          {"Misc__mask_rcnn_R_50_FPN_3x_gn", &pyramid, caffe2_group_50_names(), false}};
    for (const Case& one : cases) {
        CAPTURE(one.file);
        const Json json = testing::shared_json(folder + one.file + ".json");
        std::set<std::string> blobs;
        int strays = 0;
        for (const auto& [entry, shape] : entries_of(*json.find("state_dict"))) {
            const std::string ours = one.theirs->to_ours(entry).value_or("");
            if (ours.empty()) continue;  // constants
            const auto blob = one.blobs.to_foreign(ours);
            const bool whole = blob && one.blobs.to_ours(*blob) == ours && blobs.insert(*blob).second;
            if (!whole) MESSAGE(entry << " is " << ours);
            strays += whole ? 0 : 1;
        }
        CHECK(strays == 0);
        CHECK(blobs.count(one.has_statistics ? "res5_0_branch1_bn_s" : "res5_0_branch1_gn_s") == 1);
        CHECK(blobs.count(one.has_statistics ? "conv_rpn_w" : "conv_rpn_fpn2_w") == 1);
    }
    // As detectron2's own reader of such files spells them.
    const std::pair<const char*, const char*> pairs[] = {{"conv1_gn_s", "backbone.stem.norm.weight"},
                                                         {"res3_1_branch2b_gn_b", "backbone.s2.b2.b.norm.bias"},
                                                         {"fpn_inner_res4_5_sum_lateral_gn_s", "neck.lateral.c4.norm.weight"},
                                                         {"fpn_inner_res5_2_sum_gn_b", "neck.lateral.c5.norm.bias"},
                                                         {"fpn_res2_2_sum_gn_s", "neck.output.p2.norm.weight"},
                                                         {"head_conv3_gn_b", "box_head.conv3.norm.bias"},
                                                         {"_[mask]_fcn4_gn_s", "mask_head.conv4.norm.weight"}};
    for (const auto& pair : pairs) CHECK(caffe2_group_50_names().to_ours(pair.first) == pair.second);
    CHECK(caffe2_one_map_names().to_ours("res5_2_branch2c_w") == "shared_head.s4.b3.c.weight");
    CHECK(caffe2_one_map_names().to_ours("res4_22_branch2c_w") == "backbone.s3.b23.c.weight");
}

TEST_CASE("Caffe2: blobs of a file that Detectron's format gives are all known") {
    REGULUS_REQUIRE_SHARED("golden/checkpoints/valid/caffe2_detection.pkl");
    const Weights theirs = read_weights(testing::shared_path("golden/checkpoints/valid/caffe2_detection.pkl"));
    const NameTable table = caffe2_50_names();
    int unknown = 0;
    for (const auto& entry : theirs.entries()) unknown += table.to_ours(entry.name) ? 0 : 1;
    CHECK(unknown == 0);
    CHECK(theirs.size() == 21);
    CHECK(table.to_ours("_[mask]_fcn3_w") == "mask_head.conv3.weight");
}

TEST_CASE("detectron2: what its files keep beside weights is dropped, an unknown thing is reported") {
    const Graph graph = recorded<FasterRcnn<ResNet<resnet_50_caffe>>>();
    Weights theirs = from_regulus(seeded_weights(graph, "detectron2"), graph, "detectron2");
    theirs.add("pixel_mean", Tensor::zeros({3, 1, 1}, DType::f32));
    theirs.add("proposal_generator.anchor_generator.cell_anchors.4", Tensor::zeros({3, 4}, DType::f32));
    CHECK_NOTHROW(bind_weights(graph, to_regulus(theirs, graph)));
    theirs.add("roi_heads.point_head.fc1.bias", Tensor::zeros({256}, DType::f32));
    theirs.add("roi_heads.keypoint_head.conv_fcn1.bias", Tensor::zeros({512}, DType::f32));
    CHECK_THROWS_WITH_AS(bind_weights(graph, to_regulus(theirs, graph)), doctest::Contains("roi_heads.point_head.fc1.bias [256]"), WeightError);
    CHECK_THROWS_WITH_AS(bind_weights(graph, to_regulus(theirs, graph)), doctest::Contains("keypoint_head.conv1.bias [512]"), WeightError);
}
