#pragma once
// A point cloud seen from above, with Cairo.
#include <array>
#include <span>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/data/point_cloud.hpp>
#include <regulus/draw/cloud_style.hpp>

namespace regulus {

struct BirdsEyeStyle : CloudStyle {
    double reach = 0;                    ///< metres from the middle of the picture to its nearer border; 0: chosen from the points
    std::array<double, 2> centre = {};  ///< x y in the middle of the picture, when reach is given
};

/// Points coloured by height, higher ones on top; boxes as outlines with a line from the centre past their front; rings around the sensor every few metres, which
/// are labelled. Points that are not finite are not drawn. Throws ArgumentError for a box that is not finite or sizes out of range, ShapeError for a cloud
/// of fewer than three features, Error when Cairo fails or the build lacks it.
Image draw_birds_eye(const PointCloud& cloud, std::span<const DrawnBox3d> boxes, const BirdsEyeStyle& style = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/draw/birds_eye-impl.hpp>
#endif
