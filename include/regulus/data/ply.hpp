#pragma once
// The Stanford polygon format, version 1.0: its vertices are points. read_point_cloud reads all three forms.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/point_cloud_options.hpp>

namespace regulus {

enum class PlyData { ascii, binary_little_endian, binary_big_endian };

/// Writes one element, vertex, with x, y, z and the `fields` behind them as float; what is read back is the same to the bit. Throws as write_pcd.
void write_ply(const std::string& path, const PointCloud& cloud, const std::vector<std::string>& fields, PlyData data = PlyData::binary_little_endian);

/// The bytes of such a file. Throws as write_ply but for FileError.
std::string encode_ply(const PointCloud& cloud, const std::vector<std::string>& fields, PlyData data = PlyData::binary_little_endian);

namespace data_detail {

PointCloudFile parse_ply(std::span<const std::uint8_t> bytes, const std::string& name, const PointCloudOptions& options);

}  // namespace data_detail

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/ply-impl.hpp>
#endif
