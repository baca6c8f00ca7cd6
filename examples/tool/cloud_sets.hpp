#pragma once
// Data sets of clouds in nuScenes' tables: what whoever learns from them or is judged on them has to know.
#include <span>
#include <string>
#include <vector>

#include <regulus/data/nuscenes_tables.hpp>
#include <regulus/data/point_cloud.hpp>
#include <regulus/pipeline/detection3d.hpp>
#include <regulus/zoo/point_detector_spec.hpp>

namespace tool {

/// One of the two below.
struct CloudSet {
    const char* name = "";                     // for messages
    const char* classes_in_words = "";         // "nuScenes' ten"
    std::span<const char* const> class_names;  // that its detectors may have
    bool completes_last_point = false;         // some of its files lack their last numbers
    const char* results_head = "";             // what its results file begins with
    /// On one line: what its results file holds of a sample in which this was found.
    std::string (*row)(const regulus::NuScenesTables& tables, std::size_t sample, const regulus::DetectionList3d& found) = nullptr;
    /// "mAP 12.34, NDS 20.11": how good the results file of all samples is.
    std::string (*judged)(const regulus::NuScenesTables& tables, const std::string& results) = nullptr;
};
const CloudSet& nuscenes_set();
const CloudSet& lyft_set();

/// Throws regulus::ArgumentError when a detector is not one of the data set. `who` asks, for messages.
void require_detector_of(const CloudSet& set, const regulus::PointDetectorFacts& facts, const std::string& who);

/// A sample as a detector sees it, with earlier sweeps; `root` is the data set's folder. Throws as load_sweeps().
regulus::PointCloud cloud_of(const CloudSet& set, const regulus::NuScenesTables& tables, const std::string& root, std::size_t sample, const regulus::PointDetectorFacts& facts);

/// The results file with a row of each sample.
std::string results_of(const CloudSet& set, const std::vector<std::string>& rows);

/// Where clouds and what people marked in them come from.
struct TableOptions {
    std::string tables;  // folder of scene.json, sample.json, ...
    std::string data;    // the data set's folder, for clouds
    std::string scenes;  // file of scene names, one a line
};

/// The tables with annotations, of the chosen scenes. `who` asks, for messages.
regulus::NuScenesTables read_tables(const TableOptions& options, const std::string& who = "eval");

}  // namespace tool
