#pragma once
// The border of a mask as closed lines.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <regulus/data/rle.hpp>

namespace regulus {

/// A point of the picture, in continuous pixels: the first pixel's centre is (0.5, 0.5).
struct OutlinePoint {
    double x = 0;
    double y = 0;
};

/// Closed lines between the pixels that are on and those that are off, holes included: outer lines run clockwise on the screen, holes the other way,
/// so that both fill rules paint the mask. Each point is the middle of a pixel's side; `rounds` of averaging with both neighbours take the steps out of slanted
/// borders. The rest of the picture costs nothing: only the mask's box is unpacked.
inline std::vector<std::vector<OutlinePoint>> mask_outlines(const Rle& mask, int rounds = 2) {
    const std::array<double, 4> box = rle_box(mask);
    if (box[2] == 0) return {};
    const std::int64_t left = std::int64_t(box[0]), top = std::int64_t(box[1]), w = std::int64_t(box[2]) + 2, h = std::int64_t(box[3]) + 2;
    std::vector<std::uint8_t> on(std::size_t(w * h));  // the box with a border of pixels that are off
    std::int64_t position = 0;
    for (std::size_t i = 0; i < mask.counts.size(); position += mask.counts[i++]) {
        if (i % 2 == 0) continue;
        for (std::int64_t p = position; p < position + mask.counts[i]; ++p) on[std::size_t((p % mask.height - top + 1) * w + p / mask.height - left + 1)] = 1;
    }

    // A side is walked with the mask on its right hand: heading 0 east along a top side, 1 south along a right side, 2 west along a bottom side, 3 north along a
    // left side. `seen` marks the top sides done; every closed line has one.
    std::vector<std::uint8_t> seen(on.size());
    std::vector<std::vector<OutlinePoint>> lines;
    static constexpr std::int64_t step_x[4] = {1, 0, -1, 0}, step_y[4] = {0, 1, 0, -1};
    for (std::int64_t start = w; start < w * h; ++start) {
        if (on[std::size_t(start)] == 0 || on[std::size_t(start - w)] != 0 || seen[std::size_t(start)] != 0) continue;
        std::vector<OutlinePoint> line;
        std::int64_t x = start % w, y = start / w;  // the pixel that is on, beside the side
        int heading = 0;
        do {
            if (heading == 0) seen[std::size_t(y * w + x)] = 1;
            line.push_back({double(left + x - 1) + 0.5 - 0.5 * double(step_x[(heading + 1) % 4]), double(top + y - 1) + 0.5 - 0.5 * double(step_y[(heading + 1) % 4])});
            const std::int64_t ahead_x = x + step_x[heading], ahead_y = y + step_y[heading];
            const int outward = (heading + 3) % 4;
            const std::int64_t beyond_x = ahead_x + step_x[outward], beyond_y = ahead_y + step_y[outward];
            const bool ahead = on[std::size_t(ahead_y * w + ahead_x)] != 0;
            if (!ahead) {
                heading = (heading + 1) % 4;  // round the pixel's corner
            } else if (on[std::size_t(beyond_y * w + beyond_x)] != 0) {
                x = beyond_x;
                y = beyond_y;
                heading = outward;
            } else {
                x = ahead_x;
                y = ahead_y;
            }
        } while (y * w + x != start || heading != 0);
        for (int round = 0; round < rounds && line.size() > 8; ++round) {
            std::vector<OutlinePoint> smooth(line.size());
            for (std::size_t i = 0; i < line.size(); ++i) {
                const OutlinePoint& before = line[(i + line.size() - 1) % line.size()];
                const OutlinePoint& after = line[(i + 1) % line.size()];
                smooth[i] = {0.25 * before.x + 0.5 * line[i].x + 0.25 * after.x, 0.25 * before.y + 0.5 * line[i].y + 0.25 * after.y};
            }
            line = std::move(smooth);
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace regulus
