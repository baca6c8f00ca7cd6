#include "point_models.hpp"

#include <regulus/weights/read_weights.hpp>

#include "models.hpp"

namespace tool {

namespace {

/// The entry whose published checkpoint has the name of this file.
const regulus::PointDetectorSpec& published_as(const std::string& path) {
    const std::string file = path.substr(path.rfind('/') + 1);
    for (const regulus::PointDetectorSpec& model : point_models()) {
        if (!model.checkpoint.empty() && model.checkpoint == file) return model;
    }
    throw regulus::ArgumentError("detect3d: no published checkpoint is called " + file + "; say with --model which network it is (regulus zoo list)");
}

}  // namespace

const std::vector<regulus::PointDetectorSpec>& point_models() { return regulus::point_detectors(); }

LoadedPointDetector load_point_detector(const std::string& model, const std::string& weights) {
    const bool seeded = weights == "seeded" || weights.rfind("seeded:", 0) == 0;
    if (model.empty() && (weights.empty() || seeded)) {
        throw regulus::ArgumentError("detect3d: which network? Name it with --model (regulus zoo list), or give its published checkpoint with --weights FILE");
    }
    const regulus::PointDetectorSpec& spec = model.empty() ? published_as(weights) : regulus::find_point_detector(point_models(), model);
    if (weights.empty()) {
        throw regulus::ArgumentError("--model " + spec.name + " needs --weights FILE" + (spec.checkpoint.empty() ? "" : " (published as " + spec.checkpoint + ")") +
                                     "; --weights seeded runs it untrained");
    }
    regulus::ModelSpec network;
    network.name = spec.name;
    network.code_base = spec.code_base;
    network.record = spec.record;
    return {&spec, load_weights(network, weights)};
}

}  // namespace tool
