#pragma once
// Frames of KITTI's object benchmark, for whoever learns from them or is judged on them.
#include <string>
#include <vector>

#include <regulus/data/kitti_calibration.hpp>
#include <regulus/data/point_cloud.hpp>
#include <regulus/evaluate/kitti_evaluation.hpp>
#include <regulus/zoo/point_detector_spec.hpp>

#include "eval3d.hpp"

namespace tool {

/// A frame's files lie in them under its id.
struct KittiFolders {
    std::string labels, clouds, calibration;
    std::string pictures;  // for their sizes; may be empty
};

/// The frames of the file, one a line; without a file, those whose clouds are in the folder.
std::vector<std::string> kitti_ids(const std::string& file, const std::string& clouds);

/// How the left colour camera sees a frame.
struct KittiCamera {
    regulus::KittiCalibration calibration;
    regulus::Pose from_laser;
    int width = 1242, height = 375;  // of most pictures

    KittiCamera(const KittiFolders& folders, const std::string& id);
    bool sees(const float* point) const;
};

/// Throws regulus::ArgumentError when a detector is not one of KITTI's classes. `who` asks, for messages.
void require_kitti_detector(const regulus::PointDetectorFacts& facts, const std::string& who);

/// The points that the camera sees: networks for KITTI were trained on these alone, as only what is in the picture is annotated.
regulus::PointCloud kitti_cloud(const KittiFolders& folders, const std::string& id, const KittiCamera& camera, const regulus::PointDetectorFacts& facts);

/// The frames for a detector.
Eval3dFrames kitti_frames(const KittiFolders& folders, const std::vector<std::string>& ids);

/// What is annotated in them, nothing found.
std::vector<regulus::KittiFrame> kitti_truth(const KittiFolders& folders, const std::vector<std::string>& ids);

/// What kitti_frames()' rows say was found.
void fill_found(std::vector<regulus::KittiFrame>& frames, const std::vector<std::string>& rows);

}  // namespace tool
