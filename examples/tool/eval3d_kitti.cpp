// regulus eval kitti
#include <algorithm>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>

#include <regulus/core/json.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/data/kitti_calibration.hpp>
#include <regulus/evaluate/kitti_table.hpp>

#include "clouds.hpp"
#include "eval3d.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

namespace fs = std::filesystem;

struct Options {
    Eval3dOptions common;
    std::string labels, frames, clouds, calibration, pictures;
};

std::vector<std::string> ids_of(const Options& options) {
    if (!options.frames.empty()) return regulus::read_kitti_ids(options.frames);
    std::vector<std::string> ids;
    std::error_code error;
    for (fs::directory_iterator at(options.clouds, error), end; !error && at != end; at.increment(error)) {
        if (at->path().extension() == ".bin") ids.push_back(at->path().stem().string());
    }
    if (error) throw regulus::FileError("eval: cannot list the folder " + options.clouds + ": " + error.message());
    std::sort(ids.begin(), ids.end());
    return ids;
}

void judge(const Options& options, const std::vector<regulus::KittiFrame>& frames, std::size_t skipped) {
    const regulus::KittiEvaluation evaluation = regulus::evaluate_kitti(frames);
    report(options.common, regulus::kitti_table(evaluation), regulus::kitti_summary_json(evaluation), skipped);
}

/// How the left colour camera sees a frame.
struct Camera {
    regulus::KittiCalibration calibration;
    regulus::Pose from_laser;
    int width = 1242, height = 375;  // of most pictures

    Camera(const Options& options, const std::string& id) : calibration(regulus::read_kitti_calibration(options.calibration + "/" + id + ".txt")), from_laser(calibration.velo_to_rect()) {
        if (options.pictures.empty()) return;
        const regulus::Image picture = regulus::read_image(options.pictures + "/" + id + ".png");
        width = int(picture.width);
        height = int(picture.height);
    }

    bool sees(const float* point) const {
        const auto pixel = calibration.project(transformed(from_laser, {point[0], point[1], point[2]}));
        return pixel[2] > 0 && pixel[0] >= 0 && pixel[0] < width && pixel[1] >= 0 && pixel[1] < height;
    }
};

/// The points that the camera sees: networks for KITTI were trained on these alone, as only what is in the picture is annotated.
regulus::PointCloud in_sight(const regulus::PointCloud& cloud, const Camera& camera) {
    regulus::PointCloud kept{cloud.features, {}};
    for (std::size_t i = 0; i < cloud.size(); ++i) {
        if (camera.sees(cloud[i])) kept.values.insert(kept.values.end(), cloud[i], cloud[i] + cloud.features);
    }
    return kept;
}

Eval3dFrames frames_of(const Options& options) {
    Eval3dFrames frames;
    frames.names = ids_of(options);
    frames.identity = "clouds " + regulus::json_quote(options.clouds) + " calib " + regulus::json_quote(options.calibration) + " images " + regulus::json_quote(options.pictures);
    frames.prepare = [](const regulus::PointDetectorFacts& facts) {
        if (facts.sweeps != 0 || std::find(facts.class_names.begin(), facts.class_names.end(), "Car") == facts.class_names.end())
            throw regulus::ArgumentError("eval: the model is not one of KITTI's classes; choose a model of that data set");
    };
    frames.cloud = [names = frames.names, options](std::size_t i, const regulus::PointDetectorFacts& facts) {
        return in_sight(read_cloud(options.clouds + "/" + names[i] + ".bin", facts, 4).cloud, Camera(options, names[i]));
    };
    frames.row = [names = frames.names, options](std::size_t i, const regulus::DetectionList3d& found) {
        const Camera camera(options, names[i]);
        std::vector<regulus::KittiObject> objects;
        for (const regulus::Detection3d& detection : found) {
            const auto object = regulus::kitti_detection(detection.box, double(detection.score), detection.class_name, camera.calibration, camera.width, camera.height);
            if (object) objects.push_back(*object);
        }
        return regulus::json_quote(regulus::kitti_results_text(objects));
    };
    return frames;
}

void eval_kitti(const Options& options, Outcome& outcome) {
    if (judges_a_file(options.common)) {
        const std::vector<std::string> ids = options.frames.empty() ? std::vector<std::string>() : regulus::read_kitti_ids(options.frames);
        judge(options, regulus::read_kitti_frames(options.labels, options.common.results, ids), 0);
        return;
    }
    if (options.clouds.empty() || options.calibration.empty()) throw regulus::ArgumentError("eval: a detector needs --clouds DIR (velodyne) and --calib DIR");
    std::string journal_at;
    if (!options.common.write.empty()) {
        std::error_code error;
        fs::create_directories(options.common.write, error);
        if (!fs::is_directory(options.common.write, error)) throw regulus::FileError("eval: the folder " + options.common.write + " cannot be made");
        journal_at = options.common.write + "/results";
    }
    std::vector<regulus::KittiFrame> judged;
    const auto frames = [&] {
        Eval3dFrames made = frames_of(options);
        for (const std::string& id : made.names) judged.push_back({id, regulus::read_kitti_objects(options.labels + "/" + id + ".txt", false), {}});
        return made;
    };
    const std::optional<Eval3dFound> found = run_detector3d("kitti", options.common, journal_at, frames, outcome);
    if (!found) return;
    for (std::size_t i = 0; i < judged.size(); ++i) {
        const std::string who = "eval: frame " + judged[i].id;
        judged[i].found = regulus::parse_kitti_objects(*regulus::parse_json(found->rows[i], who).text(), who, true);
        if (!options.common.write.empty()) regulus::write_kitti_results(options.common.write + "/" + judged[i].id + ".txt", judged[i].found);
    }
    judge(options, judged, found->skipped);
    found->finished();
}

}  // namespace

void add_eval_kitti(CLI::App& eval, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = eval.add_subcommand("kitti", "KITTI's average precisions at 40 and 11 recalls: in the picture, from above, in space, orientation.\n"
                                                     "A detector sees the points that are in the camera's picture, as it was trained.\n"
                                                     "With --write an interrupted run goes on where it stopped when the same command is given again.\n"
                                                     "Under mpirun, frames are shared by all processes; the digits are those of one.\n"
                                                     "Examples:\n"
                                                     "  regulus eval kitti --results results/ --labels training/label_2 --frames ImageSets/val.txt\n"
                                                     "  regulus eval kitti --model kitti-3d-3class --weights my.pth --clouds training/velodyne --calib training/calib \\\n"
                                                     "    --images training/image_2 --labels training/label_2 --frames ImageSets/val.txt --write results/");
    command->add_option("--results", options->common.results, "Judge the .txt files of this folder; no detector is run");
    command->add_option("--labels", options->labels, "Folder of the annotations (label_2)")->required();
    command->add_option("--frames", options->frames, "File with the frames to judge, one a line (default: all in --results or --clouds)");
    command->add_option("--clouds", options->clouds, "Folder of the clouds (velodyne), to run a detector");
    command->add_option("--calib", options->calibration, "Folder of the calibrations (calib)");
    command->add_option("--images", options->pictures, "Folder of the pictures (image_2), for their sizes (default: 1242 x 375)");
    add_common_options(*command, options->common, "Write what the detector found into this folder, a file a frame; results.journal in it keeps what is done so far");
    command->callback([options, &outcome] { eval_kitti(*options, outcome); });
}

}  // namespace tool
