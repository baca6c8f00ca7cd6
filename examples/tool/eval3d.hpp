#pragma once
// regulus eval nuscenes|lyft|kitti: what a detector of point clouds finds, or a file of results, judged as the data sets' own programs do it.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <regulus/pipeline/detector3d.hpp>
#include <regulus/zoo/point_detector_spec.hpp>

#include "cloud_sets.hpp"
#include "command.hpp"

namespace tool {

/// What the three have in common.
struct Eval3dOptions {
    std::string results;  // judge this; no detector is run
    std::string model, weights;
    std::string write;    // what a detector found, in the data set's format; FILE.journal keeps what is done so far
    std::string json;     // the numbers; - for stdout
    std::string device = "cpu";
    double score = 0.05;
    int threads = 0;
    bool skip_broken = false;
};

/// Frames for a detector.
struct Eval3dFrames {
    std::vector<std::string> names;  // of the frames, for messages and the journal's identity
    std::string identity;            // of what besides names and options decides what is found
    /// Before the first frame, on every rank: throws when the network is not one for this data set.
    std::function<void(const regulus::PointDetectorFacts&)> prepare;
    std::function<regulus::PointCloud(std::size_t, const regulus::PointDetectorFacts&)> cloud;
    std::function<std::string(std::size_t, const regulus::DetectionList3d&)> row;  // on one line: what the results file holds of a frame
};

/// Rows by frame; nothing on other ranks than 0 (quietly) and when interrupted (with the exit code set).
struct Eval3dFound {
    std::vector<std::string> rows;
    std::size_t skipped = 0;
    std::function<void()> finished;  // the results are written: drops the journal
};

/// Runs the detector over the frames. `frames` is made on every rank; what it throws ends the run on all. `journal_at`: the results file beside which the journal
/// lies, "" for none.
std::optional<Eval3dFound> run_detector3d(const char* name, const Eval3dOptions& options, const std::string& journal_at, const std::function<Eval3dFrames()>& frames, Outcome& outcome);

/// The samples of a data set's tables; `root` is its folder.
Eval3dFrames frames_of(const CloudSet& set, std::shared_ptr<const regulus::NuScenesTables> tables, const std::string& root);

/// What the results file holds of each frame, found as `regulus eval` does it; nothing when the user asks for an end (StopGuard).
std::optional<std::vector<std::string>> rows_found(const Eval3dFrames& frames, const regulus::AnyDetector3d& detector);

/// "mAP 12.34, NDS 20.11" of a detector on all samples of the tables: the numbers of `regulus eval`. "stopped" when the user asks for an end.
std::string judged_by_eval(const CloudSet& set, std::shared_ptr<const regulus::NuScenesTables> tables, const std::string& root, const regulus::AnyDetector3d& detector);

/// What --results, --model and so on mean together; throws regulus::ArgumentError for what does not fit. True: judge a file.
bool judges_a_file(const Eval3dOptions& options);

void add_common_options(CLI::App& command, Eval3dOptions& options, const std::string& write_help);

/// The table to stdout, the numbers where --json says.
void report(const Eval3dOptions& options, const std::string& table, const std::string& json, std::size_t skipped);

/// The three subcommands of `eval`.
void add_eval_nuscenes(CLI::App& eval, Outcome& outcome);
void add_eval_lyft(CLI::App& eval, Outcome& outcome);
void add_eval_kitti(CLI::App& eval, Outcome& outcome);

}  // namespace tool
