// regulus eval lvis: COCO's average precision where pictures are annotated for some of a thousand categories only.
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/evaluate/lvis_evaluation.hpp>

#include "command.hpp"
#include "eval_coco_report.hpp"
#include "models.hpp"
#include "picture_data.hpp"

namespace tool {

namespace {

struct Options : CocoReportOptions {
    int max_dets = 300;
};

std::vector<std::int64_t> categories_of(const regulus::ModelSpec& model, const regulus::LvisDataset& dataset) {
    const std::vector<std::int64_t> ids = lvis_categories(model, dataset.coco, "eval");
    return ids.empty() ? match_categories(model.facts, dataset.coco.categories, model.name) : ids;
}

void report(const Options& options, const regulus::LvisDataset& dataset, const CocoFound& found) {
    regulus::LvisSettings settings;
    settings.max_dets = options.max_dets;
    settings.threads = options.threads;
    std::vector<regulus::CocoKind> kinds = kinds_to_judge(dataset.coco, found.results);
    std::erase(kinds, regulus::CocoKind::keypoints);
    report_coco(options, dataset.coco, found, kinds, [&](regulus::CocoKind kind) { return regulus::evaluate_lvis(dataset, found.results, kind, settings); });
}

void eval_lvis(const Options& options, Outcome& outcome) {
    regulus::LvisDataset dataset;
    const auto read = [&]() -> const regulus::CocoDataset& {
        dataset = regulus::read_lvis_annotations(options.annotations);
        if (!options.images.empty()) find_lvis_files(dataset.coco, options.images);
        return dataset.coco;
    };
    if (judges_file(options)) {
        read();
        report(options, dataset, {regulus::read_coco_results(options.results)});
        return;
    }
    const auto categories = [&](const regulus::ModelSpec& model) { return categories_of(model, dataset); };
    if (const std::optional<CocoFound> found = find_objects(options, "regulus eval lvis 1", read, categories, outcome)) report(options, dataset, *found);
}

}  // namespace

void add_eval_lvis(CLI::App& eval, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = eval.add_subcommand("lvis", "LVIS's numbers for boxes and for masks (versions 0.5 and 1), as the package lvis computes them: AP of all, rare (APr),\n"
                                                    "common (APc) and frequent (APf) categories. What is not known of a picture does not count. Sizes of masks are their own areas,\n"
                                                    "as detectron2 has it. With --json an interrupted run goes on where it stopped when the same command is given again.\n"
                                                    "Under mpirun, pictures are shared by all processes; the digits are those of one.\n"
                                                    "Examples:\n"
                                                    "  regulus eval lvis --weights model_final_571f7c.pkl --model LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x --images val2017 --annotations lvis_v0.5_val.json --json out.json\n"
                                                    "  regulus eval lvis --results out.json --annotations lvis_v1_val.json --per-category");
    add_detector_options(*command, *options);
    add_coco_report_options(*command, *options, "LVIS");
    command->add_option("--score", options->score, "Least score that counts; LVIS's models drop what is below 0.0001 themselves")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command->add_option("--max-dets", options->max_dets, "Most detections of a picture, of all categories together")->check(CLI::Range(1, 1'000'000))->capture_default_str();
    command->callback([options, &outcome] { eval_lvis(*options, outcome); });
}

}  // namespace tool
