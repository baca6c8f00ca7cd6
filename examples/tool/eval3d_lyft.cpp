// regulus eval lyft
#include <algorithm>
#include <memory>
#include <unordered_set>

#include <CLI/CLI.hpp>

#include <regulus/data/file.hpp>
#include <regulus/evaluate/lyft_results.hpp>
#include <regulus/evaluate/lyft_table.hpp>

#include "eval3d.hpp"
#include "eval_run.hpp"
#include "pictures.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

struct Options {
    Eval3dOptions common;
    TableOptions where;
    std::string truth, write_truth, csv, ids;
    bool published_sdk = false;
};

bool is_csv(const std::string& path) { return path.size() > 4 && path.substr(path.size() - 4) == ".csv"; }

std::vector<regulus::LyftSample> truth_for(const Options& options, const std::vector<regulus::LyftSample>& results) {
    if (!options.truth.empty()) return regulus::read_lyft_json(options.truth, false);
    std::vector<regulus::LyftSample> truth = regulus::lyft_truth(read_tables(options.where));
    if (!options.where.scenes.empty()) return truth;
    std::unordered_set<std::string_view> wanted;
    for (const regulus::LyftSample& sample : results) wanted.insert(sample.sample_token);
    const std::size_t all = truth.size();
    truth.erase(std::remove_if(truth.begin(), truth.end(), [&](const auto& sample) { return wanted.count(sample.sample_token) == 0; }), truth.end());
    if (truth.size() < all)
        talk("judging the " + count_of(truth.size(), "sample") + " of the results, the tables have " + std::to_string(all) + "; --scenes FILE names those of a split\n");
    return truth;
}

void judge(const Options& options, const std::vector<regulus::LyftSample>& truth, const std::vector<regulus::LyftSample>& results, std::size_t skipped) {
    if (!options.write_truth.empty()) regulus::write_lyft_json(options.write_truth, truth, false);
    if (!options.csv.empty()) {
        const std::vector<std::string> ids = options.ids.empty() ? std::vector<std::string>() : regulus::read_lyft_ids(options.ids);
        regulus::write_lyft_csv(options.csv, results, ids);
    }
    if (truth.empty()) {
        talk("no ground truth: results are not judged\n");
        return;
    }
    regulus::LyftSettings settings;
    if (options.published_sdk) settings.turn = regulus::LyftTurn::mirrored;
    const regulus::LyftEvaluation evaluation = regulus::evaluate_lyft(truth, results, settings);
    report(options.common, regulus::lyft_table(evaluation), regulus::lyft_summary_json(evaluation), skipped);
}

void eval_lyft(const Options& options, Outcome& outcome) {
    if (options.truth.empty() == options.where.tables.empty()) throw regulus::ArgumentError("eval: give ground truth with --tables DIR or with --truth FILE");
    if (!options.csv.empty()) require_writable(options.csv);
    if (judges_a_file(options.common)) {
        const auto results = is_csv(options.common.results) ? regulus::read_lyft_csv(options.common.results) : regulus::read_lyft_json(options.common.results, true);
        judge(options, truth_for(options, results), results, 0);
        return;
    }
    if (options.where.tables.empty() || options.where.data.empty()) throw regulus::ArgumentError("eval: a detector needs --tables DIR and --data DIR, where the clouds are");
    auto tables = std::make_shared<regulus::NuScenesTables>();
    const auto frames = [&] {
        *tables = read_tables(options.where);
        return frames_of(lyft_set(), tables, options.where.data);
    };
    const std::optional<Eval3dFound> found = run_detector3d("lyft", options.common, options.common.write, frames, outcome);
    if (!found) return;
    const std::string text = results_of(lyft_set(), found->rows);
    if (!options.common.write.empty()) regulus::write_file(options.common.write, text);
    judge(options, regulus::lyft_truth(*tables), regulus::parse_lyft_json(text, "eval: results", true), found->skipped);
    found->finished();
}

}  // namespace

void add_eval_lyft(CLI::App& eval, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = eval.add_subcommand("lyft", "Lyft Level 5's mAP over 3D overlaps of 0.50 to 0.95, as mmdetection3d computes it; the competition's CSV.\n"
                                                    "With --write an interrupted run goes on where it stopped when the same command is given again.\n"
                                                    "Under mpirun, frames are shared by all processes; the digits are those of one.\n"
                                                    "Examples:\n"
                                                    "  regulus eval lyft --results results_lyft.json --tables lyft/v1.01-train/v1.01-train --scenes val.txt\n"
                                                    "  regulus eval lyft --results submission.csv --truth truth.json --json numbers.json\n"
                                                    "  regulus eval lyft --weights hv_pointpillars_fpn_lyft.pth --model hv_pointpillars_fpn_sbn-all_2x8_2x_lyft-3d \\\n"
                                                    "    --tables lyft/v1.01-train/v1.01-train --scenes val.txt --data lyft --write results_lyft.json");
    command->add_option("--results", options->common.results, "Judge this file: the competition's .csv, or JSON; no detector is run");
    command->add_option("--tables", options->where.tables, "Folder of the data set's tables (scene.json, sample_annotation.json, ...)");
    command->add_option("--scenes", options->where.scenes, "File with the names of the scenes to judge, one a line: the split (default: all; with --results those it has)");
    command->add_option("--truth", options->truth, "Ground truth as one JSON file, as --write-truth writes it or as the sdk's flat list, instead of tables");
    command->add_option("--write-truth", options->write_truth, "Write the ground truth that was judged to this file");
    command->add_option("--csv", options->csv, "Write the results as the competition's CSV");
    command->add_option("--ids", options->ids, "sample_submission.csv: the ids and their order in --csv");
    command->add_flag("--published-sdk", options->published_sdk, "Turn outlines the wrong way round, as the sdk 0.0.8 of the package index does: to compare with numbers made with it");
    command->add_option("--data", options->where.data, "Folder of the clouds that the tables name, to run a detector");
    add_common_options(*command, options->common, "Write what the detector found to this file (JSON); FILE.journal keeps what is done so far");
    command->callback([options, &outcome] { eval_lyft(*options, outcome); });
}

}  // namespace tool
