#pragma once
#include <utility>
#include <vector>

#include <regulus/pipeline/draw.hpp>

namespace regulus {

REGULUS_INLINE void draw(Image& image, const DetectionList& detections, const DrawStyle& style) {
    std::vector<DrawnObject> objects;
    for (const Detection& detection : detections) {
        DrawnObject object{detection.box, detection.label, detection.class_name, detection.score, {}};
        if (detection.has_mask()) object.mask = detection.mask_rle();
        objects.push_back(std::move(object));
    }
    DrawStyle with_legend = style;
    if (with_legend.legend.empty()) with_legend.legend = count_legend(objects);
    draw_detections(image, objects, with_legend);
}

}  // namespace regulus
