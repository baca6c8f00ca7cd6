#pragma once
// Point clouds from files: raw rows of float32 (.bin), .pcd, .ply.
#include <cstdint>
#include <span>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/point_cloud_options.hpp>

namespace regulus {

/// Reads a whole file; one without points gives an empty cloud. The viewpoint of a .pcd is not applied, elements of a .ply other than its vertices are skipped.
/// Throws FileError, naming the file and the place in it, when the file is absent, cut short, contradicts itself or declares more than its size can hold;
/// ArgumentError for options out of range.
PointCloudFile read_point_cloud(const std::string& path, const PointCloudOptions& options = {});

/// The same from memory; `name` stands for the path in messages.
PointCloudFile parse_point_cloud(std::span<const std::uint8_t> bytes, const std::string& name, const PointCloudOptions& options = {});

/// Rows of little-endian float32 without a header. Throws FileError ("write: ..."), ShapeError when values and features do not belong together.
void write_bin(const std::string& path, const PointCloud& cloud);

/// The bytes of such a file. Throws ShapeError.
std::string encode_bin(const PointCloud& cloud);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/point_cloud_file-impl.hpp>
#endif
