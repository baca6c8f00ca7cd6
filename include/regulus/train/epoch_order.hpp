#pragma once
// In which order an epoch shows its items, and which of them a process sees.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/core/random_numbers.hpp>

namespace regulus::train {

/// 0 .. count - 1 in an order that follows from seed and epoch, each as likely; the same on every machine. Throws ArgumentError for negative numbers.
inline std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::int64_t epoch) {
    if (count < 0 || epoch < 0) throw ArgumentError("epoch_order: " + std::to_string(count) + " items in epoch " + std::to_string(epoch) + "; neither may be negative");
    std::vector<std::int64_t> order;
    order.reserve(std::size_t(count));
    RandomStream random(random_key(random_key(seed, "epoch_order"), std::uint64_t(epoch)));
    for (std::int64_t i = 0; i < count; ++i) {  // Fisher and Yates, inside out
        order.push_back(i);
        std::swap(order.back(), order[std::size_t(random.below(std::uint64_t(i) + 1))]);
    }
    return order;
}

/// What one of `ranks` processes sees of an order: every ranks-th item from number `rank` on. All see equally many: the order goes on from its beginning where they would not
/// (PyTorch's DistributedSampler). Throws ArgumentError unless 0 <= rank < ranks.
inline std::vector<std::int64_t> share_of(const std::vector<std::int64_t>& order, int rank, int ranks) {
    if (rank < 0 || rank >= ranks) throw ArgumentError("share_of: process " + std::to_string(rank) + " of " + std::to_string(ranks) + "; they are counted from 0");
    const std::size_t each = (order.size() + std::size_t(ranks) - 1) / std::size_t(ranks);
    std::vector<std::int64_t> share;
    share.reserve(each);
    for (std::size_t i = 0; i < each; ++i) share.push_back(order[(i * std::size_t(ranks) + std::size_t(rank)) % order.size()]);
    return share;
}

}  // namespace regulus::train
