#pragma once
// How much two rectangles, or two oriented boxes, share: one is clipped at the sides of the other, exactly, in double precision.
#include <algorithm>
#include <array>
#include <cmath>

#include <regulus/graph/kernels/boxes3d.hpp>

namespace regulus::kernels {

/// A rectangle seen from above: centre, half its sizes, the cosine and sine of its angle counter-clockwise from +x.
struct RotatedBox {
    double x, y, half_length, half_width, cosine, sine;
    double radius;  // of the circle around it

    REGULUS_HOST_DEVICE double area() const { return 4 * half_length * half_width; }
    /// Whether it has an area; NaN has none.
    REGULUS_HOST_DEVICE bool solid() const { return half_length > 0 && half_width > 0; }
};

REGULUS_HOST_DEVICE inline RotatedBox rotated_box(double x, double y, double length, double width, double yaw) {
    return {x, y, length / 2, width / 2, std::cos(yaw), std::sin(yaw), std::sqrt(length * length + width * width) / 2};
}

/// A box of any code seen from above.
template <class T>
REGULUS_HOST_DEVICE inline RotatedBox rotated_box(const Box3d<T>& box) { return rotated_box(double(box.x), double(box.y), double(box.length), double(box.width), double(box.yaw)); }

/// The circles around two boxes do not meet, with room for rounding; then their intersection is taken as 0.
REGULUS_HOST_DEVICE inline bool far_apart(const RotatedBox& a, const RotatedBox& b) {
    const double x = b.x - a.x, y = b.y - a.y, reach = a.radius + b.radius;
    return x * x + y * y > reach * reach * (1 + 1e-6);
}

namespace detail {

/// The overlap of b's extent along a's sides with a. `x` and `y` are b's centre in a's frame; cosine and sine, without sign, of the angle between them.
REGULUS_HOST_DEVICE inline double extent_overlap(double x, double y, double cosine, double sine, const RotatedBox& a, const RotatedBox& b) {
    const double along = cosine * b.half_length + sine * b.half_width, across = sine * b.half_length + cosine * b.half_width;
    const double free_x = a.half_length + along - std::fabs(x), free_y = a.half_width + across - std::fabs(y);
    const double least_x = a.half_length < along ? 2 * a.half_length : 2 * along, least_y = a.half_width < across ? 2 * a.half_width : 2 * across;
    const double shared_x = free_x < least_x ? free_x : least_x, shared_y = free_y < least_y ? free_y : least_y;
    return (shared_x > 0 ? shared_x : 0) * (shared_y > 0 ? shared_y : 0);
}

/// A polygon under the knife. A side of a rectangle adds one corner to a convex polygon; rounding and NaN may add half as many as there are:
/// 4 corners become at most 6, 9, 13, 19.
struct Polygon {
    std::array<double, 20> x, y;
    int count = 0;
};

/// The part of `polygon` where sign * (axis 0: x, 1: y) <= limit.
template <int Axis>
REGULUS_HOST_DEVICE inline void clip(const Polygon& polygon, double sign, double limit, Polygon& part) {
    part.count = 0;
    for (std::size_t i = 0; i < std::size_t(polygon.count); ++i) {
        const std::size_t j = i + 1 == std::size_t(polygon.count) ? 0 : i + 1;
        const double here = limit - sign * (Axis == 0 ? polygon.x[i] : polygon.y[i]), there = limit - sign * (Axis == 0 ? polygon.x[j] : polygon.y[j]);
        std::size_t n = std::size_t(part.count);
        if (here >= 0) {
            part.x[n] = polygon.x[i];
            part.y[n++] = polygon.y[i];
        }
        if ((here >= 0) != (there >= 0)) {
            const double share = here / (here - there);
            part.x[n] = polygon.x[i] + share * (polygon.x[j] - polygon.x[i]);
            part.y[n++] = polygon.y[i] + share * (polygon.y[j] - polygon.y[i]);
        }
        part.count = int(n);
    }
}

}  // namespace detail

/// An area that the shared one does not exceed, for far less work.
REGULUS_HOST_DEVICE inline double intersection_bound(const RotatedBox& a, const RotatedBox& b) {
    const double dx = b.x - a.x, dy = b.y - a.y;
    const double cosine = std::fabs(a.cosine * b.cosine + a.sine * b.sine), sine = std::fabs(a.cosine * b.sine - a.sine * b.cosine);
    const double in_a = detail::extent_overlap(a.cosine * dx + a.sine * dy, a.cosine * dy - a.sine * dx, cosine, sine, a, b);
    const double in_b = detail::extent_overlap(b.cosine * dx + b.sine * dy, b.cosine * dy - b.sine * dx, cosine, sine, b, a);
    return in_a < in_b ? in_a : in_b;
}

/// The shared area; 0 when either has none, or is not finite.
REGULUS_HOST_DEVICE inline double rotated_intersection(const RotatedBox& a, const RotatedBox& b) {
    if (!a.solid() || !b.solid() || far_apart(a, b)) return 0;
    // b's corners in a's own frame, where a's sides are axes.
    const double cosine = a.cosine * b.cosine + a.sine * b.sine, sine = a.cosine * b.sine - a.sine * b.cosine;
    const double dx = b.x - a.x, dy = b.y - a.y;
    const double x = a.cosine * dx + a.sine * dy, y = a.cosine * dy - a.sine * dx;
    const double ux = b.half_length * cosine, uy = b.half_length * sine, vx = -b.half_width * sine, vy = b.half_width * cosine;
    detail::Polygon one, two;
    one.count = 4;
    for (std::size_t i = 0; i < 4; ++i) {  // counter-clockwise
        const double u = i == 0 || i == 3 ? 1 : -1, v = i < 2 ? 1 : -1;
        one.x[i] = x + u * ux + v * vx;
        one.y[i] = y + u * uy + v * vy;
    }
    detail::clip<0>(one, 1, a.half_length, two);
    detail::clip<0>(two, -1, a.half_length, one);
    detail::clip<1>(one, 1, a.half_width, two);
    detail::clip<1>(two, -1, a.half_width, one);
    double twice = 0;
    for (int i = 1; i + 1 < one.count; ++i) {
        const std::size_t j = std::size_t(i);
        twice += (one.x[j] - one.x[0]) * (one.y[j + 1] - one.y[0]) - (one.x[j + 1] - one.x[0]) * (one.y[j] - one.y[0]);
    }
    return twice > 0 ? std::min(twice / 2, std::min(a.area(), b.area())) : 0;
}

/// Intersection over union, 0 when either has no area.
REGULUS_HOST_DEVICE inline double rotated_iou(const RotatedBox& a, const RotatedBox& b) {
    const double shared = rotated_intersection(a, b);
    return shared > 0 ? shared / (a.area() + b.area() - shared) : 0;
}

/// Intersection over the area of `a`.
inline double rotated_iof(const RotatedBox& a, const RotatedBox& b) {
    const double shared = rotated_intersection(a, b);
    return shared > 0 ? shared / a.area() : 0;
}

/// The heights that two boxes share, metres.
template <class T>
inline double shared_height(const Box3d<T>& a, const Box3d<T>& b) {
    const double top = std::min(double(a.z) + double(a.height), double(b.z) + double(b.height));
    const double shared = top - std::max(double(a.z), double(b.z));
    return shared > 0 ? shared : 0;
}

/// The volume that two boxes share.
template <class T>
inline double intersection3d(const Box3d<T>& a, const Box3d<T>& b) { return rotated_intersection(rotated_box(a), rotated_box(b)) * shared_height(a, b); }

template <class T>
inline double volume(const Box3d<T>& box) { return double(box.length) * double(box.width) * double(box.height); }

/// Intersection over union of two oriented boxes; 0 when they share nothing.
template <class T>
inline double iou3d(const Box3d<T>& a, const Box3d<T>& b) {
    const double shared = intersection3d(a, b);
    return shared > 0 ? shared / (volume(a) + volume(b) - shared) : 0;
}

/// Intersection over the volume of `a`.
template <class T>
inline double iof3d(const Box3d<T>& a, const Box3d<T>& b) {
    const double shared = intersection3d(a, b);
    return shared > 0 ? shared / volume(a) : 0;
}

}  // namespace regulus::kernels
