#pragma once
// LVIS annotation files in memory: COCO's lists and, for each picture, of which categories something is known at all.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/evaluate/coco_dataset.hpp>

namespace regulus {

/// On how many training pictures a category is: 1 to 10, 11 to 100, more.
enum class LvisFrequency : std::uint8_t { rare, common, frequent };

/// What is known of a picture besides its objects. Of a category that is neither in it nor annotated on the picture nothing is known.
struct LvisPicture {
    std::vector<std::int64_t> absent;          ///< categories verified not to be on it (neg_category_ids), ascending
    std::vector<std::int64_t> not_exhaustive;  ///< categories of which some objects lack an annotation (not_exhaustive_category_ids), ascending
};

struct LvisDataset {
    CocoDataset coco;
    std::vector<LvisPicture> pictures;       ///< one for each of coco.images
    std::vector<LvisFrequency> frequencies;  ///< one for each of coco.categories
};

/// Reads lvis_v0.5_*.json or lvis_v1_*.json as read_coco_annotations reads COCO's; beyond that a picture needs `neg_category_ids` and
/// `not_exhaustive_category_ids`, a category a `frequency` "r", "c" or "f". A picture's file_name becomes what COCO's pictures of 2017 are called:
/// COCO_val2014_000000000139.jpg (v0.5) becomes 000000000139.jpg, and one without file_name (v1) gets the last two parts of its coco_url,
/// val2017/000000000139.jpg. Throws FileError as read_coco_annotations does.
LvisDataset read_lvis_annotations(const std::string& path);

/// The same from text; `who` begins the messages.
LvisDataset parse_lvis_annotations(std::string_view text, const std::string& who);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/lvis_dataset-impl.hpp>
#endif
