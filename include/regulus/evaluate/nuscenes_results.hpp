#pragma once
// nuScenes' detections and annotations as JSON: the official submission format, and ground truth in the same shape.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>
#include <regulus/evaluate/nuscenes_boxes.hpp>

namespace regulus {

/// Which inputs a method used; a submission must say so.
struct NuScenesMeta {
    bool use_camera = false, use_lidar = true, use_radar = false, use_map = false, use_external = false;
};

struct NuScenesSubmission {
    NuScenesMeta meta;
    std::vector<NuScenesResult> samples;  ///< in the order of the file: among equal scores it decides
};

/// One sample's member of "results": its token, a colon, the array of its boxes on one line. Every number reads back to the same double.
/// Throws ArgumentError for boxes that evaluate_nuscenes would refuse.
std::string nuscenes_sample_json(const NuScenesResult& sample);

/// {"meta": {...}, "results": {token: [...], ...}}, a sample a line, into a file that is replaced in one step. An unknown velocity is written as 0 0, as the
/// format has no word for it. Throws ArgumentError as above and for a sample that is there twice, FileError when the file cannot be written.
void write_nuscenes_results(const std::string& path, std::span<const NuScenesResult> samples, const NuScenesMeta& meta = {});
std::string nuscenes_results_json(std::span<const NuScenesResult> samples, const NuScenesMeta& meta = {});

/// Reads a submission, a box at a time, so that the memory in use is that of the result. Throws FileError that names file, sample, box and member for what is
/// not JSON, missing, of a wrong type, not finite, of an unknown class or attribute, of a size not above 0, or there twice. A missing "meta" is all defaults.
NuScenesSubmission read_nuscenes_results(const std::string& path);
NuScenesSubmission parse_nuscenes_results(std::string_view text, const std::string& who);

/// Ground truth in the same shape, for judging without the tables of the data set:
///
///     {"results": {token: [box, ...]}, "ego": {token: [x, y, z]}, "bicycle_racks": {token: [box, ...]}}
///
/// A box needs "sample_token", "translation", "size", "rotation", "detection_name"; "velocity" with null for NaN, "attribute_name" and "num_pts" (LiDAR and radar points)
/// may be absent. "ego" says where the vehicle was; a sample that it lacks takes the place from a box's "ego_translation", which the devkit writes; one that has
/// neither is an error. A rack needs "translation", "size" and "rotation".
std::vector<NuScenesTruth> read_nuscenes_truth(const std::string& path);
std::vector<NuScenesTruth> parse_nuscenes_truth(std::string_view text, const std::string& who);

/// What read_nuscenes_truth reads.
void write_nuscenes_truth(const std::string& path, std::span<const NuScenesTruth> samples);
std::string nuscenes_truth_json(std::span<const NuScenesTruth> samples);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/evaluate/nuscenes_results-impl.hpp>
#endif
