#include <doctest/doctest.h>

#include <set>

#include <regulus/converters/convert.hpp>
#include <regulus/core/json.hpp>
#include <regulus/graph/describe.hpp>
#include <regulus/zoo/point_detectors.hpp>

#include "support/shared_json.hpp"

using namespace regulus;
using doctest::Contains;

namespace {

constexpr const char* inventory = "golden/detection3d/inventory.json";

const PointDetectorSpec& detector(const std::string& name) { return find_point_detector(point_detectors(), name); }

bool ends_with(const std::string& text, const std::string& end) { return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0; }

}  // namespace

TEST_CASE("point detectors: names and spellings are distinct, each is found by its own, every model records") {
    std::set<std::string> names;
    for (const PointDetectorSpec& model : point_detectors()) {
        CAPTURE(model.name);
        CHECK(names.insert(model.name).second);
        const std::string base = model.name.substr(0, model.name.find('/') + 1);
        for (const std::string& alias : model.aliases) CHECK(names.insert(base + alias).second);
        CHECK(&detector(model.name) == &model);
        CHECK(recorded(model).name == model.name);
        CHECK_FALSE(model.licence.empty());
    }
    CHECK(point_detectors().size() == 21);  // twelve of version 1, nine of them published before too
    CHECK_THROWS_AS(recorded(PointDetectorSpec{}), ArgumentError);
}

TEST_CASE("point detectors: spellings of mmdetection3d 1.x and of the published tables") {
    CHECK(detector("pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d").name == "mmdetection3d/hv_pointpillars_fpn_sbn-all_4x8_2x_nus-3d");
    CHECK(detector("mmdetection3d/hv_pointpillars_regnet-400mf_fpn_sbn-all_4x8_2x_lyft-3d").name == "mmdetection3d/hv_pointpillars_regnet-400mf_fpn_sbn-all_2x8_2x_lyft-3d");
    CHECK_THROWS_WITH_AS(detector("hv_pointpillars_fpn_sbn-all_4x8_2x_nus-3d"), Contains("mmdetection3d-0.x/"), ArgumentError);  // before or after the change of coordinates?
}

TEST_CASE("point detectors: parameters, classes, names and shapes of state dicts are those of mmdetection3d; names come back") {
    REGULUS_REQUIRE_SHARED(inventory);
    const Json json = testing::shared_json(inventory);
    int models = 0;
    for (const auto& member : *json.object()) {
        const std::string& name = member.first;
        const Json& published = member.second;
        CAPTURE(name);
        const PointDetectorSpec& model = detector(*published.find("zoo")->text());
        const Graph graph = recorded(model);
        CHECK(graph.parameter_count() == *published.find("parameters")->integer());
        std::vector<std::string> classes;
        for (const Json& label : *published.find("classes")->array()) classes.push_back(*label.text());
        CHECK(model.facts.class_names == classes);

        const NameTable& table = names_of(model.code_base, graph);
        std::map<std::string, Shape> parameters;
        for (const Node& node : graph.nodes) {
            for (const Parameter& parameter : node.parameters) parameters.emplace(parameter.name, parameter.shape);
        }
        std::set<std::string> named;
        for (const Json& entry : *published.find("state_dict")->array()) {
            const std::string& foreign = *(*entry.array())[0].text();
            CAPTURE(foreign);
            if (ends_with(foreign, "num_batches_tracked")) continue;
            Shape shape;
            for (const Json& size : *(*entry.array())[1].array()) shape.push_back(*size.integer());
            const auto ours = table.to_ours(foreign);
            REQUIRE(ours);
            CHECK(table.to_foreign(*ours) == foreign);
            REQUIRE(parameters.count(*ours) == 1);
            CHECK(parameters.at(*ours) == shape);
            named.insert(*ours);
        }
        CHECK(named.size() == parameters.size());
        ++models;
    }
    CHECK(models == 12);
}

TEST_CASE("point detectors: maps have the published sizes") {
    InputSize size;
    size.points = 1000;
    const auto shape = [&](const char* name, const char* label) {
        const Graph graph = recorded(detector(name));
        return infer_shapes(graph, size)[std::size_t(graph.find_label(label))];
    };
    CHECK(shape("mmdetection3d/hv_pointpillars_fpn_sbn-all_4x8_2x_nus-3d", "canvas") == Shape{1, 64, 400, 400});
    CHECK(shape("mmdetection3d/hv_pointpillars_regnet-400mf_fpn_sbn-all_4x8_2x_nus-3d", "P3") == Shape{1, 256, 50, 50});
    CHECK(shape("mmdetection3d/hv_pointpillars_regnet-400mf_secfpn_sbn-all_range100_2x8_2x_lyft-3d", "P1") == Shape{1, 384, 400, 400});
    CHECK(shape("mmdetection3d/hv_pointpillars_secfpn_6x8_160e_kitti-3d-3class", "cls_logits.0") == Shape{1, 18, 248, 216});
}
