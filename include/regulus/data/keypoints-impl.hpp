#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/data/keypoints.hpp>

namespace regulus {

namespace detail::keypoints {

/// The four neighbours that make a pixel, beyond the border those on it, and their weights.
struct CubicTap {
    std::array<std::int32_t, 4> at;
    std::array<float, 4> weight;
};

/// Neighbouring pixels of the resized axis that are made from the same four.
struct Run {
    std::int64_t first, last;  // [first, last)
    std::array<std::int32_t, 4> at;
};

/// One axis of a bicubic resize from `in` to `out` pixels.
struct Axis {
    std::vector<CubicTap> taps;  // [out]
    std::vector<Run> runs;

    Axis(int in, std::int64_t out) : taps(std::size_t(out)) {
        constexpr float a = -0.75f;
        const auto near = [](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
        const auto far = [](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
        const float scale = float(in) / float(out);
        for (std::int64_t o = 0; o < out; ++o) {
            const float position = scale * (float(o) + 0.5f) - 0.5f, whole = std::floor(position), t = position - whole;
            CubicTap& tap = taps[std::size_t(o)];
            for (int i = 0; i < 4; ++i) tap.at[std::size_t(i)] = std::clamp(int(whole) - 1 + i, 0, in - 1);
            tap.weight = {far(t + 1), near(t), near(1 - t), far(2 - t)};
            if (runs.empty() || runs.back().at != tap.at) runs.push_back({o, o, tap.at});
            ++runs.back().last;
        }
    }
};

struct Peak {
    float value = -std::numeric_limits<float>::infinity();
    std::int64_t x = 0, y = 0;

    void meet(float other, std::int64_t other_x, std::int64_t other_y) {
        if (other > value || (other == value && (other_y < y || (other_y == y && other_x < x)))) value = other, x = other_x, y = other_y;
    }
};

/// What no pixel made from these sixteen values exceeds. The weights sum to 1, and along an axis the two outer ones reach -3/16 together: of the products at most 57/128 are
/// below zero, so a pixel is at most the greatest value and 57/128 of how far the least lies below it. The rest is for rounding.
inline float most_of(const float* map, int side, const Run& rows, const Run& columns) {
    float least = std::numeric_limits<float>::infinity(), most = -least, size = 0;
    for (const std::int32_t y : rows.at) {
        for (const std::int32_t x : columns.at) {
            const float value = map[y * side + x];
            least = std::min(least, value);
            most = std::max(most, value);
        }
    }
    size = std::max(std::abs(least), std::abs(most));
    return most + 0.4453125f * (most - least) + 1e-5f * size;
}

/// The pixels of one patch.
inline void search(const float* map, int side, const Axis& vertical, const Axis& horizontal, const Run& rows, const Run& columns, Peak& peak) {
    for (std::int64_t x = columns.first; x < columns.last; ++x) {
        const CubicTap& across = horizontal.taps[std::size_t(x)];
        std::array<float, 4> line;
        for (std::size_t i = 0; i < 4; ++i) {
            const float* const from = map + rows.at[i] * side;
            line[i] = from[across.at[0]] * across.weight[0] + from[across.at[1]] * across.weight[1] + from[across.at[2]] * across.weight[2] + from[across.at[3]] * across.weight[3];
        }
        for (std::int64_t y = rows.first; y < rows.last; ++y) {
            const std::array<float, 4>& weight = vertical.taps[std::size_t(y)].weight;
            peak.meet(line[0] * weight[0] + line[1] * weight[1] + line[2] * weight[2] + line[3] * weight[3], x, y);
        }
    }
}

/// The greatest pixel of the resized map. The most promising patch comes first, so that most others cannot exceed what it has.
inline Peak peak_of(const float* map, int side, const Axis& vertical, const Axis& horizontal, std::vector<float>& bounds) {
    bounds.clear();
    for (const Run& rows : vertical.runs) {
        for (const Run& columns : horizontal.runs) bounds.push_back(most_of(map, side, rows, columns));
    }
    const auto look = [&](std::size_t patch, Peak& peak) { search(map, side, vertical, horizontal, vertical.runs[patch / horizontal.runs.size()], horizontal.runs[patch % horizontal.runs.size()], peak); };
    Peak peak;
    const std::size_t best = std::size_t(std::max_element(bounds.begin(), bounds.end()) - bounds.begin());
    look(best, peak);
    for (std::size_t patch = 0; patch < bounds.size(); ++patch) {
        if (patch != best && !(bounds[patch] < peak.value)) look(patch, peak);
    }
    return peak;
}

}  // namespace detail::keypoints

REGULUS_INLINE std::vector<Keypoint> decode_keypoints(std::span<const float> logits, int count, int side, const std::array<float, 4>& box, KeypointScore score) {
    constexpr float most_pixels = 65535;
    if (count < 0 || side < 1 || side > 1024 || logits.size() != std::size_t(count) * std::size_t(side) * std::size_t(side)) {
        throw ShapeError("decode_keypoints: expected " + std::to_string(count) + " maps with sides of 1 .. 1024, here " + std::to_string(side) + ", got " + std::to_string(logits.size()) + " logits");
    }
    const float width = std::max(box[2] - box[0], 1.f), height = std::max(box[3] - box[1], 1.f);
    for (const float coordinate : box) {
        if (!std::isfinite(coordinate) || !(width <= most_pixels) || !(height <= most_pixels)) throw ArgumentError("decode_keypoints: the box must be finite, its sides at most 65535 pixels");
    }
    const float columns = std::ceil(width), rows = std::ceil(height);
    const detail::keypoints::Axis horizontal(side, std::int64_t(columns)), vertical(side, std::int64_t(rows));
    const std::size_t area = std::size_t(side) * std::size_t(side);
    std::vector<float> bounds;
    std::vector<Keypoint> result;
    for (std::size_t k = 0; k < std::size_t(count); ++k) {
        const float* const map = logits.data() + k * area;
        const detail::keypoints::Peak peak = detail::keypoints::peak_of(map, side, vertical, horizontal, bounds);
        Keypoint point{(float(peak.x) + 0.5f) * (width / columns) + box[0], (float(peak.y) + 0.5f) * (height / rows) + box[1], peak.value};
        if (score == KeypointScore::softmax) {
            double sum = 0;
            for (std::size_t i = 0; i < area; ++i) sum += double(std::exp(map[i] - peak.value));
            point.score = float(1 / sum);
        }
        if (!std::isfinite(peak.value) || !std::isfinite(point.score)) point.score = 0;
        result.push_back(point);
    }
    return result;
}

}  // namespace regulus
