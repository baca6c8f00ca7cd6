#pragma once
// Curves over the unit square and sheets of pictures, with Cairo.
#include <span>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/draw/palette.hpp>

namespace regulus {

struct PlotPoint {
    double x = 0;
    double y = 0;
};

/// A line with its name in the legend; points outside the unit square are cut off.
struct PlotCurve {
    std::string name;
    Colour colour;
    std::vector<PlotPoint> points;
};

struct Plot {
    std::string title;
    std::string x_title;
    std::string y_title;
    std::vector<PlotCurve> curves;  ///< the legend keeps their order
};

/// Axes 0 .. 1 with a grid, the curves, a legend at the right; 960 x 640 pixels.
/// Throws ArgumentError for more than 24 curves or a point that is not finite, Error when Cairo fails or the build lacks it.
Image draw_plot(const Plot& plot);

struct SheetPicture {
    Image image;
    std::string caption;
};

/// Pictures in rows of `columns`, each scaled into a cell of the given size with its caption below. Throws ArgumentError for no pictures, sizes below 1 or a
/// sheet with a side over 32767, ShapeError for an empty picture, Error when Cairo fails or the build lacks it.
Image contact_sheet(std::span<const SheetPicture> pictures, int columns, int cell_height, int cell_width);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/draw/plot-impl.hpp>
#endif
