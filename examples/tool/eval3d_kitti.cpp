// regulus eval kitti
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>

#include <regulus/evaluate/kitti_table.hpp>

#include "eval3d.hpp"
#include "kitti_frames.hpp"

namespace tool {

namespace {

namespace fs = std::filesystem;

struct Options {
    Eval3dOptions common;
    KittiFolders folders;
    std::string frames;
};

void judge(const Options& options, const regulus::KittiEvaluation& evaluation, std::size_t skipped) {
    report(options.common, regulus::kitti_table(evaluation), regulus::kitti_summary_json(evaluation), skipped);
}

void eval_kitti(const Options& options, Outcome& outcome) {
    const KittiFolders& folders = options.folders;
    if (judges_a_file(options.common)) {
        const std::vector<std::string> ids = options.frames.empty() ? std::vector<std::string>() : regulus::read_kitti_ids(options.frames);
        judge(options, regulus::evaluate_kitti(regulus::read_kitti_frames(folders.labels, options.common.results, ids)), 0);
        return;
    }
    if (folders.clouds.empty() || folders.calibration.empty()) throw regulus::ArgumentError("eval: a detector needs --clouds DIR (velodyne) and --calib DIR");
    std::string journal_at;
    if (!options.common.write.empty()) {
        std::error_code error;
        fs::create_directories(options.common.write, error);
        if (!fs::is_directory(options.common.write, error)) throw regulus::FileError("eval: the folder " + options.common.write + " cannot be made");
        journal_at = options.common.write + "/results";
    }
    std::vector<regulus::KittiFrame> judged;
    const auto frames = [&] {
        const std::vector<std::string> ids = kitti_ids(options.frames, folders.clouds);
        judged = kitti_truth(folders, ids);
        return kitti_frames(folders, ids);
    };
    const std::optional<Eval3dFound> found = run_detector3d("kitti", options.common, journal_at, frames, outcome);
    if (!found) return;
    fill_found(judged, found->rows);
    for (const regulus::KittiFrame& frame : judged) {
        if (!options.common.write.empty()) regulus::write_kitti_results(options.common.write + "/" + frame.id + ".txt", frame.found);
    }
    judge(options, regulus::evaluate_kitti(judged), found->skipped);
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
    command->add_option("--labels", options->folders.labels, "Folder of the annotations (label_2)")->required();
    command->add_option("--frames", options->frames, "File with the frames to judge, one a line (default: all in --results or --clouds)");
    command->add_option("--clouds", options->folders.clouds, "Folder of the clouds (velodyne), to run a detector");
    command->add_option("--calib", options->folders.calibration, "Folder of the calibrations (calib)");
    command->add_option("--images", options->folders.pictures, "Folder of the pictures (image_2), for their sizes (default: 1242 x 375)");
    add_common_options(*command, options->common, "Write what the detector found into this folder, a file a frame; results.journal in it keeps what is done so far");
    command->callback([options, &outcome] { eval_kitti(*options, outcome); });
}

}  // namespace tool
