#pragma once
#include <regulus/data/point_cloud_file.hpp>

#include <regulus/core/mapped_file.hpp>
#include <regulus/data/file.hpp>
#include <regulus/data/pcd.hpp>
#include <regulus/data/ply.hpp>
#include <regulus/data/point_fields.hpp>

namespace regulus {
namespace data_detail {

inline PointCloudFormat point_cloud_format(std::span<const std::uint8_t> bytes) {
    const std::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), 8));
    for (const std::string_view begin : {"# .PCD", "VERSION ", "FIELDS "}) {
        if (head.starts_with(begin)) return PointCloudFormat::pcd;
    }
    return head.starts_with("ply\n") || head.starts_with("ply\r") ? PointCloudFormat::ply : PointCloudFormat::bin;
}

inline PointCloudFile parse_bin(std::span<const std::uint8_t> bytes, const std::string& name, const PointCloudOptions& options) {
    if (options.columns == 0) {
        refuse_points(name, "it begins neither as .pcd nor as .ply; for rows of float32 the number of columns must be given (KITTI 4, nuScenes and Lyft 5)");
    }
    const std::size_t columns = static_cast<std::size_t>(options.columns), row = 4 * columns, rest = bytes.size() % row;
    const bool complete = options.complete_last_point && columns == 5 && rest == 12;
    if (rest != 0 && !complete) {
        refuse_points(name, std::to_string(bytes.size()) + " bytes are not rows of " + std::to_string(columns) + " float32 (" + std::to_string(row) +
                                " bytes each): the file is cut short or has another number of columns");
    }
    const std::size_t points = bytes.size() / row + (complete ? 1 : 0);
    if (points > options.max_points) refuse_points(name, std::to_string(points) + " points are more than the limit of " + std::to_string(options.max_points));
    PointCollector collector(columns, points);
    for (std::size_t point = 0; point < points; ++point) {
        float* const out = collector.row();
        const std::uint8_t* const in = bytes.data() + point * row;
        const std::size_t stored = std::min(columns, (bytes.size() - point * row) / 4);
        for (std::size_t c = 0; c < stored; ++c) out[c] = load_scalar<float>(in + 4 * c, false);
        if (stored < columns) {
            out[3] = 100;
            out[4] = 1;
        }
        collector.finish_row();
    }
    return collector.finish();
}

}  // namespace data_detail

REGULUS_INLINE PointCloudFile parse_point_cloud(std::span<const std::uint8_t> bytes, const std::string& name, const PointCloudOptions& options) {
    if (options.columns != 0 && (options.columns < 3 || options.columns > 64)) {
        throw ArgumentError("read_point_cloud: a point of a .bin file has 3 .. 64 numbers, got " + std::to_string(options.columns));
    }
    if (options.fields.size() > 61) throw ArgumentError("read_point_cloud: at most 61 fields can be kept behind x, y and z, got " + std::to_string(options.fields.size()));
    switch (options.format == PointCloudFormat::automatic ? data_detail::point_cloud_format(bytes) : options.format) {
        case PointCloudFormat::pcd: return data_detail::parse_pcd(bytes, name, options);
        case PointCloudFormat::ply: return data_detail::parse_ply(bytes, name, options);
        default: return data_detail::parse_bin(bytes, name, options);
    }
}

REGULUS_INLINE PointCloudFile read_point_cloud(const std::string& path, const PointCloudOptions& options) {
    const auto file = MappedFile::open(path);
    return parse_point_cloud({file->data(), file->size()}, path, options);
}

REGULUS_INLINE std::string encode_bin(const PointCloud& cloud) {
    data_detail::check_points("write_bin", cloud);
    std::string bytes;
    bytes.reserve(4 * cloud.values.size());
    for (const float value : cloud.values) data_detail::append_scalar(bytes, value);
    return bytes;
}

REGULUS_INLINE void write_bin(const std::string& path, const PointCloud& cloud) { write_file(path, encode_bin(cloud)); }

}  // namespace regulus
