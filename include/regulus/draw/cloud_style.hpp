#pragma once
// What the pictures of point clouds share: the boxes to paint and how they look.
#include <string>

#include <regulus/data/box3d.hpp>

namespace regulus {

/// A box to paint.
struct DrawnBox3d {
    Box3d box = {};
    int class_index = 0;     ///< chooses the colour
    std::string label = {};  ///< UTF-8; empty: no tag
    float score = -1;        ///< 0..1, shown behind the label; negative: not shown
};

struct CloudStyle {
    int width = 1400;                   ///< pixels, 16 .. 16384
    int height = 1400;
    double forward = 0;                 ///< yaw of the direction drawn upwards (bird's eye) or looked along: 0 is x (KITTI), pi / 2 is y (nuScenes' laser)
    double low = 0, high = 0;           ///< heights at the ends of the colour scale, metres; equal: chosen from the points
    double point_size = 0;              ///< pixels; 0: chosen
    double ring_spacing = 0;            ///< metres; 0: chosen, negative: no rings
    bool labels = true;                 ///< tags of class and score, the best first, where there is room
    bool legend = true;                 ///< how many boxes there are of each class
    bool colour_scale = true;
    double font_size = 0;               ///< pixels; 0: chosen by the picture's size
    std::string font = "DejaVu Sans";
    std::string caption = {};           ///< UTF-8, in the upper left corner
};

}  // namespace regulus
