#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/regnet2mmdet.hpp>
#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cpu.hpp>
#include <regulus/models/classifier.hpp>
#include <regulus/pipeline/classifier.hpp>
#include <regulus/pipeline/classifier_head.hpp>
#include <regulus/reference.hpp>
#include <regulus/zoo/classifiers.hpp>

using namespace regulus;
using doctest::Contains;

namespace {

using Small = Classifier<RegNet<regnetx_200mf>, 10>;

/// Statistics of batch norm are 0 and 100, so that activations neither grow nor vanish from block to block, and probabilities are not 0 and 1.
Weights weights() {
    const Graph graph = recorded<Small>();
    const Weights seeded = seeded_weights(graph, "pycls");
    Weights result;
    for (const auto& entry : seeded.entries()) {
        Tensor tensor = entry.tensor.clone();
        const bool variance = entry.name.find("running_var") != std::string::npos;
        if (variance && entry.name.find(".c.") != std::string::npos) {
            for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<float>()[i] = 100;
        }
        result.add(entry.name, tensor);
    }
    return result;
}

Image picture(std::int64_t height, std::int64_t width, int seed) {
    Image image(height, width);
    for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
            for (int c = 0; c < 3; ++c) image.pixel(y, x)[c] = std::uint8_t(127 + 120 * std::sin(0.03 * double(x * (c + 1) + y * seed)));
        }
    }
    return image;
}

const ImageClassifier<Small>& small() {
    static const ImageClassifier<Small> classifier{CpuBackend{}, weights()};
    return classifier;
}

}  // namespace

TEST_CASE("classifier: probabilities are the softmax of the logits, and sum to one") {
    const Image image = picture(300, 260, 2);
    const Classification found = small()(image);
    REQUIRE(found.probabilities.size() == 10);
    const Outputs outputs = small().features(std::span<const Image>(&image, 1));
    const Tensor& logits = outputs["logits"];
    double sum = 0, total = 0;
    for (int i = 0; i < 10; ++i) sum += std::exp(double(logits.data<float>()[i]));
    for (int i = 0; i < 10; ++i) {
        CHECK(double(found.probabilities[std::size_t(i)]) == doctest::Approx(std::exp(double(logits.data<float>()[i])) / sum).epsilon(1e-5));
        total += double(found.probabilities[std::size_t(i)]);
    }
    CHECK(std::abs(total - 1) < 1e-6);
}

TEST_CASE("classifier: a batch of pictures of unlike sizes gives each what it gets alone") {
    const std::vector<Image> images{picture(300, 260, 2), picture(100, 400, 3), picture(224, 224, 5)};
    const std::vector<Classification> together = small()(std::span<const Image>(images));
    REQUIRE(together.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        const Classification alone = small()(images[i]);
        CHECK(alone.top(1)[0].index == together[i].top(1)[0].index);
        for (std::size_t k = 0; k < 10; ++k) CHECK(std::abs(alone.probabilities[k] - together[i].probabilities[k]) < 1e-4f);  // kernels may sum in another order
    }
}

TEST_CASE("classifier: features are the labelled values, of every picture") {
    const AnyClassifier classifier(CpuBackend{}, recorded<Small>(), weights(), {}, CompileOptions{.extra_outputs = {"stem", "s1", "s4", "pooled"}});
    const std::vector<Image> images{picture(300, 260, 2), picture(100, 400, 3)};
    const Outputs outputs = classifier.features(images);
    CHECK(outputs["stem"].shape() == Shape{2, 32, 112, 112});
    CHECK(outputs["s1"].shape() == Shape{2, 24, 56, 56});
    CHECK(outputs["s4"].shape() == Shape{2, 368, 7, 7});
    const Tensor& last = outputs["s4"];
    const Tensor& pooled = outputs["pooled"];
    double worst = 0;
    for (std::int64_t row = 0; row < 2 * 368; ++row) {
        double mean = 0;
        for (std::int64_t i = 0; i < 49; ++i) mean += double(last.data<float>()[49 * row + i]) / 49;
        worst = std::max(worst, std::abs(mean - double(pooled.data<float>()[row])));
    }
    CHECK(worst < 1e-4);
    CHECK_THROWS_WITH_AS(AnyClassifier(CpuBackend{}, recorded<Small>(), weights(), {}, CompileOptions{.extra_outputs = {"s9"}}), Contains("no value \"s9\""), ArgumentError);
}

TEST_CASE("classifier: names come from the facts, the file's go before, an index without one says so") {
    ClassifierFacts facts;
    facts.class_names = {"zero", "one"};
    const AnyClassifier named(CpuBackend{}, recorded<Small>(), weights(), facts);
    for (const ClassScore& score : named(picture(50, 50, 1)).top(10)) {
        CHECK(score.name == (score.index == 0 ? "zero" : score.index == 1 ? "one" : "class " + std::to_string(score.index)));
    }
    Weights stated = weights();
    stated.metadata["regulus.classes"] = R"(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"])";
    CHECK(AnyClassifier(CpuBackend{}, recorded<Small>(), stated, facts).facts().class_names[9] == "j");
}

TEST_CASE("classifier: the most probable classes come first, equal ones by index, no more than there are") {
    const Classification found{{0.1f, 0.3f, 0.2f, 0.3f, 0.1f}, {"a", "b"}};
    const std::vector<ClassScore> top = found.top(4);
    REQUIRE(top.size() == 4);
    CHECK(top[0].index == 1);
    CHECK(top[0].name == "b");
    CHECK(top[1].index == 3);
    CHECK(top[1].name == "class 3");
    CHECK(top[2].index == 2);
    CHECK(top[3].index == 0);
    CHECK(found.top(100).size() == 5);
    CHECK(found.top(0).empty());
    CHECK(found.top(-1).empty());
}

TEST_CASE("classifier: softmax of huge logits is finite, of infinite ones an error") {
    const std::vector<float> huge{1e30f, 1e30f, -1e30f};
    CHECK(softmax_of(huge) == std::vector<float>{0.5f, 0.5f, 0});
    CHECK_THROWS_AS(softmax_of(std::vector<float>{1, std::numeric_limits<float>::infinity()}), ArgumentError);
    CHECK_THROWS_AS(softmax_of(std::vector<float>{std::numeric_limits<float>::quiet_NaN()}), ArgumentError);
    CHECK_THROWS_AS(softmax_of({}), ShapeError);
}

TEST_CASE("classifier: weights under the names of three code bases give the same") {
    const Graph graph = recorded<Small>();
    const Image image = picture(300, 260, 2);
    const Classification expected = small()(image);
    for (const char* code_base : {"pycls", "timm", "torchvision"}) {
        CAPTURE(code_base);
        const AnyClassifier classifier(CpuBackend{}, graph, from_regulus(weights(), graph, code_base), {});
        CHECK(classifier(image).probabilities == expected.probabilities);
    }
}

TEST_CASE("classifier: the reference backend says the same as oneDNN") {
    const ImageClassifier<Small> reference{ReferenceBackend{}, weights()};
    const Image image = picture(200, 300, 7);
    const Classification a = small()(image), b = reference(image);
    for (std::size_t i = 0; i < 10; ++i) CHECK(std::abs(a.probabilities[i] - b.probabilities[i]) < 1e-4f);
}

TEST_CASE("classifier: threads share one classifier and get what one thread gets") {
    std::vector<Classification> expected(4), got(4);
    for (int i = 0; i < 4; ++i) expected[std::size_t(i)] = small()(picture(90 + i, 120, i));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { got[std::size_t(i)] = small()(picture(90 + i, 120, i)); });
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < 4; ++i) CHECK(got[i].probabilities == expected[i].probabilities);
}

TEST_CASE("classifier: an entry of the zoo sees pictures as its code base does") {
    const ClassifierSpec& spec = find_classifier(classifier_models(), "timm/regnetx_002");
    const AnyClassifier classifier(CpuBackend{}, spec, seeded_weights(recorded(spec), spec.code_base));
    CHECK(classifier.facts().preprocessing.resize == ClassifyResize::pillow_bicubic);
    CHECK_NOTHROW(classifier.prepare(2));
    CHECK(classifier(picture(60, 60, 1)).probabilities.size() == 1000);
}

TEST_CASE("classifier: what is no classifier, weights that do not fit, no pictures are refused") {
    Graph nothing;
    nothing.name = "nothing";
    CHECK_THROWS_WITH_AS(AnyClassifier(CpuBackend{}, nothing, {}, {}), Contains("nothing is no classifier"), ArgumentError);
    CHECK_THROWS_AS((ImageClassifier<Classifier<RegNet<regnetx_200mf>, 11>>{CpuBackend{}, weights()}), WeightError);
    CHECK_THROWS_AS(small()(std::span<const Image>()), ShapeError);
    CHECK_THROWS_AS(small()(Image()), ShapeError);
}

TEST_CASE("classifier: a checkpoint with another head tells its classes, and runs under the zoo's entry with that many") {
    const ClassifierSpec& spec = find_classifier(classifier_models(), "pycls/RegNetX-200MF");
    const Weights trained_on = from_regulus(weights(), recorded<Small>(), "pycls");
    CHECK(head_classes(trained_on, recorded(spec)) == 10);
    CHECK(head_classes(Weights{}, recorded(spec)) == 0);
    CHECK_THROWS_AS(AnyClassifier(CpuBackend{}, spec, trained_on), WeightError);
    const AnyClassifier classifier(CpuBackend{}, with_classes(recorded(spec), 10), trained_on, spec.facts);
    const Image image = picture(100, 120, 3);
    CHECK(classifier(image).probabilities == small()(image).probabilities);
}

TEST_CASE("classifier: what regnet2mmdet writes is a classifier with its head, and without it a network of features") {
    const ClassifierSpec& spec = find_classifier(classifier_models(), "pycls/RegNetX-200MF");
    const Graph graph = recorded<Small>();
    const Weights pycls = from_regulus(weights(), graph, "pycls");
    const std::vector<Image> images{picture(100, 120, 3), picture(80, 60, 4)};
    const AnyClassifier whole(CpuBackend{}, with_classes(recorded(spec), 10), regnet2mmdet(pycls).weights, spec.facts, {.extra_outputs = {"s3", "pooled"}});
    CHECK(whole(images[0]).probabilities == small()(images[0]).probabilities);

    const Weights backbone = regnet2mmdet(pycls, {.keep_head = false}).weights;
    CHECK(is_headless(backbone, recorded(spec)));
    CHECK_FALSE(is_headless(pycls, recorded(spec)));
    CHECK_FALSE(is_headless(backbone, recorded(find_classifier(classifier_models(), "pycls/RegNetX-400MF"))));
    CHECK_THROWS_WITH_AS(AnyClassifier(CpuBackend{}, spec, backbone), Contains("classifier.weight"), WeightError);
    const AnyClassifier features(CpuBackend{}, without_head(recorded(spec)), backbone, spec.facts, {.extra_outputs = {"s3"}});
    const Outputs expected = whole.features(images), got = features.features(images);
    for (const char* name : {"pooled", "s3"}) {
        REQUIRE(got[name].shape() == expected[name].shape());
        CHECK(std::memcmp(got[name].raw(), expected[name].raw(), expected[name].bytes()) == 0);
    }
    CHECK_THROWS_WITH_AS(features(images[0]), Contains("was made without its head"), ArgumentError);
    CHECK_THROWS_AS(AnyClassifier(CpuBackend{}, without_head(recorded(spec)), backbone, spec.facts, {.extra_outputs = {"logits"}}), ArgumentError);
}

TEST_CASE("classifier: inputs made beforehand give what pictures give; other shapes are refused") {
    const std::vector<Image> images{picture(300, 260, 2), picture(100, 400, 3)};
    const std::vector<Classification> pictures = small()(std::span<const Image>(images)), inputs = small().from_input(classify_preprocess(images, small().facts().preprocessing));
    REQUIRE(inputs.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) CHECK(inputs[i].probabilities == pictures[i].probabilities);
    CHECK_THROWS_AS(small().from_input(Tensor({3, 224, 224}, DType::f32)), ShapeError);
    CHECK_THROWS_AS(small().from_input(Tensor({0, 3, 224, 224}, DType::f32)), ShapeError);
    CHECK_THROWS_AS(small().from_input(Tensor({1, 4, 224, 224}, DType::f32)), ShapeError);
}

TEST_CASE("classifier: a picture of one pixel, and one of one row, are pictures") {
    for (const Image& image : {picture(1, 1, 1), picture(1, 300, 2), picture(300, 1, 3)}) {
        double sum = 0;
        for (const float probability : small()(image).probabilities) sum += double(probability);
        CHECK(std::abs(sum - 1) < 1e-6);
    }
}
