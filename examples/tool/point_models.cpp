#include "point_models.hpp"

#include <utility>

#include "../crossroads.hpp"
#include "models.hpp"

namespace tool {

namespace {

regulus::PointDetectorSpec demo_model() {
    regulus::PointDetectorSpec model;
    model.name = shipped_point_model;
    model.code_base = "mmdetection3d-voxelnet";
    model.architecture = "PointPillars, RegNet of 9 blocks, SECFPN";
    model.record = [] { return regulus::recorded<Crossroads>(); };
    model.facts = Crossroads::facts();
    model.licence = "Apache-2.0";
    model.data = "made-up crossroads";
    return model;
}

/// What the file says it is, else the entry whose published checkpoint has its name.
const regulus::PointDetectorSpec& recognise(const regulus::Weights& weights) {
    if (const auto stated = weights.metadata.find("regulus.model"); stated != weights.metadata.end()) {
        for (const regulus::PointDetectorSpec& model : point_models()) {
            if (model.name == stated->second) return model;
        }
        throw regulus::ArgumentError("load: " + weights.source + " says that it is " + stated->second + ", which sees no point clouds");
    }
    const std::string file = weights.source.substr(weights.source.rfind('/') + 1);
    for (const regulus::PointDetectorSpec& model : point_models()) {
        if (!model.checkpoint.empty() && model.checkpoint == file) return model;
    }
    throw regulus::ArgumentError("load: no published checkpoint is called " + file + "; say with --model which network it is (regulus zoo list)");
}

}  // namespace

const std::vector<regulus::PointDetectorSpec>& point_models() {
    static const std::vector<regulus::PointDetectorSpec> all = [] {
        std::vector<regulus::PointDetectorSpec> list{demo_model()};
        list.insert(list.end(), regulus::point_detectors().begin(), regulus::point_detectors().end());
        return list;
    }();
    return all;
}

LoadedPointDetector load_point_detector(const std::string& model, const std::string& weights, const regulus::ReadOptions& reading) {
    const bool seeded = weights == "seeded" || weights.rfind("seeded:", 0) == 0;
    if (model.empty() && (weights.empty() || seeded)) {
        throw regulus::ArgumentError("load: which network? Name it with --model (regulus zoo list), or give its published checkpoint with --weights FILE");
    }
    if (model.empty()) {
        regulus::Weights read = regulus::read_weights(weights, reading);
        const regulus::PointDetectorSpec& spec = recognise(read);
        return {&spec, std::move(read)};
    }
    const regulus::PointDetectorSpec& spec = regulus::find_point_detector(point_models(), model);
    if (weights.empty() && spec.name == shipped_point_model) return {&spec, regulus::read_weights(shipped_file("crossroads.safetensors"))};
    if (weights.empty()) {
        throw regulus::ArgumentError("--model " + spec.name + " needs --weights FILE" + (spec.checkpoint.empty() ? "" : " (published as " + spec.checkpoint + ")") +
                                     "; --weights seeded runs it untrained");
    }
    return {&spec, load_weights(regulus::recorded(spec), spec.code_base, weights, reading)};
}

}  // namespace tool
