#pragma once
// evaluate/: results files and the numbers that judge them. It includes core/ and data/ only.
// Here: detections in COCO's results format, as pycocotools' loadRes reads it.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/rle.hpp>

namespace regulus {

/// One detection of a results file.
struct CocoResult {
    std::int64_t image_id = 0;
    std::int64_t category_id = 0;      ///< the data set's id, not the network's label
    std::array<double, 4> bbox = {};   ///< x, y, width, height in pixels
    float score = 0;
    std::optional<Rle> segmentation = {};
    std::vector<float> keypoints = {};  ///< x, y, score of each point, x and y as numbers of pixels (the first pixel's centre is 0); empty: none
};

/// x1 y1 x2 y2 to x, y, width, height; differences in double, as mmdetection writes them.
constexpr std::array<double, 4> coco_box(const std::array<float, 4>& box) noexcept {
    return {double(box[0]), double(box[1]), double(box[2]) - double(box[0]), double(box[3]) - double(box[1])};
}

/// A JSON array, one detection a line. Every number reads back to the same float or double.
/// Throws ArgumentError for a number that is not finite (JSON has none), ShapeError for an invalid mask.
std::string coco_results_json(std::span<const CocoResult> results);

/// coco_results_json into a file, replaced in one step. Throws FileError when it cannot be written.
void write_coco_results(const std::string& path, std::span<const CocoResult> results);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/coco_results-impl.hpp>
#endif
