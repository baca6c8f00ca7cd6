#pragma once
#include <regulus/data/mask.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <regulus/data/run_writer.hpp>

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

/// The map with a border of zeros, and what each of its cells decides for all pixels in it.
class PasteMap {
public:
    enum class Cell : std::uint8_t { off, on, mixed };

    PasteMap(std::span<const float> map, int side, float threshold)
        : side_(side), threshold_(threshold), values_(std::size_t(side + 2) * std::size_t(side + 2)), cells_(std::size_t(side + 1) * std::size_t(side + 1)) {
        for (int y = 0; y < side; ++y) std::copy_n(map.data() + y * side, side, values_.data() + (y + 1) * (side + 2) + 1);
        for (int y = -1; y < side; ++y) {
            for (int x = -1; x < side; ++x) cells_[std::size_t((y + 1) * (side + 1) + x + 1)] = judge(y, x);
        }
    }

    Cell cell(int y, int x) const {
        if (y == PasteAxis::outside_cell || x == PasteAxis::outside_cell) return threshold_ <= 0 ? Cell::on : Cell::off;
        return cells_[std::size_t((y + 1) * (side_ + 1) + x + 1)];
    }

    /// In the order of PyTorch's grid_sample: north-west, north-east, south-west, south-east.
    bool pixel(int y, int x, float near_y, float far_y, float near_x, float far_x) const {
        const float* upper = corner(y, x);
        const float* lower = upper + side_ + 2;
        const float value = upper[0] * (near_y * near_x) + upper[1] * (near_y * far_x) + lower[0] * (far_y * near_x) + lower[1] * (far_y * far_x);
        return value >= threshold_;
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
    std::vector<float> values_;
    std::vector<Cell> cells_;
};

/// Calls run(on, length) for the picture's pixels, column by column.
template <class Run>
void paste_runs(std::span<const float> probabilities, int side, const std::array<float, 4>& box, PictureSize picture, float threshold, Run&& run) {
    check_mask_size("paste_mask", picture.height, picture.width);
    if (side < 1 || side > 1024 || probabilities.size() != std::size_t(side) * std::size_t(side)) {
        throw ShapeError("paste_mask: a map of side " + std::to_string(side) + " (1 .. 1024) has side * side values, got " + std::to_string(probabilities.size()));
    }
    if (!std::isfinite(box[0]) || !std::isfinite(box[1]) || !std::isfinite(box[2]) || !std::isfinite(box[3]) || !std::isfinite(threshold)) {
        throw ArgumentError("paste_mask: the box and the threshold must be finite");
    }
    const PasteAxis columns = paste_axis(box[0], box[2], picture.width, side);
    const PasteAxis rows = paste_axis(box[1], box[3], picture.height, side);
    const PasteMap map(probabilities, side, threshold);
    const std::size_t height = rows.cell.size();
    if (columns.cell.empty() || height == 0) {
        run(false, picture.height * picture.width);
        return;
    }
    std::vector<std::size_t> cell_end(height);  // one past the last row in the same cell
    for (std::size_t y = height; y-- > 0;) cell_end[y] = y + 1 < height && rows.cell[y + 1] == rows.cell[y] ? cell_end[y + 1] : y + 1;

    const std::int64_t above = rows.first, below = picture.height - rows.first - std::int64_t(height);
    run(false, columns.first * picture.height);
    for (std::size_t x = 0; x < columns.cell.size(); ++x) {
        run(false, above);
        for (std::size_t y = 0; y < height;) {
            const PasteMap::Cell cell = map.cell(rows.cell[y], columns.cell[x]);
            const std::size_t end = cell_end[y];
            if (cell != PasteMap::Cell::mixed) {
                run(cell == PasteMap::Cell::on, std::int64_t(end - y));
                y = end;
                continue;
            }
            for (; y < end; ++y) run(map.pixel(rows.cell[y], columns.cell[x], rows.near[y], rows.far[y], columns.near[x], columns.far[x]), 1);
        }
        run(false, below);
    }
    run(false, (picture.width - columns.first - std::int64_t(columns.cell.size())) * picture.height);
}

}  // namespace data_detail

REGULUS_INLINE Rle paste_mask_rle(std::span<const float> probabilities, int side, const std::array<float, 4>& box, PictureSize picture, float threshold) {
    data_detail::RunWriter runs;
    data_detail::paste_runs(probabilities, side, box, picture, threshold, [&](bool on, std::int64_t length) { runs.add(on, length); });
    return {picture.height, picture.width, runs.finish()};
}

REGULUS_INLINE BitMask paste_mask(std::span<const float> probabilities, int side, const std::array<float, 4>& box, PictureSize picture, float threshold) {
    return rle_decode(paste_mask_rle(probabilities, side, box, picture, threshold));
}

}  // namespace regulus
