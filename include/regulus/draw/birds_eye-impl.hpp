#pragma once
#include <regulus/draw/birds_eye.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <regulus/draw/cloud_marks-impl.hpp>

namespace regulus {

#if REGULUS_HAS_CAIRO

namespace draw_detail {

/// Metres of the ground to pixels.
struct BirdsEyeView {
    double ahead = 0, left = 0;  ///< in the middle of the picture
    double scale = 1;            ///< pixels per metre
    double height = 0, width = 0;

    OutlinePoint operator()(const ScenePoint& p) const {
        return {std::clamp(width / 2 - scale * (p.left - left), -1e6, 1e6), std::clamp(height / 2 - scale * (p.ahead - ahead), -1e6, 1e6)};
    }
};

/// What the points, but for the farthest few, the boxes and the sensor need. A scanner that sees all around stays in the middle.
inline BirdsEyeView birds_eye_view(const std::vector<ScenePoint>& points, std::span<const DrawnBox3d> boxes, const BirdsEyeStyle& style) {
    const SceneFrame frame(style.forward);
    BirdsEyeView view;
    view.height = style.height;
    view.width = style.width;
    const double side = std::min(view.height, view.width);
    if (style.reach > 0) {
        const ScenePoint centre = frame(style.centre[0], style.centre[1], 0);
        view.ahead = centre.ahead;
        view.left = centre.left;
        view.scale = side / (2 * style.reach);
        return view;
    }
    std::vector<double> aheads, lefts;
    for (const ScenePoint& point : points) {
        aheads.push_back(point.ahead);
        lefts.push_back(point.left);
    }
    double rear = std::min(quantile(aheads, 0.01, -20), -3.0), front = std::max(quantile(aheads, 0.99, 20), 3.0);
    double right = std::min(quantile(lefts, 0.01, -20), -3.0), left = std::max(quantile(lefts, 0.99, 20), 3.0);
    const double room = 0.4 * std::max(front - rear, left - right);  // that a far box may add on each side
    for (const DrawnBox3d& drawn : boxes) {
        const ScenePoint at = frame(double(drawn.box.x), double(drawn.box.y), 0);
        const double margin = std::min(2 + double(drawn.box.length) / 2, room);
        rear = std::min(rear, std::max(at.ahead - margin, rear - room));
        front = std::max(front, std::min(at.ahead + margin, front + room));
        right = std::min(right, std::max(at.left - margin, right - room));
        left = std::max(left, std::min(at.left + margin, left + room));
    }
    const double least = std::min({-rear, front, -right, left}), most = std::max({-rear, front, -right, left});
    if (least > 0.25 * most) {
        front = std::max(front, -rear), rear = -front;
        left = std::max(left, -right), right = -left;
    }
    view.ahead = std::clamp((rear + front) / 2, -1e5, 1e5);
    view.left = std::clamp((right + left) / 2, -1e5, 1e5);
    view.scale = std::clamp(0.96 * std::min(view.height / (front - rear), view.width / (left - right)), side / 2e5, side / 10);
    return view;
}

inline std::vector<OutlinePoint> ring_outline(const BirdsEyeView& view, double radius) {
    std::vector<OutlinePoint> line;
    constexpr int parts = 240;
    for (int i = 0; i < parts; ++i) {
        const double angle = 6.283185307179586 * i / parts;
        line.push_back(view({radius * std::cos(angle), radius * std::sin(angle), 0}));
    }
    return line;
}

/// How far the rings must reach to fill the picture.
inline double farthest_corner(const BirdsEyeView& view) {
    double farthest = 0;
    for (const double x : {-0.5, 0.5}) {
        for (const double y : {-0.5, 0.5}) farthest = std::max(farthest, std::hypot(view.ahead + y * view.height / view.scale, view.left + x * view.width / view.scale));
    }
    return farthest;
}

inline void draw_rings(Canvas& canvas, const BirdsEyeView& view, double spacing) {
    const double farthest = farthest_corner(view);
    for (int ring = 1; ring <= 40 && ring * spacing <= farthest; ++ring) {
        canvas.path({ring_outline(view, ring * spacing)});
        canvas.colour(ring_colour, 0.36);
        canvas.stroke(0.7 * canvas.line());
    }
    for (int axis = 0; axis < 2; ++axis) {
        const ScenePoint far = axis == 0 ? ScenePoint{farthest, 0, 0} : ScenePoint{0, farthest, 0}, back = axis == 0 ? ScenePoint{-farthest, 0, 0} : ScenePoint{0, -farthest, 0};
        canvas.path({{view(far), view(back)}});
        canvas.colour(ring_colour, 0.2);
        canvas.stroke(0.5 * canvas.line());
    }
}

/// Along the diagonal to the front right, where neither road nor axis lies. Returns where they are.
inline std::vector<DrawRect> draw_ring_labels(Canvas& canvas, const BirdsEyeView& view, double spacing) {
    std::vector<DrawRect> labels;
    for (int ring = 1; ring <= 40 && ring * spacing <= farthest_corner(view); ++ring) {
        const OutlinePoint at = view({ring * spacing * 0.7071, -ring * spacing * 0.7071, 0});
        draw_ring_label(canvas, at, metres(ring * spacing), labels);
    }
    return labels;
}

inline void draw_sensor(Canvas& canvas, const BirdsEyeView& view) {
    const OutlinePoint at = view({0, 0, 0});
    const double size = 0.75 * canvas.font();
    canvas.path({{{at.x, at.y - 1.2 * size}, {at.x + 0.8 * size, at.y + 0.8 * size}, {at.x, at.y + 0.4 * size}, {at.x - 0.8 * size, at.y + 0.8 * size}}});
    canvas.colour({255, 255, 255}, 0.95);
    canvas.fill(true);
    canvas.colour(night, 0.8);
    canvas.stroke(0.7 * canvas.line());
}

/// Returns the rectangle around the box; of no width when it is not in the picture.
inline DrawRect draw_flat_box(Canvas& canvas, const BirdsEyeView& view, const SceneFrame& frame, const DrawnBox3d& drawn) {
    const std::array<ScenePoint, 8> corners = frame.corners(drawn.box);
    std::vector<OutlinePoint> quad;
    for (std::size_t i = 0; i < 4; ++i) quad.push_back(view(corners[i]));
    const auto [x1, x2] = std::minmax({quad[0].x, quad[1].x, quad[2].x, quad[3].x});
    const auto [y1, y2] = std::minmax({quad[0].y, quad[1].y, quad[2].y, quad[3].y});
    if (x2 < 0 || y2 < 0 || x1 > canvas.width() || y1 > canvas.height()) return {};
    const Colour colour = class_colour(drawn.class_index);
    const OutlinePoint centre = {(quad[0].x + quad[2].x) / 2, (quad[0].y + quad[2].y) / 2}, front = {(quad[0].x + quad[1].x) / 2, (quad[0].y + quad[1].y) / 2};
    const double half = std::hypot(front.x - centre.x, front.y - centre.y), tip = half > 1e-6 ? 1 + std::clamp(0.35 * half, 0.5 * canvas.font(), 1.6 * canvas.font()) / half : 1;
    canvas.path({quad});
    canvas.colour(colour, 0.2);
    canvas.fill(true);
    const std::vector<OutlinePoint> heading = {centre, {centre.x + tip * (front.x - centre.x), centre.y + tip * (front.y - centre.y)}};
    canvas.colour(night, 0.6);
    canvas.stroke(2.2 * canvas.line());
    canvas.path({quad});
    canvas.colour(colour);
    canvas.stroke(1.1 * canvas.line());
    canvas.path({heading});
    canvas.stroke(1.1 * canvas.line());
    canvas.path({{quad[0], quad[1]}});
    canvas.stroke(2.1 * canvas.line());
    return {std::max(x1, 0.0), std::max(y1, 0.0), std::max(std::min(x2, canvas.width()) - std::max(x1, 0.0), 1.0), std::max(std::min(y2, canvas.height()) - std::max(y1, 0.0), 1.0)};
}

}  // namespace draw_detail

REGULUS_INLINE Image draw_birds_eye(const PointCloud& cloud, std::span<const DrawnBox3d> boxes, const BirdsEyeStyle& style) {
    using namespace draw_detail;
    check_scene("draw_birds_eye", cloud, boxes, style);
    if (!(style.reach >= 0 && style.reach <= 1e5) || !(std::fabs(style.centre[0]) <= 1e5) || !(std::fabs(style.centre[1]) <= 1e5)) {
        throw ArgumentError("draw_birds_eye: reach must be 0 .. 1e5 metres and the centre within as much");
    }
    const SceneFrame frame(style.forward);
    std::vector<ScenePoint> points = frame.points(cloud);
    const BirdsEyeView view = birds_eye_view(points, boxes, style);
    const HeightScale scale = height_scale(points, style);
    const DrawStyle font = scene_font(style);
    const double reach = std::min(view.height, view.width) / (2 * view.scale), spacing = ring_spacing(style.ring_spacing, reach);

    Image image = night_sheet(style.height, style.width);
    if (spacing > 0) {
        Canvas canvas(image, font);
        draw_rings(canvas, view, spacing);
        canvas.copy_to(image);
    }
    std::sort(points.begin(), points.end(), [](const ScenePoint& a, const ScenePoint& b) { return a.up < b.up; });
    const double side = style.point_size > 0 ? style.point_size : std::clamp(std::min(view.height, view.width) / 600, 1.2, 6.0);
    for (const ScenePoint& point : points) {
        const OutlinePoint at = view(point);
        splat(image, at.x, at.y, side, scale(point.up), 0.9);
    }
    Canvas canvas(image, font);
    draw_sensor(canvas, view);
    std::vector<DrawRect> places(boxes.size());
    std::vector<std::size_t> order(boxes.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return boxes[a].score < boxes[b].score; });
    for (const std::size_t i : order) places[i] = draw_flat_box(canvas, view, frame, boxes[i]);
    draw_annotations(canvas, boxes, places, spacing > 0 ? draw_ring_labels(canvas, view, spacing) : std::vector<DrawRect>{}, scale, style);
    canvas.copy_to(image);
    return image;
}

#else

REGULUS_INLINE Image draw_birds_eye(const PointCloud&, std::span<const DrawnBox3d>, const BirdsEyeStyle&) { throw Error("draw_birds_eye: this build lacks Cairo (Debian: libcairo2-dev)"); }

#endif

}  // namespace regulus
