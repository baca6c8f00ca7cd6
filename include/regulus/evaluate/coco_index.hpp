#pragma once
// Finding pictures, categories and annotations by their ids. Used by the -impl files.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace regulus::evaluate_detail {

/// Position of each id, sorted by id.
class IdIndex {
public:
    template <class Items>
    explicit IdIndex(const Items& items) {
        places_.reserve(items.size());
        for (std::size_t i = 0; i < items.size(); ++i) places_.emplace_back(items[i].id, i);
        std::sort(places_.begin(), places_.end());
    }

    /// The first of two places with one id, or none.
    std::optional<std::pair<std::size_t, std::size_t>> twice() const {
        for (std::size_t i = 1; i < places_.size(); ++i) {
            if (places_[i].first == places_[i - 1].first) return std::pair(places_[i - 1].second, places_[i].second);
        }
        return std::nullopt;
    }

    std::optional<std::size_t> find(std::int64_t id) const {
        const auto place = std::lower_bound(places_.begin(), places_.end(), std::pair(id, std::size_t{0}));
        if (place == places_.end() || place->first != id) return std::nullopt;
        return place->second;
    }

    /// Ids from the least to the greatest, each with its position in the list.
    const std::vector<std::pair<std::int64_t, std::size_t>>& sorted() const noexcept { return places_; }

private:
    std::vector<std::pair<std::int64_t, std::size_t>> places_;
};

}  // namespace regulus::evaluate_detail
