// regulus eval proposals: how many of the objects do the regions find that a network proposes?
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/evaluate/proposal_recall.hpp>
#include <regulus/pipeline/proposal_file.hpp>

#include "command.hpp"
#include "eval_detector.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options : DetectorOptions {
    std::string boxes;
};

void report(const Options& options, const regulus::CocoDataset& dataset, const std::vector<regulus::PictureProposals>& proposals, std::size_t skipped) {
    regulus::ProposalSettings settings;
    settings.threads = options.threads;
    print(regulus::proposal_table(regulus::evaluate_proposals(dataset, proposals, settings)));
    if (skipped != 0) print("\n" + count_of(skipped, "broken picture") + " skipped with the objects on them\n");
}

std::vector<regulus::PictureProposals> read_boxes(const std::string& path) {
    std::vector<regulus::PictureProposals> proposals;
    for (auto& [id, boxes] : regulus::read_proposals(path)) proposals.push_back({id, std::move(boxes)});
    return proposals;
}

void eval_proposals(const Options& options, Outcome& outcome) {
    if (!options.boxes.empty()) {
        if (!options.results.empty() || !options.model.empty() || !options.weights.empty() || !options.json.empty()) throw regulus::ArgumentError("eval: --boxes judges a file alone; leave out --results, --model, --weights and --json");
        report(options, regulus::read_coco_annotations(options.annotations), read_boxes(options.boxes), 0);
        return;
    }
    if (judges_file(options)) {
        report(options, regulus::read_coco_annotations(options.annotations), regulus::proposals_of_results(regulus::read_coco_results(options.results)), 0);
        return;
    }
    regulus::CocoDataset dataset;
    DetectorRun run;
    const auto prepare = [&](const Ranks& ranks) {
        dataset = regulus::read_coco_annotations(options.annotations);
        run = prepare_detector(options, ranks, pictures_of(options, dataset), "regulus eval proposals 1", file_identity(options.annotations));
    };
    // All of one category, for proposals have none; in their order, which is that of their scores.
    const auto rows = [&](const regulus::DetectionList& found, std::size_t i) {
        regulus::DetectionList boxes{found.picture, {}};
        for (const regulus::Detection& detection : found) {
            regulus::Detection box;
            box.box = detection.box;
            box.score = detection.score;
            boxes.items.push_back(std::move(box));
        }
        return rows_of(boxes, run.pictures[i].id, -std::numeric_limits<float>::infinity(), {1});
    };
    const auto finished = run_items(prepare, [&] { return items_of(options, run, rows); }, outcome);
    if (!finished) return;
    if (!options.json.empty()) finished->write(options.json, results_of(*finished));
    std::vector<regulus::PictureProposals> proposals;
    for (const auto& [id, row] : finished->rows) {  // picture by picture: a thousand boxes each
        for (regulus::PictureProposals& list : regulus::proposals_of_results(regulus::parse_coco_results("[" + row + "]", "eval: results"))) proposals.push_back(std::move(list));
    }
    report(options, dataset, proposals, finished->skipped);
}

}  // namespace

void add_eval_proposals(CLI::App& eval, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = eval.add_subcommand("proposals", "Average recall of the 100 and the 1000 best boxes of a picture, as detectron2 judges region proposal networks (RPN). Other\n"
                                                         "detectors' boxes are taken as proposals, whatever their classes. With --json an interrupted run goes on where it stopped when\n"
                                                         "the same command is given again. Under mpirun, pictures are shared by all processes; the digits are those of one.\n"
                                                         "Examples:\n"
                                                         "  regulus eval proposals --weights model_final_02ce48.pkl --model rpn_R_50_FPN_1x --images val2017 --annotations instances_val2017.json\n"
                                                         "  regulus eval proposals --boxes rpn_proposals.pkl --annotations instances_val2017.json");
    add_detector_options(*command, *options);
    command->add_option("--annotations", options->annotations, "COCO annotations (JSON)")->required();
    command->add_option("--results", options->results, "Judge the boxes of this COCO results file; no network is run");
    command->add_option("--boxes", options->boxes, "Judge this file of proposals, a pickle of ids, boxes and objectness_logits as detectron2 writes; no network is run");
    command->add_option("--json", options->json, "Write the boxes as COCO results to this file; FILE.journal keeps what is done so far");
    command->callback([options, &outcome] { eval_proposals(*options, outcome); });
}

}  // namespace tool
