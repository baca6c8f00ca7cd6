// regulus eval: judgements by data set. Here regulus eval coco: how well does a detector, or a file of results, do on an annotated data set?
#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "eval3d.hpp"
#include "eval_coco_report.hpp"
#include "models.hpp"

namespace tool {

namespace {

using Options = CocoReportOptions;

void report(const Options& options, const regulus::CocoDataset& dataset, const CocoFound& found) {
    regulus::CocoSettings settings;
    settings.threads = options.threads;
    report_coco(options, dataset, found, kinds_to_judge(dataset, found.results), [&](regulus::CocoKind kind) { return regulus::evaluate_coco(dataset, found.results, kind, settings); });
}

void eval_coco(const Options& options, Outcome& outcome) {
    regulus::CocoDataset dataset;
    const auto read = [&]() -> const regulus::CocoDataset& { return dataset = regulus::read_coco_annotations(options.annotations); };
    if (judges_file(options)) {
        read();
        report(options, dataset, {regulus::read_coco_results(options.results)});
        return;
    }
    const auto categories = [&](const regulus::ModelSpec& model) {
        if (model.proposal_ar > 0) throw regulus::ArgumentError("eval: " + model.name + " proposes regions without classes; judge it with `regulus eval proposals`");
        return match_categories(model.facts, dataset.categories, model.name);
    };
    if (const std::optional<CocoFound> found = find_objects(options, "regulus eval 1", read, categories, outcome)) report(options, dataset, *found);
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
    add_coco_report_options(*command, *options, "COCO");
    command->add_option("--proposals", options->proposals, proposals_help);
    command->add_option("--score", options->score, "Least score that counts; models drop what is below 0.05 themselves")->check(CLI::Range(0.0, 1.0))->capture_default_str();
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
