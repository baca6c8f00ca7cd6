#pragma once
// What the trainings share: a run's file, its end.
#include <cstdint>
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
/// `regulus train lvis`, `train voc` and `train cityscapes`.
void add_train_lvis(CLI::App& train, Outcome& outcome);
void add_train_voc(CLI::App& train, Outcome& outcome);
void add_train_cityscapes(CLI::App& train, Outcome& outcome);
/// `regulus train nuscenes` and `regulus train lyft`.
void add_train_tables(CLI::App& train, Outcome& outcome);
/// `regulus train kitti`.
void add_train_kitti(CLI::App& train, Outcome& outcome);

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

/// What all trainings let the user choose.
struct RunOptions {
    std::string out;
    std::uint64_t seed = 0;
    int threads = 0;
    bool resume = false;
};
void add_run_options(CLI::App& command, RunOptions& options);

/// As many as asked for, else as many as the machine has.
int threads_of(const RunOptions& options);

/// How many items a step has, and how many of them are in memory at once: those asked for, where not 0; else a recipe's, at_once made to divide the batch. Throws
/// regulus::ArgumentError when a batch is more than all `count` items ("48 pictures" in words), or is not divided.
void choose_batch(std::int64_t asked_batch, std::int64_t asked_at_once, std::size_t count, const std::string& in_words, std::int64_t& batch, std::int64_t& at_once);

}  // namespace tool
