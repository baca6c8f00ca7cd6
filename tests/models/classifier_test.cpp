// Recorded classifiers against the published costs of the same networks (pycls's complexity files as in spec/regnet_models.json,
// torchvision's models as in golden/classification/inventory_torchvision.json), at 224 x 224 and 1000 classes.
#include <doctest/doctest.h>

#include <regulus/graph/describe.hpp>
#include <regulus/models/classifier.hpp>

using namespace regulus;

namespace {

struct Totals {
    std::int64_t parameters = 0;
    std::int64_t macs = 0;
    std::int64_t bias_adds = 0;
    std::int64_t activations = 0;  // outputs of convolutions and linear layers
};

Totals totals(const Graph& graph) {
    const std::vector<Shape> shapes = infer_shapes(graph, InputSize{1, 224, 224});
    Totals sum;
    sum.parameters = graph.parameter_count();
    for (const Node& node : graph.nodes) {
        const auto* conv = std::get_if<ops::Conv2d>(&node.operation);
        const auto* linear = std::get_if<ops::Linear>(&node.operation);
        if (conv == nullptr && linear == nullptr) continue;
        const std::int64_t outputs = shapes[std::size_t(node.outputs[0])].numel();
        sum.macs += cost_of(graph, node, shapes).macs;
        sum.activations += outputs;
        if (conv != nullptr ? conv->bias : linear->bias) sum.bias_adds += outputs;
    }
    return sum;
}

template <class Backbone>
void check(std::int64_t parameters, std::int64_t flops, std::int64_t activations) {
    const Totals found = totals(recorded<Classifier<Backbone>>());
    CHECK(found.parameters == parameters);
    CHECK(found.macs + found.bias_adds == flops);
    CHECK(found.activations == activations);
}

bool has_parameter(const Graph& graph, const std::string& name, const Shape& shape) {
    for (const Node& node : graph.nodes) {
        for (const Parameter& parameter : node.parameters) {
            if (parameter.name == name) return parameter.shape == shape;
        }
    }
    return false;
}

}  // namespace

TEST_CASE("classifier: RegNetX has the published parameters, multiply-adds and activations") {
    check<RegNet<regnetx_200mf>>(2684792, 199040872, 2164056);
    check<RegNet<regnetx_400mf>>(5157512, 397678568, 3143272);
    check<RegNet<regnetx_600mf>>(6196040, 600891112, 3975096);
    check<RegNet<regnetx_800mf>>(7259656, 799700712, 5148744);
    check<RegNet<regnetx_1_6gf>>(9190136, 1602850792, 7933512);
    check<RegNet<regnetx_3_2gf>>(15296552, 3176622952, 11367432);
    check<RegNet<regnetx_4_0gf>>(22118248, 3964499816, 12201608);
    check<RegNet<regnetx_6_4gf>>(26209256, 6460292264, 16369744);
    check<RegNet<regnetx_8_0gf>>(39572648, 7995133416, 14059688);
    check<RegNet<regnetx_12gf>>(46106056, 12086679016, 21366568);
    check<RegNet<regnetx_16gf>>(54278536, 15940756456, 25515496);
    check<RegNet<regnetx_32gf>>(107811560, 31735930792, 36302160);
}

TEST_CASE("classifier: RegNetY has the published parameters, multiply-adds and activations") {
    check<RegNet<regnety_200mf>>(3162996, 199519076, 2168052);
    check<RegNet<regnety_400mf>>(4344144, 401849056, 3892496);
    check<RegNet<regnety_600mf>>(6055160, 601227608, 4334296);
    check<RegNet<regnety_800mf>>(6263168, 797183328, 5249888);
    check<RegNet<regnety_1_6gf>>(11202430, 1612087326, 8044814);
    check<RegNet<regnety_3_2gf>>(19436338, 3176496162, 11263418);
    check<RegNet<regnety_4_0gf>>(20646656, 3973301344, 12287200);
    check<RegNet<regnety_6_4gf>>(30583252, 6355221876, 16407188);
    check<RegNet<regnety_8_0gf>>(39180068, 7963074196, 17968916);
    check<RegNet<regnety_12gf>>(51822544, 12092395504, 21384496);
    check<RegNet<regnety_16gf>>(83590140, 15911534044, 23041228);
    check<RegNet<regnety_32gf>>(145046770, 32279583362, 30261570);
}

TEST_CASE("classifier: the networks of torchvision's rule have their published parameters, multiply-adds and activations") {
    check<RegNet<regnetx_400mf_tv>>(5495976, 413813608, 3174632);
    check<RegNet<regnety_800mf_tv>>(6432512, 833862848, 5420896);
    check<RegNet<regnety_8_0gf_tv>>(39381472, 8473087616, 19725216);
    check<RegNet<regnety_64gf>>(281378786, 64070002034, 42504250);
    check<RegNet<regnety_128gf>>(644812894, 127517896350, 71578334);
    check<RegNet<regnety_256gf>>(1282601138, 254384928298, 100965364);
}

TEST_CASE("classifier: ResNet and ResNeXt have torchvision's parameters, multiply-adds and activations") {
    check<ResNet<resnet_50>>(25557032, 4089184256 + 1000, 11114984);
    check<ResNet<resnet_101>>(44549160, 7801405440 + 1000, 16232936);
    check<ResNet<resnext_50_32x4d>>(25028904, 4230479872 + 1000, 14401512);
    check<ResNet<resnext_101_32x4d>>(44177704, 7969996800 + 1000, 21225448);
    check<ResNet<resnext_101_32x8d>>(88791336, 16414015488 + 1000, 31210472);
    check<ResNet<resnext_101_64x4d>>(83455272, 15460270080 + 1000, 31210472);
}

TEST_CASE("classifier: the caffe style has the same parameters and cheaper strided blocks") {
    const Totals pytorch = totals(recorded<Classifier<ResNet<resnet_50>>>());
    const Totals caffe = totals(recorded<Classifier<ResNet<resnet_50_caffe>>>());
    CHECK(caffe.parameters == pytorch.parameters);
    // The first 1x1 of each of the three strided blocks runs on a quarter of the pixels (h x w of its output, in, out channels).
    const std::int64_t saved = 3 * (28 * 28 * 256LL * 128 + 14 * 14 * 512LL * 256 + 7 * 7 * 1024LL * 512);
    CHECK(pytorch.macs - caffe.macs == saved);
}

TEST_CASE("classifier: names, shapes and labels") {
    const Graph graph = recorded<Classifier<RegNet<regnety_400mf>, 10>>("tiny");
    CHECK(graph.name == "tiny");
    CHECK(graph.inputs.size() == 1);
    CHECK(has_parameter(graph, "backbone.stem.weight", {32, 3, 3, 3}));
    CHECK(has_parameter(graph, "backbone.stem.norm.running_var", {32}));
    CHECK(has_parameter(graph, "backbone.s2.b1.a.weight", {104, 48, 1, 1}));
    CHECK(has_parameter(graph, "backbone.s2.b1.b.weight", {104, 8, 3, 3}));
    CHECK(has_parameter(graph, "backbone.s2.b1.b.norm.weight", {104}));
    CHECK(has_parameter(graph, "backbone.s2.b1.se.reduce.weight", {12, 104, 1, 1}));
    CHECK(has_parameter(graph, "backbone.s2.b1.se.expand.bias", {104}));
    CHECK(has_parameter(graph, "backbone.s2.b2.se.reduce.bias", {26}));
    CHECK(has_parameter(graph, "backbone.s2.b1.proj.weight", {104, 48, 1, 1}));
    CHECK(!has_parameter(graph, "backbone.s2.b2.proj.weight", {104, 104, 1, 1}));
    CHECK(has_parameter(graph, "backbone.s4.b6.c.norm.bias", {440}));
    CHECK(has_parameter(graph, "classifier.weight", {10, 440}));
    CHECK(has_parameter(graph, "classifier.bias", {10}));
    // State-dict entries of RegNetY: 32 + 22 depth, of which 5 + 4 depth count batches (spec/regnet.md, 2.4).
    std::size_t entries = 0;
    for (const Node& node : graph.nodes) entries += node.parameters.size();
    const int norms = 1 + 4 + 3 * 16;
    CHECK(entries == std::size_t(32 + 22 * 16 - norms));

    const std::vector<Shape> shapes = infer_shapes(graph, InputSize{2, 97, 225});
    const auto shape_of = [&](const char* label) {
        const ValueId id = graph.find_label(label);
        REQUIRE(id != no_value);
        return shapes[std::size_t(id)];
    };
    CHECK(shape_of("stem") == Shape{2, 32, 49, 113});
    CHECK(shape_of("s1") == Shape{2, 48, 25, 57});
    CHECK(shape_of("s2.b1") == Shape{2, 104, 13, 29});
    CHECK(shape_of("s4") == Shape{2, 440, 4, 8});
    CHECK(shape_of("pooled") == Shape{2, 440, 1, 1});
    CHECK(shape_of("logits") == Shape{2, 10});
    CHECK(graph.outputs.size() == 1);
    CHECK(graph.outputs[0].first == "logits");
}
