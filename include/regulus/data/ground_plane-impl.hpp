#pragma once
#include <regulus/data/ground_plane.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include <regulus/core/mapped_file.hpp>
#include <regulus/data/point_fields.hpp>

namespace regulus {

REGULUS_INLINE GroundPlane transformed_plane(const Pose& pose, const GroundPlane& plane) {
    GroundPlane moved{transformed(Pose{pose.rotation, {}}, plane.normal), plane.offset};
    for (std::size_t axis = 0; axis < 3; ++axis) moved.offset -= moved.normal[axis] * pose.translation[axis];
    return moved;
}

REGULUS_INLINE GroundPlane parse_kitti_plane(std::string_view text, const std::string& name) {
    using namespace data_detail;
    TextLines lines(text, 0);
    for (std::string_view line; lines.next_filled(line);) {
        const std::vector<std::string_view> words = words_of(line);
        std::array<double, 4> numbers = {};
        bool is_plane = words.size() == numbers.size();
        for (std::size_t i = 0; is_plane && i < numbers.size(); ++i) is_plane = parse_real(words[i], numbers[i]) && std::fabs(numbers[i]) <= 1e12;
        if (!is_plane) continue;
        const double length = std::hypot(numbers[0], numbers[1], numbers[2]);
        if (!(std::fabs(length - 1) <= 1e-3)) throw FileError("read_kitti_plane: \"" + name + "\": the normal has the length " + std::to_string(length) + ", not 1");
        return {{numbers[0] / length, numbers[1] / length, numbers[2] / length}, numbers[3] / length};
    }
    throw FileError("read_kitti_plane: \"" + name + "\": no line has the four numbers of a plane alone");
}

REGULUS_INLINE GroundPlane read_kitti_plane(const std::string& path) {
    const auto file = MappedFile::open(path);
    if (file->size() > (std::size_t{1} << 16)) throw FileError("read_kitti_plane: \"" + path + "\" has " + std::to_string(file->size()) + " bytes, a plane has less than 64 KiB");
    return parse_kitti_plane({reinterpret_cast<const char*>(file->data()), file->size()}, path);
}

}  // namespace regulus
