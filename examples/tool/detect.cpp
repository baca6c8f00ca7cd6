// regulus detect PICTURE|DIR...: what is on the pictures?
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/data/file.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/pipeline/draw.hpp>

#include "command.hpp"
#include "given_proposals.hpp"
#include "models.hpp"
#include "picture_detector.hpp"
#include "pictures.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string model;
    std::string weights;
    double score = 0.3;
    bool score_given = false;
    std::string json;
    std::string draw;
    std::string segments;
    std::string annotations;
    std::string proposals;
    std::string device = "cpu";
    std::string precision = "f32";
    int mmdetection = 3;
    std::vector<std::int64_t> augment;
    int threads = 0;
    bool list = false;
    std::vector<std::string> paths;
};

/// "36 objects: 8 nut, 13 washer".
std::string counts_text(const std::vector<std::pair<std::string, int>>& counts, const std::string& noun) {
    int sum = 0;
    std::string parts;
    for (const auto& [name, count] : counts) {
        sum += count;
        parts += (parts.empty() ? ": " : ", ") + std::to_string(count) + " " + name;
    }
    return sum == 0 ? "nothing found" : std::to_string(sum) + " " + noun + (sum == 1 ? "" : "s") + parts;
}

/// Lines of an object's keypoints.
std::string points_text(const regulus::Detection& detection, const regulus::ModelFacts& facts) {
    std::string text;
    for (std::size_t i = 0; i < detection.keypoints.size(); ++i) {
        const regulus::Keypoint& point = detection.keypoints[i];
        char line[96];
        std::snprintf(line, sizeof line, " %.2f at %.1f %.1f\n", double(point.score), double(point.x), double(point.y));
        text += "    " + (i < facts.keypoint_names.size() ? facts.keypoint_names[i] : "point " + std::to_string(i)) + line;
    }
    return text;
}

/// Segments have none.
std::string points_text(const regulus::PanopticSegment&, const regulus::ModelFacts&) { return ""; }

/// Adds counts of one picture to those of all, keeping the order of first occurrence.
void add_counts(std::vector<std::pair<std::string, int>>& total, const std::vector<std::pair<std::string, int>>& counts) {
    for (const auto& [name, count] : counts) {
        bool found = false;
        for (auto& entry : total) {
            if (entry.first == name) entry.second += count, found = true;
        }
        if (!found) total.emplace_back(name, count);
    }
}

/// What is told and kept of each picture.
class Findings {
public:
    Findings(const Options& options, const PictureDetector& detector, const GivenProposals& given) : options_(options), detector_(detector), given_(given) {}

    /// What a picture's lines on stdout say.
    std::string look(const Picture& picture) {
        regulus::Image image = regulus::read_image(picture.path);
        return detector_.has_segments() ? segments(picture, image) : objects(picture, image);
    }

    std::string counts(const std::vector<std::pair<std::string, int>>& of) const { return counts_text(of, detector_.has_segments() ? "segment" : "object"); }
    const std::vector<std::pair<std::string, int>>& total() const { return total_; }
    std::string json() const { return detector_.has_segments() ? regulus::coco_panoptic_json(annotations_) : regulus::coco_results_json(results_); }

private:
    std::string objects(const Picture& picture, regulus::Image& image) {
        const regulus::DetectionList found = regulus::above(detector_(image, given_.of(picture.image_id, picture.path)), float(options_.score));
        if (!options_.json.empty()) {
            for (auto& result : regulus::coco_results(found, picture.image_id)) results_.push_back(std::move(result));
        }
        return told(picture, image, found, found.items);
    }

    std::string segments(const Picture& picture, regulus::Image& image) {
        const regulus::PanopticResult found = detector_.segments(image);
        if (!options_.json.empty()) annotations_.push_back(regulus::coco_panoptic(found, picture.image_id, segments_name(picture.name)));
        if (!options_.segments.empty()) regulus::write_png(options_.segments + "/" + segments_name(picture.name), regulus::segments_as_colours(found.map));
        return told(picture, image, found, found.segments);
    }

    template <class Found, class Items>
    std::string told(const Picture& picture, regulus::Image& image, const Found& found, const Items& items) {
        const auto counted = regulus::class_counts(found);
        add_counts(total_, counted);
        std::string text = picture.path + "  " + counts(counted) + "\n";
        if (options_.list) {
            for (const auto& item : items) text += "  " + regulus::to_string(item) + "\n" + points_text(item, detector_.facts());
        }
        if (!options_.draw.empty()) {
            regulus::draw(image, found);
            regulus::write_image(drawn_path(options_.draw, picture), image);
        }
        return text;
    }

    const Options& options_;
    const PictureDetector& detector_;
    const GivenProposals& given_;
    std::vector<regulus::CocoResult> results_;
    std::vector<regulus::PanopticAnnotation> annotations_;
    std::vector<std::pair<std::string, int>> total_;
};

void detect(const Options& options) {
    const std::vector<Picture> pictures = find_pictures(options.paths, options.annotations);
    const bool json_on_stdout = options.json == "-";
    if (!options.json.empty() && !json_on_stdout) require_writable(options.json);
    const Loaded loaded = load(options.model, options.weights);
    regulus::CompileOptions compile;
    compile.threads = options.threads;
    regulus::ModelFacts facts = loaded.model->facts;
    if (options.score_given) facts.panoptic.score = float(options.score);
    const regulus::Graph graph = graph_of(*loaded.model, options.mmdetection);
    const GivenProposals given(options.proposals, graph, loaded.model->name);
    const PictureDetector detector(*make_backend(options.device, options.precision), graph, loaded.weights, facts, compile, options.augment);
    if (!options.draw.empty()) prepare_draw_folder(options.draw, pictures);
    if (!options.segments.empty()) {
        if (!detector.has_segments()) throw regulus::ArgumentError("detect: --segments needs a panoptic model; " + loaded.model->name + " finds objects");
        prepare_segments_folder(options.segments, pictures);
    }

    const auto say = [&](const std::string& text) { json_on_stdout ? talk(text) : print(text); };
    Findings findings(options, detector, given);
    const auto start = std::chrono::steady_clock::now();
    Progress progress(pictures.size());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        progress.show(i, pictures[i].name);
        const std::string text = findings.look(pictures[i]);
        progress.clear();
        say(text);
    }
    progress.clear();
    if (pictures.size() > 1) {
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        char time[64];
        std::snprintf(time, sizeof time, "  (%.1f s, %.1f pictures/s)", seconds, double(pictures.size()) / seconds);
        say("all " + std::to_string(pictures.size()) + " pictures  " + findings.counts(findings.total()) + "\n");
        talk(loaded.model->name + " on " + options.device + time + "\n");
    }
    if (json_on_stdout) print(findings.json());
    else if (!options.json.empty()) regulus::write_file(options.json, findings.json());
}

}  // namespace

void add_detect(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("detect", "Finds objects, with a panoptic model all things and stuff, on JPEG and PNG pictures and prints how many of each class.\n"
                                                     "Without --model and --weights the shipped detector is used (fasteners: nut, washer, bolt, screw, pin).\n"
                                                     "Examples:\n"
                                                     "  regulus detect tray.jpg --list --draw out\n"
                                                     "  regulus detect --weights mask_rcnn.pth --json - pictures/ > results.json\n"
                                                     "  regulus detect --model retinanet_r50_fpn_1x_coco --weights retina.pth street.jpg\n"
                                                     "  regulus detect --model panoptic_fpn_R_50_3x --weights model_final_c10459.pkl --draw out --segments ids street.jpg");
    command->add_option("PICTURE|DIR", options->paths, "Pictures, or folders of *.jpg, *.jpeg, *.png")->required();
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (default: what the weights say or fit)");
    command->add_option("--weights", options->weights, "Checkpoint: .pth, .pkl, .safetensors of any layout; or seeded[:SALT]");
    CLI::Option* score = command->add_option("--score", options->score, "Least score that counts; models drop what is below 0.05 themselves (things of a panoptic model: what is below 0.5, unless given)");
    score->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command->add_option("--json", options->json, "Write COCO results, of a panoptic model COCO panoptic results (image_id counts from 1) to this file; - for stdout");
    command->add_option("--segments", options->segments, "Write a panoptic model's segments into this folder: PNG files as COCO has them, ids as colours");
    command->add_option("--image-ids", options->annotations, "Take image ids from this COCO annotations file, by file name");
    command->add_option("--proposals", options->proposals, proposals_help);
    command->add_option("--draw", options->draw, "Write pictures with boxes, masks, keypoints and labels into this folder");
    command->add_flag("--list", options->list, "Print every object with score and box, and its keypoints");
    command->add_option("--augment", options->augment, augment_help)->delimiter(',')->allow_extra_args(false)->check(CLI::Range(1, 8192));
    command->add_option("--mmdetection", options->mmdetection, "Steps after the network as mmdetection 3 or 2 takes them; numbers published in 2020 and 2021 were made with 2")->check(CLI::IsMember({2, 3}))->capture_default_str();
    command->add_option("--device", options->device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command->add_option("--precision", options->precision, precision_help)->check(CLI::IsMember(precision_names))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
    command->callback([options, score] {
        options->score_given = score->count() > 0;
        detect(*options);
    });
}

}  // namespace tool
