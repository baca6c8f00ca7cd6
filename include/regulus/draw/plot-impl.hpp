#pragma once
#include <regulus/draw/plot.hpp>

#include <cmath>
#include <cstdio>

#include <regulus/draw/draw_detections-impl.hpp>

namespace regulus {

#if REGULUS_HAS_CAIRO

namespace draw_detail {

/// A white sheet with Cairo's context open for drawing.
class Paper {
public:
    Paper(int height, int width) : height_(height), width_(width) {
        surface_ = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
        context_ = cairo_create(surface_);
        colour({255, 255, 255});
        cairo_paint(context_);
    }
    Paper(const Paper&) = delete;
    Paper& operator=(const Paper&) = delete;
    ~Paper() {
        cairo_destroy(context_);
        cairo_surface_destroy(surface_);
    }

    cairo_t* context() const noexcept { return context_; }

    void colour(Colour c) { cairo_set_source_rgb(context_, c.red / 255.0, c.green / 255.0, c.blue / 255.0); }

    void line(double x1, double y1, double x2, double y2, double width) {
        cairo_move_to(context_, x1, y1);
        cairo_line_to(context_, x2, y2);
        cairo_set_line_width(context_, width);
        cairo_stroke(context_);
    }

    /// `anchor` 0: x is the text's left end, 0.5: its middle, 1: its right end. Text wider than `room` is made narrower.
    void text(double x, double baseline, double anchor, double size, const std::string& raw, bool bold = false, double room = 1e9) {
        const std::string text = drawable_text(raw);
        cairo_select_font_face(context_, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
        cairo_set_font_size(context_, size);
        cairo_text_extents_t extents;
        cairo_text_extents(context_, text.c_str(), &extents);
        if (extents.x_advance > room) {
            cairo_set_font_size(context_, size * room / extents.x_advance);
            cairo_text_extents(context_, text.c_str(), &extents);
        }
        cairo_move_to(context_, x - anchor * extents.x_advance, baseline);
        cairo_show_text(context_, text.c_str());
        cairo_new_path(context_);
    }

    void picture(const Image& image, double x, double y, double height, double width) {
        cairo_surface_t* source = cairo_image_surface_create(CAIRO_FORMAT_RGB24, int(image.width), int(image.height));
        unsigned char* bytes = cairo_image_surface_get_data(source);
        if (bytes == nullptr) {
            cairo_surface_destroy(source);
            throw Error("contact_sheet: Cairo cannot hold a picture of " + std::to_string(image.height) + " x " + std::to_string(image.width));
        }
        const int stride = cairo_image_surface_get_stride(source);
        for (std::int64_t row = 0; row < image.height; ++row) {
            std::uint32_t* dst = reinterpret_cast<std::uint32_t*>(bytes + row * stride);
            const std::uint8_t* src = image.row(row);
            for (std::int64_t column = 0; column < image.width; ++column, src += 3) dst[column] = std::uint32_t(src[0]) << 16 | std::uint32_t(src[1]) << 8 | src[2];
        }
        cairo_surface_mark_dirty(source);
        const double scale = std::min(width / double(image.width), height / double(image.height));
        cairo_save(context_);
        cairo_translate(context_, x + (width - scale * double(image.width)) / 2, y + (height - scale * double(image.height)) / 2);
        cairo_scale(context_, scale, scale);
        cairo_set_source_surface(context_, source, 0, 0);
        cairo_pattern_set_filter(cairo_get_source(context_), CAIRO_FILTER_GOOD);
        cairo_paint(context_);
        cairo_restore(context_);
        cairo_surface_destroy(source);
    }

    Image finish(const char* who) {
        const cairo_status_t status = cairo_status(context_);
        if (status != CAIRO_STATUS_SUCCESS) throw Error(std::string(who) + ": Cairo says: " + cairo_status_to_string(status));
        cairo_surface_flush(surface_);
        Image image(height_, width_);
        for (int y = 0; y < height_; ++y) {
            const auto* src = reinterpret_cast<const std::uint32_t*>(cairo_image_surface_get_data(surface_) + std::ptrdiff_t(y) * cairo_image_surface_get_stride(surface_));
            std::uint8_t* dst = image.row(y);
            for (int x = 0; x < width_; ++x, dst += 3) {
                dst[0] = std::uint8_t(src[x] >> 16);
                dst[1] = std::uint8_t(src[x] >> 8);
                dst[2] = std::uint8_t(src[x]);
            }
        }
        return image;
    }

private:
    int height_, width_;
    cairo_surface_t* surface_;
    cairo_t* context_;
};

}  // namespace draw_detail

REGULUS_INLINE Image draw_plot(const Plot& plot) {
    if (plot.curves.size() > 24) throw ArgumentError("draw_plot: at most 24 curves can be told apart, got " + std::to_string(plot.curves.size()));
    for (const PlotCurve& curve : plot.curves) {
        for (const PlotPoint& point : curve.points) {
            if (!std::isfinite(point.x) || !std::isfinite(point.y)) throw ArgumentError("draw_plot: a point of \"" + curve.name + "\" is not finite");
        }
    }
    constexpr double left = 80, top = 56, side_x = 600, side_y = 510;
    constexpr Colour ink = {40, 40, 44}, grid = {224, 224, 228};
    draw_detail::Paper paper(640, 960);
    paper.colour(ink);
    paper.text(left, 34, 0, 19, plot.title, true, 860);
    for (int tick = 0; tick <= 5; ++tick) {
        const double part = tick / 5.0, x = left + part * side_x, y = top + (1 - part) * side_y;
        char label[8];
        std::snprintf(label, sizeof label, "%.1f", part);
        paper.colour(grid);
        paper.line(x, top, x, top + side_y, 1);
        paper.line(left, y, left + side_x, y, 1);
        paper.colour(ink);
        paper.text(x, top + side_y + 22, 0.5, 14, label);
        paper.text(left - 10, y + 5, 1, 14, label);
    }
    paper.text(left + side_x / 2, top + side_y + 50, 0.5, 15, plot.x_title);
    cairo_t* context = paper.context();
    cairo_save(context);
    cairo_translate(context, 26, top + side_y / 2);
    cairo_rotate(context, -1.5707963267948966);
    paper.text(0, 0, 0.5, 15, plot.y_title);
    cairo_restore(context);

    cairo_save(context);
    cairo_rectangle(context, left - 2, top - 2, side_x + 4, side_y + 4);
    cairo_clip(context);
    cairo_set_line_join(context, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_width(context, 2.2);
    for (const PlotCurve& curve : plot.curves) {
        paper.colour(curve.colour);
        for (const PlotPoint& point : curve.points) cairo_line_to(context, left + point.x * side_x, top + (1 - point.y) * side_y);
        cairo_stroke(context);
    }
    cairo_restore(context);
    paper.colour(ink);
    paper.line(left, top + side_y, left + side_x, top + side_y, 1.4);
    paper.line(left, top, left, top + side_y, 1.4);
    double y = top + 12;
    for (const PlotCurve& curve : plot.curves) {
        paper.colour(curve.colour);
        paper.line(left + side_x + 24, y, left + side_x + 50, y, 4);
        paper.colour(ink);
        paper.text(left + side_x + 60, y + 5, 0, 14, curve.name, false, 205);
        y += 22;
    }
    return paper.finish("draw_plot");
}

REGULUS_INLINE Image contact_sheet(std::span<const SheetPicture> pictures, int columns, int cell_height, int cell_width) {
    constexpr std::int64_t gap = 8, caption = 26;
    if (pictures.empty() || columns < 1 || cell_height < 1 || cell_width < 1) throw ArgumentError("contact_sheet: there must be a picture, a column and cells of at least one pixel");
    const std::int64_t across = std::min<std::int64_t>(columns, std::int64_t(pictures.size())), rows = (std::int64_t(pictures.size()) + across - 1) / across;
    const std::int64_t height = gap + rows * (cell_height + caption + gap), width = gap + across * (cell_width + gap);
    if (height > 32767 || width > 32767) throw ArgumentError("contact_sheet: the sheet would be " + std::to_string(height) + " x " + std::to_string(width) + ", its sides must be at most 32767");
    draw_detail::Paper paper{int(height), int(width)};
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        const SheetPicture& picture = pictures[i];
        check_image(picture.image, "contact_sheet");
        if (picture.image.empty() || picture.image.height > 32767 || picture.image.width > 32767) throw ShapeError("contact_sheet: a picture's sides must be 1 .. 32767");
        const double x = double(gap + std::int64_t(i) % across * (cell_width + gap)), y = double(gap + std::int64_t(i) / across * (cell_height + caption + gap));
        paper.picture(picture.image, x, y, cell_height, cell_width);
        paper.colour({40, 40, 44});
        paper.text(x + 2, y + cell_height + 18, 0, 14, picture.caption, false, cell_width - 4);
    }
    return paper.finish("contact_sheet");
}

#else

REGULUS_INLINE Image draw_plot(const Plot&) { throw Error("draw_plot: this build lacks Cairo (Debian: libcairo2-dev)"); }
REGULUS_INLINE Image contact_sheet(std::span<const SheetPicture>, int, int, int) { throw Error("contact_sheet: this build lacks Cairo (Debian: libcairo2-dev)"); }

#endif

}  // namespace regulus
