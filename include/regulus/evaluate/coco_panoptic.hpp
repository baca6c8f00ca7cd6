#pragma once
// COCO's panoptic files in memory: what each segment of a picture is. The segments' pixels are colours of a PNG file (data/segment_map.hpp).
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/evaluate/coco_dataset.hpp>

namespace regulus {

/// One segment of a picture. Results need id and category alone.
struct PanopticSegmentInfo {
    std::int64_t id = 0;  ///< 1 .. 2^24 - 1
    std::int64_t category_id = 0;
    std::int64_t area = 0;  ///< pixels, as the file says
    bool iscrowd = false;   ///< several things that nobody told apart
};

/// All segments of one picture.
struct PanopticAnnotation {
    std::int64_t image_id = 0;
    std::string file_name;  ///< of the PNG, below the folder of such files
    std::vector<PanopticSegmentInfo> segments = {};
};

struct PanopticCategory {
    std::int64_t id = 0;
    std::string name;
    bool isthing = false;
};

struct PanopticDataset {
    std::vector<CocoImage> images;
    std::vector<PanopticCategory> categories;
    std::vector<PanopticAnnotation> annotations;
};

/// Reads panoptic_*.json of a data set. A missing `iscrowd` is 0. Throws FileError that names file, element and member for what is not JSON, missing, of a
/// wrong type, out of range, there twice, or refers to a picture or category that the file does not list; for an area that is not 1 .. the picture's pixels;
/// for a file_name that leaves its folder.
PanopticDataset read_coco_panoptic(const std::string& path);
/// The same from text; `who` begins the messages.
PanopticDataset parse_coco_panoptic(std::string_view text, const std::string& who);

/// Reads the list "annotations" of a file of results; the rest is not looked at. `area` and `iscrowd` may be missing. Throws FileError as above.
std::vector<PanopticAnnotation> read_coco_panoptic_results(const std::string& path);
std::vector<PanopticAnnotation> parse_coco_panoptic_results(std::string_view text, const std::string& who);

/// What is wrong between the lists of a data set, in words; empty when all is well.
std::string coco_panoptic_problem(const PanopticDataset& dataset);

/// One picture's result on one line: {"image_id":7,"file_name":"7.png","segments_info":[{"id":1,"category_id":3,"area":40,"iscrowd":0}]}.
std::string coco_panoptic_json(const PanopticAnnotation& annotation);
/// A file of results: {"annotations":[...]}.
std::string coco_panoptic_json(std::span<const PanopticAnnotation> annotations);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/coco_panoptic-impl.hpp>
#endif
