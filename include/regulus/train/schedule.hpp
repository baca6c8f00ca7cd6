#pragma once
// How the learning rate moves while a network learns: the schedules of the published training recipes.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/error.hpp>

namespace regulus::train {

/// The learning rate, or a momentum, as a function of the time: rate = peak * warm-up's factor * curve's factor. Both factors are 1 where they have nothing to say.
struct Schedule {
    enum class Unit : std::uint8_t { epochs, iterations };
    enum class Curve : std::uint8_t { constant, cosine, steps };

    double peak = 0.1;

    Curve curve = Curve::constant;
    Unit unit = Unit::epochs;             ///< of the four below; with epochs the factor stays the same for a whole one
    double begin = 0;                     ///< cosine: here its factor is 1 ...
    double end = 100;                     ///< ... and here it is `floor`, and stays
    double floor = 0;
    std::vector<double> steps{};          ///< steps: times at which the rate is multiplied by gamma
    double gamma = 0.1;

    Unit warm_up_unit = Unit::epochs;
    double warm_up = 0;                   ///< how long the factor goes from `warm_up_from` to 1
    double warm_up_from = 0.1;
    bool warm_up_is_cosine = false;       ///< as half a cosine instead of linearly
};

/// The learning rate of an iteration, both counted from 0: `epoch` is the one that it belongs to, `iteration` is counted from the beginning of the training.
/// Throws ArgumentError for negative times, and for a schedule with numbers that are not finite, negative ones, or a cosine that ends before it begins.
inline double learning_rate(const Schedule& schedule, std::int64_t epoch, std::int64_t iteration) {
    using Curve = Schedule::Curve;
    const auto refuse = [](const std::string& why) { throw ArgumentError("schedule: " + why); };
    if (epoch < 0 || iteration < 0) refuse("epoch " + std::to_string(epoch) + ", iteration " + std::to_string(iteration) + " has not begun");
    const std::pair<const char*, double> numbers[] = {{"the peak", schedule.peak}, {"begin", schedule.begin}, {"end", schedule.end}, {"floor", schedule.floor},
                                                      {"gamma", schedule.gamma},   {"the warm-up", schedule.warm_up}, {"the warm-up's first factor", schedule.warm_up_from}};
    for (const auto& [name, value] : numbers) {
        if (!(value >= 0 && std::isfinite(value))) refuse(std::string(name) + " must be finite and not negative, got " + std::to_string(value));
    }
    if (schedule.curve == Curve::cosine && !(schedule.end > schedule.begin)) {
        refuse("the cosine must end after it begins, it goes from " + std::to_string(schedule.begin) + " to " + std::to_string(schedule.end));
    }

    const auto falling = [](double done) { return 0.5 * (1 + std::cos(std::numbers::pi * done)); };  // half a cosine, 1 to 0
    const auto time = [&](Schedule::Unit unit) { return double(unit == Schedule::Unit::epochs ? epoch : iteration); };
    double rate = schedule.peak;
    if (schedule.curve == Curve::cosine) {
        const double done = (time(schedule.unit) - schedule.begin) / (schedule.end - schedule.begin);
        rate *= schedule.floor + (1 - schedule.floor) * falling(std::clamp(done, 0.0, 1.0));
    } else if (schedule.curve == Curve::steps) {
        for (const double step : schedule.steps) {
            if (time(schedule.unit) >= step) rate *= schedule.gamma;
        }
    }
    const double warm = time(schedule.warm_up_unit);
    if (warm < schedule.warm_up) {
        const double done = warm / schedule.warm_up;
        rate *= schedule.warm_up_from + (1 - schedule.warm_up_from) * (schedule.warm_up_is_cosine ? 1 - falling(done) : done);
    }
    return rate;
}

/// pycls: a cosine over all epochs from the first one on, damped by a warm-up of 5 epochs from a tenth; constant within an epoch.
inline Schedule pycls_schedule(double peak, std::int64_t epochs = 100, std::int64_t warm_up = 5) {
    Schedule schedule;
    schedule.peak = peak;
    schedule.curve = Schedule::Curve::cosine;
    schedule.end = double(epochs);
    schedule.warm_up = double(warm_up);
    return schedule;
}

/// torchvision's reference script: 5 epochs of warm-up from a tenth, then the cosine over those that are left.
inline Schedule torchvision_schedule(double peak, std::int64_t epochs = 100, std::int64_t warm_up = 5) {
    Schedule schedule = pycls_schedule(peak, epochs, warm_up);
    schedule.begin = double(warm_up);
    return schedule;
}

/// mmpretrain: as torchvision's, but the last epoch of the warm-up has the peak already (mmengine's LinearLR).
inline Schedule mmpretrain_schedule(double peak, std::int64_t epochs = 100, std::int64_t warm_up = 5) {
    Schedule schedule = torchvision_schedule(peak, epochs, warm_up);
    schedule.warm_up = double(warm_up > 0 ? warm_up - 1 : 0);
    return schedule;
}

/// mmdetection 2: a tenth after each of these epochs ({8, 11}: 1x; {16, 22}: 2x; {28, 34}: 3x), 500 iterations of warm-up from a thousandth. mmdetection 3 has the peak at the
/// last of them already: warm_up_iterations 499.
inline Schedule mmdetection_schedule(double peak, std::vector<double> epochs = {8, 11}, std::int64_t warm_up_iterations = 500) {
    Schedule schedule;
    schedule.peak = peak;
    schedule.curve = Schedule::Curve::steps;
    schedule.steps = std::move(epochs);
    schedule.warm_up_unit = Schedule::Unit::iterations;
    schedule.warm_up = double(warm_up_iterations);
    schedule.warm_up_from = 0.001;
    return schedule;
}

/// detectron2: a tenth from each of these iterations on ({60000, 80000}: 1x; {210000, 250000}: 3x), 1000 iterations of warm-up from a thousandth.
inline Schedule detectron2_schedule(double peak, std::vector<double> iterations = {60000, 80000}, std::int64_t warm_up_iterations = 1000) {
    Schedule schedule = mmdetection_schedule(peak, std::move(iterations), warm_up_iterations);
    schedule.unit = Schedule::Unit::iterations;
    return schedule;
}

/// That schedule stretched over `all` iterations: falls after these parts of them, rounded to multiples of `unit` (an epoch's iterations: between two epochs), and a warm-up of a
/// tenth of them at most, from that part of the peak.
inline Schedule stretched_schedule(double peak, const std::vector<double>& parts, std::int64_t all, std::int64_t unit, std::int64_t warm_up, double warm_up_from = 0.001) {
    std::vector<double> falls;
    for (const double part : parts) falls.push_back(double(unit) * std::round(part * double(all) / double(unit)));
    Schedule schedule = detectron2_schedule(peak, std::move(falls), std::min(warm_up, all / 10));
    schedule.warm_up_from = warm_up_from;
    return schedule;
}

/// One cycle over `all` iterations: as half a cosine from `from` to `peak` in the first 40 %, then from there to `to`. A momentum's may fall first: its peak is then the least.
/// Source: mmcv's cyclic updaters of learning rate and momentum.
inline Schedule cyclic_schedule(double from, double peak, double to, std::int64_t all) {
    Schedule schedule;
    schedule.peak = peak;
    schedule.curve = Schedule::Curve::cosine;
    schedule.unit = schedule.warm_up_unit = Schedule::Unit::iterations;
    schedule.begin = schedule.warm_up = std::floor(0.4 * double(all));
    schedule.end = double(all);
    schedule.floor = to / peak;
    schedule.warm_up_from = from / peak;
    schedule.warm_up_is_cosine = true;
    return schedule;
}

}  // namespace regulus::train
