#pragma once
// In which order detectors see their pictures: rare categories more often, pictures of one orientation together.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/core/random_numbers.hpp>
#include <regulus/train/epoch_order.hpp>

namespace regulus::train {

/// How often an epoch shows each picture: with f(c) the part of the pictures on which category c is, the greatest max(1, sqrt(threshold / f(c))) of its categories, 1 without any.
/// `categories`: those on each picture, in any order, repeated or not. Throws ArgumentError for a threshold that is not in [0, 1].
/// Source: Gupta et al., LVIS, CVPR 2019 (threshold 0.001 in its models).
inline std::vector<double> repeat_factors(std::span<const std::vector<std::int64_t>> categories, double threshold = 0.001) {
    if (!(threshold >= 0 && threshold <= 1)) throw ArgumentError("repeat_factors: the threshold is a part of the pictures, got " + std::to_string(threshold));
    std::map<std::int64_t, std::int64_t> pictures;  // with a category
    for (const std::vector<std::int64_t>& of_picture : categories) {
        std::vector<std::int64_t> once = of_picture;
        std::sort(once.begin(), once.end());
        once.erase(std::unique(once.begin(), once.end()), once.end());
        for (const std::int64_t category : once) ++pictures[category];
    }
    std::vector<double> factors;
    for (const std::vector<std::int64_t>& of_picture : categories) {
        double factor = 1;
        for (const std::int64_t category : of_picture) factor = std::max(factor, std::sqrt(threshold * double(categories.size()) / double(pictures[category])));
        factors.push_back(factor);
    }
    return factors;
}

/// An epoch's pictures in random order, each as often as the whole part of its factor says and once more with the probability of the rest. Follows from seed and epoch.
/// Throws ArgumentError for a negative epoch and a factor that is not in [0, 2^20].
inline std::vector<std::int64_t> repeated_order(std::span<const double> factors, std::uint64_t seed, std::int64_t epoch) {
    if (epoch < 0) throw ArgumentError("repeated_order: epoch " + std::to_string(epoch) + " has not begun");
    const std::uint64_t key = random_key(random_key(seed, "repeated_order"), std::uint64_t(epoch));
    std::vector<std::int64_t> pictures;
    for (std::size_t i = 0; i < factors.size(); ++i) {
        if (!(factors[i] >= 0 && factors[i] <= 1 << 20)) throw ArgumentError("repeated_order: the factor of picture " + std::to_string(i) + " is " + std::to_string(factors[i]));
        const double whole = std::floor(factors[i]);
        const std::int64_t times = std::int64_t(whole) + (uniform_of(random_bits(key, i)) < factors[i] - whole ? 1 : 0);
        pictures.insert(pictures.end(), std::size_t(times), std::int64_t(i));
    }
    std::vector<std::int64_t> order = epoch_order(std::int64_t(pictures.size()), seed, epoch);
    for (std::int64_t& place : order) place = pictures[std::size_t(place)];
    return order;
}

/// An order cut into batches of pictures that are all wider than high, or all not, so that little of a batch is padding. A batch stands where its last picture stood; what is left
/// at the end is filled up with the first ones of its kind, so that every picture is seen. `sizes` are by picture, the order's numbers. Throws ArgumentError for a batch < 1 and a
/// number without a size.
template <class Size>
std::vector<std::vector<std::int64_t>> batches_of_alike(std::span<const std::int64_t> order, std::span<const Size> sizes, std::int64_t batch) {
    if (batch < 1) throw ArgumentError("batches_of_alike: a batch has one picture or more, got " + std::to_string(batch));
    std::vector<std::vector<std::int64_t>> batches;
    std::vector<std::int64_t> open[2], all[2];
    for (const std::int64_t picture : order) {
        if (picture < 0 || std::size_t(picture) >= sizes.size()) throw ArgumentError("batches_of_alike: there is no size of picture " + std::to_string(picture));
        const Size& size = sizes[std::size_t(picture)];
        const std::size_t kind = size.width > size.height ? 1 : 0;
        open[kind].push_back(picture);
        all[kind].push_back(picture);
        if (std::int64_t(open[kind].size()) == batch) batches.push_back(std::exchange(open[kind], {}));
    }
    for (std::size_t kind = 0; kind < 2; ++kind) {
        if (open[kind].empty()) continue;
        for (std::size_t i = 0; std::int64_t(open[kind].size()) < batch; ++i) open[kind].push_back(all[kind][i % all[kind].size()]);
        batches.push_back(std::move(open[kind]));
    }
    return batches;
}

}  // namespace regulus::train
