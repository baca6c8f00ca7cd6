#pragma once
#include <algorithm>
#include <string>
#include <utility>

#include <regulus/core/counter_random.hpp>
#include <regulus/core/error.hpp>
#include <regulus/train/assign.hpp>
#include <regulus/train/sampling.hpp>

namespace regulus::train {

namespace detail {

/// Leaves `count` of the boxes.
inline void choose(std::vector<std::int64_t>& boxes, std::size_t count, std::uint64_t seed) {
    if (boxes.size() <= count) return;
    for (std::size_t i = 0; i < count; ++i) std::swap(boxes[i], boxes[i + std::size_t(random_below(seed, i, boxes.size() - i))]);
    boxes.resize(count);
    std::sort(boxes.begin(), boxes.end());
}

}  // namespace detail

REGULUS_INLINE SampledBoxes sample_boxes(const std::vector<std::int32_t>& assigned, const Sampling& sampling, std::uint64_t seed, std::uint64_t stream) {
    if (sampling.count < 0 || !(sampling.positive_share >= 0 && sampling.positive_share <= 1)) {
        throw ArgumentError("sample_boxes: " + std::to_string(sampling.count) + " boxes with a share of " + std::to_string(sampling.positive_share) + " objects; the count must be >= 0, the share in 0 .. 1");
    }
    SampledBoxes sampled;
    for (std::size_t i = 0; i < assigned.size(); ++i) {
        if (assigned[i] >= 0) sampled.positives.push_back(std::int64_t(i));
        if (assigned[i] == background_box) sampled.negatives.push_back(std::int64_t(i));
    }
    if (sampling.count == 0) return sampled;
    const std::uint64_t own = random_bits(seed, stream);
    detail::choose(sampled.positives, std::size_t(double(sampling.count) * sampling.positive_share), random_bits(own, 0));
    detail::choose(sampled.negatives, std::size_t(sampling.count) - sampled.positives.size(), random_bits(own, 1));
    return sampled;
}

}  // namespace regulus::train
