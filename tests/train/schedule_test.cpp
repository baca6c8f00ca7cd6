// Learning rates against the numbers of the programs whose schedules they are.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/train/schedule.hpp>

#include "train/torch_numbers.hpp"

using namespace regulus;
using namespace regulus::train;

namespace {

std::vector<double> of_epochs(const Schedule& schedule, const std::vector<std::int64_t>& epochs) {
    std::vector<double> rates;
    for (const std::int64_t epoch : epochs) rates.push_back(learning_rate(schedule, epoch, epoch * 100));
    return rates;
}

void check_close(const std::vector<double>& rates, const std::vector<double>& expected, double tolerance) {
    REQUIRE(rates.size() == expected.size());
    for (std::size_t i = 0; i < rates.size(); ++i) {
        CAPTURE(i);
        CHECK(std::abs(rates[i] - expected[i]) < tolerance);
    }
}

}  // namespace

TEST_CASE("schedule: pycls's rates, as printed with six digits by its own code") {
    check_close(of_epochs(pycls_schedule(0.8), {0, 1, 2, 3, 4, 5, 50, 99, 100}), {0.08, 0.223945, 0.367637, 0.510864, 0.653414, 0.795075, 0.4, 0.000197, 0}, 6e-7);
}

TEST_CASE("schedule: torchvision's rates, epoch by epoch as torch's schedulers give them") {
    const Schedule schedule = torchvision_schedule(0.8);
    for (int epoch = 0; epoch <= 100; ++epoch) {
        CAPTURE(epoch);
        CHECK(std::abs(learning_rate(schedule, epoch, 12345) - torch_numbers::torchvision_epochs[epoch]) < 1e-12);  // torch goes from one to the next: 100 roundings
    }
}

TEST_CASE("schedule: mmpretrain's warm-up ends an epoch earlier, then the cosine is torchvision's") {
    check_close(of_epochs(mmpretrain_schedule(0.8), {0, 1, 2, 3, 4, 5}), {0.08, 0.26, 0.44, 0.62, 0.8, 0.8}, 1e-12);
    CHECK(learning_rate(mmpretrain_schedule(0.8), 57, 0) == learning_rate(torchvision_schedule(0.8), 57, 0));
}

TEST_CASE("schedule: mmdetection's steps are epochs, its warm-up iterations") {
    const Schedule once = mmdetection_schedule(0.02), thrice = mmdetection_schedule(0.02, {28, 34});
    const auto warming = [](double t) { return 0.02 * (1 - (1 - t / 500) * (1 - 0.001)); };
    for (const int t : {0, 1, 250, 499}) CHECK(learning_rate(once, 0, t) == doctest::Approx(warming(t)).epsilon(1e-12));
    CHECK(learning_rate(once, 0, 500) == 0.02);
    check_close(of_epochs(once, {7, 8, 10, 11, 12}), {0.02, 0.002, 0.002, 0.0002, 0.0002}, 1e-12);
    check_close(of_epochs(thrice, {27, 28, 34}), {0.02, 0.002, 0.0002}, 1e-12);
}

TEST_CASE("schedule: detectron2's steps are iterations") {
    const Schedule once = detectron2_schedule(0.02);
    for (const int t : {0, 1, 500, 999}) {
        const double a = t / 1000.0;
        CHECK(learning_rate(once, 0, t) == doctest::Approx(0.02 * (0.001 * (1 - a) + a)).epsilon(1e-12));
    }
    CHECK(learning_rate(once, 0, 1000) == 0.02);
    CHECK(learning_rate(once, 0, 59999) == 0.02);
    CHECK(learning_rate(once, 0, 60000) == doctest::Approx(0.002));
    CHECK(learning_rate(once, 0, 80000) == doctest::Approx(0.0002));
    CHECK(learning_rate(detectron2_schedule(0.02, {210000, 250000}), 0, 209999) == 0.02);
}

TEST_CASE("schedule: a floor stays, and no time and no numbers that make no sense") {
    Schedule schedule = pycls_schedule(0.5, 10, 0);
    schedule.floor = 0.01;
    CHECK(learning_rate(schedule, 0, 0) == 0.5);
    CHECK(learning_rate(schedule, 10, 0) == doctest::Approx(0.005));
    CHECK(learning_rate(schedule, 1000, 0) == doctest::Approx(0.005));
    CHECK(learning_rate(Schedule{}, 1000000, 1000000) == 0.1);

    CHECK_THROWS_WITH_AS(learning_rate(schedule, -1, 0), "schedule: epoch -1, iteration 0 has not begun", ArgumentError);
    CHECK_THROWS_AS(learning_rate(schedule, 0, -1), ArgumentError);
    CHECK_THROWS_WITH_AS(learning_rate(pycls_schedule(0.5, 0), 0, 0), "schedule: the cosine must end after it begins, it goes from 0.000000 to 0.000000", ArgumentError);
    schedule.peak = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_WITH_AS(learning_rate(schedule, 0, 0), "schedule: the peak must be finite and not negative, got nan", ArgumentError);
    CHECK_THROWS_AS(learning_rate(torchvision_schedule(0.1, 3), 0, 0), ArgumentError);  // shorter than its warm-up
}
