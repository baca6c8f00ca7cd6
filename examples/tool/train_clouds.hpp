#pragma once
// What the trainings of detectors of point clouds share.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <regulus/data/ground_plane.hpp>
#include <regulus/data/point_cloud.hpp>
#include <regulus/pipeline/detector3d.hpp>
#include <regulus/train/detector3d_recipe.hpp>
#include <regulus/train/object_sampling.hpp>
#include <regulus/zoo/point_detector_spec.hpp>

#include "train.hpp"

namespace tool {

/// Clouds to learn from and what is marked in them.
class TaughtClouds {
public:
    virtual ~TaughtClouds() = default;
    /// What is marked in each sample, in the frame of its cloud.
    virtual const std::vector<std::vector<regulus::train::CloudObject>>& objects() const = 0;
    /// The folder that marks them.
    virtual const std::string& annotations() const = 0;
    /// The cloud as the detector sees it. Called by several threads.
    virtual regulus::PointCloud cloud(std::size_t sample) const = 0;
    virtual std::optional<regulus::GroundPlane> ground(std::size_t) const { return std::nullopt; }
    /// What the run's file keeps of them.
    virtual Settings settings() const = 0;
    /// Whether there are samples to judge by while it learns, and how good the detector is on them, as `regulus eval` says it in words.
    virtual bool judges() const = 0;
    virtual std::string judged(const regulus::AnyDetector3d& detector) const = 0;
};

/// A data set to learn from.
struct TaughtSet {
    std::string command;  // regulus train ...
    std::string name;     // for people
    std::string files;    // "tables and sweeps"
    regulus::train::Detector3dRecipe recipe;
    std::string marked;   // the objects to learn from, in words: "object of the nine classes"
    std::string example;  // arguments of its own in the help
    std::function<void(CLI::App&)> add_options;  // of its own
    /// Throws regulus::Error for a detector of other data and for what is missing.
    std::function<std::unique_ptr<TaughtClouds>(const regulus::PointDetectorSpec& model, int threads)> open;
};

/// The subcommand of `train`.
void add_taught_set(CLI::App& train, const TaughtSet& set, Outcome& outcome);

}  // namespace tool
