#pragma once
// What the evaluations by COCO's rules and by LVIS's share: objects as COCO results, found by a detector or read, and tables and plots of them.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <regulus/evaluate/coco_evaluation.hpp>

#include "eval_detector.hpp"

namespace tool {

struct CocoReportOptions : DetectorOptions {
    std::string plots;
    bool per_category = false;
};

/// --annotations, --results, --json, --plots and --per-category; `kind` of annotations.
void add_coco_report_options(CLI::App& command, CocoReportOptions& options, const std::string& kind);

/// The objects on all pictures.
struct CocoFound {
    std::vector<regulus::CocoDetection> results;
    std::size_t skipped = 0;  // pictures
};

/// Runs a detector over the annotated pictures and writes --json. `read` gives the annotations, on each process; categories(model) the category of each class, below
/// zero for none; `command` begins the journal's identity. Empty when stopped, and where another process has the results.
std::optional<CocoFound> find_objects(const CocoReportOptions& options, const std::string& command, const std::function<const regulus::CocoDataset&()>& read,
                                      const std::function<std::vector<std::int64_t>(const regulus::ModelSpec&)>& categories, Outcome& outcome);

/// Prints the tables of all kinds that annotations and objects have, and draws the plots.
void report_coco(const CocoReportOptions& options, const regulus::CocoDataset& dataset, const CocoFound& found, const std::vector<regulus::CocoKind>& kinds,
                 const std::function<regulus::CocoEvaluation(regulus::CocoKind)>& evaluate);

}  // namespace tool
