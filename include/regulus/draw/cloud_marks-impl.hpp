#pragma once
// What pictures of point clouds are made of.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <regulus/data/point_cloud.hpp>
#include <regulus/draw/cloud_style.hpp>
#include <regulus/draw/draw_detections-impl.hpp>

namespace regulus {

#if REGULUS_HAS_CAIRO

namespace draw_detail {

inline constexpr Colour night = {15, 18, 26};
inline constexpr Colour ring_colour = {120, 136, 160};

/// From low to high; lightness rises up to the fourth colour so that the ground stays behind what stands on it.
inline Colour height_colour(double t) {
    static constexpr double ramp[][3] = {{52, 74, 140}, {42, 126, 184}, {62, 184, 178}, {166, 217, 118}, {248, 216, 96}, {250, 146, 74}, {236, 84, 96}};
    constexpr int steps = int(std::size(ramp)) - 1;
    const double at = std::clamp(t, 0.0, 1.0) * steps;
    const int i = std::min(int(at), steps - 1);
    const double part = at - i;
    const auto mix = [&](int c) { return std::uint8_t(std::lround(ramp[i][c] + part * (ramp[i + 1][c] - ramp[i][c]))); };
    return {mix(0), mix(1), mix(2)};
}

inline Colour mixed(Colour a, Colour b, double part) {
    const auto mix = [&](std::uint8_t x, std::uint8_t y) { return std::uint8_t(std::lround(x + part * (y - x))); };
    return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue)};
}

/// Paints a square of `side` pixels around (x, y), soft by the part of each pixel that it covers.
inline void splat(Image& image, double x, double y, double side, Colour colour, double opacity) {
    const double x1 = std::max(x - side / 2, 0.0), x2 = std::min(x + side / 2, double(image.width)), y1 = std::max(y - side / 2, 0.0), y2 = std::min(y + side / 2, double(image.height));
    if (!(x1 < x2 && y1 < y2)) return;
    for (std::int64_t row = std::int64_t(y1); row < std::int64_t(std::ceil(y2)); ++row) {
        const double high = std::min(y2, double(row + 1)) - std::max(y1, double(row));
        for (std::int64_t column = std::int64_t(x1); column < std::int64_t(std::ceil(x2)); ++column) {
            const double part = opacity * high * (std::min(x2, double(column + 1)) - std::max(x1, double(column)));
            std::uint8_t* const pixel = image.pixel(row, column);
            pixel[0] = std::uint8_t(pixel[0] + part * (colour.red - pixel[0]) + 0.5);
            pixel[1] = std::uint8_t(pixel[1] + part * (colour.green - pixel[1]) + 0.5);
            pixel[2] = std::uint8_t(pixel[2] + part * (colour.blue - pixel[2]) + 0.5);
        }
    }
}

inline Image night_sheet(int height, int width) {
    Image image(height, width);
    for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
        image.pixels[i] = night.red;
        image.pixels[i + 1] = night.green;
        image.pixels[i + 2] = night.blue;
    }
    return image;
}

/// What is refused before anything is painted.
inline void check_scene(const char* who, const PointCloud& cloud, std::span<const DrawnBox3d> boxes, const CloudStyle& style) {
    if (cloud.features < 3) throw ShapeError(std::string(who) + ": a point has " + std::to_string(cloud.features) + " numbers, at least x, y and z are needed");
    if (style.width < 16 || style.height < 16 || style.width > 16384 || style.height > 16384) {
        throw ArgumentError(std::string(who) + ": sides must be 16 .. 16384 pixels, got " + std::to_string(style.height) + " x " + std::to_string(style.width));
    }
    for (const double number : {style.forward, style.low, style.high, style.point_size, style.ring_spacing, style.font_size}) {
        if (!std::isfinite(number) || std::fabs(number) > 1e6) throw ArgumentError(std::string(who) + ": a number of the style is not finite or beyond 1e6");
    }
    for (const DrawnBox3d& drawn : boxes) {
        for (const float number : {drawn.box.x, drawn.box.y, drawn.box.z, drawn.box.length, drawn.box.width, drawn.box.height, drawn.box.yaw}) {
            if (!std::isfinite(number)) throw ArgumentError(std::string(who) + ": a box of \"" + drawn.label + "\" is not finite");
        }
    }
}

/// Points as they are looked at: `ahead` along the style's direction, `left` of it, up.
struct ScenePoint {
    double ahead = 0, left = 0, up = 0;
};

class SceneFrame {
public:
    explicit SceneFrame(double forward) : cos_(std::cos(forward)), sin_(std::sin(forward)) {}

    ScenePoint operator()(double x, double y, double z) const { return {cos_ * x + sin_ * y, cos_ * y - sin_ * x, z}; }

    std::vector<ScenePoint> points(const PointCloud& cloud) const {
        std::vector<ScenePoint> result;
        result.reserve(cloud.size());
        for (std::size_t i = 0; i < cloud.size(); ++i) {
            const float* const p = cloud[i];
            if (std::isfinite(p[0]) && std::isfinite(p[1]) && std::isfinite(p[2])) result.push_back((*this)(p[0], p[1], p[2]));
        }
        return result;
    }

    /// The corners: bottom front left, front right, rear right, rear left; then the same of the top.
    std::array<ScenePoint, 8> corners(const Box3d& box) const {
        static constexpr double along[] = {0.5, 0.5, -0.5, -0.5}, across[] = {0.5, -0.5, -0.5, 0.5};
        const double c = std::cos(double(box.yaw)), s = std::sin(double(box.yaw));
        std::array<ScenePoint, 8> result;
        for (std::size_t i = 0; i < 8; ++i) {
            const double u = along[i % 4] * double(box.length), v = across[i % 4] * double(box.width);
            result[i] = (*this)(double(box.x) + c * u - s * v, double(box.y) + s * u + c * v, double(box.z) + (i < 4 ? 0.0 : double(box.height)));
        }
        return result;
    }

private:
    double cos_, sin_;
};

/// The value below which `part` of the values lie, which are reordered; `otherwise` without any.
inline double quantile(std::vector<double>& values, double part, double otherwise) {
    if (values.empty()) return otherwise;
    const auto at = values.begin() + std::ptrdiff_t(part * double(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

struct HeightScale {
    double low = 0, high = 1;

    Colour operator()(double up) const { return height_colour((up - low) / (high - low)); }
};

inline HeightScale height_scale(const std::vector<ScenePoint>& points, const CloudStyle& style) {
    if (style.low != style.high) return {std::min(style.low, style.high), std::max(style.low, style.high)};
    std::vector<double> heights;
    for (const ScenePoint& point : points) heights.push_back(point.up);
    const double low = quantile(heights, 0.03, 0), high = quantile(heights, 0.97, 1);
    return {low, std::max(high, low + 1)};
}

/// Rings at 5, 10, 20, 50, ... metres so that about five are within `reach`.
inline double ring_spacing(double wanted, double reach) {
    if (wanted != 0) return wanted;
    double spacing = 1;
    for (const double step : {2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0}) {
        if (reach / spacing > 6.5) spacing = step;
    }
    return spacing;
}

inline std::string metres(double value) {
    char text[32];
    std::snprintf(text, sizeof text, value == std::floor(value) ? "%.0f m" : "%.1f m", value);
    return text;
}

inline DrawStyle scene_font(const CloudStyle& style) {
    DrawStyle result;
    const double side = std::sqrt(double(style.width) * double(style.height));
    result.font_size = style.font_size > 0 ? style.font_size : std::clamp(3 + side / 130, 7.0, 60.0);
    result.line_width = std::clamp(side / 800, 1.0, 8.0);
    result.font = style.font;
    return result;
}

/// Text that stays readable on points: a dark rim of soft copies behind it.
inline void rimmed_text(Canvas& canvas, double x, double baseline, const std::string& text, bool bold, Colour colour, double opacity) {
    canvas.colour(night, 0.55);
    const double step = 0.09 * canvas.font();
    for (const auto& [dx, dy] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}, {-1, -1}, {1, -1}, {-1, 1}, {1, 1}}) canvas.text(x + dx * step, baseline + dy * step, text, bold);
    canvas.colour(colour, opacity);
    canvas.text(x, baseline, text, bold);
}

/// The distance of a ring at a point of it; where it is drawn is added to `labels`.
inline void draw_ring_label(Canvas& canvas, const OutlinePoint& at, const std::string& text, std::vector<DrawRect>& labels) {
    const double font = canvas.font(), width = canvas.text_width(text, false);
    if (at.x < 0 || at.y < 1.4 * font || at.x + width + 0.4 * font > canvas.width() || at.y > canvas.height()) return;
    rimmed_text(canvas, at.x + 0.2 * font, at.y - 0.2 * font, text, false, {205, 214, 228}, 0.9);
    labels.push_back({at.x, at.y - 1.2 * font, width + 0.4 * font, 1.3 * font});
}

/// Tags of boxes that are painted at the given places (in pixels), the best first; one that would lie on another is left out.
inline std::vector<DrawRect> draw_box_tags(Canvas& canvas, std::span<const DrawnBox3d> boxes, const std::vector<std::size_t>& order, const std::vector<DrawRect>& places, std::vector<DrawRect> tags) {
    for (const std::size_t i : order) {
        const DrawRect& place = places[i];
        if (place.width <= 0) continue;
        char score[16] = "";
        if (boxes[i].score >= 0) std::snprintf(score, sizeof score, "%.2f", double(boxes[i].score));
        const std::string name = drawable_text(boxes[i].label.substr(0, 64));
        if (name.empty() && score[0] == '\0') continue;
        const double pad = 0.28 * canvas.font(), gap = name.empty() || score[0] == '\0' ? 0 : 0.32 * canvas.font();
        const double name_width = canvas.text_width(name, true), width = name_width + gap + canvas.text_width(score, false) + 2 * pad, height = 1.22 * canvas.font();
        const double middle = place.x + (place.width - width) / 2, beside = place.y + (place.height - height) / 2, space = 2;
        const double candidates[][2] = {{middle, place.y - height - space}, {middle, place.y + place.height + space}, {place.x + place.width + space, beside}, {place.x - width - space, beside}};
        for (const auto& [x, y] : candidates) {
            const DrawRect tag = {x, y, width, height};
            if (x < 0 || y < 0 || x + width > canvas.width() || y + height > canvas.height()) continue;
            if (std::any_of(tags.begin(), tags.end(), [&](const DrawRect& other) { return tag.overlap(other) > 0; })) continue;
            const Colour colour = class_colour(boxes[i].class_index);
            canvas.rounded(tag, 0.25 * canvas.font());
            canvas.colour(night, 0.72);
            canvas.fill(true);
            canvas.colour(colour, 0.9);
            canvas.stroke(0.07 * canvas.font());
            canvas.colour(mixed(colour, {255, 255, 255}, 0.55));
            canvas.text(tag.x + pad, tag.y + 0.94 * canvas.font(), name, true);
            canvas.colour({255, 255, 255}, 0.85);
            canvas.text(tag.x + pad + name_width + gap, tag.y + 0.94 * canvas.font(), score, false);
            tags.push_back(tag);
            break;
        }
    }
    return tags;
}

/// The colours of heights with their ends in metres, in the lower left corner. Returns where it lies.
inline DrawRect draw_colour_scale(Canvas& canvas, const HeightScale& scale) {
    const double font = canvas.font(), length = 14 * font, thick = 0.75 * font, x = 1.3 * font, y = canvas.height() - 3.1 * font;
    canvas.rounded({x - 0.6 * font, y - 1.5 * font, length + 1.2 * font, 4 * font}, 0.5 * font);
    canvas.colour({18, 20, 24}, 0.78);
    canvas.fill();
    constexpr int steps = 56;
    for (int i = 0; i < steps; ++i) {
        canvas.colour(height_colour((i + 0.5) / steps));
        canvas.rounded({x + length * i / steps, y, length / steps + 0.6, thick}, 0);
        canvas.fill();
    }
    const auto label = [&](double value, double anchor) {
        char text[32];
        std::snprintf(text, sizeof text, "%+.1f m", value);
        canvas.text(x + anchor * (length - canvas.text_width(text, false)), y + thick + 1.1 * font, text, false);
    };
    canvas.colour({255, 255, 255}, 0.9);
    canvas.text(x, y - 0.4 * font, "height", false);
    label(scale.low, 0);
    label(scale.high, 1);
    return {x - 0.6 * font, y - 1.5 * font, length + 1.2 * font, 4 * font};
}

/// What lies over the scene: tags, legend, scale, caption. `places`: where the boxes are in the picture, of no width when they are not; `taken`: where no tag may lie.
inline void draw_annotations(Canvas& canvas, std::span<const DrawnBox3d> boxes, const std::vector<DrawRect>& places, std::vector<DrawRect> taken, const HeightScale& scale, const CloudStyle& style) {
    if (style.colour_scale) taken.push_back(draw_colour_scale(canvas, scale));
    const std::string caption = drawable_text(style.caption);
    if (!caption.empty()) {
        const double font = canvas.font();
        rimmed_text(canvas, font, 1.7 * font, caption, true, {255, 255, 255}, 0.95);
        taken.push_back({0, 0, canvas.text_width(caption, true) + 2 * font, 2.4 * font});
    }
    std::vector<std::size_t> order(boxes.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return boxes[a].score > boxes[b].score; });
    if (style.labels) taken = draw_box_tags(canvas, boxes, order, places, std::move(taken));
    if (!style.legend || boxes.empty()) return;
    std::vector<DrawnObject> objects(boxes.size());
    for (std::size_t i = 0; i < boxes.size(); ++i) {
        objects[i].class_index = boxes[i].class_index;
        objects[i].label = boxes[i].label.substr(0, 64);
    }
    taken.insert(taken.end(), places.begin(), places.end());
    draw_legend(canvas, count_legend(objects), taken);
}

}  // namespace draw_detail

#endif

}  // namespace regulus
