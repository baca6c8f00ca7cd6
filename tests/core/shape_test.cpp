#include <regulus/core/shape.hpp>

#include <doctest/doctest.h>

#include <cstdint>

using namespace regulus;

static_assert(Shape{2, 3, 4}.numel() == 24 && Shape{2, 3}.rank() == 2, "shapes work in constants");

TEST_CASE("shape: a scalar has rank 0 and one element") {
    const Shape scalar;
    CHECK(scalar.rank() == 0);
    CHECK(scalar.numel() == 1);
    CHECK(to_string(scalar) == "[]");
}

TEST_CASE("shape: sizes, order and equality") {
    const Shape shape{1, 256, 200, 336};
    CHECK(shape.rank() == 4);
    CHECK(shape[0] == 1);
    CHECK(shape[3] == 336);
    CHECK(shape.numel() == std::int64_t{256} * 200 * 336);
    CHECK(to_string(shape) == "[1, 256, 200, 336]");
    CHECK(shape == Shape{1, 256, 200, 336});
    CHECK(shape != Shape{1, 256, 336, 200});
    CHECK(shape != Shape{1, 256, 200});
    CHECK(Shape{} != Shape{1});
}

TEST_CASE("shape: sizes beyond the rank do not count in a comparison") {
    Shape longer{4, 5};
    longer[1] = 7;
    CHECK(longer == Shape{4, 7});
    std::int64_t sum = 0;
    for (const std::int64_t size : longer) sum += size;
    CHECK(sum == 11);
}

TEST_CASE("shape: the ninth size and a negative size are refused, and the shape stays as it was") {
    Shape shape{1, 2, 3, 4, 5, 6, 7, 8};
    CHECK_THROWS_WITH_AS(shape.push_back(9), "shape: a tensor has at most 8 dimensions", ShapeError);
    CHECK(shape.rank() == 8);
    Shape negative{3};
    CHECK_THROWS_WITH_AS(negative.push_back(-1), "shape: a size must be >= 0, got -1", ShapeError);
    CHECK(negative == Shape{3});
    CHECK_THROWS_AS((Shape{2, INT64_MIN}), ShapeError);
}

TEST_CASE("shape: the number of elements overflows exactly beyond 63 bits") {
    CHECK(Shape{INT64_MAX}.numel() == INT64_MAX);
    CHECK(Shape{INT64_MAX, 1, 1}.numel() == INT64_MAX);
    CHECK(Shape{1, INT64_MAX}.numel() == INT64_MAX);
    CHECK(Shape{std::int64_t{1} << 31, (std::int64_t{1} << 32) - 1}.numel() == ((std::int64_t{1} << 32) - 1) * (std::int64_t{1} << 31));
    const Shape two_to_63{std::int64_t{1} << 31, std::int64_t{1} << 32};
    CHECK_THROWS_WITH_AS(two_to_63.numel(), "shape: the number of elements overflows 63 bits", ShapeError);
    const Shape two_to_64{std::int64_t{1} << 32, std::int64_t{1} << 32};
    CHECK_THROWS_AS(two_to_64.numel(), ShapeError);
}

TEST_CASE("shape: an empty axis empties the tensor whatever the others are") {
    CHECK(Shape{0}.numel() == 0);
    CHECK(Shape{INT64_MAX, INT64_MAX, 0}.numel() == 0);
    CHECK(Shape{0, INT64_MAX, INT64_MAX}.numel() == 0);
}
