#include <doctest/doctest.h>

#include <regulus/converters/mmdetection3d.hpp>
#include <regulus/weights/read_weights.hpp>

#include "support/shared.hpp"

using namespace regulus;
using doctest::Contains;

namespace {

constexpr const char* conventions = "golden/detection3d/ops/conventions.safetensors";

/// The layers of a head under our names, from tensors called PREFIX + mmdetection3d's names.
Weights head_of(const Weights& file, const std::string& prefix) {
    Weights head;
    head.source = "conventions";
    for (const auto& [theirs, ours] : {std::pair{"conv_cls", "head.logits"}, std::pair{"conv_reg", "head.deltas"}, std::pair{"conv_dir_cls", "head.directions"}}) {
        for (const char* part : {".weight", ".bias"}) head.add(std::string(ours) + part, *file.find(prefix + theirs + part));
    }
    return head;
}

}  // namespace

TEST_CASE("mmdetection3d: a head from before version 1.0 is rewritten as the peer's own sources say") {
    REGULUS_REQUIRE_SHARED(conventions);
    const Weights file = read_weights(testing::shared_path(conventions));
    Weights before = head_of(file, "head.in_v0.");
    before.add("backbone.s1.conv1.weight", *file.find("head.in_features"));
    const Weights now = rewrite_width_first_head(before, 6, 4, 9);
    const Weights expected = head_of(file, "head.out_v1.");
    for (const auto& entry : expected.entries()) {
        CAPTURE(entry.name);
        const Tensor& ours = *now.find(entry.name);
        REQUIRE(ours.shape() == entry.tensor.shape());
        float largest = 0;
        for (std::int64_t i = 0; i < ours.numel(); ++i) largest = std::max(largest, std::abs(ours.data<float>()[i] - entry.tensor.data<float>()[i]));
        CHECK(largest <= 1e-7f);  // one sum, rounded once
    }
    CHECK(now.find("backbone.s1.conv1.weight")->raw() == before.find("backbone.s1.conv1.weight")->raw());
}

TEST_CASE("mmdetection3d: heads that do not fit are refused before anything is rewritten") {
    Weights head;
    head.source = "file";
    CHECK_THROWS_WITH_AS(rewrite_width_first_head(head, 6, 4, 9), Contains("no \"head.logits.weight\""), WeightError);
    for (const char* layer : {"head.logits", "head.deltas", "head.directions"}) {
        head.add(std::string(layer) + ".weight", Tensor::zeros(Shape{24, 8, 1, 1}));
        head.add(std::string(layer) + ".bias", Tensor::zeros(Shape{24}));
    }
    CHECK_THROWS_WITH_AS(rewrite_width_first_head(head, 6, 4, 9), Contains("head.deltas.weight"), WeightError);
}
