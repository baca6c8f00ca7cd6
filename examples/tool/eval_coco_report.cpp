#include "eval_coco_report.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>

#include <regulus/evaluate/coco_table.hpp>

#include "eval_plots.hpp"
#include "models.hpp"
#include "terminal.hpp"

namespace tool {

void add_coco_report_options(CLI::App& command, CocoReportOptions& options, const std::string& kind) {
    command.add_option("--annotations", options.annotations, kind + " annotations (JSON)")->required();
    command.add_option("--results", options.results, "Judge this file of COCO results; no detector is run");
    command.add_option("--json", options.json, "Write COCO results to this file; FILE.journal keeps what is done so far");
    command.add_option("--plots", options.plots, "Draw precision-recall curves and the worst pictures (with --images) into this folder");
    command.add_flag("--per-category", options.per_category, "Also print the numbers of each category");
}

std::optional<CocoFound> find_objects(const CocoReportOptions& options, const std::string& command, const std::function<const regulus::CocoDataset&()>& read,
                                      const std::function<std::vector<std::int64_t>(const regulus::ModelSpec&)>& categories, Outcome& outcome) {
    DetectorRun run;
    std::vector<std::int64_t> ids;
    const auto prepare = [&](const Ranks& ranks) {
        const std::vector<EvalPicture> pictures = pictures_of(options, read());
        run = prepare_detector(options, ranks, pictures, command, file_identity(options.annotations), [&](const regulus::ModelSpec& model) { ids = categories(model); });
    };
    const auto rows = [&](const regulus::DetectionList& found, std::size_t i) { return rows_of(found, run.pictures[i].id, float(options.score), ids); };
    const auto finished = run_items(prepare, [&] { return items_of(options, run, rows); }, outcome);
    if (!finished) return std::nullopt;
    const std::string text = results_of(*finished);
    finished->write(options.json, text);
    return CocoFound{regulus::parse_coco_results(text, "eval: results"), finished->skipped};
}

void report_coco(const CocoReportOptions& options, const regulus::CocoDataset& dataset, const CocoFound& found, const std::vector<regulus::CocoKind>& kinds,
                 const std::function<regulus::CocoEvaluation(regulus::CocoKind)>& evaluate) {
    bool first = true;
    for (const regulus::CocoKind kind : kinds) {
        const regulus::CocoEvaluation evaluation = evaluate(kind);
        print((first ? "" : "\n") + regulus::coco_table(evaluation));
        first = false;
        if (options.per_category) print("\n" + regulus::coco_category_table(evaluation));
        if (!options.plots.empty()) plot_evaluation(options.plots, evaluation);
    }
    if (found.skipped != 0) print("\n" + count_of(found.skipped, "broken picture") + " skipped; objects on skipped pictures count as missed\n");
    const bool has_boxes = std::find(kinds.begin(), kinds.end(), regulus::CocoKind::boxes) != kinds.end();
    if (!options.plots.empty() && !options.images.empty() && has_boxes) plot_worst(options.plots, options.images, dataset, found.results);
}

}  // namespace tool
