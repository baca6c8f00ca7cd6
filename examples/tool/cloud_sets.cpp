#include "cloud_sets.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include <regulus/data/file.hpp>
#include <regulus/data/sweeps.hpp>
#include <regulus/evaluate/lyft_results.hpp>
#include <regulus/evaluate/nuscenes_convert.hpp>
#include <regulus/evaluate/nuscenes_evaluation.hpp>
#include <regulus/evaluate/nuscenes_results.hpp>
#include <regulus/evaluate/text_words.hpp>

namespace tool {

namespace {

std::string nuscenes_row(const regulus::NuScenesTables& tables, std::size_t i, const regulus::DetectionList3d& found) {
    const regulus::NuScenesLidarRecord& record = tables.lidar.at(tables.samples.at(i).key);
    regulus::NuScenesResult sample{tables.samples[i].token, {}};
    for (const regulus::Detection3d& detection : found) {
        const auto box = regulus::nuscenes_detection(detection.box, double(detection.score), regulus::nuscenes_label_of(detection.class_name), tables.sensor_to_ego.at(record.calibration),
                                                     record.ego_to_global);
        if (box) sample.boxes.push_back(*box);
    }
    return regulus::nuscenes_sample_json(sample);
}

std::string lyft_row(const regulus::NuScenesTables& tables, std::size_t i, const regulus::DetectionList3d& found) {
    const regulus::NuScenesLidarRecord& record = tables.lidar.at(tables.samples.at(i).key);
    regulus::LyftSample sample{tables.samples[i].token, {}};
    for (const regulus::Detection3d& detection : found) {
        sample.boxes.push_back(regulus::lyft_detection(detection.box, double(detection.score), detection.class_name, tables.sensor_to_ego.at(record.calibration), record.ego_to_global));
    }
    return regulus::lyft_sample_json(sample);
}

std::string percent(const char* what, double part) {
    char text[48];
    std::snprintf(text, sizeof text, "%s %.2f", what, 100 * part);
    return text;
}

std::string nuscenes_judged(const regulus::NuScenesTables& tables, const std::string& results) {
    const regulus::NuScenesEvaluation evaluation = regulus::evaluate_nuscenes(regulus::nuscenes_truth(tables), regulus::parse_nuscenes_results(results, "results").samples);
    return percent("mAP", evaluation.mean_ap) + ", " + percent("NDS", evaluation.nd_score);
}

std::string lyft_judged(const regulus::NuScenesTables& tables, const std::string& results) {
    return percent("mAP", regulus::evaluate_lyft(regulus::lyft_truth(tables), regulus::parse_lyft_json(results, "results", true)).mean_ap);
}

}  // namespace

const CloudSet& nuscenes_set() {
    constexpr const char* head = "{\"meta\":{\"use_camera\":false,\"use_lidar\":true,\"use_radar\":false,\"use_map\":false,\"use_external\":false},\n\"results\":{";
    static const CloudSet set{"nuScenes", "nuScenes' ten", regulus::nuscenes_class_names, false, head, nuscenes_row, nuscenes_judged};
    return set;
}

const CloudSet& lyft_set() {
    static const CloudSet set{"Lyft", "Lyft's nine", regulus::lyft_class_names, true, "{\"results\":{", lyft_row, lyft_judged};
    return set;
}

void require_detector_of(const CloudSet& set, const regulus::PointDetectorFacts& facts, const std::string& who) {
    for (const std::string& name : facts.class_names) {
        if (std::find(set.class_names.begin(), set.class_names.end(), name) == set.class_names.end()) {
            throw regulus::ArgumentError(who + ": the model's class \"" + name + "\" is none of " + set.classes_in_words + "; choose a model of that data set");
        }
    }
    if (facts.sweeps == 0) throw regulus::ArgumentError(who + ": the model takes points without seconds; choose a model of " + set.name);
}

regulus::PointCloud cloud_of(const CloudSet& set, const regulus::NuScenesTables& tables, const std::string& root, std::size_t sample, const regulus::PointDetectorFacts& facts) {
    regulus::SweepOptions sweeps;
    sweeps.max_sweeps = std::size_t(facts.sweeps);
    sweeps.complete_last_point = set.completes_last_point;
    return regulus::load_sweeps(tables.frame(sample, root, sweeps.max_sweeps), sweeps).cloud;
}

std::string results_of(const CloudSet& set, const std::vector<std::string>& rows) {
    std::string text = set.results_head;
    for (std::size_t i = 0; i < rows.size(); ++i) text += (i == 0 ? "\n" : ",\n") + rows[i];
    return text + "\n}}\n";
}

regulus::NuScenesTables read_tables(const TableOptions& options, const std::string& asks) {
    regulus::NuScenesOptions read;
    read.annotations = true;
    if (!options.scenes.empty()) {
        const auto bytes = regulus::read_file(options.scenes, 1 << 22);
        const std::string who = asks + ": " + options.scenes;
        regulus::evaluate_detail::TextLines lines({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, who);
        std::string_view line;
        while (lines.next(line)) {
            const auto words = regulus::evaluate_detail::words_of(line);
            if (words.size() > 1) lines.fail("expected the name of one scene");
            if (!words.empty()) read.scenes.emplace_back(words[0]);
        }
        if (read.scenes.empty()) throw regulus::FileError(who + " names no scene");
    }
    return regulus::read_nuscenes_tables(options.tables, read);
}

}  // namespace tool
