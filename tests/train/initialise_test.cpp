// Random numbers against their definition, initial parameters against torchvision's.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/name_table.hpp>
#include <regulus/core/random_numbers.hpp>
#include <regulus/train/initialise.hpp>
#include <regulus/zoo/classifiers.hpp>
#include <regulus/zoo/zoo.hpp>

#include "support/sha256.hpp"
#include "train/torchvision_initial.hpp"

using namespace regulus;
using namespace regulus::train;

namespace {

using Kind = LearnedParameter::Kind;
using Law = Initialisation::Law;

Graph graph_of(const std::string& model) {
    for (const ClassifierSpec& spec : classifier_models()) {
        if (spec.name == model) return recorded(spec);
    }
    for (const ModelSpec& spec : zoo_models()) {
        if (spec.name == model) return recorded(spec);
    }
    FAIL("no model is called " << model);
    return {};
}

std::map<std::string, InitialParameter> by_name(const std::string& model, const std::string& code_base) {
    std::map<std::string, InitialParameter> parameters;
    for (InitialParameter& parameter : initial_parameters(graph_of(model), code_base)) parameters[parameter.name] = parameter;
    return parameters;
}

struct Moments {
    double mean = 0, deviation = 0, greatest = 0;
};

Moments moments_of(const Tensor& tensor) {
    Moments moments;
    const double count = double(tensor.numel());
    for (std::int64_t i = 0; i < tensor.numel(); ++i) moments.mean += double(tensor.data<float>()[i]) / count;
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
        moments.deviation += std::pow(double(tensor.data<float>()[i]) - moments.mean, 2) / count;
        moments.greatest = std::max(moments.greatest, std::abs(double(tensor.data<float>()[i])));
    }
    moments.deviation = std::sqrt(moments.deviation);
    return moments;
}

}  // namespace

TEST_CASE("random numbers: logarithm, cosine and normal numbers are what they say") {
    static_assert(random_bits(1234567, 0) == 6457827717110365317u);  // the generator's published first numbers from 1234567
    static_assert(random_bits(1234567, 1) == 3203168211198807973u);
    double log_error = 0, cos_error = 0, normal_error = 0;
    for (std::uint64_t i = 0; i < 20000; ++i) {
        const double u = uniform_of(random_bits(5, i)) + 0x1p-53, t = uniform_of(random_bits(6, i));
        log_error = std::max(log_error, std::abs(regulus::detail::exact_log(u) - std::log(u)) / std::max(1e-9, std::abs(std::log(u))));
        cos_error = std::max(cos_error, std::abs(regulus::detail::exact_cos_turns(t) - double(std::cos(6.283185307179586476925286766559L * (long double)(t)))));
        const double radius = std::sqrt(-2 * std::log(uniform_of(random_bits(7, 2 * i)) + 0x1p-53)), angle = 6.28318530717958648 * uniform_of(random_bits(7, 2 * i + 1));
        normal_error = std::max(normal_error, std::abs(random_normal(7, i) - radius * std::cos(angle)));
    }
    CHECK(log_error < 5e-16);  // 2 units in the last place
    CHECK(cos_error < 2.3e-16);
    CHECK(normal_error < 1e-14);  // the library's angle is rounded
    CHECK(regulus::detail::exact_log(1) == 0);
    CHECK(regulus::detail::exact_cos_turns(0) == 1);
    CHECK(std::isfinite(random_normal(0, 0)));
}

TEST_CASE("random numbers: moments, and whole numbers below a bound are as likely as each other") {
    constexpr int count = 200000;
    double sum = 0, square = 0, fourth = 0;
    for (int i = 0; i < count; ++i) {
        const double x = random_normal(99, std::uint64_t(i));
        sum += x, square += x * x, fourth += x * x * x * x;
    }
    CHECK(std::abs(sum / count) < 5 / std::sqrt(double(count)));  // five standard errors
    CHECK(std::abs(square / count - 1) < 5 * std::sqrt(2.0 / count));
    CHECK(std::abs(fourth / count - 3) < 5 * std::sqrt(96.0 / count));
    RandomStream stream(3);
    int found[7] = {};
    for (int i = 0; i < 70000; ++i) ++found[stream.below(7)];
    for (const int each : found) CHECK(std::abs(each - 10000) < 5 * 93);  // sqrt(70000 / 7 * 6 / 7)
    CHECK(stream.below(1) == 0);
    CHECK(stream.below(0) == 0);
}

TEST_CASE("initialise: mean, deviation and range are those of torchvision's networks") {
    std::map<std::string, std::pair<Graph, Weights>> models;
    for (const torchvision_initial::Row& row : torchvision_initial::rows) {
        CAPTURE(row.model);
        CAPTURE(row.name);
        if (models.find(row.model) == models.end()) {
            const Graph graph = graph_of(row.model);
            models.emplace(row.model, std::pair(graph, initial_weights(graph, "torchvision", 1)));
        }
        const auto& [graph, weights] = models.at(row.model);
        const std::optional<Renamed> ours = names_of("torchvision", graph).renamed_to_ours(row.name);
        REQUIRE(ours);
        const Tensor* const tensor = weights.find(ours->name);
        REQUIRE(tensor != nullptr);
        const Moments found = moments_of(*tensor);
        const double count = double(tensor->numel());
        // Two samples of n numbers: means differ by about sqrt(2 / n) deviations, deviations by sqrt(1 / n) of themselves; five times that is allowed.
        CHECK(std::abs(found.mean - row.mean) <= 5 * row.deviation * std::sqrt(2 / count) + 1e-6);
        CHECK(std::abs(found.deviation - row.deviation) <= 5 * row.deviation * std::sqrt(1 / count) + 1e-7);
        const bool is_uniform = row.greatest < 1.9 * row.deviation;  // sqrt(3) deviations, a few percent more in a small sample; normal ones here have more than 3
        if (row.deviation > 0) CHECK((found.greatest < 1.9 * found.deviation) == is_uniform);
        if (is_uniform) CHECK(found.greatest == doctest::Approx(row.greatest).epsilon(8 / count));
    }
    CHECK(models.size() == 5);
}

TEST_CASE("initialise: where the code bases differ") {
    const std::string grouped = "backbone.s4.b2.b.weight", last = "backbone.s4.b2.c.norm.weight", first = "backbone.s4.b2.a.norm.weight";
    const auto weight = [&](const char* model, const char* base, const std::string& name) { return by_name(model, base).at(name).initialisation; };
    const char* const net = "pycls/RegNetX-400MF";  // stage 4: 384 channels, groups of 16
    CHECK(weight(net, "pycls", grouped) == Initialisation{Law::normal, std::sqrt(2 / (9 * 384.0))});
    CHECK(weight(net, "timm", grouped).value == doctest::Approx(std::sqrt(2 / (9 * 16.0))));
    CHECK(weight(net, "mmpretrain", grouped) == Initialisation{Law::uniform, 1 / std::sqrt(9 * 16.0)});
    for (const char* base : {"timm", "mmpretrain", "mmdetection"}) CHECK(weight(net, base, last).value == 0);
    for (const char* base : {"pycls", "torchvision", "detectron2"}) CHECK(weight(net, base, last).value == 1);
    for (const char* base : {"timm", "mmpretrain", "pycls"}) CHECK(weight(net, base, first).value == 1);
    CHECK(weight(net, "pycls", "classifier.weight") == Initialisation{Law::normal, 0.01});
    CHECK(weight("pycls/RegNetY-400MF", "timm", "backbone.s1.b1.se.reduce.bias") == Initialisation{});
    CHECK(weight("pycls/RegNetY-400MF", "pycls", "backbone.s1.b1.se.reduce.bias").law == Law::uniform);

    const auto mask = by_name("mmdetection/mask_rcnn_regnetx-400MF_fpn_mstrain-poly_3x_coco", "mmdetection");
    CHECK(mask.at("neck.output.p3.weight").initialisation == Initialisation{Law::uniform, std::sqrt(6 / (2 * 9 * 256.0))});
    CHECK(mask.at("box_head.fc1.weight").initialisation == Initialisation{Law::uniform, std::sqrt(6 / (49 * 256.0 + 1024))});
    CHECK(mask.at("box_head.deltas.weight").initialisation == Initialisation{Law::normal, 0.001});
    CHECK(mask.at("box_head.logits.bias").initialisation == Initialisation{});
    CHECK(mask.at("mask_head.logits.weight").initialisation == Initialisation{Law::normal, std::sqrt(2 / 80.0)});
    CHECK(mask.at("rpn.logits.weight").initialisation == Initialisation{Law::normal, 0.01});
    CHECK(mask.at("rpn.logits.bias").kind == Kind::bias);
    CHECK(mask.at("backbone.s1.b1.a.norm.bias").kind == Kind::norm_bias);
    CHECK(mask.at("backbone.s1.b1.a.norm.running_var").kind == Kind::statistic);
    CHECK(mask.at("backbone.s1.b1.a.norm.running_var").initialisation.value == 1);
}

TEST_CASE("initialise: the same bits on every machine, for every number of threads; another seed gives others") {
    const Graph graph = graph_of("pycls/RegNetX-200MF");
    const auto sum_of = [&](std::uint64_t seed, int threads) {
        const Weights weights = initial_weights(graph, "pycls", seed, threads);
        std::string bytes;
        for (const Weights::Entry& entry : weights.entries()) bytes.append(static_cast<const char*>(entry.tensor.raw()), entry.tensor.bytes());
        return testing::sha256(bytes.data(), bytes.size());
    };
    const std::string one = sum_of(42, 1);
    CHECK(one == "cdc32aebad0aaa5ab5f031e23cf7d17c880ceea9879ee2214020b91072c18e4d");
    CHECK(sum_of(42, 3) == one);
    CHECK(sum_of(43, 1) != one);
}

TEST_CASE("initialise: a new head on given weights, and names that do not fit") {
    const Graph wide = graph_of("pycls/RegNetX-200MF"), narrow = with_classes(wide, 7);
    const Weights given = initial_weights(wide, "pycls", 1);
    const Weights mixed = initial_weights(narrow, "pycls", 2, given, {"classifier."});
    CHECK(mixed.find("classifier.weight")->shape() == Shape{7, 368});
    CHECK(std::memcmp(mixed.find("backbone.stem.weight")->raw(), given.find("backbone.stem.weight")->raw(), given.find("backbone.stem.weight")->bytes()) == 0);
    CHECK(mixed.find("backbone.stem.weight")->raw() != given.find("backbone.stem.weight")->raw());
    CHECK(std::memcmp(mixed.find("classifier.weight")->raw(), initial_weights(narrow, "pycls", 2).find("classifier.weight")->raw(), 7 * 368 * 4) == 0);

    CHECK_THROWS_WITH_AS(initial_weights(narrow, "pycls", 2, given, {}),
                         "initialise: random:1 does not fit pycls/RegNetX-200MF\n  2 misshapen:\n    classifier.weight is [1000, 368], the model has [7, 368]\n    classifier.bias is [1000], the model has [7]",
                         WeightError);
    Weights other;
    other.source = "head.safetensors";
    other.add("classifier.weight", Tensor::zeros(Shape{7, 368}));
    other.add("classifier.scale", Tensor::zeros(Shape{7}));
    CHECK_THROWS_WITH_AS(initial_weights(narrow, "pycls", 2, other, {"backbone."}),
                         "initialise: head.safetensors does not fit pycls/RegNetX-200MF\n  1 missing:\n    classifier.bias [7]\n  1 unexpected:\n    classifier.scale [7]", WeightError);
    CHECK_THROWS_WITH_AS(initial_parameters(wide, "keras"), "initialise: \"keras\" has no rules here; there are those of pycls, mmpretrain, torchvision, timm, detectron2, mmdetection, mmdetection3d",
                         ArgumentError);
}

TEST_CASE("initialise: every model of the zoo has rules") {
    std::size_t models = 0;
    const auto check = [&](const Graph& graph, const std::string& code_base) {
        std::size_t learned = 0;
        for (const InitialParameter& parameter : initial_parameters(graph, code_base)) learned += parameter.kind != Kind::statistic ? std::size_t(parameter.shape.numel()) : 0;
        CHECK(learned == std::size_t(graph.parameter_count()));
        ++models;
    };
    for (const ClassifierSpec& spec : classifier_models()) check(recorded(spec), spec.code_base);
    for (const ModelSpec& spec : zoo_models()) check(recorded(spec), spec.code_base);
    CHECK(models > 200);
}
