#pragma once
// What the fuzz targets of point clouds share: whatever reads is finite, whole, and survives being written and read again.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <regulus/data/pcd.hpp>
#include <regulus/data/ply.hpp>
#include <regulus/data/point_cloud_file.hpp>

namespace regulus::fuzz {

inline bool same_bits(const PointCloud& a, const PointCloud& b) {
    return a.features == b.features && a.values.size() == b.values.size() && (a.values.empty() || std::memcmp(a.values.data(), b.values.data(), 4 * a.values.size()) == 0);
}

/// The cloud, when the bytes are one; errors other than FileError are crashes, and every refusal names the file.
inline bool read_cloud(const std::uint8_t* bytes, std::size_t size, const PointCloudOptions& options, PointCloud& cloud) {
    try {
        cloud = parse_point_cloud({bytes, size}, "fuzzed", options).cloud;
    } catch (const FileError& error) {
        if (std::strstr(error.what(), "\"fuzzed\"") == nullptr) std::abort();
        return false;
    }
    if (cloud.features < 3 || cloud.values.size() % std::size_t(cloud.features) != 0 || cloud.size() > options.max_points) std::abort();
    for (const float value : cloud.values) {
        if (!std::isfinite(value)) std::abort();
    }
    return true;
}

/// What was written reads as the same cloud.
inline void check_written(const std::string& bytes, const PointCloud& cloud, const PointCloudOptions& options) {
    PointCloud again;
    if (!read_cloud(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), options, again) || !same_bits(again, cloud)) std::abort();
}

}  // namespace regulus::fuzz
