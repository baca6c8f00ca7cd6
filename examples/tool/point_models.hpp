#pragma once
// Which detector of point clouds and which weights the user means.
#include <string>
#include <vector>

#include <regulus/weights/read_weights.hpp>
#include <regulus/zoo/point_detectors.hpp>

namespace tool {

/// The detector of point clouds whose weights are shipped.
inline constexpr const char* shipped_point_model = "regulus/crossroads";

/// The demo's detector of point clouds and the zoo's.
const std::vector<regulus::PointDetectorSpec>& point_models();

/// A detector of point clouds with weights that fit it.
struct LoadedPointDetector {
    const regulus::PointDetectorSpec* model = nullptr;
    regulus::Weights weights;  // as read; not yet under our names
};

/// From --model and --weights. Without a model: what the file says it is, else the one whose published file has its name. `weights` may be "seeded" or "seeded:SALT", and empty for
/// the model whose weights are shipped. `reading`: which group of a file.
/// Throws regulus::ArgumentError when it stays open which network is meant.
LoadedPointDetector load_point_detector(const std::string& model, const std::string& weights, const regulus::ReadOptions& reading = {});

}  // namespace tool
