#pragma once
#include <regulus/data/rle.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include <regulus/data/run_writer.hpp>

namespace regulus {
namespace data_detail {

/// Walks the runs of two masks of one size; calls piece(on_in_a, on_in_b, length).
template <class Piece>
void walk_together(const Rle& a, const Rle& b, Piece&& piece) {
    std::size_t i = 0, j = 0;
    std::int64_t left_a = a.counts.empty() ? 0 : a.counts[0], left_b = b.counts.empty() ? 0 : b.counts[0];
    while (i < a.counts.size() && j < b.counts.size()) {
        const std::int64_t length = std::min(left_a, left_b);
        piece(i % 2 == 1, j % 2 == 1, length);
        left_a -= length;
        left_b -= length;
        if (left_a == 0 && ++i < a.counts.size()) left_a = a.counts[i];
        if (left_b == 0 && ++j < b.counts.size()) left_b = b.counts[j];
    }
}

inline void check_same_size(const char* who, const Rle& a, const Rle& b) {
    check_rle(a);
    check_rle(b);
    if (a.height == b.height && a.width == b.width) return;
    throw ShapeError(std::string(who) + ": masks must have one size, got " + std::to_string(a.height) + " x " + std::to_string(a.width) + " and " +
                     std::to_string(b.height) + " x " + std::to_string(b.width));
}

/// A corner of a polygon on the rasteriser's grid, five times as fine as pixels.
struct GridPoint {
    std::int64_t x = 0;
    std::int64_t y = 0;
};

/// Walks a closed ring on the fine grid and notes where it passes the middle line of a column of pixels. The ring's inside is what lies
/// between each two such crossings of a column, once sorted.
class CrossingFinder {
public:
    CrossingFinder(std::int64_t height, std::int64_t width) : height_(height), width_(width) {}

    void edge(GridPoint from, GridPoint to) {
        const std::int64_t dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
        const bool along_x = dx >= dy;
        const std::int64_t length = along_x ? dx : dy;
        const bool backwards = along_x ? from.x > to.x : from.y > to.y;
        // The slope is always taken from the lower end of the driving axis, so that an edge gives the same points both ways.
        const GridPoint low = backwards ? to : from, high = backwards ? from : to;
        const double slope = length == 0 ? 0.0 : double(along_x ? high.y - low.y : high.x - low.x) / double(length);
        for (std::int64_t step = 0; step <= length; ++step) {
            const std::int64_t t = backwards ? length - step : step;
            if (along_x) point({low.x + t, std::int64_t(double(low.y) + slope * double(t) + 0.5)});
            else point({std::int64_t(double(low.x) + slope * double(t) + 0.5), low.y + t});
        }
    }

    /// Positions in column-major order, unsorted.
    std::vector<std::uint32_t> take() { return std::move(crossings_); }

private:
    void point(GridPoint now) {
        const GridPoint before = last_;
        const bool moved = !first_ && now.x != before.x;
        first_ = false;
        last_ = now;
        if (!moved) return;
        const std::int64_t line = now.x < before.x ? now.x : now.x - 1;
        if (line < 0 || line % 5 != 2 || line / 5 >= width_) return;  // grid lines 2, 7, 12, ... are the middles of columns 0, 1, 2, ...
        const double row = std::clamp((double(std::min(now.y, before.y)) + 0.5) / 5.0 - 0.5, 0.0, double(height_));
        crossings_.push_back(std::uint32_t(line / 5 * height_ + std::int64_t(std::ceil(row))));
    }

    std::int64_t height_;
    std::int64_t width_;
    bool first_ = true;
    GridPoint last_;
    std::vector<std::uint32_t> crossings_;
};

}  // namespace data_detail

REGULUS_INLINE void check_rle(const Rle& rle) {
    data_detail::check_mask_size("rle", rle.height, rle.width);
    std::uint64_t sum = 0;
    for (const std::uint32_t count : rle.counts) sum += count;
    if (sum == std::uint64_t(rle.height * rle.width)) return;
    throw ShapeError("rle: the runs cover " + std::to_string(sum) + " pixels, the mask of " + std::to_string(rle.height) + " x " + std::to_string(rle.width) +
                     " has " + std::to_string(rle.height * rle.width));
}

REGULUS_INLINE Rle rle_encode(const BitMask& mask) {
    data_detail::check_mask_size("rle_encode", mask.height, mask.width);
    if (mask.bits.size() != std::size_t(mask.height * mask.width)) {
        throw ShapeError("rle_encode: a mask of " + std::to_string(mask.height) + " x " + std::to_string(mask.width) + " has one byte a pixel, got " +
                         std::to_string(mask.bits.size()));
    }
    data_detail::RunWriter runs;
    for (std::int64_t x = 0; x < mask.width; ++x) {
        for (std::int64_t y = 0; y < mask.height; ++y) runs.add(mask.at(y, x), 1);
    }
    return {mask.height, mask.width, runs.finish()};
}

REGULUS_INLINE BitMask rle_decode(const Rle& rle) {
    check_rle(rle);
    BitMask mask{rle.height, rle.width, std::vector<std::uint8_t>(std::size_t(rle.height * rle.width))};
    std::int64_t position = 0;
    for (std::size_t i = 0; i < rle.counts.size(); ++i) {
        const std::int64_t end = position + rle.counts[i];
        if (i % 2 == 1) {
            std::int64_t y = position % rle.height, x = position / rle.height;
            for (std::int64_t p = position; p < end; ++p) {
                mask.bits[std::size_t(y * rle.width + x)] = 1;
                if (++y == rle.height) { y = 0; ++x; }
            }
        }
        position = end;
    }
    return mask;
}

REGULUS_INLINE std::int64_t rle_area(const Rle& rle) {
    std::int64_t area = 0;
    for (std::size_t i = 1; i < rle.counts.size(); i += 2) area += rle.counts[i];
    return area;
}

REGULUS_INLINE std::array<double, 4> rle_box(const Rle& rle) {
    check_rle(rle);
    std::int64_t left = rle.width, top = rle.height, right = -1, bottom = -1, position = 0;
    for (std::size_t i = 0; i < rle.counts.size(); ++i) {
        const std::int64_t end = position + rle.counts[i];
        if (i % 2 == 1 && end > position) {
            const std::int64_t first_column = position / rle.height, last_column = (end - 1) / rle.height;
            const bool wraps = first_column != last_column;  // then it holds the bottom of one column and the top of the next
            left = std::min(left, first_column);
            right = std::max(right, last_column);
            top = wraps ? 0 : std::min(top, position % rle.height);
            bottom = wraps ? rle.height - 1 : std::max(bottom, (end - 1) % rle.height);
        }
        position = end;
    }
    if (right < 0) return {0, 0, 0, 0};
    return {double(left), double(top), double(right - left + 1), double(bottom - top + 1)};
}

REGULUS_INLINE std::string rle_to_string(const Rle& rle) {
    check_rle(rle);
    std::string text;
    for (std::size_t i = 0; i < rle.counts.size(); ++i) {
        std::int64_t value = rle.counts[i];
        if (i > 2) value -= rle.counts[i - 2];
        bool more = true;
        while (more) {
            const std::int64_t group = value & 31;
            value >>= 5;
            more = (group & 16) != 0 ? value != -1 : value != 0;
            text += char(48 + group + (more ? 32 : 0));
        }
    }
    return text;
}

REGULUS_INLINE Rle rle_from_string(std::string_view text, std::int64_t height, std::int64_t width) {
    data_detail::check_mask_size("rle_from_string", height, width);
    const std::int64_t pixels = height * width;
    Rle rle{height, width, {}};
    std::int64_t covered = 0;
    std::size_t at = 0;
    while (at < text.size()) {
        std::int64_t value = 0;
        for (int shift = 0;; shift += 5) {
            if (at == text.size()) throw FileError("rle_from_string: the last number is cut off");
            const int group = static_cast<unsigned char>(text[at]) - 48;
            if (group < 0 || group > 63) throw FileError("rle_from_string: byte " + std::to_string(at) + " is not one of '0' .. 'o'");
            if (shift > 30) throw FileError("rle_from_string: the number before byte " + std::to_string(at) + " is too large");
            ++at;
            value |= std::int64_t(group & 31) << shift;
            if ((group & 32) != 0) continue;
            if ((group & 16) != 0) value -= std::int64_t{32} << shift;
            break;
        }
        const std::size_t i = rle.counts.size();
        if (i > 2) value += rle.counts[i - 2];
        covered += value;
        if (value < 0 || covered > pixels) {
            throw FileError("rle_from_string: run " + std::to_string(i) + " is " + std::to_string(value) + " long, which a mask of " + std::to_string(height) +
                            " x " + std::to_string(width) + " cannot hold");
        }
        rle.counts.push_back(std::uint32_t(value));
    }
    if (covered != pixels) {
        throw FileError("rle_from_string: the runs cover " + std::to_string(covered) + " pixels, the mask of " + std::to_string(height) + " x " +
                        std::to_string(width) + " has " + std::to_string(pixels));
    }
    return rle;
}

REGULUS_INLINE std::int64_t rle_intersection(const Rle& a, const Rle& b) {
    data_detail::check_same_size("rle_intersection", a, b);
    std::int64_t common = 0;
    data_detail::walk_together(a, b, [&](bool in_a, bool in_b, std::int64_t length) { common += in_a && in_b ? length : 0; });
    return common;
}

REGULUS_INLINE double rle_iou(const Rle& detection, const Rle& truth, bool truth_is_crowd) {
    const std::int64_t common = rle_intersection(detection, truth);
    if (common == 0) return 0;
    const std::int64_t whole = truth_is_crowd ? rle_area(detection) : rle_area(detection) + rle_area(truth) - common;
    return double(common) / double(whole);
}

REGULUS_INLINE Rle rle_merge(std::span<const Rle> masks, bool intersect) {
    if (masks.empty()) throw ShapeError("rle_merge: needs one mask or more, got none");
    Rle merged = masks[0];
    check_rle(merged);
    for (const Rle& mask : masks.subspan(1)) {
        data_detail::check_same_size("rle_merge", merged, mask);
        data_detail::RunWriter runs;
        data_detail::walk_together(merged, mask, [&](bool a, bool b, std::int64_t length) { runs.add(intersect ? a && b : a || b, length); });
        merged.counts = runs.finish();
    }
    return merged;
}

REGULUS_INLINE Rle rle_from_polygon(std::span<const double> ring, std::int64_t height, std::int64_t width) {
    constexpr double farthest = 1 << 24;
    constexpr std::int64_t longest = std::int64_t{1} << 28;  // steps on the fine grid: half a second
    data_detail::check_mask_size("rle_from_polygon", height, width);
    if (ring.size() < 6 || ring.size() % 2 != 0) {
        throw ArgumentError("rle_from_polygon: a ring is x0 y0 x1 y1 x2 y2 ..., got " + std::to_string(ring.size()) + " numbers");
    }
    std::vector<data_detail::GridPoint> corners;
    for (std::size_t i = 0; i < ring.size(); i += 2) {
        for (const double coordinate : {ring[i], ring[i + 1]}) {
            if (!(std::fabs(coordinate) <= farthest)) throw ArgumentError("rle_from_polygon: a coordinate is not finite or beyond 2^24");
        }
        corners.push_back({std::int64_t(5.0 * ring[i] + 0.5), std::int64_t(5.0 * ring[i + 1] + 0.5)});
    }
    corners.push_back(corners.front());
    std::int64_t steps = 0;
    for (std::size_t i = 1; i < corners.size(); ++i) {
        steps += std::max(std::abs(corners[i].x - corners[i - 1].x), std::abs(corners[i].y - corners[i - 1].y));
        if (steps > longest) throw ArgumentError("rle_from_polygon: the ring is longer than 5e7 pixels");
    }
    data_detail::CrossingFinder finder(height, width);
    for (std::size_t i = 1; i < corners.size(); ++i) finder.edge(corners[i - 1], corners[i]);
    std::vector<std::uint32_t> crossings = finder.take();
    std::sort(crossings.begin(), crossings.end());

    data_detail::RunWriter runs;  // joins what is parted by an empty run
    std::uint32_t position = 0;
    bool on = false;
    for (const std::uint32_t crossing : crossings) {
        runs.add(on, crossing - position);
        position = crossing;
        on = !on;
    }
    runs.add(on, height * width - position);
    return {height, width, runs.finish()};
}

REGULUS_INLINE Rle rle_from_polygons(std::span<const std::vector<double>> rings, std::int64_t height, std::int64_t width) {
    std::vector<Rle> masks;
    for (const std::vector<double>& ring : rings) masks.push_back(rle_from_polygon(ring, height, width));
    return rle_merge(masks);
}

}  // namespace regulus
