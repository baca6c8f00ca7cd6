#include <doctest/doctest.h>

#include <bit>
#include <cmath>

#include <regulus/converters/seeded_weights.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/zoo/zoo.hpp>

using namespace regulus;
using doctest::Contains;

// The numbers are the test vectors of the rule's description (golden/README.md), made by another program.

TEST_CASE("seeded: FNV-1a of names") {
    static_assert(fnv1a64("") == 0xcbf29ce484222325u);
    static_assert(fnv1a64("a") == 0xaf63dc4c8601ec8cu);
    static_assert(fnv1a64("backbone.stem.0.weight") == 0x6d62a791b748e78du);
    static_assert(fnv1a64("backbone.conv1.weight") == 0x00f9c44512682697u);
    static_assert(fnv1a64("stem.conv.weight") == 0xe244e2a6a97cf0bau);
}

TEST_CASE("seeded: uniform numbers of a name, with and without salt") {
    constexpr std::uint64_t hash = fnv1a64("backbone.conv1.weight");
    const std::uint64_t expected[] = {9307979, 13288742, 10360312, 13300772, 1105450, 5664939};
    for (std::uint64_t i = 0; i < 6; ++i) CHECK(seeded_uniform(hash, 0, i) * 0x1p24 == double(expected[i]));
    const std::uint64_t salted[] = {13656170, 12450964, 12383306, 11430028};
    for (std::uint64_t i = 0; i < 4; ++i) CHECK(seeded_uniform(hash, 7, i) * 0x1p24 == double(salted[i]));
}

TEST_CASE("seeded: tensors to the last bit") {
    const auto first_bits = [](const char* name, const Shape& shape, std::uint64_t salt, std::initializer_list<std::uint32_t> bits) {
        const Tensor tensor = seeded_tensor(name, shape, salt);
        CAPTURE(name);
        std::int64_t i = 0;
        for (const std::uint32_t expected : bits) CHECK(std::bit_cast<std::uint32_t>(tensor.data<float>()[i++]) == expected);
    };
    first_bits("backbone.conv1.weight", Shape{32, 3, 3, 3}, 0, {0x3d539e75, 0x3e8cfce5, 0x3de2ebe3, 0x3e8d5581});
    first_bits("backbone.conv1.weight", Shape{32, 3, 3, 3}, 7, {0x3e978f42, 0x3e69c428, 0x3e65df76, 0x3e2f0459});
    first_bits("backbone.bn1.weight", Shape{32}, 0, {0x3f80cc3f, 0x3f3b93b2, 0x3f661b04, 0x3f602886});
    first_bits("backbone.bn1.bias", Shape{32}, 0, {0x3d211efa, 0x3bb5cc66, 0xbdb56c10, 0xbd61cfcd});
    first_bits("backbone.bn1.running_mean", Shape{32}, 0, {0xbd2f8e16, 0xbdc63892});
    first_bits("backbone.bn1.running_var", Shape{32}, 0, {0x3f92c1b2, 0x3f1cec56});
    first_bits("head.fc.weight", Shape{1000, 384}, 0, {0xbd44020c});

    const auto sum = [](const Tensor& tensor) {
        double total = 0;
        for (std::int64_t i = 0; i < tensor.numel(); ++i) total += double(tensor.data<float>()[i]);
        return total;
    };
    CHECK(sum(seeded_tensor("backbone.conv1.weight", Shape{32, 3, 3, 3}, 0)) == doctest::Approx(5.14499755052384).epsilon(1e-12));
    CHECK(sum(seeded_tensor("head.fc.weight", Shape{1000, 384}, 0)) == doctest::Approx(-43.198037534952164).epsilon(1e-12));
}

TEST_CASE("seeded: a counter is an int64 zero, anything else without a rule is refused") {
    const Tensor counter = seeded_tensor("backbone.bn1.num_batches_tracked", Shape{}, 3);
    CHECK(counter.dtype() == DType::i64);
    CHECK(counter.data<std::int64_t>()[0] == 0);
    CHECK_THROWS_WITH_AS(seeded_tensor("head.scale", Shape{}, 0), "seeded weights: there is no rule for \"head.scale\" []", ArgumentError);
    CHECK_THROWS_AS(seeded_tensor("head.gamma", Shape{4}, 0), ArgumentError);
}

TEST_CASE("seeded: a model's weights are those of the peer's names, and bind") {
    const Graph graph = recorded(find_model(zoo_models(), "retinanet_r50_fpn_1x_coco"));
    const Weights weights = seeded_weights(graph, "mmdetection", 7);
    CHECK(weights.source == "seeded:7");
    CHECK_NOTHROW(bind_weights(graph, weights));
    CHECK(weights.find("backbone.stem.weight")->data<float>()[0] == seeded_tensor("backbone.conv1.weight", Shape{64, 3, 7, 7}, 7).data<float>()[0]);
    CHECK_THROWS_WITH_AS(seeded_weights(graph, "nobody"), Contains("nobody"), ArgumentError);
}
