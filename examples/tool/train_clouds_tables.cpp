// regulus train nuscenes|lyft: a detector of point clouds learns from the data set's tables and sweeps.
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include <regulus/train/cloud_truths.hpp>

#include "cloud_sets.hpp"
#include "eval3d.hpp"
#include "eval_run.hpp"
#include "train_clouds.hpp"

namespace tool {

namespace {

namespace train = regulus::train;

using ObjectsOfTables = std::vector<std::vector<train::CloudObject>> (*)(const regulus::NuScenesTables& tables, std::span<const std::string> class_names);

struct Options {
    TableOptions where;
    std::string val_scenes;
};

/// Throws regulus::FileError when the file of a sample cannot be read: better now than after an epoch.
void require_clouds(const regulus::NuScenesTables& tables, const TableOptions& where) {
    for (const regulus::NuScenesSample& sample : tables.samples) {
        const std::string path = where.data + "/" + tables.lidar.at(sample.key).file;
        if (::access(path.c_str(), R_OK) != 0) throw regulus::FileError("train: " + path + " cannot be read; the tables in " + where.tables + " name it");
    }
}

class TableClouds final : public TaughtClouds {
public:
    TableClouds(const CloudSet& set, ObjectsOfTables objects, const Options& options, const regulus::PointDetectorFacts& facts) : set_(set), where_(options.where), facts_(facts) {
        require_detector_of(set, facts, "train");
        tables_ = read_tables(where_, "train");
        objects_ = objects(tables_, facts.class_names);
        require_clouds(tables_, where_);
        if (!options.val_scenes.empty()) set_validation(options.val_scenes);
    }

    const std::vector<std::vector<train::CloudObject>>& objects() const override { return objects_; }
    const std::string& annotations() const override { return where_.tables; }
    regulus::PointCloud cloud(std::size_t sample) const override { return cloud_of(set_, tables_, where_.data, sample, facts_); }
    Settings settings() const override { return {{"annotations", file_identity(where_.tables + "/sample_annotation.json")}}; }
    bool judges() const override { return validation_ != nullptr; }
    std::string judged(const regulus::AnyDetector3d& detector) const override { return judged_by_eval(set_, validation_, where_.data, detector); }

private:
    /// Throws regulus::Error for what cannot be judged.
    void set_validation(const std::string& scenes) {
        const TableOptions where{where_.tables, where_.data, scenes};
        const auto tables = std::make_shared<const regulus::NuScenesTables>(read_tables(where, "train"));
        if (tables->annotations.empty()) throw regulus::ArgumentError("train: the scenes of " + scenes + " have no marked object to judge by");
        require_clouds(*tables, where);
        std::vector<std::string> rows;  // of a detector that finds nothing
        for (std::size_t sample = 0; sample < tables->samples.size(); ++sample) rows.push_back(set_.row(*tables, sample, {}));
        set_.judged(*tables, results_of(set_, rows));  // throws now, not after an epoch
        validation_ = tables;
    }

    const CloudSet& set_;
    TableOptions where_;
    regulus::PointDetectorFacts facts_;
    regulus::NuScenesTables tables_;
    std::vector<std::vector<train::CloudObject>> objects_;
    std::shared_ptr<const regulus::NuScenesTables> validation_;  // none: nothing is judged
};

void add_set(CLI::App& app, const CloudSet& clouds, ObjectsOfTables objects, TaughtSet set, Outcome& outcome) {
    const auto options = std::make_shared<Options>();
    set.name = clouds.name;
    set.files = "tables and sweeps";
    set.add_options = [options, command_name = set.command](CLI::App& command) {
        command.add_option("--tables", options->where.tables, "Folder of the data set's tables (scene.json, sample_annotation.json, ...)")->required();
        command.add_option("--scenes", options->where.scenes, "File with the names of the scenes to learn from, one a line: the split (default: all)");
        command.add_option("--val-scenes", options->val_scenes, "File with the names of the scenes to judge each time that the run is kept, as eval " + command_name + " does");
        command.add_option("--data", options->where.data, "Folder of the clouds that the tables name")->required();
    };
    set.open = [options, &clouds, objects](const regulus::PointDetectorSpec& model, int) { return std::make_unique<TableClouds>(clouds, objects, *options, model.facts); };
    add_taught_set(app, set, outcome);
}

}  // namespace

void add_train_tables(CLI::App& app, Outcome& outcome) {
    TaughtSet nuscenes, lyft;
    nuscenes.command = "nuscenes";
    nuscenes.recipe = train::nuscenes_recipe();
    nuscenes.marked = "object of the ten classes that the laser sees";
    nuscenes.example = "--model hv_pointpillars_regnet-400mf_fpn_sbn-all_4x8_2x_nus-3d --tables nuscenes/v1.0-trainval --scenes train.txt \\\n    --data nuscenes";
    add_set(app, nuscenes_set(), train::nuscenes_objects, nuscenes, outcome);
    lyft.command = "lyft";
    lyft.recipe = train::lyft_recipe();
    lyft.marked = "object of the nine classes";
    lyft.example = "--model hv_pointpillars_regnet-400mf_fpn_sbn-all_2x8_2x_lyft-3d --tables lyft/v1.01-train/v1.01-train --scenes train.txt \\\n    --data lyft";
    add_set(app, lyft_set(), train::lyft_objects, lyft, outcome);
}

}  // namespace tool
