// regulus eval coco: how well does a detector, or a file of results, do on an annotated data set?
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/evaluate/coco_table.hpp>
#include <regulus/pipeline/any_detector.hpp>
#include <regulus/weights/crc32.hpp>

#include "command.hpp"
#include "eval_journal.hpp"
#include "eval_plots.hpp"
#include "eval_ranks.hpp"
#include "models.hpp"
#include "pictures.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string model, weights, images, annotations, results, json, plots;
    std::string device = "cpu";
    double score = 0.05;
    int threads = 0;
    bool skip_broken = false;
    bool per_category = false;
};

volatile std::sig_atomic_t interrupted = 0;

/// While it lives, Ctrl-C ends the loop after the picture in hand instead of the program.
class InterruptGuard {
public:
    InterruptGuard() : before_(std::signal(SIGINT, [](int) { interrupted = 1; })) {}
    ~InterruptGuard() { std::signal(SIGINT, before_); }
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

private:
    void (*before_)(int);
};

std::string count_of(std::size_t count, const std::string& what) {
    if (count == 1) return "1 " + what;
    return std::to_string(count) + " " + what + (what.back() == 's' ? "es" : "s");
}

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

std::string file_identity(const std::string& path) {
    if (path == "seeded" || path.rfind("seeded:", 0) == 0) return path;
    const auto bytes = regulus::read_file(path.empty() ? shipped_weights() : path, std::int64_t(1) << 34);
    char text[48];
    std::snprintf(text, sizeof text, "%08x/%zu", unsigned(regulus::detail::crc32(bytes.data(), bytes.size())), bytes.size());
    return text;
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
    std::optional<regulus::AnyDetector> detector;
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
    compile.threads = options.threads;
    if (compile.threads == 0 && ranks.on_this_machine() > 1) compile.threads = std::max(1, int(std::thread::hardware_concurrency()) / ranks.on_this_machine());
    if (compile.threads == 0) compile.threads = std::max(1, int(std::thread::hardware_concurrency()));
    prepared.detector.emplace(*make_backend(options.device), *loaded.model, loaded.weights, compile);
    prepared.categories = match_categories(prepared.detector->facts(), prepared.dataset, loaded.model->name);
    if (ranks.rank() == 0 && !options.json.empty()) {
        char score[40];
        std::snprintf(score, sizeof score, "%.17g", options.score);
        prepared.identity = "regulus eval 1 model " + loaded.model->name + " weights " + file_identity(options.weights) + " annotations " + file_identity(options.annotations) +
                            " device " + options.device + " threads " + std::to_string(compile.threads) + " score " + score + " images " + regulus::json_quote(options.images);
    }
    return prepared;
}

/// Looks at every picture of the data set that the journal lacks. Gives the text of the results file, or nothing on other ranks and when interrupted.
std::optional<std::string> run_detector(const Options& options, Ranks& ranks, Prepared& prepared, const std::string& trouble, std::size_t& skipped) {
    std::string problem = trouble;
    std::unique_ptr<Journal> journal;
    std::map<std::int64_t, std::string> done;
    std::vector<std::size_t> todo;
    const auto& images = prepared.dataset.images;
    if (ranks.rank() == 0 && problem.empty()) {
        try {
            if (!options.json.empty()) {
                require_writable(options.json);
                journal = std::make_unique<Journal>(options.json + ".journal", prepared.identity);
                done = journal->done();
            }
        } catch (const std::exception& error) {
            problem = error.what();
        }
        for (std::size_t i = 0; i < images.size(); ++i) {
            if (done.count(images[i].id) == 0) todo.push_back(i);
        }
        if (!done.empty()) talk("continuing: " + std::to_string(images.size() - todo.size()) + " of " + std::to_string(images.size()) + " pictures are done already\n");
    }
    const auto work = [&](std::size_t i) -> PictureOutcome {
        try {
            return {i, false, rows_of((*prepared.detector)(regulus::read_image(options.images + "/" + images[i].file_name)), images[i].id, float(options.score), prepared.categories)};
        } catch (const std::exception& error) {
            return {i, true, error.what()};
        }
    };
    std::string broken;
    std::size_t finished = 0;
    Progress progress(todo.size());
    progress.show(0, "");
    const auto arrived = [&](PictureOutcome&& outcome) {
        const regulus::CocoImage& image = images[outcome.index];
        if (outcome.failed) {
            progress.clear();
            if (!options.skip_broken) {
                if (broken.empty()) broken = outcome.text;
                return false;
            }
            ++skipped;
            talk("skipped " + image.file_name + ": " + outcome.text + "\n");
        } else {
            if (journal) journal->add(image.id, outcome.text);
            done[image.id] = std::move(outcome.text);
        }
        progress.show(++finished, image.file_name);
        return interrupted == 0;
    };
    problem = ranks.share(problem, todo, work, arrived);
    progress.clear();
    if (ranks.rank() != 0) return std::nullopt;
    if (!problem.empty()) throw regulus::Error(problem);
    const std::string resume = journal ? "; the same command goes on from " + options.json + ".journal" : "";
    if (!broken.empty()) throw regulus::FileError(broken + " (eval: --skip-broken leaves such pictures out, their objects then count as missed" + resume + ")");
    if (finished < todo.size()) {
        talk("interrupted after " + std::to_string(images.size() - todo.size() + finished) + " of " + count_of(images.size(), "picture") + resume + "\n");
        return std::nullopt;
    }
    std::string text = "[";
    for (const auto& [id, rows] : done) {  // by id: the order in which pictures were finished leaves no trace
        if (rows.empty()) continue;
        text += (text.size() == 1 ? "\n" : ",\n") + rows;
    }
    text += text.size() == 1 ? "]\n" : "\n]\n";
    if (!options.json.empty()) {
        regulus::write_file(options.json, text);
        journal->remove();
    }
    return text;
}

void report(const Options& options, const regulus::CocoDataset& dataset, const std::vector<regulus::CocoDetection>& results, std::size_t skipped) {
    bool boxes = results.empty(), masks = false, keypoints = false, truth_masks = false;
    for (const regulus::CocoDetection& result : results) {
        boxes = boxes || result.bbox;
        masks = masks || result.segmentation;
        keypoints = keypoints || !result.keypoints.empty();
    }
    for (const regulus::CocoAnnotation& annotation : dataset.annotations) truth_masks = truth_masks || annotation.has_mask();
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
    std::optional<std::string> text;
    std::size_t skipped = 0;
    Prepared prepared;
    {
        Ranks ranks;
        std::string trouble;
        try {
            prepared = prepare(options, ranks);
        } catch (const std::exception& error) {
            trouble = error.what();
        }
        std::optional<InterruptGuard> guard;
        if (ranks.size() == 1) guard.emplace();
        text = run_detector(options, ranks, prepared, trouble, skipped);
        if (ranks.rank() != 0) return;
    }
    if (!text) {
        outcome.exit_code = 130;
        return;
    }
    report(options, prepared.dataset, regulus::parse_coco_results(*text, "eval: results"), skipped);
}

}  // namespace

void add_eval(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* eval = app.add_subcommand("eval", "Judges a detector, or a file of results, against annotations.");
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
    command->add_option("--results", options->results, "Judge this COCO results file; no detector is run");
    command->add_option("--json", options->json, "Write COCO results to this file; FILE.journal keeps what is done so far");
    command->add_option("--plots", options->plots, "Draw precision-recall curves and the worst pictures (with --images) into this folder");
    command->add_option("--score", options->score, "Least score that counts; models drop what is below 0.05 themselves")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command->add_flag("--skip-broken", options->skip_broken, "Report, count and leave out pictures that cannot be read; their objects count as missed");
    command->add_flag("--per-category", options->per_category, "Also print the numbers of each category");
    command->add_option("--device", options->device, "Backend")->check(CLI::IsMember({"cpu", "reference"}))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has, divided by the processes on it")->check(CLI::Range(0, 1024))->capture_default_str();
    command->callback([options, &outcome] { eval_coco(*options, outcome); });
}

}  // namespace tool
