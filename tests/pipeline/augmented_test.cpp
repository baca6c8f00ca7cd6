// Boxes of several versions of a picture, merged: against the versions run one by one and a suppression written out.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <regulus/graph/passes.hpp>
#include <regulus/pipeline/augmented.hpp>

#include "graph/detector_graphs.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

Image noise(std::int64_t height, std::int64_t width) {
    Image image(height, width);
    std::uint32_t state = 7;
    for (auto& byte : image.pixels) byte = std::uint8_t((state = state * 1664525u + 1013904223u) >> 24);
    return image;
}

Image mirror_of(const Image& image) {
    Image result = image;
    for (std::int64_t y = 0; y < image.height; ++y)
        for (std::int64_t x = 0; x < image.width; ++x)
            for (int c = 0; c < 3; ++c) result.pixel(y, x)[c] = image.pixel(y, image.width - 1 - x)[c];
    return result;
}

ModelFacts small_facts() {
    ModelFacts facts;
    facts.preprocessing.resize_rule = ResizeRule::detectron2_short;
    facts.preprocessing.interpolation = Interpolation::pillow_bilinear;
    facts.preprocessing.long_side = 96;
    facts.preprocessing.short_side = 64;
    return facts;
}

AugmentedSettings sizes(std::vector<std::int64_t> short_sides, bool mirrors) {
    AugmentedSettings settings;
    settings.short_sides = std::move(short_sides);
    settings.long_side = 200;
    settings.mirrors = mirrors;
    return settings;
}

AnyDetector detector_of(const ModelFacts& facts) {
    const Graph graph = recorded<SmallMaskRcnn>();
    return AnyDetector(ReferenceBackend{}, graph, detector_weights(graph, 3), facts);
}

template <class Model = SmallMaskRcnn>
DetectionList augmented(const Image& image, const AugmentedSettings& settings, const ModelFacts& facts = small_facts()) {
    const Graph graph = recorded<Model>();
    return AugmentedDetector(ReferenceBackend{}, graph, detector_weights(graph, 3), facts, settings)(image);
}

double off(const std::array<float, 4>& a, const std::array<float, 4>& b) {
    double largest = 0;
    for (std::size_t j = 0; j < 4; ++j) largest = std::max(largest, std::fabs(double(a[j]) - double(b[j])));
    return largest;
}

struct Box {
    std::array<double, 4> sides;
    float score;
    int label;
};

double overlap(const Box& a, const Box& b) {
    const double w = std::min(a.sides[2], b.sides[2]) - std::max(a.sides[0], b.sides[0]), h = std::min(a.sides[3], b.sides[3]) - std::max(a.sides[1], b.sides[1]);
    const auto area = [](const Box& box) { return (box.sides[2] - box.sides[0]) * (box.sides[3] - box.sides[1]); };
    return w <= 0 || h <= 0 ? 0 : w * h / (area(a) + area(b) - w * h);
}

}  // namespace

TEST_CASE("augmented: one version at the detector's own size finds what the detector finds") {
    ModelFacts facts = small_facts();
    facts.clips_boxes = true;
    const AnyDetector detector = detector_of(facts);
    const Image image = noise(50, 70);
    const DetectionList expected = detector(image), found = augmented(image, sizes({64}, false), facts);
    REQUIRE(expected.size() > 3);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(off(found[i].box, expected[i].box) < 1e-4);  // a product where the detector divides
        CHECK(found[i].score == expected[i].score);
        CHECK(found[i].label == expected[i].label);
        CHECK(found[i].class_name == expected[i].class_name);
        REQUIRE(found[i].mask_probabilities.size() == expected[i].mask_probabilities.size());
        for (std::size_t k = 0; k < found[i].mask_probabilities.size(); ++k) CHECK(std::fabs(found[i].mask_probabilities[k] - expected[i].mask_probabilities[k]) < 1e-4f);
        CHECK(found[i].picture == image.size());
    }
}

TEST_CASE("augmented: with mirrors, a mirrored picture has the mirrored objects") {
    const Image image = noise(64, 90);  // of the detector's size: nothing is resized
    const DetectionList plain = augmented(image, sizes({64}, true)), mirrored = augmented(mirror_of(image), sizes({64}, true));
    REQUIRE(plain.size() > 3);
    REQUIRE(mirrored.size() == plain.size());
    CHECK(plain.size() != augmented(image, sizes({64}, false)).size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const auto& box = mirrored[i].box;
        CHECK(off(plain[i].box, {90 - box[2], box[1], 90 - box[0], box[3]}) < 1e-4);
        CHECK(plain[i].score == mirrored[i].score);
        CHECK(plain[i].label == mirrored[i].label);
        REQUIRE(plain[i].mask_side == 28);
        for (std::size_t k = 0; k < 784; ++k) CHECK(std::fabs(plain[i].mask_probabilities[k] - mirrored[i].mask_probabilities[k / 28 * 28 + 27 - k % 28]) < 1e-4f);
    }
}

TEST_CASE("augmented: boxes of all versions are suppressed together, in pixels of the picture, the best kept") {
    ModelFacts as_is = small_facts();
    as_is.preprocessing.resize_rule = ResizeRule::none;
    const AnyDetector versions = detector_of(as_is);
    const Image image = noise(50, 70);
    const Image between = resize(image, {64, 90}, Interpolation::pillow_bilinear);
    std::vector<Box> all;
    for (const std::int64_t side : {48, 80}) {
        const Image version = resize(between, fit_detectron2(between.size(), side, 200), Interpolation::pillow_bilinear);
        for (const bool mirrored : {false, true}) {
            for (const Detection& one : versions(mirrored ? mirror_of(version) : version)) {
                Box box{{one.box[0], one.box[1], one.box[2], one.box[3]}, one.score, one.label};
                if (mirrored) box.sides = {double(version.width) - one.box[2], one.box[1], double(version.width) - one.box[0], one.box[3]};
                for (std::size_t j = 0; j < 4; ++j) box.sides[j] = std::clamp(box.sides[j] * (j % 2 == 0 ? 70.0 / double(version.width) : 50.0 / double(version.height)), 0.0, j % 2 == 0 ? 70.0 : 50.0);
                all.push_back(box);
            }
        }
    }
    std::stable_sort(all.begin(), all.end(), [](const Box& a, const Box& b) { return a.score > b.score; });
    std::vector<Box> kept;
    for (const Box& box : all) {
        if (std::none_of(kept.begin(), kept.end(), [&](const Box& better) { return better.label == box.label && overlap(better, box) > 0.5; })) kept.push_back(box);
    }
    const DetectionList found = augmented(image, sizes({48, 80}, true));
    REQUIRE(kept.size() > 12);
    REQUIRE(found.size() == kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
        CHECK(found[i].score == kept[i].score);
        CHECK(found[i].label == kept[i].label);
        for (std::size_t j = 0; j < 4; ++j) CHECK(std::fabs(double(found[i].box[j]) - kept[i].sides[j]) < 1e-3);
    }
    AugmentedSettings few = sizes({48, 80}, true);
    few.detections = 5;
    CHECK(augmented(image, few).size() == 5);
    CHECK(augmented(image, few)[4].score == kept[4].score);
    few.detections = 100;
    few.score_threshold = kept[7].score;
    CHECK(augmented(image, few).size() == 7);  // scores must exceed it
}

TEST_CASE("augmented: a mask's probabilities are the means of what the detector sees of the merged box in each version, un-mirrored") {
    const Image image = noise(64, 90);
    const AugmentedSettings settings = sizes({64, 48}, true);
    const DetectionList found = augmented(image, settings);
    REQUIRE(found.size() > 3);
    const Graph given = with_given_boxes(recorded<SmallMaskRcnn>(), int(found.size()));
    const Weights weights = detector_weights(given, 3);
    ModelFacts as_is = small_facts();
    as_is.preprocessing.resize_rule = ResizeRule::none;
    std::vector<double> sums(found.size() * 784);
    for (const std::int64_t side : {64, 48}) {
        const Image version = resize(image, fit_detectron2(image.size(), side, 200), Interpolation::pillow_bilinear);
        for (const bool mirrored : {false, true}) {
            const PreparedBatch batch = preprocess(mirrored ? mirror_of(version) : version, as_is.preprocessing);
            Tensor boxes(Shape{std::int64_t(found.size()), 4}, DType::f32), labels(Shape{std::int64_t(found.size())}, DType::i32), count(Shape{1}, DType::i32);
            count.data<std::int32_t>()[0] = std::int32_t(found.size());
            for (std::size_t i = 0; i < found.size(); ++i) {
                labels.data<std::int32_t>()[i] = found[i].label;
                for (std::size_t j = 0; j < 4; ++j) boxes.data<float>()[4 * i + j] = float(double(found[i].box[j]) * (j % 2 == 0 ? double(version.width) / 90 : double(version.height) / 64));
                float* const box = boxes.data<float>() + 4 * i;
                if (mirrored) box[0] = float(version.width) - box[0], box[2] = float(version.width) - box[2], std::swap(box[0], box[2]);
            }
            const Tensor masks = run(given, weights, {batch.input, batch.image_info, boxes, labels, count})["masks"];
            REQUIRE(masks.numel() == std::int64_t(sums.size()));
            for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += double(masks.data<float>()[mirrored ? k / 28 * 28 + 27 - k % 28 : k]);
        }
    }
    double largest = 0;
    for (std::size_t k = 0; k < sums.size(); ++k) largest = std::max(largest, std::fabs(sums[k] / 4 - double(found[k / 784].mask_probabilities[k % 784])));
    CHECK(largest < 1e-4);
}

TEST_CASE("augmented: where nothing is found the list is empty") {
    CHECK(augmented<BlindMaskRcnn>(noise(50, 70), sizes({48, 64}, true)).empty());
}

TEST_CASE("augmented: settings that make no version, pictures without pixels and detectors that resize values are refused in words") {
    const Image image = noise(50, 70);
    CHECK_THROWS_WITH_AS(augmented(image, sizes({}, true)), "augmented detector: needs one short side or more, got none", ArgumentError);
    CHECK_THROWS_WITH_AS(augmented(image, sizes({64, 0}, true)), "augmented detector: short sides must be >= 1, got 0", ArgumentError);
    AugmentedSettings settings = sizes({64}, false);
    settings.long_side = 0;
    CHECK_THROWS_WITH_AS(augmented(image, settings), "augmented detector: long_side must be >= 1, got 0", ArgumentError);
    settings = sizes({64}, false);
    settings.detections = 0;
    CHECK_THROWS_WITH_AS(augmented(image, settings), "augmented detector: detections must be 1 .. 10000, got 0", ArgumentError);
    settings = sizes({64}, false);
    settings.iou_threshold = std::nanf("");
    CHECK_THROWS_WITH_AS(augmented(image, settings), "augmented detector: thresholds must be finite", ArgumentError);
    CHECK_THROWS_WITH_AS(augmented(Image(), sizes({64}, false)), "augmented detector: the picture has no pixels", ShapeError);
    const Graph given = with_given_boxes(recorded<SmallMaskRcnn>(), 3);
    CHECK_THROWS_WITH_AS(AugmentedDetector(ReferenceBackend{}, given, detector_weights(given, 3), small_facts()), "augmented detector: mask_rcnn looks into given boxes, which are those of one version", ArgumentError);
    ModelFacts facts = small_facts();
    facts.preprocessing.interpolation = Interpolation::torch_bilinear;
    CHECK_THROWS_WITH_AS(augmented(image, sizes({64}, false), facts), "augmented detector: mask_rcnn must resize pictures of bytes, as models of detectron2 and mmdetection do", ArgumentError);
}
