// regulus eval: judgements by data set. Here regulus eval coco: how well does a detector, or a file of results, do on an annotated data set?
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <regulus/core/json.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/evaluate/coco_table.hpp>

#include "command.hpp"
#include "eval3d.hpp"
#include "eval_plots.hpp"
#include "eval_run.hpp"
#include "given_proposals.hpp"
#include "models.hpp"
#include "picture_detector.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string model, weights, images, annotations, proposals, results, json, plots;
    std::string device = "cpu";
    std::string precision = "f32";
    double score = 0.05;
    int mmdetection = 3;
    std::vector<std::int64_t> augment;
    int threads = 0;
    bool skip_broken = false;
    bool per_category = false;
};

/// The data set's category id of each class of the model, by name; -1 for a class that the data set lacks.
std::vector<std::int64_t> match_categories(const regulus::ModelFacts& facts, const regulus::CocoDataset& dataset, const std::string& model) {
    std::map<std::string, std::int64_t> ids;
    for (const regulus::CocoCategory& category : dataset.categories) {
        if (!ids.emplace(category.name, category.id).second) throw regulus::ArgumentError("eval: the annotations have two categories \"" + category.name + "\", so classes cannot be told by name");
    }
    std::vector<std::int64_t> result;
    std::size_t matched = 0;
    for (const std::string& name : facts.class_names) {
        const auto found = ids.find(name);
        result.push_back(found == ids.end() ? -1 : found->second);
        matched += found != ids.end();
        if (found != ids.end()) ids.erase(found);
    }
    if (ids.empty()) return result;
    std::string missing;
    std::size_t listed = 0;
    for (const auto& [name, id] : ids) {
        if (++listed > 8) break;
        missing += (missing.empty() ? "\"" : ", \"") + name + "\"";
    }
    if (ids.size() > 8) missing += ", ...";
    throw regulus::ArgumentError("eval: " + model + " has no class for " + std::to_string(ids.size()) + " of the " + std::to_string(dataset.categories.size()) +
                                 " categories of the annotations (" + missing + "), and " + count_of(matched, "class") + " fit; use the model's own data set");
}

/// A picture's rows of the results file on one line.
std::string rows_of(const regulus::DetectionList& found, std::int64_t image_id, float score, const std::vector<std::int64_t>& categories) {
    std::vector<regulus::CocoResult> results;
    regulus::DetectionList kept{found.picture, {}};
    for (regulus::Detection detection : found) {
        const std::int64_t category = detection.label >= 0 && std::size_t(detection.label) < categories.size() ? categories[std::size_t(detection.label)] : -1;
        if (detection.score < score || category < 0) continue;
        detection.category_id = category;
        kept.items.push_back(std::move(detection));
    }
    const std::string text = regulus::coco_results_json(regulus::coco_results(kept, image_id));
    std::string rows;  // without the brackets and line breaks; strings hold neither
    for (const char c : text) {
        if (c != '\n') rows += c;
    }
    return rows.substr(1, rows.size() - 2);
}

/// What is ready before the first picture is looked at.
struct Prepared {
    regulus::CocoDataset dataset;
    std::optional<PictureDetector> detector;
    GivenProposals given;
    std::vector<std::int64_t> categories;
    std::string identity;
};

Prepared prepare(const Options& options, const Ranks& ranks) {
    Prepared prepared;
    prepared.dataset = regulus::read_coco_annotations(options.annotations);
    if (prepared.dataset.images.empty()) throw regulus::ArgumentError("eval: " + options.annotations + " lists no pictures");
    for (const regulus::CocoImage& image : prepared.dataset.images) {
        if (image.file_name.empty()) throw regulus::ArgumentError("eval: " + options.annotations + ": picture " + std::to_string(image.id) + " has no file_name");
    }
    const Loaded loaded = load(options.model, options.weights);
    regulus::CompileOptions compile;
    compile.threads = threads_of_rank(options.threads, ranks);
    const regulus::Graph graph = graph_of(*loaded.model, options.mmdetection);
    prepared.given = GivenProposals(options.proposals, graph, loaded.model->name);
    prepared.detector.emplace(*make_backend(options.device, options.precision), graph, loaded.weights, loaded.model->facts, compile, options.augment);
    prepared.categories = match_categories(prepared.detector->facts(), prepared.dataset, loaded.model->name);
    if (ranks.rank() == 0 && !options.json.empty()) {
        std::string augment;
        for (const std::int64_t side : options.augment) augment += (augment.empty() ? " augment " : ",") + std::to_string(side);
        char score[40];
        std::snprintf(score, sizeof score, "%.17g", options.score);
        prepared.identity = "regulus eval 1 model " + loaded.model->name + " weights " + file_identity(options.weights) + " annotations " + file_identity(options.annotations) +
                            " device " + options.device + " threads " + std::to_string(compile.threads) + (options.precision == "f32" ? "" : " precision " + options.precision) + (options.mmdetection == 2 ? " mmdetection 2" : "") + (options.proposals.empty() ? "" : " proposals " + file_identity(options.proposals)) + augment + " score " + score + " images " + regulus::json_quote(options.images);
    }
    return prepared;
}

/// Every picture of the data set.
EvalItems items_of(const Options& options, const Prepared& prepared) {
    EvalItems items;
    for (const regulus::CocoImage& image : prepared.dataset.images) items.ids.push_back(image.id);
    items.name = [&](std::size_t i) { return prepared.dataset.images[i].file_name; };
    items.work = [&](std::size_t i) -> PictureOutcome {
        const regulus::CocoImage& image = prepared.dataset.images[i];
        return {i, false, rows_of((*prepared.detector)(regulus::read_image(options.images + "/" + image.file_name), prepared.given.of(image.id, image.file_name)), image.id, float(options.score), prepared.categories)};
    };
    items.skip_broken = options.skip_broken;
    items.skip_hint = "eval: --skip-broken leaves such pictures out, their objects then count as missed";
    items.json = options.json;
    items.identity = prepared.identity;
    return items;
}

/// The text of the results file.
std::string results_of(const EvalRows& finished) {
    std::string text = "[";
    for (const auto& [id, rows] : finished.rows) {
        if (rows.empty()) continue;
        text += (text.size() == 1 ? "\n" : ",\n") + rows;
    }
    return text + (text.size() == 1 ? "]\n" : "\n]\n");
}

void report(const Options& options, const regulus::CocoDataset& dataset, const std::vector<regulus::CocoDetection>& results, std::size_t skipped) {
    bool boxes = results.empty(), masks = false, keypoints = false, truth_masks = false, truth_keypoints = false;
    for (const regulus::CocoDetection& result : results) {
        boxes = boxes || result.bbox;
        masks = masks || result.segmentation;
        keypoints = keypoints || !result.keypoints.empty();
    }
    for (const regulus::CocoAnnotation& annotation : dataset.annotations) {
        truth_masks = truth_masks || annotation.has_mask();
        truth_keypoints = truth_keypoints || !annotation.keypoints.empty();
    }
    if (keypoints && !truth_keypoints) {
        keypoints = false;
        talk("keypoints are not judged: the annotations have none\n");
    }
    if (masks && !truth_masks) {
        masks = false;
        talk("masks are not judged: the annotations have none\n");
    }
    std::vector<regulus::CocoKind> kinds;
    if (boxes) kinds.push_back(regulus::CocoKind::boxes);
    if (masks) kinds.push_back(regulus::CocoKind::masks);
    if (keypoints) kinds.push_back(regulus::CocoKind::keypoints);
    if (kinds.empty()) throw regulus::ArgumentError("eval: the results hold nothing that the annotations can judge");
    regulus::CocoSettings settings;
    settings.threads = options.threads;
    bool first = true;
    for (const regulus::CocoKind kind : kinds) {
        const regulus::CocoEvaluation evaluation = regulus::evaluate_coco(dataset, results, kind, settings);
        print((first ? "" : "\n") + regulus::coco_table(evaluation));
        first = false;
        if (options.per_category) print("\n" + regulus::coco_category_table(evaluation));
        if (!options.plots.empty()) plot_evaluation(options.plots, evaluation);
    }
    if (skipped != 0) print("\n" + count_of(skipped, "broken picture") + " skipped; objects on skipped pictures count as missed\n");
    if (!options.plots.empty() && !options.images.empty() && boxes) plot_worst(options.plots, options.images, dataset, results);
}

void eval_coco(const Options& options, Outcome& outcome) {
    if (!options.results.empty()) {
        if (!options.model.empty() || !options.weights.empty() || !options.json.empty()) throw regulus::ArgumentError("eval: --results judges a file alone; leave out --model, --weights and --json");
        report(options, regulus::read_coco_annotations(options.annotations), regulus::read_coco_results(options.results), 0);
        return;
    }
    if (options.images.empty()) throw regulus::ArgumentError("eval: give --images DIR to run a detector, or --results FILE to judge results");
    Prepared prepared;
    const auto finished = run_items([&](const Ranks& ranks) { prepared = prepare(options, ranks); }, [&] { return items_of(options, prepared); }, outcome);
    if (!finished) return;
    const std::string text = results_of(*finished);
    finished->write(options.json, text);
    report(options, prepared.dataset, regulus::parse_coco_results(text, "eval: results"), finished->skipped);
}

}  // namespace

void add_eval(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* eval = app.add_subcommand("eval", "Judges a model, or a file of results, against annotations.");
    eval->require_subcommand(1);
    CLI::App* command = eval->add_subcommand("coco", "COCO's 12 numbers for boxes and for masks (10 for keypoints), as pycocotools computes them.\n"
                                                     "With --json an interrupted run goes on where it stopped when the same command is given again.\n"
                                                     "Under mpirun, pictures are shared by all processes; the digits are those of one.\n"
                                                     "Examples:\n"
                                                     "  regulus eval coco --images val --annotations val/annotations.json --json results.json --plots plots\n"
                                                     "  regulus eval coco --results results.json --annotations instances_val2017.json --per-category\n"
                                                     "  mpirun -n 4 regulus eval coco --weights mask_rcnn.pth --images val2017 --annotations instances_val2017.json");
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (default: what the weights say or fit)");
    command->add_option("--weights", options->weights, "Checkpoint: .pth, .pkl, .safetensors of any layout; or seeded[:SALT]");
    command->add_option("--images", options->images, "Folder of the pictures that the annotations name");
    command->add_option("--annotations", options->annotations, "COCO annotations (JSON)")->required();
    command->add_option("--proposals", options->proposals, proposals_help);
    command->add_option("--results", options->results, "Judge this COCO results file; no detector is run");
    command->add_option("--json", options->json, "Write COCO results to this file; FILE.journal keeps what is done so far");
    command->add_option("--plots", options->plots, "Draw precision-recall curves and the worst pictures (with --images) into this folder");
    command->add_option("--score", options->score, "Least score that counts; models drop what is below 0.05 themselves")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command->add_flag("--skip-broken", options->skip_broken, "Report, count and leave out pictures that cannot be read; their objects count as missed");
    command->add_flag("--per-category", options->per_category, "Also print the numbers of each category");
    command->add_option("--augment", options->augment, augment_help)->delimiter(',')->allow_extra_args(false)->check(CLI::Range(1, 8192));
    command->add_option("--mmdetection", options->mmdetection, "Steps after the network as mmdetection 3 or 2 takes them; numbers published in 2020 and 2021 were made with 2")->check(CLI::IsMember({2, 3}))->capture_default_str();
    command->add_option("--device", options->device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command->add_option("--precision", options->precision, precision_help)->check(CLI::IsMember(precision_names))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has, divided by the processes on it")->check(CLI::Range(0, 1024))->capture_default_str();
    command->callback([options, &outcome] { eval_coco(*options, outcome); });
    add_eval_panoptic(*eval, outcome);
    add_eval_imagenet(*eval, outcome);
    add_eval_nuscenes(*eval, outcome);
    add_eval_lyft(*eval, outcome);
    add_eval_kitti(*eval, outcome);
}

}  // namespace tool
