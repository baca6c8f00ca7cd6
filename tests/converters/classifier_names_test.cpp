// Names of classifiers: every state dict that pycls, mmpretrain, timm and torchvision publish (golden/classification/inventory_*.json).
#include <doctest/doctest.h>

#include <map>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/seeded_weights.hpp>
#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/models/classifier.hpp>
#include <regulus/zoo/classifiers.hpp>

#include "support/shared.hpp"

using namespace regulus;

namespace {

Json inventory(const std::string& code_base) {
    const auto bytes = read_file(testing::shared_path("golden/classification/inventory_" + code_base + ".json"), 1 << 28);
    return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, code_base, {64, 1 << 26});
}

bool is_counter(const std::string& name) { return name.size() > 19 && name.substr(name.size() - 19) == "num_batches_tracked"; }

/// How many entries of the peer's list of [name, shape] lack a parameter of ours of that shape, or come back under another name; parameters of ours that
/// no entry has count too.
int mismatches(const Json& state_dict, const Graph& graph, const std::string& code_base) {
    std::map<std::string, Shape> parameters;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) parameters[parameter.name] = parameter.shape;
    }
    const NameTable& table = names_of(code_base, graph);
    int wrong = 0;
    for (const Json& entry : *state_dict.array()) {
        const std::string name = *(*entry.array())[0].text();
        if (is_counter(name)) continue;
        Shape shape;
        for (const Json& size : *(*entry.array())[1].array()) shape.push_back(*size.integer());
        const auto ours = table.to_ours(name);
        const auto found = ours ? parameters.find(*ours) : parameters.end();
        const bool fits = found != parameters.end() && found->second == shape && table.to_foreign(*ours) == name;
        if (!fits) MESSAGE(code_base << ": " << name);
        wrong += fits ? 0 : 1;
        if (found != parameters.end()) parameters.erase(found);
    }
    return wrong + int(parameters.size());
}

Weights renamed(const Weights& weights, const NameTable& table) {
    Weights result;
    for (const auto& entry : weights.entries()) result.add(*table.to_foreign(entry.name), entry.tensor);
    return result;
}

}  // namespace

TEST_CASE("classifiers: every published state dict maps to ours without missing or unexpected names, and back to the same names") {
    REGULUS_REQUIRE_SHARED("golden/classification/inventory_torchvision.json");
    for (const char* code_base : {"pycls", "mmpretrain", "timm", "torchvision"}) {
        CAPTURE(code_base);
        const Json json = inventory(code_base);
        int compared = 0;
        for (const auto& [name, published] : *json.find("models")->object()) {
            const std::string model = name;
            CAPTURE(model);
            if (model == "regnety_640" || model == "regnety_1280" || model == "regnety_2560") continue;  // beyond 32GF, not in the zoo
            const ClassifierSpec& spec = find_classifier(classifier_models(), std::string(code_base) + "/" + model);
            const Graph graph = recorded(spec);
            CHECK(mismatches(*published.find("state_dict"), graph, code_base) == 0);
            CHECK(graph.parameter_count() == *published.find("parameters")->integer());
            ++compared;
        }
        CHECK(compared >= 8);
    }
}

TEST_CASE("classifiers: the three giants of SEER keep their names too") {
    REGULUS_REQUIRE_SHARED("golden/classification/inventory_timm.json");
    const Json json = inventory("timm");
    const auto check = [&](const char* model, const Graph& graph) {
        CAPTURE(model);
        CHECK(mismatches(*json.find("models")->find(model)->find("state_dict"), graph, "timm") == 0);
    };
    check("regnety_640", recorded<Classifier<RegNet<regnety_64gf>>>());
    check("regnety_1280", recorded<Classifier<RegNet<regnety_128gf>>>());
    check("regnety_2560", recorded<Classifier<RegNet<regnety_256gf>>>());
}

TEST_CASE("classifiers: the code base is recognised from names alone") {
    const Graph x = recorded<Classifier<RegNet<regnetx_200mf>>>(), y = recorded<Classifier<RegNet<regnety_200mf>>>(), resnet = recorded<Classifier<ResNet<resnet_50>>>();
    const auto recognised = [](const Graph& graph, const std::string& code_base) {
        const NameTable& table = names_of(code_base, graph);
        const NameTable* found = recognise_names(renamed(seeded_weights(graph, code_base), table), graph);
        return found == &table;
    };
    for (const char* code_base : {"pycls", "timm", "torchvision"}) {
        CAPTURE(code_base);
        CHECK(recognised(x, code_base));
        CHECK(recognised(y, code_base));
    }
    CHECK(recognised(x, "mmpretrain"));
    CHECK(recognised(resnet, "torchvision"));
    CHECK(recognised(resnet, "pycls"));
    CHECK(names_of("torchvision", x).kind == "RegNet");
    CHECK(names_of("torchvision", resnet).kind == "ResNet");
}

TEST_CASE("classifiers: a RegNet under ResNet's names, as regnet2mmdet writes it, is read") {
    const Graph graph = recorded<Classifier<RegNet<regnetx_200mf>>>();
    const NameTable& table = names_of("torchvision", recorded<Classifier<ResNet<resnet_50>>>());
    const Weights ours = seeded_weights(graph, "pycls");
    const Weights converted = renamed(ours, table);
    CHECK(converted.find("layer4.6.bn3.running_var") != nullptr);
    CHECK_NOTHROW(bind_weights(graph, to_regulus(converted, graph)));
}

TEST_CASE("classifiers: where a code base names ResNets and RegNets in two ways, a graph gets the names of its kind") {
    const Graph resnet = recorded(find_classifier(classifier_models(), "timm/resnet50.a1_in1k")), regnet = recorded(find_classifier(classifier_models(), "timm/regnety_032.ra_in1k"));
    for (const char* const code_base : {"timm", "torchvision"}) CHECK(names_of(code_base, resnet).to_foreign("backbone.s1.b1.proj.norm.bias") == "layer1.0.downsample.1.bias");
    CHECK(names_of("timm", regnet).to_foreign("backbone.s1.b1.proj.norm.bias") == "s1.b1.downsample.bn.bias");
    CHECK(names_of("torchvision", regnet).to_foreign("backbone.s1.b1.proj.norm.bias") == "trunk_output.block1.block1-0.proj.1.bias");
    CHECK(names_of("pycls", regnet).to_foreign("backbone.s1.b1.proj.norm.bias") == "s1.b1.bn.bias");
}

TEST_CASE("classifiers: from one code base to another and back, the tensors are the same") {
    const Graph graph = recorded<Classifier<RegNet<regnety_200mf>>>();
    const Weights ours = seeded_weights(graph, "pycls", 5);
    for (const char* code_base : {"pycls", "timm", "torchvision"}) {
        CAPTURE(code_base);
        const Weights theirs = from_regulus(ours, graph, code_base);
        CHECK(theirs.size() == 32 + 22 * 13);  // RegNetY: 32 + 22 entries for each of its 13 blocks
        const Weights back = to_regulus(theirs, graph);
        REQUIRE(back.size() == ours.size());
        for (const auto& entry : ours.entries()) {
            const Tensor* tensor = back.find(entry.name);
            REQUIRE(tensor != nullptr);
            CHECK(tensor->raw() == entry.tensor.raw());
        }
    }
    CHECK_THROWS_AS(from_regulus(ours, graph, "mmpretrain"), WeightError);  // it has no squeeze-excite
}
