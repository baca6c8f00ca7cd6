#pragma once
#include <regulus/draw/perspective.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <regulus/draw/cloud_marks-impl.hpp>

namespace regulus {

#if REGULUS_HAS_CAIRO

namespace draw_detail {

/// A pinhole camera behind the sensor that looks ahead and down.
class SceneCamera {
public:
    explicit SceneCamera(const PerspectiveStyle& style, double ground) : behind_(style.behind), above_(style.above), width_(style.width), height_(style.height) {
        const double down = std::atan2(style.above - ground, style.behind + style.look_ahead);
        cos_ = std::cos(down);
        sin_ = std::sin(down);
        focal_ = width_ / 2 / std::tan(style.field_of_view * 3.141592653589793 / 360);
    }

    static constexpr double nearest = 0.5;  ///< metres before the camera where lines are cut

    /// Right, down and depth from the camera, metres.
    std::array<double, 3> seen(const ScenePoint& p) const {
        const double ahead = p.ahead + behind_, up = p.up - above_;
        return {-p.left, -sin_ * ahead - cos_ * up, cos_ * ahead - sin_ * up};
    }

    OutlinePoint pixel(const std::array<double, 3>& s) const {
        return {std::clamp(width_ / 2 + focal_ * s[0] / s[2], -1e6, 1e6), std::clamp(height_ / 2 + focal_ * s[1] / s[2], -1e6, 1e6)};
    }

    double pixels_per_metre(double depth) const { return focal_ / depth; }

    /// A line between two points, cut before the camera. False when nothing of it is seen.
    bool line(const ScenePoint& a, const ScenePoint& b, std::vector<OutlinePoint>& out) const {
        std::array<double, 3> from = seen(a), to = seen(b);
        if (from[2] < nearest && to[2] < nearest) return false;
        if (from[2] < nearest) cut(from, to);
        if (to[2] < nearest) cut(to, from);
        out = {pixel(from), pixel(to)};
        return true;
    }

private:
    static void cut(std::array<double, 3>& hidden, const std::array<double, 3>& visible) {
        const double part = (nearest - hidden[2]) / (visible[2] - hidden[2]);
        for (std::size_t c = 0; c < 3; ++c) hidden[c] += part * (visible[c] - hidden[c]);
    }

    double behind_, above_, width_, height_, cos_ = 1, sin_ = 0, focal_ = 1;
};

inline void draw_ground_rings(Canvas& canvas, const SceneCamera& camera, double spacing, double ground) {
    constexpr int parts = 180;
    std::vector<OutlinePoint> line;
    for (int ring = 1; ring <= 12; ++ring) {
        const auto at = [&](int i) {
            const double angle = 6.283185307179586 * i / parts;
            return ScenePoint{ring * spacing * std::cos(angle), ring * spacing * std::sin(angle), ground};
        };
        std::vector<std::vector<OutlinePoint>> pieces;
        for (int i = 0; i < parts; ++i) {
            if (camera.line(at(i), at(i + 1), line)) pieces.push_back(line);
        }
        canvas.path(pieces);
        canvas.colour(ring_colour, 0.32 / (1 + 0.12 * ring));
        canvas.stroke(0.7 * canvas.line());
    }
}

inline std::vector<DrawRect> draw_ground_labels(Canvas& canvas, const SceneCamera& camera, double spacing, double ground) {
    std::vector<DrawRect> labels;
    for (int ring = 1; ring <= 12; ++ring) {
        const std::array<double, 3> seen = camera.seen({ring * spacing * 0.7071, -ring * spacing * 0.7071, ground});
        if (seen[2] < SceneCamera::nearest) continue;
        draw_ring_label(canvas, camera.pixel(seen), metres(ring * spacing), labels);
    }
    return labels;
}

/// Returns the rectangle around the part that is seen; of no width when nothing is.
inline DrawRect draw_wire_box(Canvas& canvas, const SceneCamera& camera, const SceneFrame& frame, const DrawnBox3d& drawn) {
    static constexpr int edges[12][2] = {{0, 1}, {1, 2}, {2, 3}, {3, 0}, {4, 5}, {5, 6}, {6, 7}, {7, 4}, {0, 4}, {1, 5}, {2, 6}, {3, 7}};
    const std::array<ScenePoint, 8> corners = frame.corners(drawn.box);
    std::vector<std::vector<OutlinePoint>> lines, front;
    std::vector<OutlinePoint> line;
    for (const auto& [a, b] : edges) {
        if (!camera.line(corners[std::size_t(a)], corners[std::size_t(b)], line)) continue;
        lines.push_back(line);
        const bool of_front = (a == 0 || a == 1 || a == 4 || a == 5) && (b == 0 || b == 1 || b == 4 || b == 5);
        if (of_front) front.push_back(line);
    }
    const ScenePoint centre = {(corners[0].ahead + corners[2].ahead) / 2, (corners[0].left + corners[2].left) / 2, corners[0].up};
    const ScenePoint nose = {(corners[0].ahead + corners[1].ahead) / 2, (corners[0].left + corners[1].left) / 2, corners[0].up};
    const double half = std::max(double(drawn.box.length) / 2, 1e-3), tip = 1 + std::clamp(0.35 * half, 0.4, 1.5) / half;
    std::vector<std::vector<OutlinePoint>> heading;
    if (camera.line(centre, {centre.ahead + tip * (nose.ahead - centre.ahead), centre.left + tip * (nose.left - centre.left), centre.up}, line)) heading.push_back(line);
    double x1 = 1e9, y1 = 1e9, x2 = -1e9, y2 = -1e9;
    for (const auto& piece : lines) {
        for (const OutlinePoint& point : piece) {
            x1 = std::min(x1, point.x), y1 = std::min(y1, point.y);
            x2 = std::max(x2, point.x), y2 = std::max(y2, point.y);
        }
    }
    if (lines.empty() || x2 < 0 || y2 < 0 || x1 > canvas.width() || y1 > canvas.height()) return {};
    const Colour colour = class_colour(drawn.class_index);
    const double depth = std::max(camera.seen(centre)[2], 1.0), line_width = canvas.line() * std::clamp(32 / depth, 0.55, 1.5);
    if (front.size() == 4) {  // the whole front is before the camera
        canvas.path({{front[0][0], front[0][1], front[1][1], front[1][0]}});
        canvas.colour(colour, 0.22);
        canvas.fill();
    }
    canvas.path(lines);
    canvas.colour(night, 0.5);
    canvas.stroke(2.4 * line_width);
    canvas.path(lines);
    canvas.path(heading);
    canvas.colour(colour);
    canvas.stroke(1.2 * line_width);
    return {std::max(x1, 0.0), std::max(y1, 0.0), std::max(std::min(x2, canvas.width()) - std::max(x1, 0.0), 1.0), std::max(std::min(y2, canvas.height()) - std::max(y1, 0.0), 1.0)};
}

}  // namespace draw_detail

REGULUS_INLINE Image draw_perspective(const PointCloud& cloud, std::span<const DrawnBox3d> boxes, const PerspectiveStyle& style) {
    using namespace draw_detail;
    check_scene("draw_perspective", cloud, boxes, style);
    for (const double number : {style.behind, style.above, style.look_ahead, style.ground}) {
        if (!(std::fabs(number) <= 1e5)) throw ArgumentError("draw_perspective: distances must be within 1e5 metres");
    }
    if (!(style.field_of_view >= 10 && style.field_of_view <= 150)) throw ArgumentError("draw_perspective: the field of view must be 10 .. 150 degrees");
    const SceneFrame frame(style.forward);
    const std::vector<ScenePoint> points = frame.points(cloud);
    std::vector<double> heights;
    for (const ScenePoint& point : points) heights.push_back(point.up);
    const double ground = std::clamp(style.ground != 0 ? style.ground : quantile(heights, 0.2, 0), -1e5, 1e5);
    const SceneCamera camera(style, ground);
    const HeightScale scale = height_scale(points, style);
    const DrawStyle font = scene_font(style);
    const double spacing = ring_spacing(style.ring_spacing, 50);

    Image image = night_sheet(style.height, style.width);
    if (spacing > 0) {
        Canvas canvas(image, font);
        draw_ground_rings(canvas, camera, spacing, ground);
        canvas.copy_to(image);
    }
    struct Seen {
        double depth;
        OutlinePoint at;
        double up;
    };
    std::vector<Seen> seen;
    for (const ScenePoint& point : points) {
        const std::array<double, 3> s = camera.seen(point);
        if (s[2] >= SceneCamera::nearest) seen.push_back({s[2], camera.pixel(s), point.up});
    }
    std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) { return a.depth > b.depth; });
    const double base = std::sqrt(double(style.width) * double(style.height)) / 1200;
    for (const Seen& point : seen) {
        const double side = style.point_size > 0 ? style.point_size : std::clamp(0.07 * camera.pixels_per_metre(point.depth), 1.2 * base, 3.2 * base);
        const double fading = std::clamp((point.depth - 30) / 110, 0.0, 0.65);
        splat(image, point.at.x, point.at.y, side, mixed(scale(point.up), night, fading), 0.9);
    }
    Canvas canvas(image, font);
    std::vector<DrawRect> places(boxes.size());
    std::vector<std::size_t> order(boxes.size());
    std::vector<double> depths;
    for (std::size_t i = 0; i < order.size(); ++i) {
        order[i] = i;
        depths.push_back(camera.seen(frame(boxes[i].box.x, boxes[i].box.y, boxes[i].box.z))[2]);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return depths[a] > depths[b]; });
    for (const std::size_t i : order) places[i] = draw_wire_box(canvas, camera, frame, boxes[i]);
    draw_annotations(canvas, boxes, places, spacing > 0 ? draw_ground_labels(canvas, camera, spacing, ground) : std::vector<DrawRect>{}, scale, style);
    canvas.copy_to(image);
    return image;
}

#else

REGULUS_INLINE Image draw_perspective(const PointCloud&, std::span<const DrawnBox3d>, const PerspectiveStyle&) { throw Error("draw_perspective: this build lacks Cairo (Debian: libcairo2-dev)"); }

#endif

}  // namespace regulus
