#pragma once
// Which detector of point clouds and which weights the user means.
#include <string>
#include <vector>

#include <regulus/weights/weights.hpp>
#include <regulus/zoo/point_detectors.hpp>

namespace tool {

/// The zoo's detectors of point clouds.
const std::vector<regulus::PointDetectorSpec>& point_models();

/// A detector of point clouds with weights that fit it.
struct LoadedPointDetector {
    const regulus::PointDetectorSpec* model = nullptr;
    regulus::Weights weights;  // as read; not yet under our names
};

/// From --model and --weights. Without a model: the one whose published file has the name of this file. `weights` may be "seeded" or "seeded:SALT".
/// Throws regulus::ArgumentError when it stays open which network is meant.
LoadedPointDetector load_point_detector(const std::string& model, const std::string& weights);

}  // namespace tool
