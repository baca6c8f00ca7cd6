#pragma once
#include <regulus/data/mask.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <regulus/data/run_writer.hpp>
#include <regulus/core/bilinear_tap.hpp>

namespace regulus {
namespace data_detail {

/// Where the pixels of one axis fall in the map: pixel first + i lies between map positions cell[i] and cell[i] + 1.
struct PasteAxis {
    std::int64_t first = 0;
    std::vector<int> cell;               // -1 .. side - 1; outside_cell when both neighbours are outside
    std::vector<float> near, far;        // weights of cell[i] and of cell[i] + 1
    static constexpr int outside_cell = -2;
};

/// The peers' float32 steps one by one: they decide on which side of the threshold a border pixel falls.
inline PasteAxis paste_axis(float low, float high, std::int64_t pixels, int side) {
    const float limit = float(pixels);
    PasteAxis axis;
    axis.first = std::int64_t(std::clamp(std::floor(low) - 1.0f, 0.0f, limit));
    const std::int64_t end = std::int64_t(std::clamp(std::ceil(high) + 1.0f, 0.0f, limit));
    for (std::int64_t p = axis.first; p < end; ++p) {
        float grid = (float(p) + 0.5f - low) / (high - low) * 2.0f - 1.0f;
        if (std::isinf(grid)) grid = 0;  // a box without width
        const float position = (grid + 1.0f) * (float(side) / 2.0f) - 0.5f;
        const float cell = std::floor(position);
        const bool inside = cell >= -1.0f && cell < float(side);  // false for NaN
        axis.cell.push_back(inside ? int(cell) : PasteAxis::outside_cell);
        axis.far.push_back(position - cell);
        axis.near.push_back(1.0f - (position - cell));
    }
    return axis;
}

/// The same for torchvision's rule: the box grows by the border's share and loses its fractions, the map of side + 2 is resized to its whole pixels.
inline PasteAxis torchvision_axis(float low, float high, std::int64_t pixels, int side) {
    const float half = (high - low) * 0.5f * float(double(side + 2) / double(side)), centre = (high + low) * 0.5f;
    constexpr float far_away = 1e9f;  // beyond every picture; integers hold it
    const std::int64_t first = std::int64_t(std::clamp(centre - half, -far_away, far_away)), last = std::int64_t(std::clamp(centre + half, -far_away, far_away));
    const std::int64_t size = std::max<std::int64_t>(last - first + 1, 1);
    PasteAxis axis;
    axis.first = std::clamp<std::int64_t>(first, 0, pixels);
    for (std::int64_t p = axis.first, end = std::min(last + 1, pixels); p < end; ++p) {
        const auto tap = kernels::bilinear_tap<float>(p - first, side + 2, size);
        axis.cell.push_back(tap.first == side + 1 ? PasteAxis::outside_cell : int(tap.first) - 1);  // in the far border only
        axis.near.push_back(1.0f - tap.weight);
        axis.far.push_back(tap.weight);
    }
    return axis;
}

inline PasteAxis paste_axis(PasteRule rule, float low, float high, std::int64_t pixels, int side) {
    return rule == PasteRule::sampled ? paste_axis(low, high, pixels, side) : torchvision_axis(low, high, pixels, side);
}

/// The map with a border of zeros, and what each of its cells decides for all pixels in it.
class PasteMap {
public:
    enum class Cell : std::uint8_t { off, on, mixed };

    PasteMap(std::span<const float> map, int side, float threshold, PasteRule rule)
        : side_(side), threshold_(threshold), rule_(rule), values_(std::size_t(side + 2) * std::size_t(side + 2)), cells_(std::size_t(side + 1) * std::size_t(side + 1)) {
        for (int y = 0; y < side; ++y) std::copy_n(map.data() + y * side, side, values_.data() + (y + 1) * (side + 2) + 1);
        for (int y = -1; y < side; ++y) {
            for (int x = -1; x < side; ++x) cells_[std::size_t((y + 1) * (side + 1) + x + 1)] = judge(y, x);
        }
    }

    Cell cell(int y, int x) const {
        if (y == PasteAxis::outside_cell || x == PasteAxis::outside_cell) return threshold_ <= 0 ? Cell::on : Cell::off;
        return cells_[std::size_t((y + 1) * (side_ + 1) + x + 1)];
    }

    bool pixel(int y, int x, float near_y, float far_y, float near_x, float far_x) const {
        std::uint8_t on;
        pixels(y, x, near_y, far_y, &near_x, &far_x, 1, &on);
        return on != 0;
    }

    /// A line of `count` pixels of cell (y, x), 1 or 0 each. The terms in the order of PyTorch's grid_sample: north-west, north-east, south-west,
    /// south-east; or in that of its interpolate: along the upper row and the lower one, then across.
    void pixels(int y, int x, float near_y, float far_y, const float* near_x, const float* far_x, std::int64_t count, std::uint8_t* on) const {
        const float* upper = corner(y, x);
        const float* lower = upper + side_ + 2;
        const float north_west = upper[0], north_east = upper[1], south_west = lower[0], south_east = lower[1], threshold = threshold_;
        if (rule_ == PasteRule::torchvision) {
            for (std::int64_t i = 0; i < count; ++i) {
                const float value = (north_west * near_x[i] + north_east * far_x[i]) * near_y + (south_west * near_x[i] + south_east * far_x[i]) * far_y;
                on[i] = value >= threshold ? 1 : 0;
            }
            return;
        }
        for (std::int64_t i = 0; i < count; ++i) {
            const float value = north_west * (near_y * near_x[i]) + north_east * (near_y * far_x[i]) + south_west * (far_y * near_x[i]) + south_east * (far_y * far_x[i]);
            on[i] = value >= threshold ? 1 : 0;
        }
    }

private:
    const float* corner(int y, int x) const { return values_.data() + (y + 1) * (side_ + 2) + x + 1; }

    /// A mean of four values well above the threshold is above it whatever the weights and their rounding.
    Cell judge(int y, int x) const {
        const float* upper = corner(y, x);
        const float* lower = upper + side_ + 2;
        const float lowest = std::min({upper[0], upper[1], lower[0], lower[1]}), highest = std::max({upper[0], upper[1], lower[0], lower[1]});
        const float slack = 1e-5f * (std::fabs(upper[0]) + std::fabs(upper[1]) + std::fabs(lower[0]) + std::fabs(lower[1]) + std::fabs(threshold_));
        if (!std::isfinite(slack)) return Cell::mixed;
        if (lowest > threshold_ + slack) return Cell::on;
        if (highest < threshold_ - slack) return Cell::off;
        return Cell::mixed;
    }

    int side_;
    float threshold_;
    PasteRule rule_;
    std::vector<float> values_;
    std::vector<Cell> cells_;
};

/// One past the last position in the same cell, for each position.
inline std::vector<std::size_t> cell_ends(const PasteAxis& axis) {
    std::vector<std::size_t> ends(axis.cell.size());
    for (std::size_t i = ends.size(); i-- > 0;) ends[i] = i + 1 < ends.size() && axis.cell[i + 1] == axis.cell[i] ? ends[i + 1] : i + 1;
    return ends;
}

inline void check_paste(std::span<const float> probabilities, int side, const std::array<float, 4>& box, PictureSize picture, float threshold) {
    check_mask_size("paste_mask", picture.height, picture.width);
    if (side < 1 || side > 1024 || probabilities.size() != std::size_t(side) * std::size_t(side)) {
        throw ShapeError("paste_mask: a map of side " + std::to_string(side) + " (1 .. 1024) has side * side values, got " + std::to_string(probabilities.size()));
    }
    if (!std::isfinite(box[0]) || !std::isfinite(box[1]) || !std::isfinite(box[2]) || !std::isfinite(box[3]) || !std::isfinite(threshold)) {
        throw ArgumentError("paste_mask: the box and the threshold must be finite");
    }
}

}  // namespace data_detail

REGULUS_INLINE Rle paste_mask_rle(std::span<const float> probabilities, int side, const std::array<float, 4>& box, PictureSize picture, float threshold, PasteRule rule) {
    using data_detail::PasteMap;
    data_detail::check_paste(probabilities, side, box, picture, threshold);
    const data_detail::PasteAxis columns = data_detail::paste_axis(rule, box[0], box[2], picture.width, side);
    const data_detail::PasteAxis rows = data_detail::paste_axis(rule, box[1], box[3], picture.height, side);
    const PasteMap map(probabilities, side, threshold, rule);
    const std::int64_t height = std::int64_t(rows.cell.size()), above = rows.first, below = picture.height - above - height;
    data_detail::RunWriter runs;
    if (columns.cell.empty() || height == 0) {
        runs.add(false, picture.height * picture.width);
        return {picture.height, picture.width, runs.finish()};
    }
    const std::vector<std::size_t> ends = data_detail::cell_ends(rows);
    runs.add(false, columns.first * picture.height);
    for (std::size_t x = 0; x < columns.cell.size(); ++x) {
        runs.add(false, above);
        for (std::size_t y = 0; y < rows.cell.size();) {
            const PasteMap::Cell cell = map.cell(rows.cell[y], columns.cell[x]);
            const std::size_t end = ends[y];
            if (cell != PasteMap::Cell::mixed) {
                runs.add(cell == PasteMap::Cell::on, std::int64_t(end - y));
                y = end;
                continue;
            }
            for (; y < end; ++y) runs.add(map.pixel(rows.cell[y], columns.cell[x], rows.near[y], rows.far[y], columns.near[x], columns.far[x]), 1);
        }
        runs.add(false, below);
    }
    runs.add(false, (picture.width - columns.first - std::int64_t(columns.cell.size())) * picture.height);
    return {picture.height, picture.width, runs.finish()};
}

REGULUS_INLINE BitMask paste_mask(std::span<const float> probabilities, int side, const std::array<float, 4>& box, PictureSize picture, float threshold, BitMask memory,
                                  PasteRule rule) {
    using data_detail::PasteMap;
    data_detail::check_paste(probabilities, side, box, picture, threshold);
    const data_detail::PasteAxis columns = data_detail::paste_axis(rule, box[0], box[2], picture.width, side);
    const data_detail::PasteAxis rows = data_detail::paste_axis(rule, box[1], box[3], picture.height, side);
    const PasteMap map(probabilities, side, threshold, rule);
    const std::vector<std::size_t> ends = data_detail::cell_ends(columns);
    BitMask mask{picture.height, picture.width, std::move(memory.bits)};
    mask.bits.assign(std::size_t(picture.height * picture.width), 0);
    for (std::size_t y = 0; y < rows.cell.size(); ++y) {
        std::uint8_t* const line = mask.bits.data() + (rows.first + std::int64_t(y)) * picture.width + columns.first;
        for (std::size_t x = 0; x < columns.cell.size(); x = ends[x]) {
            const PasteMap::Cell cell = map.cell(rows.cell[y], columns.cell[x]);
            const std::int64_t count = std::int64_t(ends[x] - x);
            if (cell == PasteMap::Cell::on) std::fill_n(line + x, count, std::uint8_t{1});
            if (cell == PasteMap::Cell::mixed) map.pixels(rows.cell[y], columns.cell[x], rows.near[y], rows.far[y], columns.near.data() + x, columns.far.data() + x, count, line + x);
        }
    }
    return mask;
}

}  // namespace regulus
