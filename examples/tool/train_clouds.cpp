// regulus train nuscenes|lyft: a detector of point clouds learns from the data set's tables and sweeps.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include <regulus/converters/convert.hpp>
#include <regulus/cpu/learning.hpp>
#include <regulus/data/point_cloud_filter.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/pipeline/detector3d.hpp>
#include <regulus/train/cloud_truths.hpp>
#include <regulus/train/detector3d_recipe.hpp>
#include <regulus/train/detector3d_teacher.hpp>
#include <regulus/train/epoch_order.hpp>
#include <regulus/train/initialise.hpp>

#include "classifiers.hpp"
#include "cloud_sets.hpp"
#include "eval3d.hpp"
#include "eval_run.hpp"
#include "in_parallel.hpp"
#include "models.hpp"
#include "point_models.hpp"
#include "stop_guard.hpp"
#include "terminal.hpp"
#include "train_run.hpp"

namespace tool {

namespace {

namespace train = regulus::train;

/// A data set to learn from.
struct TaughtSet {
    const char* command = "";  // regulus train ...
    const CloudSet* clouds = nullptr;
    train::Detector3dRecipe recipe;
    std::vector<std::vector<train::CloudObject>> (*objects)(const regulus::NuScenesTables& tables, std::span<const std::string> class_names) = nullptr;
    const char* marked = "";   // the objects to learn from, in words
    const char* example = "";  // arguments of its own in the help
};

struct Options {
    TaughtSet from;
    std::string model, weights, backbone;
    TableOptions where;
    std::string val_scenes;
    std::int64_t epochs = 0, iterations = 0, batch = 0, at_once = 0, save_every = 0;
    double learning_rate = 0, weight_decay = -1, clip = -1;
    RunOptions run;
};

/// What a run is, before it begins.
struct Plan {
    const regulus::PointDetectorSpec* model = nullptr;
    regulus::Graph graph;
    regulus::Weights start;
    train::Detector3dRecipe recipe;  // with the user's changes
    train::Detector3dTraining training;
    const CloudSet* clouds = nullptr;
    regulus::NuScenesTables tables;
    std::vector<std::vector<train::CloudObject>> objects;  // of each sample
    std::vector<std::size_t> samples;                      // that have some
    std::string data;
    std::shared_ptr<const regulus::NuScenesTables> validation;  // none: nothing is judged
    Course course;
};

/// A sample as the network sees it once.
struct Lesson {
    regulus::PointCloud cloud;
    train::Truth3d truth;
};

/// The sample in a view; no truths when all its objects left the range.
Lesson lesson_of(const Plan& plan, std::size_t sample, std::uint64_t key) {
    const regulus::CloudView view = regulus::random_cloud_view(plan.recipe.augmentation, key);
    Lesson lesson;
    std::vector<train::CloudObject> objects = plan.objects[sample];
    for (train::CloudObject& object : objects) object.box = regulus::viewed(view, object.box);
    lesson.truth = train::truth_in_range(objects, plan.model->facts.range, plan.training.targets.code);
    if (lesson.truth.labels.numel() == 0) return lesson;
    lesson.cloud = cloud_of(*plan.clouds, plan.tables, plan.data, sample, plan.model->facts);
    regulus::apply_view(view, lesson.cloud);
    regulus::keep_in_range(lesson.cloud, plan.model->facts.range);
    regulus::shuffle_points(lesson.cloud, regulus::random_key(key, "points"));
    return lesson;
}

/// Item `item` of the samples in this epoch; another one in place of a sample whose objects all left the range.
Lesson taught_lesson(const Plan& plan, std::uint64_t key, std::int64_t item) {
    constexpr int most_tries = 100;
    std::uint64_t own = regulus::random_key(key, std::uint64_t(item));
    for (int tries = 0; tries < most_tries; ++tries) {
        Lesson lesson = lesson_of(plan, plan.samples[std::size_t(item)], own);
        if (lesson.truth.labels.numel() > 0) return lesson;
        own = regulus::random_key(own, "another");
        item = std::int64_t(regulus::RandomStream(own).below(plan.samples.size()));
    }
    throw regulus::ArgumentError("train: the objects of the samples lie outside the range of " + plan.model->name);
}

class CloudLessons final : public Lessons {
public:
    CloudLessons(const Options& options, Plan plan)
        : options_(options), plan_(std::move(plan)), teacher_(regulus::CpuLearning{}, plan_.graph, plan_.start, plan_.training, learner_options()) {
        plan_.start = {};  // the learner has its own
    }

    train::Learner& learner() override { return teacher_.learner(); }

    train::StepLosses teach(std::int64_t epoch, std::int64_t step, std::int64_t part) override {
        if (ordered_ != epoch) order_ = train::epoch_order(std::int64_t(plan_.samples.size()), options_.run.seed, epoch);
        ordered_ = epoch;
        const std::int64_t first = (step % plan_.course.steps * plan_.course.parts + part) * plan_.recipe.at_once;
        const std::uint64_t key = regulus::random_key(regulus::random_key(options_.run.seed, "views"), std::uint64_t(epoch));
        std::vector<Lesson> lessons(std::size_t(plan_.recipe.at_once));
        in_parallel_or_throw(lessons.size(), plan_.course.threads, [&](std::size_t i) { lessons[i] = taught_lesson(plan_, key, order_[(std::size_t(first) + i) % order_.size()]); });
        train::CloudBatch batch;
        std::vector<regulus::PointCloud> clouds;
        for (Lesson& lesson : lessons) {
            clouds.push_back(std::move(lesson.cloud));
            batch.truths.push_back(std::move(lesson.truth));
        }
        std::vector<regulus::Tensor> inputs = regulus::point_inputs(clouds, 4);
        batch.points = std::move(inputs[0]);
        batch.point_count = std::move(inputs[1]);
        return teacher_.step(batch);
    }

    std::string judged() override {
        if (!plan_.validation) return "";
        regulus::CompileOptions compile;
        compile.threads = plan_.course.threads;
        const regulus::AnyDetector3d detector(*make_backend("cpu"), plan_.graph, teacher_.learner().weights(), plan_.model->facts, compile);
        return ", validation " + judged_by_eval(*plan_.clouds, plan_.validation, plan_.data, detector);
    }

    void write_result(const std::string& run) override {
        regulus::Weights result = teacher_.learner().weights();
        regulus::bind_weights(plan_.graph, result);  // every part of the detector has learnt
        write_trained(options_.run.out, std::move(result), {}, plan_.model->name, run);
    }

    const Course& course() const { return plan_.course; }

private:
    train::LearnerOptions learner_options() const {
        train::LearnerOptions learner;
        learner.threads = plan_.course.threads;
        learner.norm_momentum = plan_.recipe.norm_momentum;
        return learner;
    }

    const Options& options_;
    Plan plan_;
    train::Detector3dTeacher teacher_;
    std::vector<std::int64_t> order_;  // of the epoch
    std::int64_t ordered_ = -1;
};

const regulus::PointDetectorSpec& model_to_teach(const std::string& name, const CloudSet& clouds) {
    const regulus::PointDetectorSpec& model = regulus::find_point_detector(point_models(), name);
    if (model.facts.boxes != regulus::BoxConvention::length_first) throw regulus::ArgumentError("train: boxes of " + model.name + " are those of before mmdetection3d 1.0; choose the model of version 1");
    require_detector_of(clouds, model.facts, "train");
    return model;
}

/// A classifier's backbone, all else random: the stem is left out, and so are the layers behind it where the canvas has other channels than the stem.
/// Source: mmdetection3d's NoStemRegNet with pretrained weights, of which it takes what fits.
regulus::Weights start_with_backbone(const Options& options, const Plan& plan) {
    const std::string first = "backbone.s1.b1.";
    const std::map<std::string, regulus::Shape> shapes = parameter_shapes(plan.graph);
    if (shapes.count(first + "a.weight") == 0) throw regulus::ArgumentError("train: the backbone of " + plan.model->name + " is no RegNet, classifiers have none like it; leave out --backbone");
    const regulus::Weights read = load_backbone(options.backbone);
    regulus::Weights given;
    given.source = read.source;
    std::vector<std::string> anew = missing_parts(plan.graph, read);
    std::string other_channels;
    for (const regulus::Weights::Entry& entry : read.entries()) {
        if (entry.name.rfind("backbone.stem.", 0) == 0) continue;
        given.add(entry.name, entry.tensor);
        const auto own = shapes.find(entry.name);
        if (own != shapes.end() && own->second == entry.tensor.shape()) continue;
        if (entry.name != first + "a.weight" && entry.name != first + "proj.weight") {
            throw regulus::ArgumentError("train: " + options.backbone + " has another backbone than " + plan.model->name + " (" + plan.model->architecture + "): " + entry.name + " is " +
                                         to_string(entry.tensor.shape()) + " there, " + (own == shapes.end() ? "not" : to_string(own->second)) + " here");
        }
        anew.push_back(entry.name);
        other_channels += (other_channels.empty() ? "" : ", ") + entry.name;
    }
    regulus::Weights start = train::initial_weights(plan.graph, "mmdetection3d", options.run.seed, given, anew, plan.course.threads);
    talk("train: the backbone begins as " + options.backbone + " has it, all else at random" + (other_channels.empty() ? "" : ", and so do " + other_channels + ": the canvas has other channels than the stem") + "\n");
    return start;
}

/// How many clouds a step has, how many steps there are, and how fast they go.
void set_course(const Options& options, Plan& plan) {
    train::Detector3dRecipe& recipe = plan.recipe;
    Course& course = plan.course;
    if (options.weight_decay >= 0) recipe.weight_decay = options.weight_decay;
    if (options.clip >= 0) recipe.clip = options.clip;
    const std::size_t samples = plan.samples.size();
    choose_batch(options.batch, options.at_once, samples, count_of(samples, "sample") + " with objects", recipe.batch, recipe.at_once);
    course.parts = recipe.batch / recipe.at_once;
    course.steps = std::int64_t(samples) / recipe.batch;
    course.by_epochs = options.iterations == 0;
    course.all = options.iterations > 0 ? options.iterations : course.steps * (options.epochs > 0 ? options.epochs : recipe.epochs);
    course.leg = options.save_every > 0 ? options.save_every : course.steps;
    course.clip = recipe.clip;
    course.seed = options.run.seed;
    if (options.learning_rate > 0) recipe.learning_rate = options.learning_rate;
    course.optimiser = recipe.optimiser();
    course.schedule = recipe.schedule(recipe.learning_rate, course.all, course.steps);
    course.settings = {{"model", plan.model->name},
                       {"annotations", file_identity(options.where.tables + "/sample_annotation.json")},
                       {"samples", std::to_string(samples)},
                       {"weights", options.weights.empty() ? "random" : file_identity(options.weights)},
                       {"iterations", std::to_string(course.all)},
                       {"batch", std::to_string(recipe.batch)},
                       {"at once", std::to_string(recipe.at_once)},
                       {"learning rate", number(recipe.learning_rate)},
                       {"weight decay", number(recipe.weight_decay)},
                       {"clip", number(recipe.clip)},
                       {"kept every", std::to_string(course.leg)},
                       {"seed", std::to_string(options.run.seed)}};
    if (!options.backbone.empty()) course.settings["backbone"] = file_identity(options.backbone);
}

/// Throws regulus::FileError when the file of a sample cannot be read: better now than after an epoch.
void require_clouds(const regulus::NuScenesTables& tables, const TableOptions& where) {
    for (const regulus::NuScenesSample& sample : tables.samples) {
        const std::string path = where.data + "/" + tables.lidar.at(sample.key).file;
        if (::access(path.c_str(), R_OK) != 0) throw regulus::FileError("train: " + path + " cannot be read; the tables in " + where.tables + " name it");
    }
}

/// The samples to judge. Throws regulus::Error for what cannot be judged.
void set_validation(const Options& options, Plan& plan) {
    if (options.val_scenes.empty()) return;
    const TableOptions where{options.where.tables, options.where.data, options.val_scenes};
    const auto tables = std::make_shared<const regulus::NuScenesTables>(read_tables(where, "train"));
    if (tables->annotations.empty()) throw regulus::ArgumentError("train: the scenes of " + options.val_scenes + " have no marked object to judge by");
    require_clouds(*tables, where);
    std::vector<std::string> rows;  // of a detector that finds nothing
    for (std::size_t sample = 0; sample < tables->samples.size(); ++sample) rows.push_back(plan.clouds->row(*tables, sample, {}));
    plan.clouds->judged(*tables, results_of(*plan.clouds, rows));  // throws now, not after an epoch
    plan.validation = tables;
}

Plan make_plan(const Options& options) {
    Plan plan;
    plan.course.threads = threads_of(options.run);
    plan.clouds = options.from.clouds;
    plan.recipe = options.from.recipe;
    plan.model = &model_to_teach(options.model, *plan.clouds);
    plan.graph = regulus::recorded(*plan.model);
    plan.training = train::detector3d_training(plan.graph);
    plan.training.max_pillars = plan.recipe.max_pillars;
    plan.training.targets.threads = plan.course.threads;
    if (!options.backbone.empty()) plan.start = start_with_backbone(options, plan);
    else if (options.weights.empty()) plan.start = train::initial_weights(plan.graph, "mmdetection3d", options.run.seed, plan.course.threads);
    else plan.start = regulus::to_regulus(load_point_detector(options.model, options.weights).weights, plan.graph);
    plan.data = options.where.data;
    plan.tables = read_tables(options.where, "train");
    plan.objects = options.from.objects(plan.tables, plan.model->facts.class_names);
    for (std::size_t sample = 0; sample < plan.objects.size(); ++sample) {
        if (!plan.objects[sample].empty()) plan.samples.push_back(sample);
    }
    if (plan.samples.empty()) throw regulus::ArgumentError("train: " + options.where.tables + " marks no " + options.from.marked);
    require_clouds(plan.tables, options.where);
    set_validation(options, plan);
    set_course(options, plan);
    return plan;
}

void train_clouds(const Options& options, Outcome& outcome) {
    const StopGuard guard;
    const std::string path = run_file(options.run.out, options.run.resume);
    Plan plan = make_plan(options);
    talk("train: " + plan.model->name + ", " + count_of(plan.samples.size(), "sample") + " with objects: " + count_of(std::size_t(plan.course.all), "step") + ", " +
         count_of(std::size_t(plan.course.steps), "step") + " an epoch, " + count_of(std::size_t(plan.recipe.batch), "cloud") + " a step, " + std::to_string(plan.recipe.at_once) +
         " at once, learning rate " + number(plan.recipe.learning_rate) + "\n");
    CloudLessons lessons(options, std::move(plan));
    train_to_end(lessons, lessons.course(), options.run, path, outcome);
}

void add_set(CLI::App& app, const TaughtSet& from, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    options->from = from;
    const train::Detector3dRecipe& recipe = from.recipe;
    const std::string name = from.clouds->name, command_name = from.command;
    const auto default_of = [](const std::string& value) { return " (default: " + value + ")"; };
    CLI::App* command = app.add_subcommand(command_name, "A detector of point clouds learns from " + name + (name.back() == 's' ? "'" : "'s") + " tables and sweeps, by mmdetection3d's recipe (" +
                                                             std::to_string(recipe.epochs) + " epochs, AdamW).\n"
                                                             "Clouds are turned, stretched and mirrored. After each epoch (or --save-every) and on Ctrl-C the run is kept in OUT.run:\n"
                                                             "the same command with --resume goes on to the bits that an undisturbed run gives with as many threads.\n"
                                                             "The result is read by detect3d, eval " + command_name + " and convert with the same --model.\n"
                                                             "Example:\n"
                                                             "  regulus train " + command_name + " " + from.example + " --out pillars.safetensors");
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (regulus zoo list)")->required();
    command->add_option("--tables", options->where.tables, "Folder of the data set's tables (scene.json, sample_annotation.json, ...)")->required();
    command->add_option("--scenes", options->where.scenes, "File with the names of the scenes to learn from, one a line: the split (default: all)");
    command->add_option("--val-scenes", options->val_scenes, "File with the names of the scenes to judge each time that the run is kept, as eval " + command_name + " does");
    command->add_option("--data", options->where.data, "Folder of the clouds that the tables name")->required();
    CLI::Option* weights = command->add_option("--weights", options->weights, "Start from this checkpoint of the model (default: everything is random)");
    command->add_option("--backbone", options->backbone, "Only the backbone, a RegNet, starts as in this classifier's checkpoint of any layout; its stem is left out")->excludes(weights);
    CLI::Option* epochs = command->add_option("--epochs", options->epochs, "How often each sample is seen" + default_of(std::to_string(recipe.epochs)))->check(CLI::Range(1, 1000000));
    command->add_option("--iterations", options->iterations, "How many steps are taken")->check(CLI::Range(1, 1000000000))->excludes(epochs);
    command->add_option("--batch", options->batch, "Clouds of a step" + default_of(std::to_string(recipe.batch)))->check(CLI::Range(1, 1 << 16));
    command->add_option("--at-once", options->at_once, "As many of them are in memory together and have one loss; the step's is the mean" + default_of(std::to_string(recipe.at_once)))->check(CLI::Range(1, 1 << 12));
    command->add_option("--lr", options->learning_rate, "Peak of the learning rate" + default_of(number(recipe.learning_rate)))->check(CLI::PositiveNumber);
    command->add_option("--weight-decay", options->weight_decay, "Of the parameters" + default_of(number(recipe.weight_decay)))->check(CLI::Range(0.0, 1.0));
    command->add_option("--clip", options->clip, "Greatest norm of all gradients; 0: any" + default_of(number(recipe.clip)))->check(CLI::Range(0.0, 1e9));
    command->add_option("--save-every", options->save_every, "Keep the run and tell its losses after as many steps (default: after each epoch)")->check(CLI::Range(1, 1000000000));
    add_run_options(*command, options->run);
    command->callback([options, &outcome] { train_clouds(*options, outcome); });
}

}  // namespace

void add_train_clouds(CLI::App& app, Outcome& outcome) {
    add_set(app, {"nuscenes", &nuscenes_set(), train::nuscenes_recipe(), train::nuscenes_objects, "object of the ten classes that the laser sees",
                  "--model hv_pointpillars_regnet-400mf_fpn_sbn-all_4x8_2x_nus-3d --tables nuscenes/v1.0-trainval --scenes train.txt \\\n    --data nuscenes"}, outcome);
    add_set(app, {"lyft", &lyft_set(), train::lyft_recipe(), train::lyft_objects, "object of the nine classes",
                  "--model hv_pointpillars_regnet-400mf_fpn_sbn-all_2x8_2x_lyft-3d --tables lyft/v1.01-train/v1.01-train --scenes train.txt \\\n    --data lyft"}, outcome);
}

}  // namespace tool
