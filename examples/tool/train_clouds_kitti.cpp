// regulus train kitti: a detector of point clouds learns from the frames of KITTI's object benchmark.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include <regulus/evaluate/kitti_evaluation.hpp>
#include <regulus/train/cloud_truths.hpp>

#include "eval_run.hpp"
#include "in_parallel.hpp"
#include "kitti_frames.hpp"
#include "train_clouds.hpp"

namespace tool {

namespace {

namespace train = regulus::train;

struct Options {
    KittiFolders folders;
    std::string frames, val_frames, planes;
};

class KittiClouds final : public TaughtClouds {
public:
    KittiClouds(const Options& options, const regulus::PointDetectorFacts& facts, int threads) : options_(options), facts_(facts), ids_(kitti_ids(options.frames, options.folders.clouds)) {
        require_kitti_detector(facts, "train");
        objects_.resize(ids_.size());
        cameras_.resize(ids_.size());
        grounds_.resize(options.planes.empty() ? 0 : ids_.size());
        in_parallel_or_throw(ids_.size(), threads, [&](std::size_t i) { read_frame(i); });
        if (options.val_frames.empty()) return;
        validation_ = regulus::read_kitti_ids(options.val_frames);
        if (validation_.empty()) throw regulus::ArgumentError("train: " + options.val_frames + " names no frame to judge by");
        truth_ = kitti_truth(options.folders, validation_);
        in_parallel_or_throw(validation_.size(), threads, [&](std::size_t i) {  // throws now, not after an epoch
            require_cloud(validation_[i]);
            KittiCamera(options.folders, validation_[i]);
        });
    }

    const std::vector<std::vector<train::CloudObject>>& objects() const override { return objects_; }
    const std::string& annotations() const override { return options_.folders.labels; }
    regulus::PointCloud cloud(std::size_t sample) const override { return kitti_cloud(options_.folders, ids_[sample], *cameras_[sample], facts_); }
    std::optional<regulus::GroundPlane> ground(std::size_t sample) const override { return grounds_.empty() ? std::nullopt : std::optional(grounds_[sample]); }

    Settings settings() const override {
        std::string frames, marked;
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            frames += ids_[i] + "\n";
            for (const train::CloudObject& object : objects_[i]) {
                const regulus::Box3d& box = object.box;
                for (const float value : {float(object.label), box.x, box.y, box.z, box.length, box.width, box.height, box.yaw}) marked += number(double(value)) + " ";
            }
            marked += "\n";
        }
        return {{"frames", text_identity(frames)}, {"annotations", text_identity(marked)}, {"planes", options_.planes.empty() ? "none" : "given"}};
    }

    bool judges() const override { return !validation_.empty(); }
    std::string judged(const regulus::AnyDetector3d& detector) const override {
        const auto rows = rows_found(kitti_frames(options_.folders, validation_), detector);
        if (!rows) return "stopped";
        std::vector<regulus::KittiFrame> frames = truth_;
        fill_found(frames, *rows);
        const regulus::KittiEvaluation evaluation = regulus::evaluate_kitti(frames);
        char text[96];
        std::snprintf(text, sizeof text, "3D AP %.2f, BEV AP %.2f (moderate, 40 recalls)", evaluation.mean_ap40(regulus::KittiMetric::space, 1, 0), evaluation.mean_ap40(regulus::KittiMetric::birds_eye, 1, 0));
        return text;
    }

private:
    /// Throws regulus::FileError when the frame's cloud cannot be read.
    void require_cloud(const std::string& id) const {
        const std::string path = options_.folders.clouds + "/" + id + ".bin";
        if (::access(path.c_str(), R_OK) != 0) throw regulus::FileError("train: " + path + " cannot be read");
    }

    void read_frame(std::size_t i) {
        const std::string& id = ids_[i];
        require_cloud(id);
        const KittiCamera& camera = cameras_[i].emplace(options_.folders, id);
        const std::string labels = options_.folders.labels + "/" + id + ".txt";
        try {
            objects_[i] = train::kitti_objects(regulus::read_kitti_objects(labels, false), camera.calibration, facts_.class_names);
        } catch (const regulus::ArgumentError& error) {
            throw regulus::FileError("train: " + labels + ": " + error.what());
        }
        if (!options_.planes.empty()) grounds_[i] = transformed_plane(inverse(camera.from_laser), regulus::read_kitti_plane(options_.planes + "/" + id + ".txt"));
    }

    Options options_;
    regulus::PointDetectorFacts facts_;
    std::vector<std::string> ids_;
    std::vector<std::vector<train::CloudObject>> objects_;
    std::vector<std::optional<KittiCamera>> cameras_;
    std::vector<regulus::GroundPlane> grounds_;  // in the laser's frame; empty: not known
    std::vector<std::string> validation_;
    std::vector<regulus::KittiFrame> truth_;  // of validation_
};

}  // namespace

void add_train_kitti(CLI::App& app, Outcome& outcome) {
    const auto options = std::make_shared<Options>();
    TaughtSet set;
    set.command = "kitti";
    set.name = "KITTI";
    set.files = "frames";
    set.recipe = train::kitti_recipe();
    set.marked = "Pedestrian, Cyclist or Car";
    set.example = "--model kitti-3d-3class --clouds training/velodyne --labels training/label_2 --calib training/calib \\\n    --images training/image_2 --frames ImageSets/train.txt --val-frames ImageSets/val.txt";
    set.add_options = [options](CLI::App& command) {
        command.add_option("--clouds", options->folders.clouds, "Folder of the clouds (velodyne); the network learns from the points that the camera sees")->required();
        command.add_option("--labels", options->folders.labels, "Folder of the annotations (label_2)")->required();
        command.add_option("--calib", options->folders.calibration, "Folder of the calibrations (calib)")->required();
        command.add_option("--images", options->folders.pictures, "Folder of the pictures (image_2), for their sizes (default: 1242 x 375)");
        command.add_option("--planes", options->planes, "Folder of the ground's planes (planes): objects of other clouds stand on them (default: as high as in their own)");
        command.add_option("--frames", options->frames, "File with the frames to learn from, one a line (default: all in --clouds)");
        command.add_option("--val-frames", options->val_frames, "File with the frames to judge each time that the run is kept, as eval kitti does");
    };
    set.open = [options](const regulus::PointDetectorSpec& model, int threads) { return std::make_unique<KittiClouds>(*options, model.facts, threads); };
    add_taught_set(app, set, outcome);
}

}  // namespace tool
