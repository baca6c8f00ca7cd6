#pragma once
// Detections painted on their picture. Needs Cairo, so it is apart from the rest of pipeline/.
#include <regulus/draw/draw_detections.hpp>
#include <regulus/pipeline/detection.hpp>
#include <regulus/pipeline/panoptic.hpp>

namespace regulus {

/// Paints boxes, masks, keypoints, labels and, unless the style has its own, a legend of counts. Throws what draw_detections throws.
void draw(Image& image, const DetectionList& detections, const DrawStyle& style = {});

/// Paints every segment in its class's colour with its name, without boxes, and a legend. Throws what draw_detections throws.
void draw(Image& image, const PanopticResult& result, const DrawStyle& style = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/draw-impl.hpp>
#endif
