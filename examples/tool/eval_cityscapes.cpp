// regulus eval cityscapes: average precision of instances in streets, mask by mask.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/data/file.hpp>
#include <regulus/data/label_map.hpp>
#include <regulus/evaluate/cityscapes_results.hpp>
#include <regulus/evaluate/parallel.hpp>

#include "command.hpp"
#include "eval_detector.hpp"
#include "models.hpp"
#include "picture_data.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

namespace fs = std::filesystem;

struct Options : DetectorOptions {
    std::string dataset, split = "val", out;
    bool per_category = false;
};

/// The text of results of each street: the only one below the folder whose name begins as the picture's.
std::vector<std::string> find_results(const std::string& folder, const std::vector<Street>& streets) {
    const std::vector<fs::path> texts = files_below(folder, ".txt", "eval");
    std::vector<std::string> names, found;
    for (const fs::path& path : texts) names.push_back(path.filename().string());
    for (const Street& street : streets) {
        std::string own;
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (names[i].compare(0, street.name.size(), street.name) != 0) continue;
            if (!own.empty()) throw regulus::FileError("eval: " + own + " and " + texts[i].string() + " are both results of " + street.name);
            own = texts[i].string();
        }
        if (own.empty()) throw regulus::FileError("eval: " + folder + " has no text of results of " + street.name);
        found.push_back(own);
    }
    return found;
}

/// What is left of a picture as numbers with blanks between them.
std::string row_of(const regulus::CityscapesPicture& picture) {
    std::ostringstream text;
    text.precision(17);
    text << picture.truths.size();
    for (const auto& truth : picture.truths) text << ' ' << truth.label << ' ' << truth.pixels << ' ' << truth.group;
    text << ' ' << picture.found.size();
    for (const auto& found : picture.found) {
        text << ' ' << found.label << ' ' << found.confidence << ' ' << found.pixels << ' ' << found.on_void << ' ' << found.overlaps.size();
        for (const auto& overlap : found.overlaps) text << ' ' << overlap.truth << ' ' << overlap.pixels;
    }
    return text.str();
}

regulus::CityscapesPicture parse_row(const std::string& row) {
    std::istringstream text(row);
    regulus::CityscapesPicture picture;
    const auto count = [&] {
        std::size_t number = 0;
        text >> number;
        return number;
    };
    for (std::size_t left = count(); text && left > 0; --left) {
        auto& truth = picture.truths.emplace_back();
        text >> truth.label >> truth.pixels >> truth.group;
    }
    for (std::size_t left = count(); text && left > 0; --left) {
        auto& found = picture.found.emplace_back();
        text >> found.label >> found.confidence >> found.pixels >> found.on_void;
        for (std::size_t overlaps = count(); text && overlaps > 0; --overlaps) {
            auto& overlap = found.overlaps.emplace_back();
            text >> overlap.truth >> overlap.pixels;
        }
    }
    if (!text) throw regulus::FileError("eval: the journal has a row without a picture's masks; delete it to begin anew");
    return picture;
}

void report(const Options& options, const std::vector<regulus::CityscapesPicture>& pictures) {
    const regulus::CityscapesEvaluation evaluation = regulus::sum_cityscapes(pictures);
    print(regulus::cityscapes_table(evaluation));
    if (options.per_category) print("\n" + regulus::cityscapes_class_table(evaluation));
}

void judge_results(const Options& options) {
    const std::vector<Street> streets = find_streets(options.dataset, options.split, "eval");
    const std::vector<std::string> results = find_results(options.results, streets);
    std::vector<regulus::CityscapesPicture> pictures(streets.size());
    namespace detail = regulus::evaluate_detail;
    detail::for_each_in_parallel(std::int64_t(streets.size()), detail::threads_or_all(options.threads), [&](std::int64_t i, int) {
        const Street& street = streets[std::size_t(i)];
        pictures[std::size_t(i)] = regulus::judge_cityscapes_picture(regulus::read_label_map(street.truth), regulus::read_cityscapes_results(results[std::size_t(i)]), street.name);
    }, 1);
    report(options, pictures);
}

/// Label ids of the model's classes by name; -1 for those that Cityscapes does not judge.
std::vector<std::int64_t> labels_of(const regulus::ModelSpec& model) {
    std::vector<regulus::CocoCategory> categories;
    for (const regulus::CityscapesClass& each : regulus::cityscapes_classes()) categories.push_back({each.id, each.name, ""});
    return match_categories(model.facts, categories, model.name);
}

/// Judges what was found and, with --out, keeps the masks and their text as detectron2 names them.
std::string judge(const Options& options, const Street& street, const regulus::DetectionList& found, const std::vector<std::int64_t>& labels) {
    std::vector<regulus::CityscapesInstance> instances;
    std::string text;
    const std::string stem = street.name + "_leftImg8bit";
    for (const regulus::Detection& detection : found) {
        const std::int64_t label = detection.label >= 0 && std::size_t(detection.label) < labels.size() ? labels[std::size_t(detection.label)] : -1;
        if (detection.score < float(options.score) || label < 0) continue;
        if (!detection.has_mask()) throw regulus::ArgumentError("eval: the model finds boxes without masks, and Cityscapes judges masks");
        instances.push_back({label, double(detection.score), detection.mask_rle()});
        if (options.out.empty()) continue;
        std::string file = stem + "_" + std::to_string(instances.size() - 1) + "_" + detection.class_name + ".png";
        regulus::write_label_map(options.out + "/" + file, regulus::cityscapes_mask(instances.back().mask));
        text += regulus::cityscapes_result_line({std::move(file), label, double(detection.score)});
    }
    if (!options.out.empty()) regulus::write_file(options.out + "/" + stem + "_pred.txt", text);
    return row_of(regulus::judge_cityscapes_picture(regulus::read_label_map(street.truth), instances, street.name));
}

void eval_cityscapes(Options& options, Outcome& outcome) {
    if (!options.results.empty()) {
        if (!options.model.empty() || !options.weights.empty() || !options.out.empty()) throw regulus::ArgumentError("eval: --results judges files alone; leave out --model, --weights and --out");
        judge_results(options);
        return;
    }
    if (options.images.empty()) options.images = options.dataset + "/leftImg8bit/" + options.split;
    if (!options.out.empty()) options.json = options.out + "/finished";  // whose journal tells what is done
    std::vector<Street> streets;
    std::vector<std::int64_t> labels;
    DetectorRun run;
    const auto prepare = [&](const Ranks& ranks) {
        streets = find_streets(options.dataset, options.split, "eval");
        std::vector<EvalPicture> pictures;
        std::string truth;
        for (const Street& street : streets) {
            const std::string name = street_file(street);
            pictures.push_back({std::int64_t(pictures.size()), name, options.images + "/" + name});
            truth += street.truth + ' ';
        }
        if (std::error_code error; !options.out.empty() && (fs::create_directories(options.out, error), error)) {
            throw regulus::FileError("eval: cannot make the folder " + options.out + ": " + error.message());
        }
        run = prepare_detector(options, ranks, std::move(pictures), "regulus eval cityscapes 1", text_identity(truth), [&](const regulus::ModelSpec& model) { labels = labels_of(model); });
    };
    const auto rows = [&](const regulus::DetectionList& found, std::size_t i) { return judge(options, streets[i], found, labels); };
    const auto items = [&] {
        EvalItems all = items_of(options, run, rows);
        all.skip_hint = "eval: every annotated picture is needed";
        return all;
    };
    const auto finished = run_items(prepare, items, outcome);
    if (!finished) return;
    std::vector<regulus::CityscapesPicture> pictures;
    for (const auto& [id, row] : finished->rows) pictures.push_back(parse_row(row));
    if (finished->journal) finished->journal->remove();
    report(options, pictures);
}

}  // namespace

void add_eval_cityscapes(CLI::App& eval, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = eval.add_subcommand("cityscapes", "Cityscapes' average precision of instances, AP and AP50, as its own scripts compute them. Results are a text for each picture, whose\n"
                                                          "lines name a mask (PNG), its label and its confidence. With --out an interrupted run goes on where it stopped when the same\n"
                                                          "command is given again. Under mpirun, pictures are shared by all processes; the digits are those of one.\n"
                                                          "Examples:\n"
                                                          "  regulus eval cityscapes --dataset cityscapes --weights model_final_af9cf5.pkl --model Cityscapes/mask_rcnn_R_50_FPN --out results\n"
                                                          "  regulus eval cityscapes --dataset cityscapes --results results --per-category");
    add_detector_options(*command, *options);
    command->remove_option(command->get_option("--skip-broken"));
    command->get_option("--images")->description("Folder of CITY/NAME_leftImg8bit.png (default: leftImg8bit/SPLIT of the data set)");
    command->add_option("--dataset", options->dataset, "Folder with gtFine/SPLIT/CITY/NAME_gtFine_instanceIds.png")->required();
    command->add_option("--split", options->split, "Which part of it")->capture_default_str();
    command->add_option("--results", options->results, "Judge the texts NAME*.txt below this folder; no detector is run");
    command->add_option("--out", options->out, "Write masks and their texts into this folder, which is made when missing");
    command->add_option("--score", options->score, "Least score that counts; models drop what is below 0.05 themselves")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command->add_flag("--per-category", options->per_category, "Also print the numbers of each class");
    command->callback([options, &outcome] { eval_cityscapes(*options, outcome); });
}

}  // namespace tool
