#pragma once
// A training from its first step, or the one where it stopped, to the last; whoever is taught.
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <regulus/train/learner.hpp>
#include <regulus/train/optimiser.hpp>
#include <regulus/train/schedule.hpp>
#include <regulus/train/step_losses.hpp>

#include "train.hpp"

namespace tool {

/// How many steps a training has, how large and how fast they are.
struct Course {
    Settings settings;  // that the run's file keeps
    regulus::train::OptimiserSettings optimiser;
    regulus::train::Schedule schedule;
    std::optional<regulus::train::Schedule> momentum;  // where it moves
    std::int64_t all = 0, steps = 0;  // of the training, of an epoch
    std::int64_t leg = 0;             // steps after which the run is kept
    std::int64_t parts = 1;           // of a step, whose losses' mean is learnt from
    double clip = 0;                  // greatest norm of all gradients; 0: any
    std::uint64_t seed = 0;
    int threads = 1;
    bool by_epochs = true;
};

/// What is taught, and of what.
class Lessons {
public:
    virtual ~Lessons() = default;
    virtual regulus::train::Learner& learner() = 0;
    /// Part `part` of a step (from 0, of the whole training) goes forward and back.
    virtual regulus::train::StepLosses teach(std::int64_t epoch, std::int64_t step, std::int64_t part) = 0;
    /// What a line says behind the losses of the steps since the line before it; begins anew then.
    virtual std::string told() { return ""; }
    /// What a line ends with: how well it does by now.
    virtual std::string judged() { return ""; }
    /// What later steps need of those before, beside parameters.
    virtual std::map<std::string, double> memory() const { return {}; }
    virtual void remember(const std::map<std::string, double>&) {}
    /// Writes what was learnt and takes the run's file away.
    virtual void write_result(const std::string& run) = 0;
};

/// Trains from the first step, or from where the run's file `path` stands, to the last, and writes the result; or says how to go on.
void train_to_end(Lessons& lessons, const Course& course, const RunOptions& options, const std::string& path, Outcome& outcome);

}  // namespace tool
