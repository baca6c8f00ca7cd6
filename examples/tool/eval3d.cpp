#include "eval3d.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include <regulus/core/json.hpp>
#include <regulus/data/file.hpp>

#include "eval_run.hpp"
#include "models.hpp"
#include "pictures.hpp"
#include "point_models.hpp"
#include "stop_guard.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

/// Untrained networks say anything.
bool is_sensible(const regulus::Box3d& box) {
    for (const float v : {box.x, box.y, box.z, box.yaw, box.vx, box.vy}) {
        if (!(std::fabs(v) <= 1e6f)) return false;
    }
    for (const float v : {box.length, box.width, box.height}) {
        if (!(v > 0 && v <= 1000)) return false;
    }
    return true;
}

/// What is kept of a frame, and how much is not.
struct FrameRow {
    std::string row;
    std::size_t senseless = 0;
};

FrameRow row_of(const Eval3dFrames& frames, std::size_t i, const regulus::AnyDetector3d& detector, double least_score) {
    regulus::DetectionList3d found;
    std::size_t senseless = 0;
    for (regulus::Detection3d& detection : detector(frames.cloud(i, detector.facts())).items) {
        if (!(detection.score >= float(least_score))) continue;
        if (is_sensible(detection.box)) found.items.push_back(std::move(detection));
        else ++senseless;
    }
    return {frames.row(i, found), senseless};
}

/// What is ready before the first frame is looked at.
struct Prepared {
    Eval3dFrames frames;
    std::optional<regulus::AnyDetector3d> detector;
    std::string identity;
};

Prepared prepare(const char* name, const Eval3dOptions& options, const std::string& journal_at, const std::function<Eval3dFrames()>& frames, const Ranks& ranks) {
    Prepared prepared;
    const LoadedPointDetector loaded = load_point_detector(options.model, options.weights);
    if (ranks.rank() == 0 && options.weights.rfind("seeded", 0) == 0) talk("seeded weights: the network is untrained, its numbers mean nothing\n");
    regulus::CompileOptions compile;
    compile.threads = threads_of_rank(options.threads, ranks);
    prepared.detector.emplace(*make_backend(options.device), *loaded.model, loaded.weights, compile);
    prepared.frames = frames();
    prepared.frames.prepare(prepared.detector->facts());
    if (prepared.frames.names.empty()) throw regulus::ArgumentError("eval: there is no frame to look at");
    if (ranks.rank() == 0 && !journal_at.empty()) {
        std::string names;
        for (const std::string& frame : prepared.frames.names) names += frame + "\n";
        char score[40];
        std::snprintf(score, sizeof score, "%.17g", options.score);
        prepared.identity = "regulus eval " + std::string(name) + " 1 model " + loaded.model->name + " weights " + file_identity(options.weights) + " frames " + text_identity(names) + " device " +
                            options.device + " threads " + std::to_string(compile.threads) + " score " + score + " " + prepared.frames.identity;
    }
    return prepared;
}

}  // namespace

std::optional<Eval3dFound> run_detector3d(const char* name, const Eval3dOptions& options, const std::string& journal_at, const std::function<Eval3dFrames()>& frames, Outcome& outcome) {
    Prepared prepared;
    const auto prepare_rank = [&](const Ranks& ranks) {
        prepared = prepare(name, options, journal_at, frames, ranks);
        if (ranks.rank() == 0 && !options.json.empty() && options.json != "-") require_writable(options.json);
    };
    const auto items_of = [&] {
        EvalItems items;
        for (std::size_t i = 0; i < prepared.frames.names.size(); ++i) items.ids.push_back(std::int64_t(i));
        items.noun = "frame";
        items.name = [&](std::size_t i) { return prepared.frames.names[i]; };
        items.work = [&](std::size_t i) -> PictureOutcome {
            const FrameRow found = row_of(prepared.frames, i, *prepared.detector, options.score);
            return {i, false, std::to_string(found.senseless) + " " + found.row};
        };
        items.skip_broken = options.skip_broken;
        items.skip_hint = "eval: --skip-broken leaves such frames out, their objects then count as missed";
        items.json = journal_at;
        items.identity = prepared.identity;
        return items;
    };
    std::optional<EvalRows> rows = run_items(prepare_rank, items_of, outcome);
    if (!rows) return std::nullopt;
    const auto done = std::make_shared<EvalRows>(std::move(*rows));
    Eval3dFound found;
    found.skipped = done->skipped;
    found.rows.resize(prepared.frames.names.size());
    std::size_t senseless = 0;
    for (const auto& [id, row] : done->rows) {
        const std::size_t blank = std::min(row.find(' '), row.size() - 1);
        senseless += std::strtoull(row.c_str(), nullptr, 10);
        found.rows.at(std::size_t(id)) = row.substr(blank + 1);
    }
    if (senseless != 0) talk(count_of(senseless, "detection") + " left out: numbers that are not finite, or sizes that are not 0 .. 1 km\n");
    for (std::size_t i = 0; i < found.rows.size(); ++i) {
        if (found.rows[i].empty()) found.rows[i] = prepared.frames.row(i, {});  // skipped
    }
    found.finished = [done] {
        if (done->journal) done->journal->remove();
    };
    return found;
}

Eval3dFrames frames_of(const CloudSet& set, std::shared_ptr<const regulus::NuScenesTables> tables, const std::string& root) {
    Eval3dFrames frames;
    for (const regulus::NuScenesSample& sample : tables->samples) frames.names.push_back(sample.token);
    frames.identity = "data " + regulus::json_quote(root);
    frames.prepare = [&set](const regulus::PointDetectorFacts& facts) { require_detector_of(set, facts, "eval"); };
    frames.cloud = [&set, tables, root](std::size_t i, const regulus::PointDetectorFacts& facts) { return cloud_of(set, *tables, root, i, facts); };
    frames.row = [&set, tables](std::size_t i, const regulus::DetectionList3d& found) { return set.row(*tables, i, found); };
    return frames;
}

std::optional<std::vector<std::string>> rows_found(const Eval3dFrames& frames, const regulus::AnyDetector3d& detector) {
    std::vector<std::string> rows;
    for (std::size_t i = 0; i < frames.names.size(); ++i) {
        if (StopGuard::asked()) return std::nullopt;
        rows.push_back(row_of(frames, i, detector, Eval3dOptions{}.score).row);
    }
    return rows;
}

std::string judged_by_eval(const CloudSet& set, std::shared_ptr<const regulus::NuScenesTables> tables, const std::string& root, const regulus::AnyDetector3d& detector) {
    const auto rows = rows_found(frames_of(set, tables, root), detector);
    return rows ? set.judged(*tables, results_of(set, *rows)) : "stopped";
}

bool judges_a_file(const Eval3dOptions& options) {
    const bool runs = !options.model.empty() || !options.weights.empty();
    if (options.results.empty() && !runs) throw regulus::ArgumentError("eval: give --results to judge what is in a file, or --model and --weights to run a detector");
    if (!options.results.empty() && (runs || !options.write.empty())) throw regulus::ArgumentError("eval: --results judges a file alone; leave out --model, --weights and --write");
    return !options.results.empty();
}

void add_common_options(CLI::App& command, Eval3dOptions& options, const std::string& write_help) {
    command.add_option("--json", options.json, "Write the numbers to this file; - for stdout, then without the table");
    command.add_option("--model", options.model, "A zoo name or an unambiguous tail of one (default: the one whose published checkpoint the file is called as)");
    command.add_option("--weights", options.weights, "Checkpoint: .pth or .safetensors of any layout; or seeded[:SALT]");
    command.add_option("--write", options.write, write_help);
    command.add_option("--score", options.score, "Least score that counts; models drop what is below 0.05 themselves")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command.add_flag("--skip-broken", options.skip_broken, "Report, count and leave out clouds that cannot be read; their objects count as missed");
    command.add_option("--device", options.device, device_help)->check(CLI::IsMember(device_names))->capture_default_str();
    command.add_option("--threads", options.threads, "Threads; 0: as many as the machine has, divided by the processes on it")->check(CLI::Range(0, 1024))->capture_default_str();
}

void report(const Eval3dOptions& options, const std::string& table, const std::string& json, std::size_t skipped) {
    const bool json_on_stdout = options.json == "-";
    if (!options.json.empty() && !json_on_stdout) regulus::write_file(options.json, json);
    print(json_on_stdout ? json : table);
    if (skipped != 0) talk(count_of(skipped, "broken frame") + " skipped; objects on skipped frames count as missed\n");
}

}  // namespace tool
