#pragma once
// What the makers of run lengths share: rasterisers, encoders, merging, pasting.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/error.hpp>

namespace regulus::data_detail {

/// Throws ShapeError, naming `who`, unless counts of all pixels fit 32 bits.
inline void check_mask_size(const char* who, std::int64_t height, std::int64_t width) {
    if (height >= 0 && width >= 0 && (height == 0 || width <= std::int64_t{UINT32_MAX} / height)) return;
    throw ShapeError(std::string(who) + ": a mask has fewer than 2^32 pixels, got " + std::to_string(height) + " x " + std::to_string(width));
}

/// Joins pieces of equal value to runs.
class RunWriter {
public:
    void add(bool on, std::int64_t length) {
        if (length == 0) return;
        if (on != value_) {
            counts_.push_back(std::uint32_t(run_));
            value_ = on;
            run_ = 0;
        }
        run_ += length;
    }

    std::vector<std::uint32_t> finish() {
        counts_.push_back(std::uint32_t(run_));
        return std::move(counts_);
    }

private:
    std::vector<std::uint32_t> counts_;
    std::int64_t run_ = 0;
    bool value_ = false;
};

}  // namespace regulus::data_detail
