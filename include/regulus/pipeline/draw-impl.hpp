#pragma once
#include <utility>
#include <vector>

#include <regulus/pipeline/draw.hpp>

namespace regulus {

REGULUS_INLINE void draw(Image& image, const DetectionList& detections, const DrawStyle& style) {
    std::vector<DrawnObject> objects;
    for (const Detection& detection : detections) {
        DrawnObject object{detection.box, detection.label, detection.class_name, detection.score, {}, detection.keypoints};
        if (detection.has_mask()) object.mask = detection.mask_rle();
        objects.push_back(std::move(object));
    }
    DrawStyle with_legend = style;
    if (with_legend.legend.empty()) with_legend.legend = count_legend(objects);
    draw_detections(image, objects, with_legend);
}

REGULUS_INLINE void draw(Image& image, const PanopticResult& result, const DrawStyle& style) {
    constexpr int first_stuff = 80;  // stuff has colours of its own
    std::vector<DrawnObject> objects;
    for (const PanopticSegment& segment : result.segments) {
        BitMask mask{result.map.height, result.map.width, std::vector<std::uint8_t>(result.map.ids.size())};
        for (std::size_t i = 0; i < mask.bits.size(); ++i) mask.bits[i] = result.map.ids[i] == segment.id ? 1 : 0;
        DrawnObject object;
        object.mask = rle_encode(mask);
        const auto box = rle_box(object.mask);
        object.box = {float(box[0]), float(box[1]), float(box[0] + box[2]), float(box[1] + box[3])};
        object.class_index = segment.is_thing ? segment.label : first_stuff + segment.label;
        object.label = segment.class_name;
        if (segment.is_thing) object.score = segment.score;
        objects.push_back(std::move(object));
    }
    DrawStyle without_boxes = style;
    without_boxes.boxes = false;
    if (without_boxes.legend.empty()) without_boxes.legend = count_legend(objects);
    draw_detections(image, objects, without_boxes);
}

}  // namespace regulus
