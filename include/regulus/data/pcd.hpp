#pragma once
// Point Cloud Data, the file format of the Point Cloud Library, version 0.7. read_point_cloud reads all three forms.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/data/point_cloud_options.hpp>

namespace regulus {

enum class PcdData { ascii, binary, binary_compressed };

/// Writes x, y, z and the `fields` behind them as float32; what is read back is the same to the bit. Throws ArgumentError when there are not as many names as
/// columns behind z or a name is not a word, ShapeError, FileError ("write: ...").
void write_pcd(const std::string& path, const PointCloud& cloud, const std::vector<std::string>& fields, PcdData data = PcdData::binary);

/// The bytes of such a file. Throws as write_pcd but for FileError.
std::string encode_pcd(const PointCloud& cloud, const std::vector<std::string>& fields, PcdData data = PcdData::binary);

namespace data_detail {

PointCloudFile parse_pcd(std::span<const std::uint8_t> bytes, const std::string& name, const PointCloudOptions& options);

}  // namespace data_detail

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/data/pcd-impl.hpp>
#endif
