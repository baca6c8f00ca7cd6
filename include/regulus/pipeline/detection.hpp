#pragma once
// pipeline/: from a picture to what is on it: preprocessing, program, postprocessing. It includes zoo/model_spec.hpp, graph/, data/,
// evaluate/, draw/ and converters/.
// Here: what a detector finds.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/keypoints.hpp>
#include <regulus/data/mask.hpp>
#include <regulus/evaluate/coco_results.hpp>

namespace regulus {

/// One object on a picture.
struct Detection {
    std::array<float, 4> box = {};     ///< x1 y1 x2 y2, pixels of the picture as read
    float score = 0;                   ///< 0 .. 1
    int label = 0;                     ///< the network's class, from 0
    std::string class_name;
    std::int64_t category_id = 0;      ///< the data set's id of the class
    int mask_side = 0;                 ///< 28; 0 without a mask
    std::vector<float> mask_probabilities;  ///< [mask_side, mask_side] over the box; empty without a mask
    float mask_threshold = 0.5f;
    PasteRule paste_rule = PasteRule::sampled;
    std::vector<Keypoint> keypoints;   ///< pixels of the picture as read, in the model's order of points; empty without a keypoint head
    float keypoint_origin = 0.5f;      ///< coordinates of COCO's point 0 0
    PictureSize picture;               ///< size of the picture as read

    bool has_mask() const noexcept { return mask_side > 0; }
    bool has_keypoints() const noexcept { return !keypoints.empty(); }

    /// The mask at the picture's size, pasted now. Throws ArgumentError for a detection without one.
    BitMask mask() const;
    /// The same as run lengths, without a bitmap.
    Rle mask_rle() const;
};

/// "nut 0.98 at 10.1 20.2 30.3 40.4".
std::string to_string(const Detection& detection);

/// Prints to_string; for std::ostream, as a template so that this header needs none.
template <class Stream>
Stream& operator<<(Stream& stream, const Detection& detection) {
    stream << to_string(detection);
    return stream;
}

/// All objects of one picture, falling score.
struct DetectionList {
    PictureSize picture;
    std::vector<Detection> items;

    auto begin() const noexcept { return items.begin(); }
    auto end() const noexcept { return items.end(); }
    std::size_t size() const noexcept { return items.size(); }
    bool empty() const noexcept { return items.empty(); }
    const Detection& operator[](std::size_t i) const noexcept { return items[i]; }
};

/// Those of at least this score.
DetectionList above(const DetectionList& detections, float score);

/// How many of each class, in the order of labels; classes without an object are left out.
std::vector<std::pair<std::string, int>> class_counts(const DetectionList& detections);

/// Rows of a COCO results file. `with_masks` adds run lengths where there are masks. Keypoints become COCO's: x and y less by keypoint_origin.
std::vector<CocoResult> coco_results(const DetectionList& detections, std::int64_t image_id, bool with_masks = true);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/detection-impl.hpp>
#endif
