#pragma once
#include <regulus/evaluate/kitti_objects.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <utility>

#include <regulus/data/file.hpp>
#include <regulus/evaluate/text_words.hpp>

namespace regulus {
namespace evaluate_detail {

inline constexpr std::int64_t kitti_file_bytes = std::int64_t{1} << 24;

inline std::string small_text(const std::string& path) {
    const auto bytes = read_file(path, kitti_file_bytes);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// -pi .. pi.
inline double wrapped(double angle) {
    constexpr double pi = 3.14159265358979323846;
    return angle - 2 * pi * std::floor(angle / (2 * pi) + 0.5);
}

/// The eight corners of a box in the camera's frame; those that differ in one bit of their number share an edge.
inline std::array<std::array<double, 3>, 8> kitti_corners(const KittiObject& o) {
    const double c = std::cos(o.rotation_y), s = std::sin(o.rotation_y);
    std::array<std::array<double, 3>, 8> corners;
    for (std::size_t i = 0; i < 8; ++i) {
        const double along = (i & 1 ? 0.5 : -0.5) * o.length, across = (i & 2 ? 0.5 : -0.5) * o.width;
        corners[i] = {o.location[0] + along * c + across * s, o.location[1] - (i & 4 ? o.height : 0), o.location[2] - along * s + across * c};
    }
    return corners;
}

/// The rectangle around what of a box is at least `near` metres in front of the camera; false when nothing is.
inline bool surround_in_picture(const KittiObject& object, const KittiCalibration& calibration, double near, std::array<double, 4>& bbox) {
    bbox = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    const auto include = [&](const std::array<double, 3>& point) {
        const auto pixel = calibration.project(point);
        if (!(pixel[2] > 0) || !std::isfinite(pixel[0]) || !std::isfinite(pixel[1])) return;
        bbox = {std::min(bbox[0], pixel[0]), std::min(bbox[1], pixel[1]), std::max(bbox[2], pixel[0]), std::max(bbox[3], pixel[1])};
    };
    const auto corners = kitti_corners(object);
    for (std::size_t i = 0; i < 8; ++i) {
        if (corners[i][2] >= near) include(corners[i]);
        for (const std::size_t bit : {1, 2, 4}) {
            const auto& a = corners[i];
            const auto& b = corners[i | bit];
            if ((i & bit) != 0 || (a[2] < near) == (b[2] < near)) continue;
            const double t = (near - a[2]) / (b[2] - a[2]);
            include({a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), near});
        }
    }
    return bbox[0] <= bbox[2];
}

inline void require_kitti_id(const std::string& id, const std::string& who) {
    const bool fits = std::all_of(id.begin(), id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; });
    if (id.empty() || id.size() > 100 || !fits) throw FileError(who + ": a frame's id has 1 .. 100 letters, digits, - and _, this is none: " + id.substr(0, 100));
}

/// The names of the .txt files of a folder, without that ending, sorted.
inline std::vector<std::string> kitti_ids_of(const std::string& folder) {
    std::error_code error;
    std::vector<std::string> ids;
    std::filesystem::directory_iterator at(folder, error), end;
    for (; !error && at != end; at.increment(error)) {
        if (at->path().extension() != ".txt") continue;
        ids.push_back(at->path().stem().string());
        require_kitti_id(ids.back(), "read_kitti_frames: " + folder);
    }
    if (error) throw FileError("read_kitti_frames: cannot list the folder " + folder + ": " + error.message());
    std::sort(ids.begin(), ids.end());
    return ids;
}

}  // namespace evaluate_detail

REGULUS_INLINE std::vector<KittiObject> parse_kitti_objects(std::string_view text, const std::string& who, bool scored) {
    using namespace evaluate_detail;
    std::vector<KittiObject> objects;
    TextLines lines(text, who);
    std::string_view line;
    const std::size_t fields = scored ? 16 : 15;
    while (lines.next(line)) {
        const std::vector<std::string_view> words = words_of(line);
        if (words.empty()) continue;
        if (objects.size() == 10000) lines.fail("more than 10,000 objects");
        if (words.size() != fields) {
            lines.fail("expected " + std::to_string(fields) + " fields (type truncated occluded alpha x1 y1 x2 y2 h w l x y z rotation_y" + (scored ? " score" : "") + "), got " +
                       std::to_string(words.size()));
        }
        if (!std::all_of(words[0].begin(), words[0].end(), [](char c) { return c > 0x20 && c < 0x7F; })) lines.fail("the type must be of ASCII letters, digits and signs");
        std::array<double, 15> v = {};
        for (std::size_t i = 1; i < fields; ++i) {
            if (!parse_number(words[i], v[i - 1])) lines.fail("field " + std::to_string(i + 1) + " must be a finite number not beyond 1e12, got " + std::string(words[i].substr(0, 40)));
        }
        if (v[1] != std::floor(v[1]) || std::fabs(v[1]) > 100) lines.fail("occlusion must be a whole number");
        objects.push_back({std::string(words[0]), v[0], int(v[1]), v[2], {v[3], v[4], v[5], v[6]}, v[7], v[8], v[9], {v[10], v[11], v[12]}, v[13], v[14]});
    }
    return objects;
}

REGULUS_INLINE std::vector<KittiObject> read_kitti_objects(const std::string& path, bool scored) {
    return parse_kitti_objects(evaluate_detail::small_text(path), "read_kitti_objects: " + path, scored);
}

REGULUS_INLINE std::string kitti_results_text(std::span<const KittiObject> objects) {
    std::string text;
    for (std::size_t i = 0; i < objects.size(); ++i) {
        const KittiObject& o = objects[i];
        const std::string who = "kitti_results_text: object " + std::to_string(i);
        if (o.type.empty() || o.type.find_first_of(" \t\r\n") != std::string::npos) throw ArgumentError(who + ": the type is empty or holds white space");
        const double numbers[] = {o.alpha, o.bbox[0], o.bbox[1], o.bbox[2], o.bbox[3], o.height, o.width, o.length, o.location[0], o.location[1], o.location[2], o.rotation_y, o.score};
        text += o.type + " -1 -1";
        for (const double& number : numbers) {
            if (!(std::fabs(number) <= 1e12)) throw ArgumentError(who + " holds a number that is not finite or beyond 1e12");
            char digits[64];
            std::snprintf(digits, sizeof digits, &number == &numbers[12] ? " %.9f" : " %.4f", number);
            text += digits;
        }
        text += '\n';
    }
    return text;
}

REGULUS_INLINE void write_kitti_results(const std::string& path, std::span<const KittiObject> objects) { write_file(path, kitti_results_text(objects)); }

REGULUS_INLINE std::vector<std::string> read_kitti_ids(const std::string& path) {
    using namespace evaluate_detail;
    const std::string who = "read_kitti_ids: " + path, text = small_text(path);
    std::vector<std::string> ids;
    TextLines lines(text, who);
    std::string_view line;
    while (lines.next(line)) {
        const auto words = words_of(line);
        if (words.empty()) continue;
        if (words.size() > 1) lines.fail("expected one id a line");
        ids.emplace_back(words[0]);
        require_kitti_id(ids.back(), who);
    }
    std::vector<std::string> sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) throw FileError(who + ": the id " + *twice + " is there twice");
    return ids;
}

REGULUS_INLINE std::vector<KittiFrame> read_kitti_frames(const std::string& labels, const std::string& results, std::span<const std::string> ids) {
    using namespace evaluate_detail;
    const std::vector<std::string> listed = ids.empty() ? kitti_ids_of(results) : std::vector<std::string>(ids.begin(), ids.end());
    if (listed.empty()) throw FileError("read_kitti_frames: " + results + " holds no .txt file; a frame without detections needs an empty one");
    std::vector<KittiFrame> frames;
    for (const std::string& id : listed) {
        require_kitti_id(id, "read_kitti_frames");
        frames.push_back({id, read_kitti_objects(labels + "/" + id + ".txt", false), read_kitti_objects(results + "/" + id + ".txt", true)});
    }
    return frames;
}

REGULUS_INLINE std::optional<KittiObject> kitti_detection(const Box3d& box, double score, const std::string& type, const KittiCalibration& calibration, int picture_width,
                                                          int picture_height) {
    for (const double v : {double(box.x), double(box.y), double(box.z), double(box.length), double(box.width), double(box.height), double(box.yaw), score}) {
        if (!std::isfinite(v)) throw ArgumentError("kitti_detection: the box or its score holds a number that is not finite");
    }
    if (picture_width < 1 || picture_height < 1) throw ArgumentError("kitti_detection: the picture's sides must be 1 or more");
    constexpr double half_pi = 1.57079632679489661923;
    KittiObject object;
    object.type = type;
    object.score = score;
    object.height = box.height;
    object.width = box.width;
    object.length = box.length;
    object.location = transformed(calibration.velo_to_rect(), {box.x, box.y, box.z});
    object.rotation_y = evaluate_detail::wrapped(-double(box.yaw) - half_pi);
    object.alpha = evaluate_detail::wrapped(object.rotation_y - std::atan2(-double(box.y), double(box.x)));
    std::array<double, 4> bbox = {};
    if (!evaluate_detail::surround_in_picture(object, calibration, 0.1, bbox)) return std::nullopt;
    const double w = picture_width, h = picture_height;
    if (!(bbox[0] < w) || !(bbox[1] < h) || !(bbox[2] > 0) || !(bbox[3] > 0)) return std::nullopt;
    object.bbox = {std::max(bbox[0], 0.0), std::max(bbox[1], 0.0), std::min(bbox[2], w), std::min(bbox[3], h)};
    return object;
}

}  // namespace regulus
