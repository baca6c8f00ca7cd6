#pragma once
// Cityscapes' files of results: a text for each picture, whose lines name a mask, its label and its confidence.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/evaluate/cityscapes_evaluation.hpp>

namespace regulus {

/// A line "munster_000000_000019_0_car.png 26 0.97".
struct CityscapesResult {
    std::string file;  ///< of the mask, from the text's folder on: a grey PNG file, 0 where the instance is not
    std::int64_t label = 0;
    double confidence = 0;
};

/// Throws FileError that names file and line for a line of other than three words, a path that is not relative or leaves the folder, a file there twice, a label that is
/// none (-1 to 33) and a confidence that is no number.
std::vector<CityscapesResult> parse_cityscapes_results(std::string_view text, const std::string& who);

/// The instances of such a text with their masks; FileError as above and as read_label_map.
std::vector<CityscapesInstance> read_cityscapes_results(const std::string& path);

/// The line of a result, with its end.
std::string cityscapes_result_line(const CityscapesResult& result);

/// A mask as the file of a result: 255 where it is on.
SegmentMap cityscapes_mask(const Rle& mask);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/cityscapes_results-impl.hpp>
#endif
