#pragma once
#include <regulus/data/sweeps.hpp>

#include <algorithm>
#include <cmath>
#include <string_view>

#include <regulus/core/mapped_file.hpp>
#include <regulus/data/json_row.hpp>
#include <regulus/data/point_cloud_file.hpp>
#include <regulus/data/point_cloud_filter.hpp>

namespace regulus {
namespace data_detail {

/// Appends x, y, z of `cloud` and `seconds`, leaving out what the motion made infinite.
inline void append_sweep(PointCloudFile& all, const PointCloud& cloud, float seconds, std::size_t max_points) {
    if (cloud.size() > max_points - all.cloud.size()) throw FileError("load_sweeps: the sweeps have more points than the limit of " + std::to_string(max_points));
    std::vector<float>& values = all.cloud.values;
    const std::size_t before = values.size();
    values.resize(before + 4 * cloud.size());
    float* to = values.data() + before;
    for (std::size_t i = 0; i < cloud.size(); ++i) {
        const float* const p = cloud[i];
        to[0] = p[0];
        to[1] = p[1];
        to[2] = p[2];
        to[3] = seconds;
        if (std::isfinite(p[0]) && std::isfinite(p[1]) && std::isfinite(p[2])) to += 4;
        else ++all.dropped;
    }
    values.resize(static_cast<std::size_t>(to - values.data()));
}

inline Pose checked_pose(const LidarSweep& sweep, SweepTransform transform) {
    const std::string problem = rotation_problem(sweep.to_key.rotation);
    if (!problem.empty()) throw FileError("load_sweeps: the pose of \"" + sweep.path + "\" is not a rotation: " + problem);
    for (const double coordinate : sweep.to_key.translation) {
        if (!std::isfinite(coordinate)) throw FileError("load_sweeps: the pose of \"" + sweep.path + "\" has a translation that is not finite");
    }
    if (transform == SweepTransform::exact) return sweep.to_key;
    Pose pose = inverse(sweep.to_key);  // (R^T, -R^T t)
    for (double& coordinate : pose.translation) coordinate = -coordinate;
    pose.rotation = sweep.to_key.rotation;
    return pose;
}

}  // namespace data_detail

REGULUS_INLINE PointCloudFile load_sweeps(const LidarFrame& frame, const SweepOptions& options) {
    PointCloudOptions reading;
    reading.columns = options.columns;
    reading.complete_last_point = options.complete_last_point;
    reading.max_points = options.max_points;
    const std::size_t count = std::min(frame.sweeps.size(), options.max_sweeps);
    PointCloudFile all;
    const PointCloudFile key = read_point_cloud(frame.path, reading);
    all.dropped = key.dropped;
    all.cloud.values.reserve(4 * std::min(key.cloud.size() * (count + 1), options.max_points));  // sweeps are about as large as the key frame
    data_detail::append_sweep(all, key.cloud, 0, options.max_points);
    for (std::size_t i = 0; i < count; ++i) {
        const LidarSweep& sweep = frame.sweeps[i];
        const double seconds = frame.timestamp - sweep.timestamp;
        if (!(std::fabs(seconds) <= 1e9)) throw FileError("load_sweeps: the time stamps of \"" + sweep.path + "\" and of its key frame are not seconds of one drive");
        const Pose pose = data_detail::checked_pose(sweep, options.transform);
        PointCloudFile points;
        try {
            points = read_point_cloud(sweep.path, reading);
        } catch (const FileError& error) {
            throw FileError("load_sweeps: sweep " + std::to_string(i + 1) + " of " + std::to_string(count) + " before \"" + frame.path + "\": " + error.what());
        }
        if (options.remove_close) remove_close(points.cloud);
        transform_points(points.cloud, pose);
        all.dropped += points.dropped;
        data_detail::append_sweep(all, points.cloud, static_cast<float>(seconds), options.max_points);
    }
    if (options.pad_empty && frame.sweeps.empty()) {
        PointCloud copy = key.cloud;
        if (options.remove_close) remove_close(copy);
        for (std::size_t i = 0; i < options.max_sweeps; ++i) data_detail::append_sweep(all, copy, 0, options.max_points);
    }
    return all;
}

REGULUS_INLINE LidarFrame read_lidar_frame(const std::string& path, const std::string& root) {
    const auto file = MappedFile::open(path);
    const std::string who = "read_lidar_frame: \"" + path + "\"";
    const data_detail::JsonRow row(std::string_view(reinterpret_cast<const char*>(file->data()), file->size()), who);
    const std::size_t slash = path.rfind('/');
    const std::string folder = !root.empty() ? root + "/" : slash == std::string::npos ? "" : path.substr(0, slash + 1);
    LidarFrame frame;
    frame.path = folder + row.relative_path("key_file");
    frame.timestamp = row.number("timestamp");
    const Json* const sweeps = row.member("sweeps");
    if (sweeps != nullptr && sweeps->array() == nullptr) row.refuse("sweeps", "a list");
    for (std::size_t i = 0; sweeps != nullptr && i < sweeps->array()->size(); ++i) {
        const data_detail::JsonRow entry((*sweeps->array())[i], who + ": sweeps[" + std::to_string(i) + "]");
        LidarSweep sweep;
        sweep.path = folder + entry.relative_path("file");
        sweep.timestamp = entry.number("timestamp");
        sweep.to_key.rotation = entry.rotation_matrix("sensor2lidar_rotation");
        sweep.to_key.translation = entry.numbers<3>("sensor2lidar_translation");
        frame.sweeps.push_back(std::move(sweep));
    }
    return frame;
}

}  // namespace regulus
