#pragma once
// What the trainings share: a run's file, its end.
#include <map>
#include <string>

#include <regulus/weights/weights.hpp>

#include "command.hpp"
#include "stop_guard.hpp"
#include "terminal.hpp"

namespace tool {

/// `regulus train imagenet`.
void add_train_imagenet(CLI::App& train, Outcome& outcome);
/// `regulus train coco`.
void add_train_coco(CLI::App& train, Outcome& outcome);
/// `regulus train nuscenes`.
void add_train_nuscenes(CLI::App& train, Outcome& outcome);

/// What a run is of, name by name. Throws regulus::ArgumentError, naming all differences, when a run that is to go on is of something else.
using Settings = std::map<std::string, std::string>;
void require_same_settings(const std::string& path, const Settings& kept, const Settings& now);

/// With as few digits as say which double it is.
std::string number(double value);

/// The file that keeps a run until its result is written. Throws regulus::ArgumentError unless the result is a .safetensors file and there is a run to go on with where one
/// is meant, none where not; regulus::FileError where the result cannot be written.
std::string run_file(const std::string& out, bool resume);

/// Writes what was learnt, with the facts that its model's user needs, and takes the run's file away.
void write_trained(const std::string& out, regulus::Weights result, std::map<std::string, std::string> facts, const std::string& model, const std::string& run);

/// Trains from the first step, or from where the run's file stands, to the last, and writes the result; or says how to go on.
template <class Run>
void train_to_end(Run& run, const std::string& out, bool resume, Outcome& outcome) {
    if (resume) run.resume();
    if (!run.finish()) {
        talk("train: stopped; the same command with --resume goes on from " + run.path() + "\n");
        outcome.exit_code = 130;
        return;
    }
    run.write_result();
    talk("train: wrote " + out + "\n");
}

}  // namespace tool
