#pragma once
// Boxes, masks, keypoints and labels painted on a picture, with Cairo.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/keypoints.hpp>
#include <regulus/data/rle.hpp>
#include <regulus/draw/palette.hpp>

namespace regulus {

/// One thing to paint.
struct DrawnObject {
    std::array<float, 4> box = {};   ///< x1 y1 x2 y2, pixels
    int class_index = 0;             ///< chooses the colour
    std::string label = {};          ///< UTF-8; empty: no tag
    float score = -1;                ///< 0..1, shown behind the label; negative: not shown
    Rle mask = {};                   ///< of the picture's size; empty: none
    std::vector<Keypoint> keypoints = {};  ///< 17 are a person's as in COCO, with lines between them; others are dots
};

/// A line of the legend, which sits in the emptiest corner.
struct LegendEntry {
    int class_index = 0;
    std::string name = {};
    std::int64_t count = 0;
};

struct DrawStyle {
    bool boxes = true;
    bool masks = true;
    bool labels = true;
    bool keypoints = true;
    float keypoint_score = 0.05f;    ///< points of less are left out
    double mask_opacity = 0.42;      ///< 0 .. 1
    double line_width = 0;           ///< pixels; 0: chosen by the picture's size
    double font_size = 0;            ///< pixels; 0: chosen by the picture's size
    std::string font = "DejaVu Sans";  ///< a family that fontconfig knows; another is taken when it is missing
    std::vector<LegendEntry> legend = {};  ///< empty: none
};

/// Paints the objects, the least certain first, so that the best lie on top. Tags stay inside the picture and, where there is room, out of each
/// other's way. A failed call leaves the picture as it was. Throws ShapeError for a mask of another size or a picture with a side over 32767, ArgumentError for a
/// box or a keypoint that is not finite, Error when Cairo fails or the build lacks it.
/// Text needs fontconfig and one font (Debian: fonts-dejavu-core); without any, Cairo falls back to letters of plain strokes.
void draw_detections(Image& image, std::span<const DrawnObject> objects, const DrawStyle& style = {});

/// How many there are of each class, under the label of its first object; most frequent first.
std::vector<LegendEntry> count_legend(std::span<const DrawnObject> objects);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/draw/draw_detections-impl.hpp>
#endif
