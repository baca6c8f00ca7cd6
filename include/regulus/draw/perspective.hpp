#pragma once
// A point cloud seen from behind and above the sensor, with Cairo.
#include <span>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/point_cloud.hpp>
#include <regulus/draw/cloud_style.hpp>

namespace regulus {

struct PerspectiveStyle : CloudStyle {
    PerspectiveStyle() {
        width = 1600;
        height = 900;
    }

    double behind = 22;         ///< metres from the sensor back to the camera
    double above = 14;          ///< metres from the sensor up to the camera
    double look_ahead = 14;     ///< the camera looks at the ground this far ahead of the sensor
    double field_of_view = 62;  ///< across the picture, degrees, 10 .. 150
    double ground = 0;          ///< height of the ground, metres; 0: chosen from the points
};

/// Points coloured by height, near ones on top and larger, far ones fading; boxes as wire frames with a line from the bottom's centre past the front; rings on the
/// ground around the sensor. Throws as draw_birds_eye.
Image draw_perspective(const PointCloud& cloud, std::span<const DrawnBox3d> boxes, const PerspectiveStyle& style = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/draw/perspective-impl.hpp>
#endif
