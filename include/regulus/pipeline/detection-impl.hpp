#pragma once
#include <cstdio>
#include <map>

#include <regulus/pipeline/detection.hpp>

namespace regulus {

REGULUS_INLINE BitMask Detection::mask() const {
    if (!has_mask()) throw ArgumentError("mask: this detection has none; use a model with a mask head");
    return paste_mask(mask_probabilities, mask_side, box, picture, mask_threshold, {}, paste_rule);
}

REGULUS_INLINE Rle Detection::mask_rle() const {
    if (!has_mask()) throw ArgumentError("mask: this detection has none; use a model with a mask head");
    return paste_mask_rle(mask_probabilities, mask_side, box, picture, mask_threshold, paste_rule);
}

REGULUS_INLINE std::string to_string(const Detection& detection) {
    char text[96];
    std::snprintf(text, sizeof text, " %.2f at %.1f %.1f %.1f %.1f", double(detection.score), double(detection.box[0]), double(detection.box[1]), double(detection.box[2]),
                  double(detection.box[3]));
    return detection.class_name + text;
}

REGULUS_INLINE DetectionList above(const DetectionList& detections, float score) {
    DetectionList result{detections.picture, {}};
    for (const Detection& detection : detections) {
        if (detection.score >= score) result.items.push_back(detection);
    }
    return result;
}

REGULUS_INLINE std::vector<std::pair<std::string, int>> class_counts(const DetectionList& detections) {
    std::map<int, std::pair<std::string, int>> by_label;
    for (const Detection& detection : detections) {
        auto& entry = by_label[detection.label];
        entry.first = detection.class_name;
        ++entry.second;
    }
    std::vector<std::pair<std::string, int>> counts;
    for (auto& [label, entry] : by_label) counts.push_back(std::move(entry));
    return counts;
}

REGULUS_INLINE std::vector<CocoResult> coco_results(const DetectionList& detections, std::int64_t image_id, bool with_masks) {
    std::vector<CocoResult> results;
    for (const Detection& detection : detections) {
        CocoResult result{image_id, detection.category_id, coco_box(detection.box), detection.score, {}, {}};
        for (const Keypoint& point : detection.keypoints) result.keypoints.insert(result.keypoints.end(), {point.x - detection.keypoint_origin, point.y - detection.keypoint_origin, point.score});
        if (with_masks && detection.has_mask()) result.segmentation = detection.mask_rle();
        results.push_back(std::move(result));
    }
    return results;
}

}  // namespace regulus
