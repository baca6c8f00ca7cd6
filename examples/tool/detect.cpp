// regulus detect PICTURE|DIR...: what is on the pictures?
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <regulus/data/image_file.hpp>
#include <regulus/pipeline/draw.hpp>

#include "command.hpp"
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
    std::string json;
    std::string draw;
    std::string annotations;
    std::string device = "cpu";
    std::string precision = "f32";
    int mmdetection = 3;
    int threads = 0;
    bool list = false;
    std::vector<std::string> paths;
};

/// "36 objects: 8 nut, 13 washer".
std::string counts_text(const std::vector<std::pair<std::string, int>>& counts) {
    int sum = 0;
    std::string parts;
    for (const auto& [name, count] : counts) {
        sum += count;
        parts += (parts.empty() ? ": " : ", ") + std::to_string(count) + " " + name;
    }
    return sum == 0 ? "nothing found" : std::to_string(sum) + (sum == 1 ? " object" : " objects") + parts;
}

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

void detect(const Options& options) {
    const std::vector<Picture> pictures = find_pictures(options.paths, options.annotations);
    const bool json_on_stdout = options.json == "-";
    if (!options.json.empty() && !json_on_stdout) require_writable(options.json);
    const Loaded loaded = load(options.model, options.weights);
    regulus::CompileOptions compile;
    compile.threads = options.threads;
    const PictureDetector detector(*make_backend(options.device, options.precision), graph_of(*loaded.model, options.mmdetection), loaded.weights, loaded.model->facts, compile);
    if (!options.draw.empty()) prepare_draw_folder(options.draw, pictures);

    const auto say = [&](const std::string& text) { json_on_stdout ? talk(text) : print(text); };
    std::vector<regulus::CocoResult> results;
    std::vector<std::pair<std::string, int>> total;
    const auto start = std::chrono::steady_clock::now();
    Progress progress(pictures.size());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
        const Picture& picture = pictures[i];
        progress.show(i, picture.name);
        regulus::Image image = regulus::read_image(picture.path);
        const regulus::DetectionList found = regulus::above(detector(image), float(options.score));
        const auto counts = regulus::class_counts(found);
        add_counts(total, counts);
        std::string text = picture.path + "  " + counts_text(counts) + "\n";
        for (const regulus::Detection& detection : found) {
            if (options.list) text += "  " + regulus::to_string(detection) + "\n";
        }
        progress.clear();
        say(text);
        if (!options.json.empty()) {
            for (auto& result : regulus::coco_results(found, picture.image_id)) results.push_back(std::move(result));
        }
        if (!options.draw.empty()) {
            regulus::draw(image, found);
            regulus::write_image(drawn_path(options.draw, picture), image);
        }
    }
    progress.clear();
    if (pictures.size() > 1) {
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        char time[64];
        std::snprintf(time, sizeof time, "  (%.1f s, %.1f pictures/s)", seconds, double(pictures.size()) / seconds);
        say("all " + std::to_string(pictures.size()) + " pictures  " + counts_text(total) + "\n");
        talk(loaded.model->name + " on " + options.device + time + "\n");
    }
    if (json_on_stdout) print(regulus::coco_results_json(results));
    else if (!options.json.empty()) regulus::write_coco_results(options.json, results);
}

}  // namespace

void add_detect(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("detect", "Finds objects on JPEG and PNG pictures and prints how many of each class.\n"
                                                     "Without --model and --weights the shipped detector is used (fasteners: nut, washer, bolt, screw, pin).\n"
                                                     "Examples:\n"
                                                     "  regulus detect tray.jpg --list --draw out\n"
                                                     "  regulus detect --weights mask_rcnn.pth --json - pictures/ > results.json\n"
                                                     "  regulus detect --model retinanet_r50_fpn_1x_coco --weights retina.pth street.jpg");
    command->add_option("PICTURE|DIR", options->paths, "Pictures, or folders of *.jpg, *.jpeg, *.png")->required();
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (default: what the weights say or fit)");
    command->add_option("--weights", options->weights, "Checkpoint: .pth, .pkl, .safetensors of any layout; or seeded[:SALT]");
    command->add_option("--score", options->score, "Least score that counts; models drop what is below 0.05 themselves")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command->add_option("--json", options->json, "Write COCO results (image_id counts from 1) to this file; - for stdout");
    command->add_option("--image-ids", options->annotations, "Take image ids from this COCO annotations file, by file name");
    command->add_option("--draw", options->draw, "Write pictures with boxes, masks and labels into this folder");
    command->add_flag("--list", options->list, "Print every object with score and box");
    command->add_option("--mmdetection", options->mmdetection, "Steps after the network as mmdetection 3 or 2 takes them; numbers published in 2020 and 2021 were made with 2")->check(CLI::IsMember({2, 3}))->capture_default_str();
    command->add_option("--device", options->device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command->add_option("--precision", options->precision, precision_help)->check(CLI::IsMember(precision_names))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
    command->callback([options] { detect(*options); });
}

}  // namespace tool
