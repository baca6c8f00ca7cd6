#include "eval_detector.hpp"

#include <cstdio>
#include <map>
#include <utility>

#include <CLI/CLI.hpp>

#include <regulus/core/json.hpp>
#include <regulus/data/image_file.hpp>

#include "categories.hpp"
#include "models.hpp"
#include "terminal.hpp"

namespace tool {

void add_detector_options(CLI::App& command, DetectorOptions& options) {
    command.add_option("--model", options.model, "A zoo name or an unambiguous tail of one (default: what the weights say or fit)");
    command.add_option("--weights", options.weights, "Checkpoint: .pth, .pkl, .safetensors of any layout; or seeded[:SALT]");
    command.add_option("--images", options.images, "Folder of the pictures that the annotations name");
    command.add_flag("--skip-broken", options.skip_broken, "Report, count and leave out pictures that cannot be read; their objects count as missed");
    command.add_option("--augment", options.augment, augment_help)->delimiter(',')->allow_extra_args(false)->check(CLI::Range(1, 8192));
    command.add_option("--mmdetection", options.mmdetection, "Steps after the network as mmdetection 3 or 2 takes them; numbers published in 2020 and 2021 were made with 2")->check(CLI::IsMember({2, 3}))->capture_default_str();
    command.add_option("--device", options.device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command.add_option("--precision", options.precision, precision_help)->check(CLI::IsMember(precision_names))->capture_default_str();
    command.add_option("--threads", options.threads, "Threads; 0: as many as the machine has, divided by the processes on it")->check(CLI::Range(0, 1024))->capture_default_str();
}

bool judges_file(const DetectorOptions& options) {
    if (options.results.empty()) {
        if (options.images.empty()) throw regulus::ArgumentError("eval: give --images DIR to run a detector, or --results FILE to judge results");
        return false;
    }
    if (!options.model.empty() || !options.weights.empty() || !options.json.empty()) throw regulus::ArgumentError("eval: --results judges a file alone; leave out --model, --weights and --json");
    return true;
}

std::vector<EvalPicture> pictures_of(const DetectorOptions& options, const regulus::CocoDataset& dataset) {
    if (dataset.images.empty()) throw regulus::ArgumentError("eval: " + options.annotations + " lists no pictures");
    std::vector<EvalPicture> pictures;
    for (const regulus::CocoImage& image : dataset.images) {
        if (image.file_name.empty()) throw regulus::ArgumentError("eval: " + options.annotations + ": picture " + std::to_string(image.id) + " has no file_name");
        pictures.push_back({image.id, image.file_name, options.images + "/" + image.file_name});
    }
    return pictures;
}

DetectorRun prepare_detector(const DetectorOptions& options, const Ranks& ranks, std::vector<EvalPicture> pictures, const std::string& command, const std::string& truth,
                             const std::function<void(const regulus::ModelSpec&)>& check) {
    DetectorRun run;
    run.pictures = std::move(pictures);
    const Loaded loaded = load(options.model, options.weights);
    if (check) {
        regulus::ModelSpec model = *loaded.model;
        model.facts = regulus::facts_from_metadata(loaded.weights.metadata, model.facts, loaded.weights.source);  // weights that learnt other classes say so
        check(model);
    }
    regulus::CompileOptions compile;
    compile.threads = threads_of_rank(options.threads, ranks);
    const regulus::Graph graph = graph_of(*loaded.model, options.mmdetection);
    run.given = GivenProposals(options.proposals, graph, loaded.model->name);
    run.detector.emplace(*make_backend(options.device, options.precision), graph, loaded.weights, loaded.model->facts, compile, options.augment);
    if (ranks.rank() == 0 && !options.json.empty()) {
        std::string augment;
        for (const std::int64_t side : options.augment) augment += (augment.empty() ? " augment " : ",") + std::to_string(side);
        char score[40];
        std::snprintf(score, sizeof score, "%.17g", options.score);
        run.identity = command + " model " + loaded.model->name + " weights " + file_identity(options.weights) + " annotations " + truth + " device " + options.device + " threads " +
                       std::to_string(compile.threads) + (options.precision == "f32" ? "" : " precision " + options.precision) + (options.mmdetection == 2 ? " mmdetection 2" : "") +
                       (options.proposals.empty() ? "" : " proposals " + file_identity(options.proposals)) + augment + " score " + score + " images " + regulus::json_quote(options.images);
    }
    return run;
}

EvalItems items_of(const DetectorOptions& options, const DetectorRun& run, std::function<std::string(const regulus::DetectionList&, std::size_t)> rows) {
    EvalItems items;
    for (const EvalPicture& picture : run.pictures) items.ids.push_back(picture.id);
    items.name = [&run](std::size_t i) { return run.pictures[i].name; };
    items.work = [&run, rows = std::move(rows)](std::size_t i) -> PictureOutcome {
        const EvalPicture& picture = run.pictures[i];
        return {i, false, rows((*run.detector)(regulus::read_image(picture.path), run.given.of(picture.id, picture.name)), i)};
    };
    items.skip_broken = options.skip_broken;
    items.skip_hint = "eval: --skip-broken leaves such pictures out, their objects then count as missed";
    items.json = options.json;
    items.identity = run.identity;
    return items;
}

std::vector<std::int64_t> match_categories(const regulus::ModelFacts& facts, const std::vector<regulus::CocoCategory>& categories, const std::string& model) {
    std::map<std::string, std::int64_t> ids = categories_by_name(categories, "eval");
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
    throw regulus::ArgumentError("eval: " + model + " has no class for " + std::to_string(ids.size()) + " of the " + std::to_string(categories.size()) +
                                 " categories of the annotations (" + missing + "), and " + count_of(matched, "class") + " fit; use the model's own data set");
}

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

std::string results_of(const EvalRows& finished) {
    std::string text = "[";
    for (const auto& [id, rows] : finished.rows) {
        if (rows.empty()) continue;
        text += (text.size() == 1 ? "\n" : ",\n") + rows;
    }
    return text + (text.size() == 1 ? "]\n" : "\n]\n");
}

std::vector<regulus::CocoKind> kinds_to_judge(const regulus::CocoDataset& dataset, std::span<const regulus::CocoDetection> results) {
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
    return kinds;
}

}  // namespace tool
