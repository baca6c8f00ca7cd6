// regulus eval panoptic: how well are things and stuff told apart, pixel by pixel?
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/core/json.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/evaluate/panoptic_quality.hpp>

#include "categories.hpp"
#include "command.hpp"
#include "eval_run.hpp"
#include "models.hpp"
#include "picture_detector.hpp"
#include "pictures.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

using Counts = std::vector<std::pair<std::size_t, regulus::PanopticCounts>>;

struct Options {
    std::string model, weights, images, annotations, truth, results, segments, json;
    std::string device = "cpu";
    std::string precision = "f32";
    int threads = 0;
    bool per_category = false;
};

/// COCO's way: the PNG files of panoptic_val2017.json are in panoptic_val2017.
std::string folder_of(const std::string& chosen, const std::string& json) { return chosen.empty() ? std::filesystem::path(json).replace_extension().string() : chosen; }

/// What is ready before the first picture is looked at.
struct Prepared {
    regulus::PanopticDataset dataset;
    std::map<std::int64_t, const regulus::CocoImage*> images;
    std::optional<PictureDetector> detector;
    std::map<std::string, std::int64_t> ids;  // of categories by name
    std::string identity;
};

Prepared prepare(const Options& options, const Ranks& ranks) {
    Prepared prepared;
    prepared.dataset = regulus::read_coco_panoptic(options.annotations);
    if (prepared.dataset.annotations.empty()) throw regulus::ArgumentError("eval: " + options.annotations + " has no annotated pictures");
    for (const regulus::CocoImage& image : prepared.dataset.images) prepared.images[image.id] = &image;
    for (const regulus::PanopticAnnotation& annotation : prepared.dataset.annotations) {
        if (prepared.images.at(annotation.image_id)->file_name.empty()) throw regulus::ArgumentError("eval: " + options.annotations + ": picture " + std::to_string(annotation.image_id) + " has no file_name");
    }
    const Loaded loaded = load(options.model, options.weights);
    const regulus::Graph graph = regulus::recorded(*loaded.model);
    if (!regulus::gives_segments(graph)) throw regulus::ArgumentError("eval: " + loaded.model->name + " is no panoptic model; judge it with `regulus eval coco`");
    regulus::CompileOptions compile;
    compile.threads = threads_of_rank(options.threads, ranks);
    prepared.detector.emplace(*make_backend(options.device, options.precision), graph, loaded.weights, loaded.model->facts, compile);
    prepared.ids = categories_by_name(prepared.dataset.categories, prepared.detector->facts(), loaded.model->name, "eval");
    if (!options.json.empty()) {
        std::vector<Picture> pictures;
        for (const regulus::PanopticAnnotation& annotation : prepared.dataset.annotations) {
            const std::string name = prepared.images.at(annotation.image_id)->file_name;
            pictures.push_back({options.images + "/" + name, std::filesystem::path(name).filename().string(), annotation.image_id});
        }
        prepare_segments_folder(folder_of(options.segments, options.json), pictures);
    }
    if (ranks.rank() == 0 && !options.json.empty()) {
        prepared.identity = "regulus eval panoptic 1 model " + loaded.model->name + " weights " + file_identity(options.weights) + " annotations " + file_identity(options.annotations) + " device " + options.device +
                            " threads " + std::to_string(compile.threads) + " precision " + options.precision + " images " + regulus::json_quote(options.images) + " truth " +
                            regulus::json_quote(folder_of(options.truth, options.annotations)) + " segments " + regulus::json_quote(folder_of(options.segments, options.json));
    }
    return prepared;
}

/// A picture's counts, a blank between numbers and a semicolon after each category, then '|' and its entry in the results.
std::string row_of(const Counts& counts, const regulus::PanopticAnnotation& annotation) {
    std::string text;
    for (const auto& [category, count] : counts) {
        char numbers[160];
        std::snprintf(numbers, sizeof numbers, "%zu %lld %lld %lld %.17g;", category, static_cast<long long>(count.found), static_cast<long long>(count.wrong), static_cast<long long>(count.missed), count.overlap);
        text += numbers;
    }
    return text + "|" + regulus::coco_panoptic_json(annotation);
}

std::pair<Counts, std::string> parse_row(const std::string& row) {
    Counts counts;
    const std::size_t bar = row.find('|');
    for (std::size_t at = 0; at < bar && bar != std::string::npos;) {
        std::size_t category = 0;
        long long found = 0, wrong = 0, missed = 0;
        double overlap = 0;
        const std::size_t end = row.find(';', at);
        if (end > bar || std::sscanf(row.c_str() + at, "%zu %lld %lld %lld %lg", &category, &found, &wrong, &missed, &overlap) != 5) throw regulus::FileError("eval: the journal has a row without a picture's counts; delete it to begin anew");
        counts.emplace_back(category, regulus::PanopticCounts{found, wrong, missed, overlap});
        at = end + 1;
    }
    if (bar == std::string::npos) throw regulus::FileError("eval: the journal has a row without a picture's counts; delete it to begin anew");
    return {std::move(counts), row.substr(bar + 1)};
}

/// Finds, judges and, with --json, keeps the segments of one picture.
std::string judge(const Options& options, const Prepared& prepared, const regulus::SegmentReader& truths, const regulus::PanopticAnnotation& truth) {
    const regulus::CocoImage& image = *prepared.images.at(truth.image_id);
    const regulus::Image picture = regulus::read_image(options.images + "/" + image.file_name);
    regulus::PanopticResult found = prepared.detector->segments(picture);
    std::vector<std::uint32_t> kept(found.segments.size() + 1);  // new id of each; 0 for a class that the data set lacks
    regulus::PanopticAnnotation ours{truth.image_id, segments_name(std::filesystem::path(image.file_name).filename().string()), {}};
    for (const regulus::PanopticSegment& segment : found.segments) {
        const auto id = prepared.ids.find(segment.class_name);
        if (id == prepared.ids.end()) continue;
        kept[segment.id] = segment.id;
        ours.segments.push_back({std::int64_t(segment.id), id->second, segment.area, false});
    }
    for (std::uint32_t& id : found.map.ids) id = kept[id];
    const Counts counts = regulus::judge_panoptic_picture(truths(truth, image), truth.segments, found.map, ours.segments, prepared.dataset.categories, image.file_name);
    if (!options.json.empty()) regulus::write_png(folder_of(options.segments, options.json) + "/" + ours.file_name, regulus::segments_as_colours(found.map));
    return row_of(counts, ours);
}

/// Every annotated picture.
EvalItems items_of(const Options& options, const Prepared& prepared, const regulus::SegmentReader& truths) {
    EvalItems items;
    const auto& annotations = prepared.dataset.annotations;
    for (const regulus::PanopticAnnotation& annotation : annotations) items.ids.push_back(annotation.image_id);
    items.name = [&](std::size_t i) { return prepared.images.at(annotations[i].image_id)->file_name; };
    items.work = [&](std::size_t i) -> PictureOutcome { return {i, false, judge(options, prepared, truths, annotations[i])}; };
    items.skip_hint = "eval: every annotated picture is needed";
    items.json = options.json;
    items.identity = prepared.identity;
    return items;
}

void report(const Options& options, const regulus::PanopticEvaluation& evaluation) {
    print(regulus::panoptic_table(evaluation));
    if (options.per_category) print("\n" + regulus::panoptic_category_table(evaluation));
}

void eval_panoptic(const Options& options, Outcome& outcome) {
    const regulus::SegmentReader truths = regulus::segment_files(folder_of(options.truth, options.annotations));
    if (!options.results.empty()) {
        if (!options.model.empty() || !options.weights.empty() || !options.json.empty()) throw regulus::ArgumentError("eval: --results judges files alone; leave out --model, --weights and --json");
        const auto results = regulus::read_coco_panoptic_results(options.results);
        report(options, regulus::evaluate_panoptic(regulus::read_coco_panoptic(options.annotations), truths, results, regulus::segment_files(folder_of(options.segments, options.results)), options.threads));
        return;
    }
    if (options.images.empty()) throw regulus::ArgumentError("eval: give --images DIR to run a model, or --results FILE to judge results");
    if (!options.segments.empty() && options.json.empty()) throw regulus::ArgumentError("eval: --segments is where the files of --json FILE go; give both");
    Prepared prepared;
    const auto finished = run_items([&](const Ranks& ranks) { prepared = prepare(options, ranks); }, [&] { return items_of(options, prepared, truths); }, outcome);
    if (!finished) return;
    std::vector<Counts> pictures;
    std::string entries;
    for (const regulus::PanopticAnnotation& annotation : prepared.dataset.annotations) {
        auto [counts, entry] = parse_row(finished->rows.at(annotation.image_id));
        pictures.push_back(std::move(counts));
        entries += (entries.empty() ? "\n" : ",\n") + entry;
    }
    finished->write(options.json, "{\"annotations\":[" + entries + "\n]}\n");
    report(options, regulus::sum_panoptic(prepared.dataset.categories, pictures));
}

}  // namespace

void add_eval_panoptic(CLI::App& eval, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = eval.add_subcommand("panoptic", "Panoptic quality of things and stuff, as COCO's panopticapi computes it.\n"
                                                        "Segments are PNG files whose colours are ids, in a folder called as their JSON file: panoptic_val2017/ beside\n"
                                                        "panoptic_val2017.json. With --json an interrupted run goes on where it stopped when the same command is given again.\n"
                                                        "Under mpirun, pictures are shared by all processes; the digits are those of one.\n"
                                                        "Examples:\n"
                                                        "  regulus eval panoptic --weights model_final_c10459.pkl --model panoptic_fpn_R_50_3x --images val2017 --annotations panoptic_val2017.json\n"
                                                        "  regulus eval panoptic --results out.json --segments out --annotations panoptic_val2017.json --per-category");
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (default: what the weights say or fit)");
    command->add_option("--weights", options->weights, "Checkpoint: .pth, .pkl, .safetensors of any layout; or seeded[:SALT]");
    command->add_option("--images", options->images, "Folder of the pictures that the annotations name");
    command->add_option("--annotations", options->annotations, "COCO panoptic annotations (JSON)")->required();
    command->add_option("--truth", options->truth, "Folder of the annotations' PNG files (default: called as the annotations, without .json)");
    command->add_option("--results", options->results, "Judge this file of COCO panoptic results; no model is run");
    command->add_option("--segments", options->segments, "Folder of the results' PNG files, read with --results, written with --json (default: called as that file, without .json)");
    command->add_option("--json", options->json, "Write COCO panoptic results to this file; FILE.journal keeps what is done so far");
    command->add_flag("--per-category", options->per_category, "Also print the numbers of each category");
    command->add_option("--device", options->device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command->add_option("--precision", options->precision, precision_help)->check(CLI::IsMember(precision_names))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has, divided by the processes on it")->check(CLI::Range(0, 1024))->capture_default_str();
    command->callback([options, &outcome] { eval_panoptic(*options, outcome); });
}

}  // namespace tool
