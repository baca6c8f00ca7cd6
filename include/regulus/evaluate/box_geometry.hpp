#pragma once
// Turned boxes in double precision, as the evaluations of nuScenes, Lyft and KITTI need them: quaternions, rectangles on the ground and their common area.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace regulus::evaluate_detail {

using Rotation3 = std::array<std::array<double, 3>, 3>;

/// The rotation of a quaternion w, x, y, z of any length; of 0 0 0 0 a matrix of zeros, as pyquaternion has it.
inline Rotation3 rotation_of(std::array<double, 4> q) {
    double greatest = 0;
    for (const double v : q) greatest = std::max(greatest, std::fabs(v));
    if (!(greatest > 0)) return {};
    double squares = 0;
    for (double& v : q) {
        v /= greatest;  // so that no square overflows or vanishes
        squares += v * v;
    }
    for (double& v : q) v /= std::sqrt(squares);
    const auto [w, x, y, z] = q;
    return {{{w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)},
             {2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)},
             {2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z}}};
}

/// The direction in which a box looks, seen from above.
inline double heading_of(const std::array<double, 4>& rotation) {
    const Rotation3 r = rotation_of(rotation);
    return std::atan2(r[1][0], r[0][0]);
}

/// A turned rectangle, or any parallelogram: its centre and the halves of its two sides as vectors.
struct Rectangle {
    double x = 0, y = 0;
    std::array<double, 2> along = {}, across = {};

    /// Counter-clockwise when `across` is to the left of `along`.
    std::array<std::array<double, 2>, 4> corners() const {
        const auto at = [&](double a, double b) { return std::array<double, 2>{x + a * along[0] + b * across[0], y + a * along[1] + b * across[1]}; };
        return {at(-1, -1), at(1, -1), at(1, 1), at(-1, 1)};
    }
    double area() const { return 4 * std::fabs(along[0] * across[1] - along[1] * across[0]); }
};

/// A rectangle of length l along `angle` (counter-clockwise from x) and width w.
inline Rectangle rectangle(double x, double y, double l, double w, double angle) {
    const double c = std::cos(angle), s = std::sin(angle);
    return {x, y, {l / 2 * c, l / 2 * s}, {-w / 2 * s, w / 2 * c}};
}

/// The area that two rectangles share: one is cut by the four sides of the other (Sutherland and Hodgman).
inline double common_area(const Rectangle& a, const Rectangle& b) {
    const double reach = std::hypot(a.along[0], a.along[1]) + std::hypot(a.across[0], a.across[1]) + std::hypot(b.along[0], b.along[1]) + std::hypot(b.across[0], b.across[1]);
    if (!(std::hypot(b.x - a.x, b.y - a.y) <= reach)) return 0;
    if (!(a.area() > 0) || !(b.area() > 0)) return 0;
    Rectangle near = b;  // about the centre of a: coordinates of a city would cost digits
    near.x = b.x - a.x;
    near.y = b.y - a.y;
    Rectangle middle = a;
    middle.x = middle.y = 0;
    std::array<std::array<double, 2>, 16> points, cut;
    std::size_t count = 4;
    const auto corners = middle.corners();
    std::copy(corners.begin(), corners.end(), points.begin());
    const auto sides = near.corners();
    const double turn = near.along[0] * near.across[1] - near.along[1] * near.across[0] > 0 ? 1 : -1;
    for (std::size_t side = 0; side < 4 && count > 0; ++side) {
        const auto& from = sides[side];
        const auto& to = sides[(side + 1) % 4];
        const auto inside = [&](const std::array<double, 2>& p) { return turn * ((to[0] - from[0]) * (p[1] - from[1]) - (to[1] - from[1]) * (p[0] - from[0])); };
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count; ++i) {  // a convex outline gains one corner a cut at most; rounding may add a few, 16 hold them
            const auto& p = points[i];
            const auto& q = points[(i + 1) % count];
            const double at_p = inside(p), at_q = inside(q);
            if (at_p >= 0 && kept < cut.size()) cut[kept++] = p;
            if ((at_p > 0 && at_q < 0) || (at_p < 0 && at_q > 0)) {
                const double t = at_p / (at_p - at_q);
                if (kept < cut.size()) cut[kept++] = {p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])};
            }
        }
        points = cut;
        count = kept;
    }
    double twice = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
        const auto& o = points[0];
        twice += (points[i][0] - o[0]) * (points[i + 1][1] - o[1]) - (points[i][1] - o[1]) * (points[i + 1][0] - o[0]);
    }
    return std::fabs(twice) / 2;
}

}  // namespace regulus::evaluate_detail
