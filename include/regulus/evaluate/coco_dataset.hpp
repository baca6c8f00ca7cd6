#pragma once
// COCO's annotation and result files in memory: pictures, categories, objects, detections.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/rle.hpp>
#include <regulus/evaluate/coco_results.hpp>

namespace regulus {

struct CocoImage {
    std::int64_t id = 0;
    std::int64_t width = 0;
    std::int64_t height = 0;
    std::string file_name;  ///< empty when the file names none
};

struct CocoCategory {
    std::int64_t id = 0;
    std::string name;
    std::string supercategory;  ///< empty when the file names none
};

/// One annotated object. Coordinates are continuous pixels, those of keypoints are pixel indices.
struct CocoAnnotation {
    std::int64_t id = 0;
    std::int64_t image_id = 0;
    std::int64_t category_id = 0;
    std::array<double, 4> bbox = {};  ///< x, y, width, height
    double area = 0;                  ///< as annotated: pixels of the mask, not of the box
    bool iscrowd = false;
    std::vector<std::vector<double>> polygons;  ///< rings x0 y0 x1 y1 ..., when the mask is given so
    std::optional<Rle> rle;                     ///< when the mask is given as run lengths
    std::vector<double> keypoints;              ///< x y v of each; v 0: not labelled, 1: hidden, 2: visible
    std::int64_t num_keypoints = 0;             ///< with v > 0

    bool has_mask() const noexcept { return rle.has_value() || !polygons.empty(); }
};

struct CocoDataset {
    std::vector<CocoImage> images;
    std::vector<CocoCategory> categories;
    std::vector<CocoAnnotation> annotations;
};

/// One detection to be judged. At least one of box, mask and keypoints is there.
struct CocoDetection {
    std::int64_t image_id = 0;
    std::int64_t category_id = 0;
    double score = 0;
    std::optional<std::array<double, 4>> bbox;  ///< x, y, width, height
    std::optional<Rle> segmentation;
    std::vector<double> keypoints;  ///< x y v of each; v is not looked at
};

/// Reads instances_*.json or person_keypoints_*.json. The file is mapped and one element after another is parsed, so that the memory in use is that of the
/// result. `area`, `bbox`, `id`, `image_id` and `category_id` must be there; a missing `iscrowd` is 0, a missing `num_keypoints` is counted. Throws FileError
/// that names file, element and member for what is not JSON, missing, of a wrong type, out of range, there twice, or refers to a picture or category that the
/// file does not list; and for run lengths of another size than the picture's.
CocoDataset read_coco_annotations(const std::string& path);

/// The same from text; `who` begins the messages.
CocoDataset parse_coco_annotations(std::string_view text, const std::string& who);

/// What is wrong between the lists of a data set (ids there twice or not listed, run lengths of another size than the picture's), in words; empty when all is
/// well.
std::string coco_dataset_problem(const CocoDataset& dataset);

/// Reads a results file: an array of detections with `bbox`, `segmentation` (run lengths) or `keypoints`. Throws FileError as above.
std::vector<CocoDetection> read_coco_results(const std::string& path);
std::vector<CocoDetection> parse_coco_results(std::string_view text, const std::string& who);

/// What a detector of this program gave, to be judged without a file between.
std::vector<CocoDetection> coco_detections(std::span<const CocoResult> results);

/// The annotated mask in run lengths, polygons rasterised by COCO's rule. Throws ArgumentError when the object has none, names a ring that cannot be
/// rasterised, ShapeError when run lengths are not of the picture's size.
Rle coco_mask(const CocoAnnotation& annotation, const CocoImage& image);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/coco_dataset-impl.hpp>
#endif
