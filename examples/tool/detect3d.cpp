// regulus detect3d CLOUD|DIR...: which objects are in the point clouds?
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/core/atomic_file.hpp>
#include <regulus/core/json.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/draw/birds_eye.hpp>
#include <regulus/draw/perspective.hpp>
#include <regulus/pipeline/detector3d.hpp>
#include <regulus/pipeline/draw3d.hpp>

#include "clouds.hpp"
#include "command.hpp"
#include "models.hpp"
#include "pictures.hpp"
#include "point_models.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    std::string model;
    std::string weights;
    double score = 0.3;
    int columns = 0;
    std::string root;
    std::string json;
    std::string draw;
    double forward = -1;
    std::string device = "cpu";
    int threads = 0;
    bool list = false;
    std::vector<std::string> paths;
};

/// "36 objects: 8 car, 13 pedestrian", in the order of labels.
std::string counts_text(const regulus::DetectionList3d& found, const regulus::PointDetectorFacts& facts) {
    std::vector<int> counts(facts.class_names.size());
    for (const regulus::Detection3d& detection : found) {
        if (std::size_t(detection.label) < counts.size()) ++counts[std::size_t(detection.label)];
    }
    std::string parts;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] > 0) parts += (parts.empty() ? ": " : ", ") + std::to_string(counts[i]) + " " + facts.class_names[i];
    }
    return found.empty() ? "nothing found" : std::to_string(found.size()) + (found.size() == 1 ? " object" : " objects") + parts;
}

regulus::DetectionList3d above(const regulus::DetectionList3d& all, float score) {
    regulus::DetectionList3d kept;
    for (const regulus::Detection3d& detection : all) {
        if (detection.score >= score) kept.items.push_back(detection);
    }
    return kept;
}

std::string as_text(const regulus::Detection3d& detection) {
    char line[256];
    const regulus::Box3d& box = detection.box;
    std::snprintf(line, sizeof line, "  %s %.2f at %.2f %.2f %.2f, %.2f x %.2f x %.2f m, yaw %.3f\n", detection.class_name.c_str(), double(detection.score), double(box.x), double(box.y), double(box.z),
                  double(box.length), double(box.width), double(box.height), double(box.yaw));
    return line;
}

std::string as_json(const std::string& path, const regulus::DetectionList3d& found) {
    std::string text = "{\"file\": " + regulus::json_quote(path) + ", \"boxes\": [";
    char line[512];
    for (std::size_t i = 0; i < found.size(); ++i) {
        const regulus::Box3d& box = found[i].box;
        std::snprintf(line, sizeof line, "\"label\": %d, \"score\": %.9g, \"bottom_center\": [%.9g, %.9g, %.9g], \"length_width_height\": [%.9g, %.9g, %.9g], \"yaw\": %.9g, \"velocity\": [%.9g, %.9g]}",
                      found[i].label, double(found[i].score), double(box.x), double(box.y), double(box.z), double(box.length), double(box.width), double(box.height), double(box.yaw), double(box.vx),
                      double(box.vy));
        text += std::string(i == 0 ? "\n  " : ",\n  ") + "{\"class\": " + regulus::json_quote(found[i].class_name) + ", " + line;
    }
    return text + "]}";
}

/// The pictures' names: the cloud's, with what is seen. Two clouds of one name would replace each other's.
std::vector<Picture> pictures_of(const std::vector<std::string>& paths, const char* view) {
    std::vector<Picture> pictures;
    for (const std::string& path : paths) pictures.push_back({path, path.substr(path.rfind('/') + 1) + view, 0});
    return pictures;
}

bool is_finite(const regulus::Box3d& box) {
    for (const float number : {box.x, box.y, box.z, box.length, box.width, box.height, box.yaw}) {
        if (!std::isfinite(number)) return false;
    }
    return true;
}

/// From above, as far as the network looks, and from behind the sensor. Boxes that an untrained network blew up beyond all numbers are left out.
void draw_scene(const std::string& above_path, const std::string& behind_path, const regulus::PointCloud& cloud, const regulus::DetectionList3d& found, const std::array<float, 6>& range,
                double forward) {
    std::vector<regulus::DrawnBox3d> boxes = regulus::drawn_boxes(found);
    boxes.erase(std::remove_if(boxes.begin(), boxes.end(), [](const regulus::DrawnBox3d& drawn) { return !is_finite(drawn.box); }), boxes.end());
    regulus::BirdsEyeStyle above;
    regulus::PerspectiveStyle behind;
    above.forward = behind.forward = forward;
    above.reach = 0.52 * double(std::max(range[3] - range[0], range[4] - range[1]));
    above.centre = {0.5 * double(range[0] + range[3]), 0.5 * double(range[1] + range[4])};
    regulus::write_image(above_path, regulus::draw_birds_eye(cloud, boxes, above));
    regulus::write_image(behind_path, regulus::draw_perspective(cloud, boxes, behind));
}

void detect3d(const Options& options) {
    const std::vector<std::string> paths = find_clouds(options.paths);
    const bool json_on_stdout = options.json == "-";
    if (!options.json.empty() && !json_on_stdout) require_writable(options.json);
    const bool is_demo = options.model.empty() && options.weights.empty();
    const LoadedPointDetector loaded = load_point_detector(is_demo ? shipped_point_model : options.model, options.weights);
    if (options.weights.rfind("seeded", 0) == 0) talk("seeded weights: the network is untrained, what it finds means nothing\n");
    regulus::CompileOptions compile;
    compile.threads = options.threads;
    const regulus::AnyDetector3d detector(*make_backend(options.device), *loaded.model, loaded.weights, compile);

    const std::vector<Picture> from_above = pictures_of(paths, ".above.png"), from_behind = pictures_of(paths, ".perspective.png");
    if (!options.draw.empty()) prepare_draw_folder(options.draw, from_above);
    constexpr double degree = 3.14159265358979323846 / 180;
    const double forward = degree * (options.forward >= 0 ? options.forward : loaded.model->data == "nuScenes" ? 90 : 0);

    std::string json;
    const auto start = std::chrono::steady_clock::now();
    Progress progress(paths.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
        progress.show(i, paths[i]);
        const LoadedCloud cloud = read_cloud(paths[i], detector.facts(), options.columns, options.root);
        const regulus::DetectionList3d found = above(detector(cloud.cloud), float(options.score));
        std::string text = paths[i] + "  " + std::to_string(cloud.cloud.size()) + " points, " + counts_text(found, detector.facts()) + "\n";
        if (cloud.dropped > 0) text += "  " + std::to_string(cloud.dropped) + " points left out because they are not finite\n";
        for (const regulus::Detection3d& detection : found) {
            if (options.list) text += as_text(detection);
        }
        progress.clear();
        json_on_stdout ? talk(text) : print(text);
        if (!options.draw.empty()) draw_scene(drawn_path(options.draw, from_above[i]), drawn_path(options.draw, from_behind[i]), cloud.cloud, found, detector.facts().range, forward);
        if (!options.json.empty()) json += (json.empty() ? "[" : ",\n ") + as_json(paths[i], found);
    }
    progress.clear();
    if (paths.size() > 1) {
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        char time[64];
        std::snprintf(time, sizeof time, "  (%.1f s, %.1f clouds/s)", seconds, double(paths.size()) / seconds);
        talk(loaded.model->name + " on " + options.device + time + "\n");
    }
    if (json_on_stdout) print(json + "]\n");
    else if (!options.json.empty()) {
        regulus::AtomicFile file(options.json);
        file.write(json + "]\n");
        file.commit();
    }
}

}  // namespace

void add_detect3d(CLI::App& app, Outcome&) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("detect3d", "Finds objects in the point clouds of laser scanners with PointPillars: oriented boxes in the clouds' own frame.\n"
                                                       "A cloud is a .bin (rows of float32), .pcd, .ply, or a .json that names a key frame and earlier sweeps.\n"
                                                       "Opens mmdetection3d's checkpoints, those from before its version 1.0 too (models mmdetection3d-0.x/...).\n"
                                                       "Without --model and --weights the shipped detector looks for cars, pedestrians and cyclists; it has only ever seen made-up scans.\n"
                                                       "Examples:\n"
                                                       "  regulus detect3d examples/clouds --list --draw out\n"
                                                       "  regulus detect3d --weights hv_pointpillars_regnet-400mf_fpn_sbn-all_4x8_2x_nus-3d_20210827_095804-4239f111.pth frame.pcd.bin --list\n"
                                                       "  regulus detect3d --model kitti-3d-3class --weights my.pth --json boxes.json velodyne/\n"
                                                       "  regulus detect3d --model pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d --weights seeded frame.bin     untrained: for timing only");
    command->add_option("CLOUD|DIR", options->paths, "Clouds, or folders of *.bin, *.pcd, *.ply, *.json")->required();
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (default: what the weights say they are, else the one whose published checkpoint they are called as)");
    command->add_option("--weights", options->weights, "Checkpoint: .pth or .safetensors of any layout; or seeded[:SALT]");
    command->add_option("--score", options->score, "Least score that counts; models drop what is below 0.05 themselves")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command->add_option("--columns", options->columns, "Numbers a point of .bin files (default: 5 for networks of several sweeps, as nuScenes' and Lyft's, else 4)")->check(CLI::Range(3, 64));
    command->add_option("--root", options->root, "Folder that the files named in a .json are relative to (default: the folder of the .json)");
    command->add_option("--draw", options->draw, "Write NAME.above.png and NAME.perspective.png with points, boxes and labels into this folder");
    command->add_option("--forward", options->forward, "Direction that pictures have upwards, degrees from +x towards +y (default: 90 for nuScenes, else 0)")->check(CLI::Range(0.0, 360.0));
    command->add_option("--json", options->json, "Write the boxes to this file; - for stdout");
    command->add_flag("--list", options->list, "Print every object with score and box");
    command->add_option("--device", options->device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
    command->callback([options] { detect3d(*options); });
}

}  // namespace tool
