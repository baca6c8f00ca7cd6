#pragma once
// Trainings on annotated pictures, whatever the data set.
#include <memory>

#include "command.hpp"
#include "train_coco_plan.hpp"

namespace tool {

/// The options of a subcommand that are the same for every data set, and what it does: learn from what options->read gives.
void add_picture_training(CLI::App& command, const std::shared_ptr<CocoOptions>& options, Outcome& outcome);

}  // namespace tool
