#pragma once
// A training run in a file: it can go on from there as if it had never stopped.
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/train/optimiser.hpp>
#include <regulus/train/parameter.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus::train {

/// Where a training run stands. All else that it does follows from the seed, the time and the notes.
struct Snapshot {
    Weights parameters;                          ///< values under their names, statistics too
    Weights optimiser;                           ///< Optimiser::state()
    std::int64_t epoch = 0;                      ///< epochs that are finished
    std::int64_t iteration = 0;                  ///< iterations that are finished, of all epochs
    std::uint64_t seed = 0;
    std::map<std::string, std::string> notes{};  ///< what a program must know to go on: its model, recipe, data. UTF-8
};

/// Copies of all values and of what the optimiser keeps.
Snapshot snapshot_of(std::span<const LearnedParameter> parameters, const Optimiser& optimiser, std::int64_t epoch, std::int64_t iteration, std::uint64_t seed);

/// Puts values and the optimiser's memory back, to the bit. Values are written where they lie. Throws WeightError that lists every name that is missing, unexpected or
/// misshapen, and as Optimiser::restore; nothing has changed then.
void restore(const Snapshot& snapshot, std::span<LearnedParameter> parameters, Optimiser& optimiser);

/// One safetensors file: "parameter/..." and "optimiser/...", the rest in its metadata. It appears whole or not at all: an older one of that name stays until then.
/// Throws FileError when it cannot be written, ArgumentError for negative times.
void write_snapshot(const std::string& path, const Snapshot& snapshot);

/// Throws FileError for a file that cannot be read or is no snapshot, naming what is wrong.
Snapshot read_snapshot(const std::string& path);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/snapshot-impl.hpp>
#endif
