#pragma once
#include <regulus/draw/draw_detections.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>

#include <regulus/core/utf8.hpp>
#include <regulus/draw/outline.hpp>

#if __has_include(<cairo/cairo.h>)
#include <cairo/cairo.h>
#define REGULUS_HAS_CAIRO 1
#elif __has_include(<cairo.h>)
#include <cairo.h>
#define REGULUS_HAS_CAIRO 1
#else
#define REGULUS_HAS_CAIRO 0
#endif

namespace regulus {

REGULUS_INLINE std::vector<LegendEntry> count_legend(std::span<const DrawnObject> objects) {
    std::vector<LegendEntry> legend;
    for (const DrawnObject& object : objects) {
        const auto entry = std::find_if(legend.begin(), legend.end(), [&](const LegendEntry& e) { return e.class_index == object.class_index; });
        if (entry == legend.end()) legend.push_back({object.class_index, object.label, 1});
        else ++entry->count;
    }
    std::sort(legend.begin(), legend.end(), [](const LegendEntry& a, const LegendEntry& b) {
        return a.count != b.count ? a.count > b.count : a.class_index < b.class_index;
    });
    return legend;
}

#if REGULUS_HAS_CAIRO

namespace draw_detail {

struct DrawRect {
    double x = 0, y = 0, width = 0, height = 0;

    double overlap(const DrawRect& other) const {
        const double w = std::min(x + width, other.x + other.width) - std::max(x, other.x);
        const double h = std::min(y + height, other.y + other.height) - std::max(y, other.y);
        return w > 0 && h > 0 ? w * h : 0;
    }
};

/// Cairo stops at the first byte that is not UTF-8.
inline std::string drawable_text(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const std::size_t good = invalid_utf8_at(text);
        result += text.substr(0, good);
        text.remove_prefix(good);
        if (text.empty()) break;
        result += "\xEF\xBF\xBD";
        text.remove_prefix(1);
    }
    std::replace_if(result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return result;
}

/// A copy of the picture that Cairo can paint on.
class Canvas {
public:
    Canvas(const Image& image, const DrawStyle& style) : width_(double(image.width)), height_(double(image.height)) {
        surface_ = cairo_image_surface_create(CAIRO_FORMAT_RGB24, int(image.width), int(image.height));
        context_ = cairo_create(surface_);
        try {
            check();
            for (std::int64_t y = 0; y < image.height; ++y) {
                std::uint32_t* dst = row(y);
                const std::uint8_t* src = image.row(y);
                for (std::int64_t x = 0; x < image.width; ++x, src += 3) dst[x] = std::uint32_t(src[0]) << 16 | std::uint32_t(src[1]) << 8 | src[2];
            }
        } catch (...) {
            release();
            throw;
        }
        cairo_surface_mark_dirty(surface_);
        // Sizes grow with the picture, slower than it: a large picture is looked at from nearer.
        const double side = std::sqrt(width_ * height_);
        line_ = style.line_width > 0 ? style.line_width : std::clamp(side / 420.0, 1.0, 12.0);
        font_ = style.font_size > 0 ? style.font_size : std::clamp(4.0 + side / 85.0, 8.0, 72.0);
        family_ = style.font;
        cairo_set_line_join(context_, CAIRO_LINE_JOIN_ROUND);
        cairo_set_font_size(context_, font_);
        cairo_font_options_t* options = cairo_font_options_create();
        cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);  // sub-pixel colours would show in a picture
        cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
        cairo_set_font_options(context_, options);
        cairo_font_options_destroy(options);
    }
    Canvas(const Canvas&) = delete;
    Canvas& operator=(const Canvas&) = delete;
    ~Canvas() { release(); }

    double width() const noexcept { return width_; }
    double height() const noexcept { return height_; }
    double line() const noexcept { return line_; }
    double font() const noexcept { return font_; }

    void copy_to(Image& image) {
        check();
        cairo_surface_flush(surface_);
        for (std::int64_t y = 0; y < image.height; ++y) {
            const std::uint32_t* src = row(y);
            std::uint8_t* dst = image.row(y);
            for (std::int64_t x = 0; x < image.width; ++x, dst += 3) {
                dst[0] = std::uint8_t(src[x] >> 16);
                dst[1] = std::uint8_t(src[x] >> 8);
                dst[2] = std::uint8_t(src[x]);
            }
        }
    }

    void colour(Colour c, double opacity = 1) { cairo_set_source_rgba(context_, c.red / 255.0, c.green / 255.0, c.blue / 255.0, opacity); }

    void rounded(const DrawRect& r, double radius) {
        constexpr double quarter = 1.5707963267948966;
        radius = std::max(0.0, std::min({radius, r.width / 2, r.height / 2}));
        cairo_new_sub_path(context_);
        cairo_arc(context_, r.x + r.width - radius, r.y + radius, radius, -quarter, 0);
        cairo_arc(context_, r.x + r.width - radius, r.y + r.height - radius, radius, 0, quarter);
        cairo_arc(context_, r.x + radius, r.y + r.height - radius, radius, quarter, 2 * quarter);
        cairo_arc(context_, r.x + radius, r.y + radius, radius, 2 * quarter, 3 * quarter);
        cairo_close_path(context_);
    }

    void path(const std::vector<std::vector<OutlinePoint>>& lines) {
        for (const auto& line : lines) {
            cairo_new_sub_path(context_);
            for (const OutlinePoint& point : line) cairo_line_to(context_, point.x, point.y);
            cairo_close_path(context_);
        }
    }

    void line_between(const OutlinePoint& from, const OutlinePoint& to) {
        cairo_move_to(context_, from.x, from.y);
        cairo_line_to(context_, to.x, to.y);
    }

    void fill(bool keep_path = false) { keep_path ? cairo_fill_preserve(context_) : cairo_fill(context_); }

    void stroke(double line_width, bool keep_path = false) {
        cairo_set_line_width(context_, line_width);
        keep_path ? cairo_stroke_preserve(context_) : cairo_stroke(context_);
    }

    double text_width(const std::string& text, bool bold) {
        face(bold);
        cairo_text_extents_t extents;
        cairo_text_extents(context_, text.c_str(), &extents);
        return extents.x_advance;
    }

    /// Distance of the base line from the top of a line of text that is 1.3 font sizes high.
    double ascent() const noexcept { return 0.99 * font_; }
    double line_height() const noexcept { return 1.3 * font_; }

    void text(double x, double baseline, const std::string& text, bool bold) {
        face(bold);
        cairo_move_to(context_, x, baseline);
        cairo_show_text(context_, text.c_str());
        cairo_new_path(context_);
    }

    void check() const {
        const cairo_status_t status = cairo_status(context_);
        if (status != CAIRO_STATUS_SUCCESS) throw Error(std::string("draw_detections: Cairo says: ") + cairo_status_to_string(status));
    }

private:
    std::uint32_t* row(std::int64_t y) {
        return reinterpret_cast<std::uint32_t*>(cairo_image_surface_get_data(surface_) + y * cairo_image_surface_get_stride(surface_));
    }

    void face(bool bold) {
        cairo_select_font_face(context_, family_.c_str(), CAIRO_FONT_SLANT_NORMAL, bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    }

    void release() noexcept {
        cairo_destroy(context_);
        cairo_surface_destroy(surface_);
    }

    double width_, height_, line_ = 1, font_ = 10;
    std::string family_;
    cairo_surface_t* surface_ = nullptr;
    cairo_t* context_ = nullptr;
};

/// The box as drawn: inside the picture, at least a pixel wide.
inline DrawRect drawn_box(const DrawnObject& object, const Canvas& canvas) {
    const double x1 = std::clamp<double>(object.box[0], 0, canvas.width()), x2 = std::clamp<double>(object.box[2], 0, canvas.width());
    const double y1 = std::clamp<double>(object.box[1], 0, canvas.height()), y2 = std::clamp<double>(object.box[3], 0, canvas.height());
    return {x1, y1, std::max(x2 - x1, 1.0), std::max(y2 - y1, 1.0)};
}

/// A colour's opposite for the thin rim that keeps it visible on any ground.
inline Colour rim_colour(Colour colour) { return luminance(colour) > 0.18 ? Colour{20, 20, 20} : Colour{255, 255, 255}; }

inline void draw_mask(Canvas& canvas, const DrawnObject& object, double opacity) {
    const Colour colour = class_colour(object.class_index);
    canvas.path(mask_outlines(object.mask));
    canvas.colour(colour, opacity);
    canvas.fill(true);
    canvas.colour(rim_colour(colour), 0.35);
    canvas.stroke(canvas.line() + 1.2, true);
    canvas.colour(colour, 0.95);
    canvas.stroke(0.75 * canvas.line());
}

inline void draw_box(Canvas& canvas, const DrawnObject& object, bool beside_a_mask) {
    const Colour colour = class_colour(object.class_index);
    const double line = beside_a_mask ? 0.6 * canvas.line() : canvas.line();
    canvas.rounded(drawn_box(object, canvas), 2 * canvas.line());
    canvas.colour(rim_colour(colour), 0.4);
    canvas.stroke(line + 1.4, true);
    canvas.colour(colour, beside_a_mask ? 0.8 : 1.0);
    canvas.stroke(line);
}

/// The points of COCO's persons that are joined: legs, hips, trunk, shoulders, arms, face.
inline constexpr std::array<std::array<std::uint8_t, 2>, 19> person_lines{{{15, 13}, {13, 11}, {16, 14}, {14, 12}, {11, 12}, {5, 11}, {6, 12}, {5, 6}, {5, 7}, {6, 8}, {7, 9}, {8, 10}, {1, 2}, {0, 1}, {0, 2}, {1, 3}, {2, 4}, {3, 5}, {4, 6}}};

/// A person's left, right and middle have colours of their own: points with odd numbers are left, the others but the nose right.
inline void draw_keypoints(Canvas& canvas, const DrawnObject& object, float least) {
    const bool person = object.keypoints.size() == 17;
    const auto side = [&](std::size_t point) { return !person || point == 0 ? 0 : point % 2 == 1 ? 1 : 2; };
    const auto place = [&](const Keypoint& point) { return OutlinePoint{std::clamp<double>(point.x, 0, canvas.width()), std::clamp<double>(point.y, 0, canvas.height())}; };
    for (const auto& ends : person_lines) {
        if (!person || !(object.keypoints[ends[0]].score >= least) || !(object.keypoints[ends[1]].score >= least)) continue;
        const Colour colour = class_colour(object.class_index + (side(ends[0]) == side(ends[1]) ? side(ends[0]) : 0));
        canvas.line_between(place(object.keypoints[ends[0]]), place(object.keypoints[ends[1]]));
        canvas.colour(rim_colour(colour), 0.4);
        canvas.stroke(canvas.line() + 1.4, true);
        canvas.colour(colour);
        canvas.stroke(canvas.line());
    }
    for (std::size_t i = 0; i < object.keypoints.size(); ++i) {
        if (!(object.keypoints[i].score >= least)) continue;
        const Colour colour = class_colour(object.class_index + side(i));
        const OutlinePoint at = place(object.keypoints[i]);
        const double radius = 1.5 * canvas.line();
        canvas.rounded({at.x - radius, at.y - radius, 2 * radius, 2 * radius}, radius);
        canvas.colour(colour);
        canvas.fill(true);
        canvas.colour(rim_colour(colour), 0.6);
        canvas.stroke(1);
    }
}

/// Where a tag lies best: on the box's upper edge, else at one of its other corners; wherever it hides least of other tags and objects.
inline DrawRect place_tag(const DrawRect& box, double width, double height, const Canvas& canvas, const std::vector<DrawRect>& tags, const std::vector<DrawRect>& boxes) {
    const double right = box.x + box.width - width, below = box.y + box.height, middle = box.x + (box.width - width) / 2;
    const double candidates[][2] = {{box.x, box.y - height}, {right, box.y - height}, {middle, box.y - height}, {box.x, below}, {right, below}, {middle, below},
                                    {box.x, box.y}, {box.x + box.width, box.y}, {box.x - width, box.y}, {box.x + box.width, below - height}, {box.x - width, below - height}};
    DrawRect best;
    double least = -1;
    for (std::size_t i = 0; i < std::size(candidates); ++i) {
        const DrawRect tag = {std::clamp(candidates[i][0], 0.0, std::max(0.0, canvas.width() - width)), std::clamp(candidates[i][1], 0.0, std::max(0.0, canvas.height() - height)),
                              width, height};
        double cost = 0.02 * double(i) * width * height;
        for (const DrawRect& other : tags) cost += 4 * tag.overlap(other);
        for (const DrawRect& other : boxes) cost += 0.6 * tag.overlap(other);
        if (least >= 0 && cost >= least) continue;
        least = cost;
        best = tag;
    }
    return best;
}

inline DrawRect draw_tag(Canvas& canvas, const DrawnObject& object, const std::vector<DrawRect>& tags, const std::vector<DrawRect>& boxes) {
    const Colour colour = class_colour(object.class_index);
    const std::string name = drawable_text(object.label);
    char score[16] = "";
    if (object.score >= 0) std::snprintf(score, sizeof score, "%.2f", double(object.score));
    const double pad = 0.36 * canvas.font(), gap = name.empty() || score[0] == '\0' ? 0.0 : 0.35 * canvas.font();
    const double name_width = canvas.text_width(name, true), score_width = canvas.text_width(score, false);
    const DrawRect tag = place_tag(drawn_box(object, canvas), name_width + gap + score_width + 2 * pad, canvas.line_height(), canvas, tags, boxes);
    canvas.rounded(tag, 0.25 * canvas.font());
    canvas.colour(rim_colour(colour), 0.4);
    canvas.stroke(1.4, true);
    canvas.colour(colour, 0.94);
    canvas.fill();
    canvas.colour(text_colour(colour));
    canvas.text(tag.x + pad, tag.y + canvas.ascent(), name, true);
    canvas.colour(text_colour(colour), 0.85);
    canvas.text(tag.x + pad + name_width + gap, tag.y + canvas.ascent(), score, false);
    return tag;
}

inline void draw_legend(Canvas& canvas, const std::vector<LegendEntry>& legend, const std::vector<DrawRect>& occupied) {
    const double row = 1.55 * canvas.font(), pad = 0.8 * canvas.font(), swatch = 0.85 * canvas.font();
    double names = 0, counts = 0;
    for (const LegendEntry& entry : legend) {
        names = std::max(names, canvas.text_width(drawable_text(entry.name), false));
        counts = std::max(counts, canvas.text_width(std::to_string(entry.count), true));
    }
    const double width = 2 * pad + swatch + 0.6 * canvas.font() + names + 1.2 * canvas.font() + counts, height = 2 * pad + row * double(legend.size()) - 0.45 * canvas.font();
    const double far_x = std::max(0.0, canvas.width() - width - pad), far_y = std::max(0.0, canvas.height() - height - pad);
    const DrawRect corners[] = {{pad, far_y, width, height}, {far_x, far_y, width, height}, {pad, pad, width, height}, {far_x, pad, width, height}};
    const auto hidden = [&](const DrawRect& r) {
        double sum = 0;
        for (const DrawRect& other : occupied) sum += r.overlap(other);
        return sum;
    };
    const DrawRect panel = *std::min_element(std::begin(corners), std::end(corners), [&](const DrawRect& a, const DrawRect& b) { return hidden(a) < hidden(b); });
    canvas.rounded(panel, 0.5 * canvas.font());
    canvas.colour({18, 20, 24}, 0.78);
    canvas.fill();
    double y = panel.y + pad;
    for (const LegendEntry& entry : legend) {
        const std::string count = std::to_string(entry.count);
        canvas.rounded({panel.x + pad, y + 0.12 * canvas.font(), swatch, swatch}, 0.22 * canvas.font());
        canvas.colour(class_colour(entry.class_index));
        canvas.fill(true);
        canvas.colour({255, 255, 255}, 0.55);
        canvas.stroke(1);
        canvas.colour({255, 255, 255}, 0.95);
        canvas.text(panel.x + pad + swatch + 0.6 * canvas.font(), y + 0.9 * canvas.font(), drawable_text(entry.name), false);
        canvas.text(panel.x + panel.width - pad - canvas.text_width(count, true), y + 0.9 * canvas.font(), count, true);
        y += row;
    }
}

}  // namespace draw_detail

REGULUS_INLINE void draw_detections(Image& image, std::span<const DrawnObject> objects, const DrawStyle& style) {
    check_image(image, "draw_detections");
    if (image.empty() || image.height > 32767 || image.width > 32767) {
        throw ShapeError("draw_detections: sides must be 1 .. 32767, got " + std::to_string(image.height) + " x " + std::to_string(image.width));
    }
    std::vector<const DrawnObject*> order;  // the most certain first
    for (const DrawnObject& object : objects) {
        for (const float coordinate : object.box) {
            if (!std::isfinite(coordinate)) throw ArgumentError("draw_detections: a box of \"" + object.label + "\" is not finite");
        }
        for (const Keypoint& point : object.keypoints) {
            if (!std::isfinite(point.x) || !std::isfinite(point.y)) throw ArgumentError("draw_detections: a keypoint of \"" + object.label + "\" is not finite");
        }
        if (!object.mask.empty() && (object.mask.height != image.height || object.mask.width != image.width)) {
            throw ShapeError("draw_detections: a mask is " + std::to_string(object.mask.height) + " x " + std::to_string(object.mask.width) + ", the picture " +
                             std::to_string(image.height) + " x " + std::to_string(image.width));
        }
        order.push_back(&object);
    }
    std::stable_sort(order.begin(), order.end(), [](const DrawnObject* a, const DrawnObject* b) { return a->score > b->score; });

    draw_detail::Canvas canvas(image, style);
    std::vector<draw_detail::DrawRect> boxes, tags;
    for (const DrawnObject* object : order) boxes.push_back(draw_detail::drawn_box(*object, canvas));
    for (auto object = order.rbegin(); style.masks && object != order.rend(); ++object) {
        if (!(*object)->mask.empty()) draw_detail::draw_mask(canvas, **object, std::clamp(style.mask_opacity, 0.0, 1.0));
    }
    for (auto object = order.rbegin(); style.boxes && object != order.rend(); ++object) {
        draw_detail::draw_box(canvas, **object, style.masks && !(*object)->mask.empty());
    }
    for (auto object = order.rbegin(); style.keypoints && object != order.rend(); ++object) draw_detail::draw_keypoints(canvas, **object, style.keypoint_score);
    for (const DrawnObject* object : order) {
        if (style.labels && (!object->label.empty() || object->score >= 0)) tags.push_back(draw_detail::draw_tag(canvas, *object, tags, boxes));
    }
    if (!style.legend.empty()) {
        boxes.insert(boxes.end(), tags.begin(), tags.end());
        draw_detail::draw_legend(canvas, style.legend, boxes);
    }
    canvas.copy_to(image);
}

#else

REGULUS_INLINE void draw_detections(Image&, std::span<const DrawnObject>, const DrawStyle&) {
    throw Error("draw_detections: this build lacks Cairo (Debian: libcairo2-dev)");
}

#endif

}  // namespace regulus
