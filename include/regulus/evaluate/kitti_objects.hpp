#pragma once
// Objects of KITTI's benchmark: its label files, and a detector's boxes in its terms.
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/box3d.hpp>
#include <regulus/data/kitti_calibration.hpp>

namespace regulus {

/// One line of a label or results file. The rectified camera frame has x to the right, y down, z ahead.
struct KittiObject {
    std::string type;                             ///< Car, Van, Truck, Pedestrian, Person_sitting, Cyclist, Tram, Misc, DontCare
    double truncated = -1;                        ///< 0 .. 1 outside the picture; -1: not told
    int occluded = -1;                            ///< 0 visible, 1 partly, 2 largely, 3 unknown; -1: not told
    double alpha = -10;                           ///< observation angle, radians; -10: not told
    std::array<double, 4> bbox = {};              ///< x1 y1 x2 y2 in the picture, pixels
    double height = -1, width = -1, length = -1;  ///< metres; -1 for DontCare
    std::array<double, 3> location = {-1000, -1000, -1000};  ///< middle of the bottom
    double rotation_y = -10;                      ///< about the camera's y axis, radians: 0 looks along x
    double score = 0;                             ///< of a detection
};

/// One picture's objects, annotated and found.
struct KittiFrame {
    std::string id;  ///< the files' name without .txt
    std::vector<KittiObject> truth, found;
};

/// Reads label_2/*.txt (15 fields a line) or, when `scored`, results (16). Throws FileError naming file and line for another number of fields, numbers that are not
/// finite or beyond 1e12, more than 10,000 lines.
std::vector<KittiObject> read_kitti_objects(const std::string& path, bool scored);
std::vector<KittiObject> parse_kitti_objects(std::string_view text, const std::string& who, bool scored);

/// A results file: a line an object, numbers with four digits after the point (scores with nine, so that none fall together), truncation and occlusion -1.
/// Throws ArgumentError for what is not finite and for types that are empty or hold white space.
std::string kitti_results_text(std::span<const KittiObject> objects);
void write_kitti_results(const std::string& path, std::span<const KittiObject> objects);

/// The frames of two folders of .txt files. Those of `ids` when given, else one for each file of `results`; a frame whose label or results file is missing is an
/// error. Frames stand in the order of their ids.
std::vector<KittiFrame> read_kitti_frames(const std::string& labels, const std::string& results, std::span<const std::string> ids = {});

/// Frame ids of a file as ImageSets/val.txt: one a line. Throws FileError for ids that are empty, hold anything but letters, digits, - and _, or are there twice.
std::vector<std::string> read_kitti_ids(const std::string& path);

/// A box of the laser's frame as a detection: bottom middle and turn in the camera's frame, alpha, and the rectangle around the box in a picture of width x height
/// pixels, cut at its borders; of a box that reaches behind the camera the part in front counts. Nothing when no part is in the picture. As mmdetection3d does it,
/// with angles in -pi .. pi. Throws ArgumentError for what is not finite or a picture without size.
std::optional<KittiObject> kitti_detection(const Box3d& box, double score, const std::string& type, const KittiCalibration& calibration, int picture_width, int picture_height);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/kitti_objects-impl.hpp>
#endif
