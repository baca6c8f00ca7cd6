#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>
#include <regulus/graph/describe.hpp>
#include <regulus/zoo/classifiers.hpp>

#include "support/shared_json.hpp"

using namespace regulus;
using doctest::Contains;

namespace {

const ClassifierSpec& classifier(const std::string& name) { return find_classifier(classifier_models(), name); }

/// Multiply-adds of one picture of 224 x 224.
std::int64_t macs_of(const Graph& graph) {
    const std::vector<Shape> shapes = infer_shapes(graph, {1, 224, 224});
    std::int64_t macs = 0;
    for (const Node& node : graph.nodes) macs += cost_of(graph, node, shapes).macs;
    return macs;
}

}  // namespace

TEST_CASE("classifiers: names and spellings are distinct, each is found by its own, every model records") {
    std::set<std::string> names;
    for (const ClassifierSpec& model : classifier_models()) {
        CAPTURE(model.name);
        CHECK(names.insert(model.name).second);
        for (const std::string& alias : model.aliases) CHECK(names.insert(model.code_base + "/" + alias).second);
        CHECK(&classifier(model.name) == &model);
        CHECK(model.name.rfind(model.code_base + "/", 0) == 0);
        CHECK(recorded(model).name == model.name);
        CHECK_FALSE(model.licence.empty());
    }
    CHECK_THROWS_AS(recorded(ClassifierSpec{}), ArgumentError);
    CHECK_THROWS_AS(classifier_network("RegNetX-1MF"), ArgumentError);
}

TEST_CASE("classifiers: spellings of the code bases and their older names") {
    CHECK(classifier("RegNetX-3.2GF").name == "pycls/RegNetX-3.2GF");
    CHECK(classifier("RegNetX-3.2GF_dds_8gpu").name == "pycls/RegNetX-3.2GF");
    CHECK(classifier("regnetx_040").name == "timm/regnetx_040.pycls_in1k");
    CHECK(classifier("regnety_040").name == "timm/regnety_040.ra3_in1k");  // timm's own default
    CHECK(classifier("timm/resnet50").name == "timm/resnet50.a1_in1k");
    CHECK(classifier("R-50-1x64d_dds_8gpu").name == "pycls/ResNet-50");
    CHECK(classifier("regnet_y_1_6gf.IMAGENET1K_V1").name == "torchvision/regnet_y_1_6gf");
    CHECK(classifier("mmclassification/regnetx-3.2gf_8xb64_in1k").name == "mmpretrain/regnetx-3.2gf_8xb64_in1k");
    CHECK(classifier("mmcls/regnetx-3.2gf_8xb64_in1k").name == "mmpretrain/regnetx-3.2gf_8xb64_in1k");
    CHECK_THROWS_WITH_AS(classifier("resnet51"), Contains("the nearest names"), ArgumentError);
}

TEST_CASE("classifiers: every net of 200MF .. 32GF that a code base has is there") {
    const auto count = [](const std::string& code_base, const std::string& family) {
        int n = 0;
        for (const ClassifierSpec& model : classifier_models()) n += model.code_base == code_base && model.architecture.rfind(family, 0) == 0 ? 1 : 0;
        return n;
    };
    CHECK(count("pycls", "RegNetX") == 12);
    CHECK(count("pycls", "RegNetY") == 12);
    CHECK(count("pycls", "Res") == 6);
    CHECK(count("mmpretrain", "RegNetX") == 16);  // own trainings, and converted from pycls
    CHECK(count("mmpretrain", "Res") == 11);
    CHECK(count("timm", "RegNetX") == 19);        // of pycls, and seven of torchvision
    CHECK(count("timm", "RegNetY") == 39);
    CHECK(count("timm", "Res") == 53);
    CHECK(count("torchvision", "RegNetX") == 14);  // two trainings each
    CHECK(count("torchvision", "RegNetY") == 20);  // six of SWAG
    CHECK(count("torchvision", "Res") == 12);
}

TEST_CASE("classifiers: parameters, multiply-adds and shapes of stages at 224 x 224 are those of the code bases") {
    REGULUS_REQUIRE_SHARED("golden/classification/inventory_torchvision.json");
    for (const char* code_base : {"pycls", "mmpretrain", "timm", "torchvision"}) {
        const Json json = testing::shared_json(std::string("golden/classification/inventory_") + code_base + ".json");
        for (const auto& [name, published] : *json.find("models")->object()) {
            const std::string model = std::string(code_base) + "/" + name;
            CAPTURE(model);
            const Graph graph = recorded(classifier(model));
            const std::vector<Shape> shapes = infer_shapes(graph, {1, 224, 224});
            CHECK(macs_of(graph) == *published.find("macs")->integer());
            CHECK(graph.parameter_count() == *published.find("parameters")->integer());
            const bool pooled_stem = name.rfind("Res", 0) == 0;  // pycls counts the pooling of a ResNet to its stem
            for (const char* node : {"stem", "s1", "s2", "s3", "s4"}) {
                const std::string label = pooled_stem && std::string(node) == "stem" ? "stem_pool" : node;
                const Json::Array& size = *published.find("outputs_at_224")->find(node)->array();
                CHECK(shapes[std::size_t(graph.find_label(label))] == Shape{1, *size[0].integer(), *size[1].integer(), *size[2].integer()});
            }
        }
    }
}

TEST_CASE("classifiers: errors of pycls are those of its table of models") {
    REGULUS_REQUIRE_SHARED("spec/regnet_models.json");
    const Json json = testing::shared_json("spec/regnet_models.json");
    const Json& models = json.array() != nullptr ? json : *json.find("models");
    int compared = 0;
    for (const Json& row : *models.array()) {
        const Json* error = row.find("pycls_top1_err");
        if (error == nullptr || error->is_null()) continue;
        const ClassifierSpec& model = classifier("pycls/" + *row.find("name")->text());
        CAPTURE(model.name);
        CHECK(std::abs(model.top1_error - testing::number(*error)) < 1e-9);
        CHECK(std::abs(model.top5_error - testing::number(*row.find("pycls_top5_err"))) < 1e-9);
        ++compared;
    }
    CHECK(compared == 24);
}

TEST_CASE("classifiers: what a code base changes in how pictures are seen") {
    const auto eyes = [](const char* name) { return classifier(name).facts.preprocessing; };
    CHECK(eyes("pycls/RegNetY-400MF") == ClassifyPreprocessing{});
    CHECK(eyes("mmpretrain/regnetx-400mf_8xb128_in1k").channel_order == ChannelOrder::bgr);
    CHECK(eyes("mmpretrain/regnetx-400mf_8xb128_in1k").divisor == 1);
    CHECK(eyes("mmpretrain/resnet50_8xb32_in1k").channel_order == ChannelOrder::rgb);
    CHECK(eyes("mmpretrain/resnet50_8xb32_in1k").resize == ClassifyResize::opencv_u8);
    CHECK(eyes("mmpretrain/resnet50_8xb256-rsb-a1-600e_in1k").short_side == 236);
    CHECK(eyes("mmpretrain/resnext152-32x4d_8xb32_in1k").resize == ClassifyResize::pillow_bilinear);
    CHECK(eyes("mmpretrain/resnext152-32x4d_8xb32_in1k").exif == ExifOrientation::applied);  // decoded by OpenCV all the same
    CHECK(eyes("timm/regnetx_004").exif == ExifOrientation::ignored);
    CHECK(eyes("timm/regnetx_004").short_side == 256);
    CHECK(eyes("timm/regnetx_004_tv").short_side == 232);
    CHECK(eyes("timm/regnety_032.ra_in1k").short_side == 235);
    CHECK(eyes("timm/regnety_320.swag_ft_in1k").crop == 384);
    CHECK(eyes("timm/resnet50.tv2_in1k").crop == 176);
    CHECK(eyes("timm/resnet50.tv2_in1k").resize == ClassifyResize::pillow_bilinear);
    CHECK(eyes("timm/regnetx_004").resize == ClassifyResize::pillow_bicubic);
    CHECK(eyes("torchvision/resnet50").short_side == 256);
    CHECK(eyes("torchvision/resnet50.IMAGENET1K_V2").short_side == 232);
    CHECK(eyes("torchvision/resnext101_64x4d").short_side == 232);
    CHECK(eyes("torchvision/regnet_y_16gf.IMAGENET1K_SWAG_E2E_V1").crop == 384);
    CHECK(eyes("torchvision/regnet_y_16gf.IMAGENET1K_SWAG_LINEAR_V1").short_side == 224);
    CHECK(eyes("torchvision/regnet_y_16gf.IMAGENET1K_SWAG_LINEAR_V1").resize == ClassifyResize::pillow_bicubic);
}

TEST_CASE("classifiers: every RegNet of the zoo has the parameters and the multiply-adds of the table of its architecture") {
    REGULUS_REQUIRE_SHARED("spec/regnet_models.json");
    const Json json = testing::shared_json("spec/regnet_models.json");
    std::map<std::string, const Json*> rows;
    for (const Json& row : *(json.array() != nullptr ? json : *json.find("models")).array()) rows[*row.find("name")->text()] = &row;
    int compared = 0;
    for (const ClassifierSpec& model : classifier_models()) {
        if (model.architecture.rfind("RegNet", 0) != 0) continue;
        CAPTURE(model.name);
        REQUIRE(rows.count(model.architecture) == 1);
        const Json& row = *rows.at(model.architecture);
        const Graph graph = recorded(model);
        const std::int64_t width = *row.find("widths")->array()->back().integer();
        CHECK(graph.parameter_count() == *row.find("params")->integer() + (model.classes - 1000) * (width + 1));  // the table is of 1000 classes
        const Graph plain = with_classes(graph, 1000);
        const std::vector<Shape> shapes = infer_shapes(plain, {1, 224, 224});
        std::int64_t operations = macs_of(plain);
        for (const Node& node : plain.nodes) {  // pycls counts a bias's addition as a multiply-add
            const bool bias = std::visit([](const auto& op) { if constexpr (requires { op.bias; }) return bool(op.bias); else return false; }, node.operation);
            if (bias) operations += shapes[std::size_t(node.outputs[0])].numel();
        }
        CHECK(operations == *row.find("flops_224")->integer());
        ++compared;
    }
    CHECK(compared == 24 + 16 + 58 + 34);
}

TEST_CASE("classifiers: mmclassification's table of RegNets: parameters, operations, accuracies, files") {
    REGULUS_REQUIRE_SHARED("seeds/003_317280002db7029a.txt");
    const auto bytes = read_file(testing::shared_path("seeds/003_317280002db7029a.txt"), 1 << 20);
    const std::string text(bytes.begin(), bytes.end());
    int compared = 0;
    for (std::size_t at = text.find("\n|  "); at != std::string::npos; at = text.find("\n|", at + 1)) {
        const std::string row = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
        std::vector<std::string> cells;
        for (std::size_t i = 0; i < row.size(); i = row.find('|', i) + 1) {
            cells.push_back(row.substr(i, row.find('|', i) - i));
            if (row.find('|', i) == std::string::npos) break;
        }
        if (cells.size() < 7 || cells[1].find("RegNetX-") == std::string::npos) continue;
        const std::size_t end = cells[7].find(".pth)");
        REQUIRE(end != std::string::npos);
        const std::size_t begin = cells[7].rfind('/', end) + 1;
        const std::string file = cells[7].substr(begin, end + 4 - begin);
        CAPTURE(file);
        const auto model = std::find_if(classifier_models().begin(), classifier_models().end(), [&](const ClassifierSpec& m) { return m.checkpoint == file; });
        REQUIRE(model != classifier_models().end());
        CHECK(cells[1].find(model->architecture == "RegNetX-12GF" ? "12GF" : model->architecture) != std::string::npos);
        CHECK(std::abs(100 - model->top1_error - std::stod(cells[4])) < 1e-6);
        CHECK(std::abs(100 - model->top5_error - std::stod(cells[5])) < 1e-6);
        const Graph graph = recorded(*model);
        CHECK(std::abs(double(graph.parameter_count()) / 1e6 - std::stod(cells[2])) < 0.0051);  // printed with two digits at most
        // Its operations: multiply-adds, two for each value that a batch norm gives, one for each of a ReLU, one for each that the mean takes.
        const std::vector<Shape> shapes = infer_shapes(graph, {1, 224, 224});
        std::int64_t operations = macs_of(graph);
        for (const Node& node : graph.nodes) {
            const std::int64_t out = shapes[std::size_t(node.outputs[0])].numel();
            const bool relu = std::visit([](const auto& op) { if constexpr (requires { op.activation; }) return op.activation == Activation::relu; else return false; }, node.operation);
            if (relu) operations += out;
            if (std::holds_alternative<ops::BatchNorm>(node.operation)) operations += 2 * out;
            if (std::holds_alternative<ops::GlobalAveragePool>(node.operation)) operations += shapes[std::size_t(node.inputs[0])].numel();
        }
        CHECK(std::abs(double(operations) / 1e9 - std::stod(cells[3])) < 0.0101);  // two digits; 8.0GF is printed 8.03 for 8.0367
        ++compared;
    }
    CHECK(compared == 16);
}

TEST_CASE("classifiers: a head of another size changes the last layer and nothing else") {
    const Graph graph = recorded(classifier("pycls/RegNetX-200MF"));
    const Graph changed = with_classes(graph, 7);
    CHECK(graph.parameter_count() - changed.parameter_count() == 993 * (368 + 1));
    CHECK(infer_shapes(changed, {2, 64, 64})[std::size_t(changed.find_label("logits"))] == Shape{2, 7});
    CHECK(infer_shapes(changed, {2, 64, 64})[std::size_t(changed.find_label("s4"))] == infer_shapes(graph, {2, 64, 64})[std::size_t(graph.find_label("s4"))]);
    CHECK(recorded(classifier("timm/regnety_120.sw_in12k")).parameter_count() - recorded(classifier("timm/regnety_120.pycls_in1k")).parameter_count() == 10821 * (2240 + 1));
    CHECK_THROWS_WITH_AS(with_classes(graph, 0), Contains("cannot have 0 classes"), ArgumentError);
    Graph nothing;
    nothing.name = "nothing";
    CHECK_THROWS_WITH_AS(with_classes(nothing, 7), Contains("no linear layer"), ArgumentError);
}
