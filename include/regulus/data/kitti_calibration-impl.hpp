#pragma once
#include <regulus/data/kitti_calibration.hpp>

#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <regulus/core/mapped_file.hpp>
#include <regulus/data/point_fields.hpp>

namespace regulus {
namespace data_detail {

inline void fill_calibration(std::span<double> out, const std::vector<std::string_view>& words, const std::string& who) {
    bool good = words.size() == out.size() + 1;
    for (std::size_t i = 0; good && i < out.size(); ++i) good = parse_real(words[i + 1], out[i]) && std::fabs(out[i]) <= 1e12;
    if (!good) throw FileError(who + " must be followed by " + std::to_string(out.size()) + " numbers");
}

inline void check_rotation(const std::array<double, 9>& rotation, const std::string& who) {
    const std::string problem = rotation_problem(rotation);
    if (!problem.empty()) throw FileError(who + " is not a rotation: " + problem);
}

}  // namespace data_detail

REGULUS_INLINE Pose KittiCalibration::velo_to_rect() const { return Pose{r0_rect, {}} * velo_to_cam; }

REGULUS_INLINE std::array<double, 3> KittiCalibration::project(const std::array<double, 3>& rectified) const {
    std::array<double, 3> image = {};
    for (std::size_t row = 0; row < 3; ++row) image[row] = p2[4 * row] * rectified[0] + p2[4 * row + 1] * rectified[1] + p2[4 * row + 2] * rectified[2] + p2[4 * row + 3];
    return {image[0] / image[2], image[1] / image[2], image[2]};
}

REGULUS_INLINE KittiCalibration parse_kitti_calibration(std::string_view text, const std::string& name) {
    using namespace data_detail;
    const std::string who = "read_kitti_calibration: \"" + name + "\": ";
    KittiCalibration result;
    bool p2 = false, r0_rect = false, velo_to_cam = false;
    const auto once = [&](bool& seen, const char* key) {
        if (seen) throw FileError(who + key + " stands there twice");
        seen = true;
    };
    TextLines lines(text, 0);
    for (std::string_view line; lines.next_filled(line);) {
        const std::vector<std::string_view> words = words_of(line);
        if (words[0] == "P2:") {
            once(p2, "P2");
            fill_calibration(result.p2, words, who + "P2");
        } else if (words[0] == "R0_rect:") {
            once(r0_rect, "R0_rect");
            fill_calibration(result.r0_rect, words, who + "R0_rect");
            check_rotation(result.r0_rect, who + "R0_rect");
        } else if (words[0] == "Tr_velo_to_cam:") {
            once(velo_to_cam, "Tr_velo_to_cam");
            std::array<double, 12> rows = {};
            fill_calibration(rows, words, who + "Tr_velo_to_cam");
            for (std::size_t row = 0; row < 3; ++row) {
                for (std::size_t column = 0; column < 3; ++column) result.velo_to_cam.rotation[3 * row + column] = rows[4 * row + column];
                result.velo_to_cam.translation[row] = rows[4 * row + 3];
            }
            check_rotation(result.velo_to_cam.rotation, who + "Tr_velo_to_cam");
        }
    }
    for (const auto& [seen, key] : {std::pair{p2, "P2"}, {r0_rect, "R0_rect"}, {velo_to_cam, "Tr_velo_to_cam"}}) {
        if (!seen) throw FileError(who + "the line " + key + " is missing");
    }
    return result;
}

REGULUS_INLINE KittiCalibration read_kitti_calibration(const std::string& path) {
    const auto file = MappedFile::open(path);
    if (file->size() > (std::size_t{1} << 16)) throw FileError("read_kitti_calibration: \"" + path + "\" has " + std::to_string(file->size()) + " bytes, a calibration has less than 64 KiB");
    return parse_kitti_calibration({reinterpret_cast<const char*>(file->data()), file->size()}, path);
}

}  // namespace regulus
