// The semantic head: labels of pixels by the loader's rule, the loss beside a plain one over enlarged maps, its gradient by differences.
#include <cmath>

#include <doctest/doctest.h>

#include <regulus/train/semantic_loss.hpp>

#include "reference/graph_support.hpp"

using namespace regulus;
using namespace regulus::testing;
using namespace regulus::train;

namespace {

Tensor labels_of(const Shape& shape, const std::vector<std::uint8_t>& values) {
    Tensor tensor(shape, DType::u8);
    REQUIRE(std::size_t(tensor.numel()) == values.size());
    std::copy(values.begin(), values.end(), tensor.data<std::uint8_t>());
    return tensor;
}

/// Random labels, every seventh pixel without one.
Tensor random_labels(const Shape& shape, int labels, std::uint64_t seed) {
    RandomNumbers numbers(seed);
    Tensor tensor(shape, DType::u8);
    for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data<std::uint8_t>()[i] = i % 7 == 3 ? unlabelled_pixel : std::uint8_t(numbers.below(labels));
    return tensor;
}

/// The mean over labelled pixels of what the reference backend's Resize enlarges, in double but for the enlarged logits.
double plain_loss(const Tensor& logits, const std::vector<Tensor>& targets) {
    const int labels = int(logits.shape()[1]);
    const Graph enlarge = graph_of(labels, [&](Graph& graph, ValueId image) { return record::enlarge(Scope(graph) / "enlarge", ops::Resize::Mode::bilinear, 4, image); });
    const Tensor large = run(enlarge, Weights{}, {logits})["y"];
    const std::int64_t height = large.shape()[2], width = large.shape()[3];
    double sum = 0;
    std::int64_t count = 0;
    for (std::size_t n = 0; n < targets.size(); ++n) {
        const Shape& size = targets[n].shape();
        for (std::int64_t i = 0; i < targets[n].numel(); ++i) {
            const std::uint8_t target = targets[n].data<std::uint8_t>()[i];
            if (target == unlabelled_pixel) continue;
            const auto logit = [&](std::int64_t label) { return double(large.data<float>()[((std::int64_t(n) * labels + label) * height + i / size[1]) * width + i % size[1]]); };
            double powers = 0;
            for (std::int64_t label = 0; label < labels; ++label) powers += std::exp(logit(label));
            sum += std::log(powers) - logit(target);
            ++count;
        }
    }
    return sum / double(count);
}

}  // namespace

TEST_CASE("semantic head: the loss is the mean over labelled pixels of the enlarged maps, its gradient that of differences") {
    const Tensor logits = random_tensor(Shape{2, 3, 2, 3}, 3, -2, 2);
    const std::vector<Tensor> targets{random_labels(Shape{8, 12}, 3, 1), random_labels(Shape{6, 9}, 3, 2)};  // the second is padded
    const Loss loss = semantic_loss(logits, targets, 1, 4, 1);
    CHECK(loss.value == doctest::Approx(plain_loss(logits, targets)).epsilon(1e-6));  // float32 between the pixels of the maps
    CHECK(semantic_loss(logits, targets).value == doctest::Approx(0.5 * loss.value));
    for (std::int64_t i = 0; i < logits.numel(); ++i) {
        const float step = 1.f / 64;
        Tensor up = logits.clone(), down = logits.clone();
        up.data<float>()[i] += step;
        down.data<float>()[i] -= step;
        const double slope = (semantic_loss(up, targets, 1).value - semantic_loss(down, targets, 1).value) / (double(up.data<float>()[i]) - double(down.data<float>()[i]));
        CHECK(std::abs(double(loss.gradient.data<float>()[i]) - slope) < 1e-5);  // step^2 / 6 of a third derivative below 0.1; rounding between the pixels
    }
    const Loss shared = semantic_loss(logits, targets, 1, 4, 3);
    CHECK(shared.value == loss.value);
    CHECK(equal(shared.gradient, loss.gradient));
}

TEST_CASE("semantic head: pixels without a label have no part, what does not fit is refused") {
    const Tensor logits = random_tensor(Shape{1, 3, 2, 2}, 3);
    const Loss none = semantic_loss(logits, {labels_of(Shape{1, 2}, {255, 255})});
    CHECK(none.value == 0);
    CHECK(greatest(none.gradient) == 0);
    CHECK_THROWS_WITH_AS(semantic_loss(logits, {}), "semantic_loss: logits must be float32 [0 pictures, 1 .. 255 labels, height, width], got float32 [1, 3, 2, 2]", ShapeError);
    CHECK_THROWS_WITH_AS(semantic_loss(logits, {Tensor::zeros(Shape{9, 8}, DType::u8)}), "semantic_loss: targets must be uint8 of at most [8, 8], got uint8 [9, 8]", ShapeError);
    CHECK_THROWS_WITH_AS(semantic_loss(logits, {labels_of(Shape{1, 2}, {2, 3})}), "semantic_loss: a pixel has the label 3, there are 3", ArgumentError);
    CHECK_THROWS_AS(semantic_loss(logits, {Tensor()}), ShapeError);
    CHECK_THROWS_AS(semantic_loss(logits, {labels_of(Shape{1, 2}, {2, 1})}, 1, 0), ArgumentError);
}

TEST_CASE("semantic head: things are label 0, stuff has its own, the rest none; resized to the nearest pixel and mirrored") {
    const SegmentMap segments{2, 4, {7, 7, 9, 0, 7, 8, 9, 5}};
    PanopticAnnotation annotation;
    annotation.segments = {{7, 101}, {8, 1}, {9, 102}};
    const std::vector<std::int64_t> stuff{0, 102, 101};  // by label
    CHECK(equal(semantic_truth(segments, annotation, stuff, {{2, 4}}), labels_of(Shape{2, 4}, {2, 2, 1, 255, 2, 0, 1, 255})));
    CHECK(equal(semantic_truth(segments, annotation, stuff, {{2, 4}, true}), labels_of(Shape{2, 4}, {255, 1, 2, 2, 255, 1, 0, 2})));
    CHECK(equal(semantic_truth(segments, annotation, stuff, {{1, 2}}), labels_of(Shape{1, 2}, {0, 255})));  // centres at 1, and at 1 and 3
    CHECK(equal(semantic_truth(segments, annotation, {}, {{2, 4}}), labels_of(Shape{2, 4}, {0, 0, 0, 255, 0, 0, 0, 255})));
    CHECK_THROWS_AS(semantic_truth(SegmentMap{2, 4, {1}}, annotation, stuff, {{2, 4}}), ShapeError);
    CHECK_THROWS_AS(semantic_truth(segments, annotation, stuff, {{0, 4}}), ArgumentError);
    CHECK_THROWS_AS(semantic_truth(segments, annotation, std::vector<std::int64_t>(255), {{2, 4}}), ArgumentError);
}
