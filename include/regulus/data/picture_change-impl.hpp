#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include <regulus/core/error.hpp>
#include <regulus/data/picture_change.hpp>

namespace regulus {
namespace data_detail {

/// The rows and columns of a window, as far as the picture has them, in the upper left corner of a grey picture of the window's size.
inline Image window_of(const Image& image, const PictureWindow& window) {
    constexpr std::uint8_t grey = 128;
    Image result(window.height, window.width);
    const std::int64_t rows = std::clamp<std::int64_t>(image.height - window.top, 0, window.height), columns = std::clamp<std::int64_t>(image.width - window.left, 0, window.width);
    for (std::int64_t y = 0; y < window.height; ++y) {
        const std::int64_t taken = y < rows ? columns : 0;
        if (taken > 0) std::copy_n(image.pixel(window.top + y, window.left), 3 * taken, result.row(y));
        std::fill_n(result.row(y) + 3 * taken, 3 * (window.width - taken), grey);
    }
    return result;
}

/// Calls body(from, to) for each edge of a ring: two points x y.
template <class Body>
void for_each_edge(const std::vector<double>& ring, const Body& body) {
    for (std::size_t i = 0; i < ring.size(); i += 2) body(ring.data() + i, ring.data() + (i + 2 < ring.size() ? i + 2 : 0));
}

/// What of a ring lies on one side of a line: where `axis` (0: x, 1: y) is `at` or more, or less with `below`.
inline std::vector<double> half_of(const std::vector<double>& ring, std::size_t axis, double at, bool below) {
    std::vector<double> half;
    const auto is_in = [&](const double* point) { return below ? point[axis] <= at : point[axis] >= at; };
    for_each_edge(ring, [&](const double* from, const double* to) {
        if (is_in(from)) half.insert(half.end(), from, from + 2);
        if (is_in(from) == is_in(to)) return;
        const double share = (at - from[axis]) / (to[axis] - from[axis]);
        const double other = from[1 - axis] + share * (to[1 - axis] - from[1 - axis]);
        half.push_back(axis == 0 ? at : other);
        half.push_back(axis == 0 ? other : at);
    });
    return half;
}

inline double area_of(const std::vector<double>& ring) {
    double twice = 0;
    for_each_edge(ring, [&](const double* from, const double* to) { twice += from[0] * to[1] - to[0] * from[1]; });
    return std::abs(twice) / 2;
}

/// Whether a point is inside a ring, by the number of edges to its right.
inline bool is_inside(const std::vector<double>& ring, double x, double y) {
    bool inside = false;
    for_each_edge(ring, [&](const double* from, const double* to) {
        if ((from[1] > y) != (to[1] > y) && x < from[0] + (y - from[1]) / (to[1] - from[1]) * (to[0] - from[0])) inside = !inside;
    });
    return inside;
}

/// Which part of an edge from (x, y) by (dx, dy) lies within: from .. to, shares of the edge. Nothing when from > to. (Liang and Barsky)
inline std::pair<double, double> share_within(double x, double y, double dx, double dy, double width, double height) {
    double from = 0, to = 1;
    const auto cut = [&](double at, double step, double limit) {
        if (step == 0) {
            if (at < 0 || at > limit) to = -1;
            return;
        }
        const double low = (0 - at) / step, high = (limit - at) / step;
        from = std::max(from, std::min(low, high));
        to = std::min(to, std::max(low, high));
    };
    cut(x, dx, width);
    cut(y, dy, height);
    return {from, to};
}

}  // namespace data_detail

REGULUS_INLINE void check_change(const PictureChange& change, PictureSize size, const char* who) {
    const auto check = [&](const char* what, const PictureWindow& window, PictureSize most) {
        const bool is_within = window.top >= 0 && window.left >= 0 && window.height >= 1 && window.width >= 1 && window.height <= most.height - window.top && window.width <= most.width - window.left;
        if (is_within) return;
        throw ArgumentError(std::string(who) + ": " + what + " of " + std::to_string(window.height) + " x " + std::to_string(window.width) + " pixels from row " + std::to_string(window.top) + ", column " +
                            std::to_string(window.left) + " on does not fit a picture of " + std::to_string(size.height) + " x " + std::to_string(size.width));
    };
    constexpr std::int64_t any = std::int64_t(1) << 40;
    if (change.part) check("a part", *change.part, size);
    if (change.shown) check("a window", *change.shown, {any, any});
}

REGULUS_INLINE Image cut_picture(const Image& image, const PictureChange& change, Interpolation interpolation) {
    check_image(image, "cut_picture");
    check_change(change, image.size(), "cut_picture");
    Image result = change.part ? data_detail::window_of(image, *change.part) : image;
    if (result.size() != change.resized) result = resize(result, change.resized, interpolation);
    return change.shown ? data_detail::window_of(result, *change.shown) : result;
}

REGULUS_INLINE std::vector<double> clipped(const std::vector<double>& ring, double width, double height) {
    if (ring.size() % 2 != 0) throw ArgumentError("clipped: a ring has an x and a y for each point, got " + std::to_string(ring.size()) + " numbers");
    std::vector<double> within = ring;  // Sutherland and Hodgman: one edge of the picture after another
    for (const std::size_t axis : {std::size_t(0), std::size_t(1)}) {
        within = data_detail::half_of(within, axis, 0, false);
        within = data_detail::half_of(within, axis, axis == 0 ? width : height, true);
    }
    constexpr double least_area = 1e-6;  // lines at the edges, of which rounding makes a little
    if (data_detail::area_of(within) < least_area) within.clear();
    return within;
}

REGULUS_INLINE std::array<double, 4> clipped_box(const std::vector<std::vector<double>>& rings, double width, double height) {
    constexpr double far = std::numeric_limits<double>::infinity();
    std::array<double, 4> box{far, far, -far, -far};
    const auto hold = [&](double x, double y) { box = {std::min(box[0], x), std::min(box[1], y), std::max(box[2], x), std::max(box[3], y)}; };
    for (const std::vector<double>& ring : rings) {
        for (const double x : {0.0, width}) {
            for (const double y : {0.0, height}) {
                if (data_detail::is_inside(ring, x, y)) hold(x, y);
            }
        }
        data_detail::for_each_edge(ring, [&](const double* from, const double* to) {
            const double dx = to[0] - from[0], dy = to[1] - from[1];
            const std::pair<double, double> within = data_detail::share_within(from[0], from[1], dx, dy, width, height);
            if (within.first > within.second) return;
            for (const double share : {within.first, within.second}) {
                if (share == 1) hold(to[0], to[1]);  // to the last bit
                else hold(std::clamp(from[0] + share * dx, 0.0, width), std::clamp(from[1] + share * dy, 0.0, height));
            }
        });
    }
    return box;
}

}  // namespace regulus
