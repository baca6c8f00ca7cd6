#pragma once
// Pascal VOC's annotations, lists of pictures and result files in memory.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/image.hpp>
#include <regulus/evaluate/coco_dataset.hpp>

namespace regulus {

/// Corners are numbers of pixels, the first of which is 1; the box holds its corners' pixels.
using VocBox = std::array<double, 4>;  // xmin, ymin, xmax, ymax

struct VocObject {
    std::string class_name;
    VocBox box = {};
    bool difficult = false;
};

struct VocPicture {
    std::string id;  ///< 000001
    std::vector<VocObject> objects = {};
    PictureSize size = {};  ///< 0 x 0 where the file does not tell
};

struct VocDetection {
    std::string picture;  ///< its id
    std::string class_name;
    double score = 0;
    VocBox box = {};
};

/// An annotation (XML), whose id is left empty: the size, and name, bndbox and difficult (0 when absent) of each `object`; their parts are not looked at. Throws FileError that
/// names file and object for what is no such XML, lacks a member, or has a number that is none.
VocPicture parse_voc_annotation(std::string_view text, const std::string& who);

/// The file FOLDER/ID.xml for each id; FileError as above.
std::vector<VocPicture> read_voc_pictures(const std::string& folder, std::span<const std::string> ids);

/// Ids of pictures, one a line (ImageSets/Main/test.txt). Throws FileError for a line of more than a word, an id there twice, and a file without any.
std::vector<std::string> parse_voc_ids(std::string_view text, const std::string& who);
std::vector<std::string> read_voc_ids(const std::string& path);

/// Lines "000001 0.913 8.0 12.5 352.0 498.0" of a class: picture, score, corners (comp4_det_test_dog.txt). Throws FileError that names file and line.
std::vector<VocDetection> parse_voc_results(std::string_view text, const std::string& class_name, const std::string& who);

/// The same of FOLDER/PREFIX + class name + ".txt" for each class.
std::vector<VocDetection> read_voc_results(const std::string& folder, const std::string& prefix, std::span<const std::string> class_names);

/// One such line, numbers rounded as detectron2 writes them: the score to 3 digits after the point, corners to 1. `box` is x1 y1 x2 y2 in continuous pixels, of which
/// the first begins at 0. Throws ArgumentError for a number that is not finite.
std::string voc_result_line(const std::string& picture, double score, const std::array<float, 4>& box);

/// The same pictures as a data set of COCO's kind, to learn from: classes in the order of their names, ids of pictures and annotations from 0 on, files ID.jpg, corners in
/// continuous pixels (1 1 10 10 becomes 0 0 10 10). Difficult objects are objects as others, as detectron2 learns from them. Throws ArgumentError for a picture without a size.
CocoDataset voc_as_coco(std::span<const VocPicture> pictures);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/voc_dataset-impl.hpp>
#endif
