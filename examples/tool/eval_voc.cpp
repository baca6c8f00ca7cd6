// regulus eval voc: average precision by the rules of Pascal VOC.
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>
#include <regulus/evaluate/voc_evaluation.hpp>

#include "command.hpp"
#include "eval_detector.hpp"
#include "models.hpp"
#include "picture_data.hpp"
#include "pictures.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options : DetectorOptions {
    std::string dataset, split = "test", rule = "auto", out, prefix;
    bool per_category = false;
};

std::string prefix_of(const Options& options) { return options.prefix.empty() ? "comp4_det_" + options.split + "_" : options.prefix; }

regulus::VocRule rule_of(const Options& options) {
    if (options.rule != "auto") return options.rule == "2007" ? regulus::VocRule::eleven_points : regulus::VocRule::area;
    const std::filesystem::path folder = std::filesystem::path(options.dataset + "/.").lexically_normal().parent_path();
    return folder.filename() == "VOC2007" ? regulus::VocRule::eleven_points : regulus::VocRule::area;
}

std::vector<regulus::VocPicture> read_truth(const Options& options) { return regulus::read_voc_pictures(options.dataset + "/Annotations", regulus::read_voc_ids(voc_list(options.dataset, options.split))); }

/// The classes that the annotations name.
std::vector<std::string> classes_of(const std::vector<regulus::VocPicture>& pictures) {
    std::set<std::string> names;
    for (const regulus::VocPicture& picture : pictures) {
        for (const regulus::VocObject& object : picture.objects) names.insert(object.class_name);
    }
    return {names.begin(), names.end()};
}

void report(const Options& options, const std::vector<regulus::VocPicture>& pictures, const std::vector<regulus::VocDetection>& found, std::size_t skipped) {
    const regulus::VocEvaluation evaluation = regulus::evaluate_voc(pictures, found, {rule_of(options), options.threads});
    print(regulus::voc_table(evaluation));
    if (options.per_category) print("\n" + regulus::voc_class_table(evaluation));
    if (skipped != 0) print("\n" + count_of(skipped, "broken picture") + " skipped; objects on skipped pictures count as missed\n");
}

/// A picture's detections: the number of the class, the line of its file, a semicolon.
std::string row_of(const Options& options, const regulus::DetectionList& found, const std::string& picture, const std::vector<std::int64_t>& classes) {
    std::string row;
    for (const regulus::Detection& detection : found) {
        const std::int64_t number = detection.label >= 0 && std::size_t(detection.label) < classes.size() ? classes[std::size_t(detection.label)] : -1;
        if (detection.score < float(options.score) || number < 0) continue;
        row += std::to_string(number) + ' ' + regulus::voc_result_line(picture, double(detection.score), detection.box) + ';';
    }
    return row;
}

/// The lines of each class's file.
std::vector<std::string> files_of(const EvalRows& finished, std::size_t classes) {
    std::vector<std::string> files(classes);
    for (const auto& [id, row] : finished.rows) {
        for (std::size_t at = 0; at < row.size();) {
            const std::size_t blank = row.find(' ', at), end = row.find(';', at);
            std::size_t number = classes;
            if (std::sscanf(row.c_str() + at, "%zu", &number) != 1 || number >= classes || blank > end || end == std::string::npos) {
                throw regulus::FileError("eval: the journal has a row that is no detection; delete it to begin anew");
            }
            files[number] += row.substr(blank + 1, end - blank - 1) + "\n";
            at = end + 1;
        }
    }
    return files;
}

void eval_voc(Options& options, Outcome& outcome) {
    if (!options.results.empty()) {
        if (!options.model.empty() || !options.weights.empty() || !options.out.empty()) throw regulus::ArgumentError("eval: --results judges files alone; leave out --model, --weights and --out");
        const auto pictures = read_truth(options);
        report(options, pictures, regulus::read_voc_results(options.results, prefix_of(options), classes_of(pictures)), 0);
        return;
    }
    if (options.images.empty()) options.images = options.dataset + "/JPEGImages";
    if (!options.out.empty()) options.json = options.out + "/" + prefix_of(options) + "detections";  // whose journal tells what is done
    std::vector<regulus::VocPicture> pictures;
    std::vector<std::string> names;
    std::vector<std::int64_t> classes;
    DetectorRun run;
    const auto prepare = [&](const Ranks& ranks) {
        pictures = read_truth(options);
        names = classes_of(pictures);
        std::string truth;
        std::vector<EvalPicture> list;
        for (const regulus::VocPicture& picture : pictures) {
            list.push_back({std::int64_t(list.size()), picture.id, options.images + "/" + picture.id + ".jpg"});
            truth += picture.id + ' ';
        }
        for (const std::string& name : names) truth += '\n' + name;  // rows have their numbers
        if (std::error_code error; !options.out.empty() && (std::filesystem::create_directories(options.out, error), error)) {
            throw regulus::FileError("eval: cannot make the folder " + options.out + ": " + error.message());
        }
        run = prepare_detector(options, ranks, std::move(list), "regulus eval voc 1", text_identity(truth), [&](const regulus::ModelSpec& model) {
            std::vector<regulus::CocoCategory> categories;
            for (const std::string& name : names) categories.push_back({std::int64_t(categories.size()), name, ""});
            classes = match_categories(model.facts, categories, model.name);
        });
    };
    const auto rows = [&](const regulus::DetectionList& found, std::size_t i) { return row_of(options, found, run.pictures[i].name, classes); };
    const auto finished = run_items(prepare, [&] { return items_of(options, run, rows); }, outcome);
    if (!finished) return;
    const std::vector<std::string> files = files_of(*finished, names.size());
    std::vector<regulus::VocDetection> found;  // from the text, for its numbers are rounded
    for (std::size_t k = 0; k < files.size(); ++k) {
        if (!options.out.empty()) regulus::write_file(options.out + "/" + prefix_of(options) + names[k] + ".txt", files[k]);
        for (regulus::VocDetection& detection : regulus::parse_voc_results(files[k], names[k], "eval: results")) found.push_back(std::move(detection));
    }
    if (finished->journal) finished->journal->remove();
    report(options, pictures, found, finished->skipped);
}

}  // namespace

void add_eval_voc(CLI::App& eval, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = eval.add_subcommand("voc", "Pascal VOC's average precision: the mean over the overlaps 0.50 to 0.95, AP50 and AP75, as detectron2 computes them. Difficult objects\n"
                                                   "neither count as found nor as missed. Numbers of detections are rounded as in the files of results.\n"
                                                   "With --out an interrupted run goes on where it stopped when the same command is given again.\n"
                                                   "Under mpirun, pictures are shared by all processes; the digits are those of one.\n"
                                                   "Examples:\n"
                                                   "  regulus eval voc --dataset VOCdevkit/VOC2007 --weights model_final_b1acc2.pkl --model faster_rcnn_R_50_C4 --out results\n"
                                                   "  regulus eval voc --dataset VOCdevkit/VOC2012 --split val --results results --per-category");
    add_detector_options(*command, *options);
    command->get_option("--images")->description("Folder of the pictures ID.jpg (default: JPEGImages of the data set)");
    command->add_option("--dataset", options->dataset, "Folder with Annotations/ID.xml and ImageSets/Main/SPLIT.txt")->required();
    command->add_option("--split", options->split, "Which list of pictures")->capture_default_str();
    command->add_option("--rule", options->rule, "2007: eleven points of recall; area: the area under the curve; auto: 2007 for a folder called VOC2007, else area")->check(CLI::IsMember({"auto", "2007", "area"}))->capture_default_str();
    command->add_option("--results", options->results, "Judge the files PREFIXclass.txt in this folder; no detector is run");
    command->add_option("--out", options->out, "Write such files into this folder, which is made when missing");
    command->add_option("--prefix", options->prefix, "How the names of these files begin (default: comp4_det_SPLIT_)");
    command->add_option("--score", options->score, "Least score that counts; models drop what is below 0.05 themselves")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command->add_flag("--per-category", options->per_category, "Also print the numbers of each class");
    command->callback([options, &outcome] { eval_voc(*options, outcome); });
}

}  // namespace tool
