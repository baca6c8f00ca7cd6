#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>
#include <regulus/graph/describe.hpp>
#include <regulus/zoo/classifiers.hpp>

#include "support/shared.hpp"

using namespace regulus;
using doctest::Contains;

namespace {

Json json_of(const std::string& file) {
    const auto bytes = read_file(testing::shared_path(file), 1 << 28);
    return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file, {64, 1 << 26});
}

const ClassifierSpec& classifier(const std::string& name) { return find_classifier(classifier_models(), name); }

double number(const Json& json) { return json.real() != nullptr ? *json.real() : double(*json.integer()); }

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
    CHECK(classifier("regnety_040.pycls_in1k").name == "timm/regnety_040");
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
    CHECK(count("mmpretrain", "RegNetX") == 8);
    CHECK(count("timm", "RegNet") == 27);        // with three of torchvision's
    CHECK(count("torchvision", "RegNetX") == 14);  // two trainings each
    CHECK(count("torchvision", "RegNetY") == 20);  // six of SWAG
    CHECK(count("torchvision", "Res") == 12);
}

TEST_CASE("classifiers: parameters, multiply-adds and shapes of stages at 224 x 224 are those of the code bases") {
    REGULUS_REQUIRE_SHARED("golden/classification/inventory_torchvision.json");
    for (const char* code_base : {"pycls", "mmpretrain", "timm", "torchvision"}) {
        const Json json = json_of(std::string("golden/classification/inventory_") + code_base + ".json");
        for (const auto& [name, published] : *json.find("models")->object()) {
            const std::string model = std::string(code_base) + "/" + name;
            CAPTURE(model);
            if (name == "regnety_640" || name == "regnety_1280" || name == "regnety_2560") continue;  // beyond 32GF, not in the zoo
            const Graph graph = recorded(classifier(model));
            const std::vector<Shape> shapes = infer_shapes(graph, {1, 224, 224});
            std::int64_t macs = 0;
            for (const Node& node : graph.nodes) macs += cost_of(graph, node, shapes).macs;
            CHECK(macs == *published.find("macs")->integer());
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
    const Json json = json_of("spec/regnet_models.json");
    const Json& models = json.array() != nullptr ? json : *json.find("models");
    int compared = 0;
    for (const Json& row : *models.array()) {
        const Json* error = row.find("pycls_top1_err");
        if (error == nullptr || error->is_null()) continue;
        const ClassifierSpec& model = classifier("pycls/" + *row.find("name")->text());
        CAPTURE(model.name);
        CHECK(std::abs(model.top1_error - number(*error)) < 1e-9);
        CHECK(std::abs(model.top5_error - number(*row.find("pycls_top5_err"))) < 1e-9);
        ++compared;
    }
    CHECK(compared == 24);
}

TEST_CASE("classifiers: what a code base changes in how pictures are seen") {
    const auto eyes = [](const char* name) { return classifier(name).facts.preprocessing; };
    CHECK(eyes("pycls/RegNetY-400MF") == ClassifyPreprocessing{});
    CHECK(eyes("mmpretrain/regnetx-400mf_8xb128_in1k").channel_order == ChannelOrder::bgr);
    CHECK(eyes("mmpretrain/regnetx-400mf_8xb128_in1k").divisor == 1);
    CHECK(eyes("timm/regnetx_004").short_side == 256);
    CHECK(eyes("timm/regnetx_004_tv").short_side == 232);
    CHECK(eyes("timm/regnetx_004").resize == ClassifyResize::pillow_bicubic);
    CHECK(eyes("torchvision/resnet50").short_side == 256);
    CHECK(eyes("torchvision/resnet50.IMAGENET1K_V2").short_side == 232);
    CHECK(eyes("torchvision/resnext101_64x4d").short_side == 232);
    CHECK(eyes("torchvision/regnet_y_16gf.IMAGENET1K_SWAG_E2E_V1").crop == 384);
    CHECK(eyes("torchvision/regnet_y_16gf.IMAGENET1K_SWAG_LINEAR_V1").short_side == 224);
    CHECK(eyes("torchvision/regnet_y_16gf.IMAGENET1K_SWAG_LINEAR_V1").resize == ClassifyResize::pillow_bicubic);
}
