// Full-size classifiers on the reference backend against what pycls and torchvision computed (golden/classification): weights seeded by the peer's names,
// every stored node. Limits: those that golden/README.md measured for RegNets and ResNet-50.
#include <cmath>

#include <doctest/doctest.h>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/models/classifier.hpp>
#include <regulus/reference.hpp>
#include <regulus/weights/read_weights.hpp>

#include "support/shared_json.hpp"

using namespace regulus;

namespace {

/// The name with the first `from` in it replaced by `to`, if it occurs.
std::string replaced(std::string name, const std::string& from, const std::string& to) {
    const std::size_t at = name.find(from);
    if (at != std::string::npos) name.replace(at, from.size(), to);
    return name;
}

std::string pycls_name(std::string name) {
    name = replaced(name, "backbone.", "");
    name = replaced(name, "classifier.", "head.fc.");
    if (name.rfind("stem.", 0) == 0) return name == "stem.weight" ? "stem.conv.weight" : replaced(name, "stem.norm.", "stem.bn.");
    if (name.find(".proj.") != std::string::npos) return replaced(name, ".proj.norm.", ".bn.");
    for (const char* part : {"a", "b", "c"}) {
        const std::string dotted = std::string(".") + part;
        name = replaced(name, dotted + ".norm.", ".f" + dotted + "_bn.");
        name = replaced(name, dotted + ".weight", ".f" + dotted + ".weight");
    }
    return replaced(replaced(name, ".se.reduce.", ".f.se.f_ex.0."), ".se.expand.", ".f.se.f_ex.2.");
}

std::string torchvision_resnet_name(std::string name) {
    name = replaced(name, "backbone.", "");
    if (name.rfind("classifier.", 0) == 0) return replaced(name, "classifier.", "fc.");
    if (name.rfind("stem.", 0) == 0) return name == "stem.weight" ? "conv1.weight" : replaced(name, "stem.norm.", "bn1.");
    const std::size_t dot = name.find('.', 3);
    const int block = std::stoi(name.substr(4, dot - 4)) - 1;
    std::string rest = name.substr(dot + 1);
    const char* parts[] = {"a", "b", "c"};
    for (int i = 0; i < 3; ++i) {
        const std::string number = std::to_string(i + 1);
        if (rest.rfind(std::string(parts[i]) + ".", 0) == 0)
            rest = rest.find(".norm.") == std::string::npos ? "conv" + number + rest.substr(1) : "bn" + number + rest.substr(6);
    }
    rest = replaced(replaced(rest, "proj.norm.", "downsample.1."), "proj.", "downsample.0.");
    return std::string("layer") + name[1] + "." + std::to_string(block) + "." + rest;
}

double element(const Tensor& tensor, std::int64_t i) { return double(tensor.data<float>()[i]); }

/// [n, 3, h, w] from the stored input, or from the stored crops [n, h, w, 3] by (u8 / 255 - mean) / std.
Tensor network_input(const Weights& expected) {
    if (const Tensor* input = expected.find("input")) return *input;
    const Tensor& crops = *expected.find("input_u8");
    const std::int64_t n = crops.shape()[0], h = crops.shape()[1], w = crops.shape()[2];
    const float mean[] = {0.485f, 0.456f, 0.406f}, std[] = {0.229f, 0.224f, 0.225f};
    Tensor input(Shape{n, 3, h, w}, DType::f32);
    for (std::int64_t i = 0; i < n * h * w; ++i) {
        for (std::int64_t c = 0; c < 3; ++c) {
            input.data<float>()[(i / (h * w) * 3 + c) * h * w + i % (h * w)] = (float(crops.data<std::uint8_t>()[3 * i + c]) / 255.0f - mean[c]) / std[c];
        }
    }
    return input;
}

template <class Backbone>
void check_case(const std::string& name, std::string (*peer_name)(std::string), const std::map<std::string, double>& limits) {
    CAPTURE(name);
    const std::string folder = testing::shared_path("golden/classification/" + name);
    const Json facts = testing::shared_json("golden/classification/" + name + "/case.json");
    const std::uint64_t salt = std::uint64_t(testing::whole(testing::member(facts, "salt")));
    const Weights overrides = read_weights(folder + "/overrides.safetensors");
    const Weights expected = read_weights(folder + "/expected.safetensors");

    const Graph graph = recorded<Classifier<Backbone>>();
    Weights weights;
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            const std::string peer = peer_name(parameter.name);
            const Tensor* other = overrides.find(peer);
            weights.add(parameter.name, other != nullptr ? *other : seeded_tensor(peer, parameter.shape, salt));
        }
    }
    CompileOptions options;
    for (const auto& [node, limit] : limits) {
        if (graph.find_label(node) != no_value && node != "logits") options.extra_outputs.push_back(node);
    }
    const Program program(ReferenceBackend{}, graph, weights, options);
    Context context;
    const Outputs outputs = program.run(context, {network_input(expected)});

    std::size_t compared = 0;
    for (const auto& entry : outputs.entries()) {
        const std::string& node = entry.first;
        const Tensor& ours = entry.second;
        const Tensor* values = expected.find(node);
        const Tensor* index = values == nullptr ? expected.find(node + "@index") : nullptr;
        if (index != nullptr) values = expected.find(node + "@value");
        if (values == nullptr) continue;
        if (index == nullptr) REQUIRE(values->numel() == ours.numel());
        double worst = 0;
        for (std::int64_t i = 0; i < values->numel(); ++i) {
            const std::int64_t at = index == nullptr ? i : index->data<std::int32_t>()[i];
            worst = std::max(worst, std::abs(element(ours, at) - element(*values, i)));
        }
        CAPTURE(node);
        const double deviation = testing::number(testing::member(testing::member(testing::member(facts, "samples"), node), "std"));
        CHECK(worst <= limits.at(node) * deviation);
        ++compared;
    }
    CHECK(compared >= 6);  // stem, s1 .. s4, logits at least
}

// Of the node's standard deviation.
const std::map<std::string, double> limits{{"stem", 5e-5},    {"stem_pool", 5e-5}, {"s1.b1", 1e-4}, {"s1", 1e-4}, {"s2.b1", 3e-4},  {"s2", 3e-4},
                                           {"s3.b1", 2.5e-3}, {"s3", 2.5e-3},      {"s4.b1", 6e-3}, {"s4", 6e-3}, {"pooled", 3e-3}, {"logits", 6e-4}};

}  // namespace

TEST_CASE("golden: RegNetX, RegNetY and ResNet-50 compute what pycls and torchvision do") {
    REGULUS_REQUIRE_SHARED("golden/classification/pycls_regnety_400mf/expected.safetensors");
    check_case<RegNet<regnetx_400mf>>("pycls_regnetx_400mf", pycls_name, limits);
    check_case<RegNet<regnety_400mf>>("pycls_regnety_400mf", pycls_name, limits);
    check_case<RegNet<regnetx_3_2gf>>("pycls_regnetx_3.2gf", pycls_name, limits);
    check_case<ResNet<resnet_50>>("torchvision_resnet50", torchvision_resnet_name, limits);
}

TEST_CASE("golden: ResNeXt-101 computes what torchvision does") {
    REGULUS_REQUIRE_SHARED("golden/classification/torchvision_resnext101_32x4d/expected.safetensors");
    // 23 blocks in a stage amplify rounding more: golden/README.md, "suggested limit".
    const std::map<std::string, double> wider{{"stem", 5e-5}, {"stem_pool", 5e-5}, {"s1", 1e-4},     {"s2", 3e-4},
                                              {"s3", 5e-3},   {"s4", 2e-2},        {"pooled", 1e-2}, {"logits", 2e-3}};
    check_case<ResNet<resnext_101_32x4d>>("torchvision_resnext101_32x4d", torchvision_resnet_name, wider);
}
