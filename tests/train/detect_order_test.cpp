// Orders of detectors' pictures, by hand and by their frequencies.
#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/data/image.hpp>
#include <regulus/train/detect_order.hpp>

using namespace regulus;
using namespace regulus::train;

TEST_CASE("repeat factors: by hand") {
    // Category 1 is on 4 of 8 pictures, 2 on one, 3 on two.
    const std::vector<std::vector<std::int64_t>> categories{{1, 1, 1}, {1}, {1, 3}, {1, 2}, {3}, {}, {}, {}};
    const std::vector<double> factors = repeat_factors(categories, 0.5);
    CHECK(factors == std::vector<double>{1, 1, std::sqrt(2.0), 2, std::sqrt(2.0), 1, 1, 1});
    CHECK(repeat_factors(categories) == std::vector<double>(8, 1.0));  // nothing is rarer than one in a thousand
    CHECK(repeat_factors({}).empty());
    CHECK_THROWS_AS(repeat_factors(categories, 2), ArgumentError);
}

TEST_CASE("repeated order: whole parts always, the rest as often as it says") {
    const std::vector<double> factors{1, 2.25, 0, 0.5};
    std::map<std::int64_t, int> seen;
    for (int epoch = 0; epoch < 4000; ++epoch) {
        const std::vector<std::int64_t> order = repeated_order(factors, 3, epoch);
        CHECK(std::count(order.begin(), order.end(), 0) == 1);
        const auto twice = std::count(order.begin(), order.end(), 1);
        CHECK((twice == 2 || twice == 3));
        for (const std::int64_t picture : order) ++seen[picture];
    }
    CHECK(seen.count(2) == 0);
    CHECK(std::abs(seen[1] - 9000) < 5 * 28);  // sqrt(4000 / 4 * 3 / 4)
    CHECK(std::abs(seen[3] - 2000) < 5 * 32);
    CHECK(repeated_order(factors, 3, 7) == repeated_order(factors, 3, 7));
    CHECK_THROWS_AS(repeated_order(std::vector<double>{std::nan("")}, 3, 7), ArgumentError);
    CHECK_THROWS_AS(repeated_order(factors, 3, -1), ArgumentError);
}

TEST_CASE("batches of alike: orientation by orientation, everybody is seen") {
    const std::vector<PictureSize> sizes{{1, 2}, {2, 1}, {3, 4}, {5, 5}, {1, 9}, {9, 1}, {7, 8}};  // wide: 0 2 4 6
    const auto batches = [&](const std::vector<std::int64_t>& order, std::int64_t batch) { return batches_of_alike<PictureSize>(order, sizes, batch); };
    using Batches = std::vector<std::vector<std::int64_t>>;
    CHECK(batches({6, 5, 4, 3, 2, 1, 0}, 2) == Batches{{6, 4}, {5, 3}, {2, 0}, {1, 5}});
    CHECK(batches({0, 1, 2, 3, 4, 5, 6}, 3) == Batches{{0, 2, 4}, {1, 3, 5}, {6, 0, 2}});
    CHECK(batches({1}, 4) == Batches{{1, 1, 1, 1}});
    CHECK(batches({}, 4).empty());
    CHECK_THROWS_AS(batches({7}, 2), ArgumentError);
    CHECK_THROWS_AS(batches({0}, 0), ArgumentError);
}
