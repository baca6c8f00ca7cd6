// regulus eval nuscenes
#include <algorithm>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include <CLI/CLI.hpp>

#include <regulus/data/file.hpp>
#include <regulus/evaluate/nuscenes_convert.hpp>
#include <regulus/evaluate/nuscenes_results.hpp>
#include <regulus/evaluate/nuscenes_table.hpp>

#include "eval3d.hpp"
#include "eval_run.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    Eval3dOptions common;
    TableOptions where;
    std::string truth, write_truth;
};

/// Ground truth of the samples that are judged: all that the file or the chosen scenes hold; without a choice of scenes, those of the tables that the results have.
std::vector<regulus::NuScenesTruth> truth_for(const Options& options, const std::vector<regulus::NuScenesResult>& results) {
    if (!options.truth.empty()) return regulus::read_nuscenes_truth(options.truth);
    std::vector<regulus::NuScenesTruth> truth = regulus::nuscenes_truth(read_tables(options.where));
    if (!options.where.scenes.empty()) return truth;
    std::unordered_set<std::string_view> wanted;
    for (const regulus::NuScenesResult& sample : results) wanted.insert(sample.sample_token);
    const std::size_t all = truth.size();
    truth.erase(std::remove_if(truth.begin(), truth.end(), [&](const auto& sample) { return wanted.count(sample.sample_token) == 0; }), truth.end());
    if (truth.size() < all)
        talk("judging the " + count_of(truth.size(), "sample") + " of the results, the tables have " + std::to_string(all) + "; --scenes FILE names those of a split, and then none may be missing\n");
    return truth;
}

void judge(const Options& options, const std::vector<regulus::NuScenesTruth>& truth, const std::vector<regulus::NuScenesResult>& results, std::size_t skipped) {
    if (!options.write_truth.empty()) regulus::write_nuscenes_truth(options.write_truth, truth);
    const regulus::NuScenesEvaluation evaluation = regulus::evaluate_nuscenes(truth, results);
    report(options.common, regulus::nuscenes_table(evaluation), regulus::nuscenes_summary_json(evaluation), skipped);
}

void eval_nuscenes(const Options& options, Outcome& outcome) {
    if (options.truth.empty() == options.where.tables.empty()) throw regulus::ArgumentError("eval: give ground truth with --tables DIR or with --truth FILE");
    if (judges_a_file(options.common)) {
        const regulus::NuScenesSubmission submission = regulus::read_nuscenes_results(options.common.results);
        judge(options, truth_for(options, submission.samples), submission.samples, 0);
        return;
    }
    if (options.where.tables.empty() || options.where.data.empty()) throw regulus::ArgumentError("eval: a detector needs --tables DIR and --data DIR, where samples/ and sweeps/ are");
    auto tables = std::make_shared<regulus::NuScenesTables>();
    std::vector<regulus::NuScenesTruth> truth;
    const auto frames = [&] {
        *tables = read_tables(options.where);
        truth = regulus::nuscenes_truth(*tables);
        return frames_of(nuscenes_set(), tables, options.where.data);
    };
    const std::optional<Eval3dFound> found = run_detector3d("nuscenes", options.common, options.common.write, frames, outcome);
    if (!found) return;
    const std::string text = results_of(nuscenes_set(), found->rows);
    if (!options.common.write.empty()) regulus::write_file(options.common.write, text);
    judge(options, truth, regulus::parse_nuscenes_results(text, "eval: results").samples, found->skipped);
    found->finished();
}

}  // namespace

void add_eval_nuscenes(CLI::App& eval, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = eval.add_subcommand("nuscenes", "nuScenes' mAP, NDS and five errors (detection_cvpr_2019), as the official devkit computes them.\n"
                                                        "With --write an interrupted run goes on where it stopped when the same command is given again.\n"
                                                        "Under mpirun, frames are shared by all processes; the digits are those of one.\n"
                                                        "Examples:\n"
                                                        "  regulus eval nuscenes --results results_nusc.json --tables nuscenes/v1.0-trainval --scenes val.txt\n"
                                                        "  regulus eval nuscenes --results results_nusc.json --truth truth.json --json numbers.json\n"
                                                        "  mpirun -n 4 regulus eval nuscenes --weights hv_pointpillars_fpn.pth --model pointpillars_hv_fpn_sbn-all_8xb4-2x_nus-3d \\\n"
                                                        "    --tables nuscenes/v1.0-trainval --scenes val.txt --data nuscenes --write results_nusc.json");
    command->add_option("--results", options->common.results, "Judge this submission (JSON); no detector is run");
    command->add_option("--tables", options->where.tables, "Folder of the data set's tables (scene.json, sample_annotation.json, ...)");
    command->add_option("--scenes", options->where.scenes, "File with the names of the scenes to judge, one a line: the split (default: all; with --results those it has)");
    command->add_option("--truth", options->truth, "Ground truth as one JSON file, as --write-truth writes it, instead of tables");
    command->add_option("--write-truth", options->write_truth, "Write the ground truth that was judged to this file");
    command->add_option("--data", options->where.data, "Folder in which samples/ and sweeps/ are, to run a detector");
    add_common_options(*command, options->common, "Write what the detector found to this file, as a submission; FILE.journal keeps what is done so far");
    command->callback([options, &outcome] { eval_nuscenes(*options, outcome); });
}

}  // namespace tool
