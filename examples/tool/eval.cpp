// regulus eval: judgements by data set. Here regulus eval coco: how well does a detector, or a file of results, do on an annotated data set?
#include <memory>
#include <string>
#include <vector>

#include <regulus/evaluate/coco_table.hpp>

#include "command.hpp"
#include "eval3d.hpp"
#include "eval_detector.hpp"
#include "eval_plots.hpp"
#include "models.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options : DetectorOptions {
    std::string plots;
    bool per_category = false;
};

void report(const Options& options, const regulus::CocoDataset& dataset, const std::vector<regulus::CocoDetection>& results, std::size_t skipped) {
    regulus::CocoSettings settings;
    settings.threads = options.threads;
    bool first = true, boxes = false;
    for (const regulus::CocoKind kind : kinds_to_judge(dataset, results)) {
        const regulus::CocoEvaluation evaluation = regulus::evaluate_coco(dataset, results, kind, settings);
        print((first ? "" : "\n") + regulus::coco_table(evaluation));
        first = false;
        boxes = boxes || kind == regulus::CocoKind::boxes;
        if (options.per_category) print("\n" + regulus::coco_category_table(evaluation));
        if (!options.plots.empty()) plot_evaluation(options.plots, evaluation);
    }
    if (skipped != 0) print("\n" + count_of(skipped, "broken picture") + " skipped; objects on skipped pictures count as missed\n");
    if (!options.plots.empty() && !options.images.empty() && boxes) plot_worst(options.plots, options.images, dataset, results);
}

void eval_coco(const Options& options, Outcome& outcome) {
    if (judges_file(options)) {
        report(options, regulus::read_coco_annotations(options.annotations), regulus::read_coco_results(options.results), 0);
        return;
    }
    regulus::CocoDataset dataset;
    DetectorRun run;
    std::vector<std::int64_t> categories;
    const auto prepare = [&](const Ranks& ranks) {
        dataset = regulus::read_coco_annotations(options.annotations);
        const std::vector<EvalPicture> pictures = pictures_of(options, dataset);
        run = prepare_detector(options, ranks, pictures, "regulus eval 1", file_identity(options.annotations), [&](const regulus::ModelSpec& model) {
            if (model.proposal_ar > 0) throw regulus::ArgumentError("eval: " + model.name + " proposes regions without classes; judge it with `regulus eval proposals`");
            categories = match_categories(model.facts, dataset.categories, model.name);
        });
    };
    const auto rows = [&](const regulus::DetectionList& found, std::size_t i) { return rows_of(found, run.pictures[i].id, float(options.score), categories); };
    const auto finished = run_items(prepare, [&] { return items_of(options, run, rows); }, outcome);
    if (!finished) return;
    const std::string text = results_of(*finished);
    finished->write(options.json, text);
    report(options, dataset, regulus::parse_coco_results(text, "eval: results"), finished->skipped);
}

}  // namespace

void add_eval(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    options->score = 0.05;
    CLI::App* eval = app.add_subcommand("eval", "Judges a model, or a file of results, against annotations.");
    eval->require_subcommand(1);
    CLI::App* command = eval->add_subcommand("coco", "COCO's 12 numbers for boxes and for masks (10 for keypoints), as pycocotools computes them.\n"
                                                     "With --json an interrupted run goes on where it stopped when the same command is given again.\n"
                                                     "Under mpirun, pictures are shared by all processes; the digits are those of one.\n"
                                                     "Examples:\n"
                                                     "  regulus eval coco --images val --annotations val/annotations.json --json results.json --plots plots\n"
                                                     "  regulus eval coco --results results.json --annotations instances_val2017.json --per-category\n"
                                                     "  mpirun -n 4 regulus eval coco --weights mask_rcnn.pth --images val2017 --annotations instances_val2017.json");
    add_detector_options(*command, *options);
    command->add_option("--annotations", options->annotations, "COCO annotations (JSON)")->required();
    command->add_option("--proposals", options->proposals, proposals_help);
    command->add_option("--results", options->results, "Judge this COCO results file; no detector is run");
    command->add_option("--json", options->json, "Write COCO results to this file; FILE.journal keeps what is done so far");
    command->add_option("--plots", options->plots, "Draw precision-recall curves and the worst pictures (with --images) into this folder");
    command->add_option("--score", options->score, "Least score that counts; models drop what is below 0.05 themselves")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command->add_flag("--per-category", options->per_category, "Also print the numbers of each category");
    command->callback([options, &outcome] { eval_coco(*options, outcome); });
    add_eval_lvis(*eval, outcome);
    add_eval_proposals(*eval, outcome);
    add_eval_voc(*eval, outcome);
    add_eval_cityscapes(*eval, outcome);
    add_eval_panoptic(*eval, outcome);
    add_eval_imagenet(*eval, outcome);
    add_eval_nuscenes(*eval, outcome);
    add_eval_lyft(*eval, outcome);
    add_eval_kitti(*eval, outcome);
}

}  // namespace tool
