#include "train_clouds.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/converters/convert.hpp>
#include <regulus/cpu/learning.hpp>
#include <regulus/data/cloud_augment.hpp>
#include <regulus/data/point_cloud_filter.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/train/cloud_truths.hpp>
#include <regulus/train/detector3d_teacher.hpp>
#include <regulus/train/epoch_order.hpp>
#include <regulus/train/initialise.hpp>

#include "classifiers.hpp"
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

struct Options {
    TaughtSet from;
    std::string model, weights, backbone;
    std::int64_t epochs = 0, iterations = 0, batch = 0, at_once = 0, save_every = 0;
    int objects = -1;
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
    std::unique_ptr<TaughtClouds> clouds;
    std::vector<std::size_t> samples;  // that have objects
    train::ObjectBank bank;            // that clouds can get more from
    Course course;
};

/// A sample as the network sees it once.
struct Lesson {
    regulus::PointCloud cloud;
    train::Truth3d truth;
};

/// The sample with objects of others, in a view; no truths when all its objects left the range.
Lesson lesson_of(const Plan& plan, std::size_t sample, std::uint64_t key) {
    const regulus::CloudView view = regulus::random_cloud_view(plan.recipe.augmentation, key);
    Lesson lesson{plan.clouds->cloud(sample), {}};
    std::vector<train::CloudObject> objects = plan.clouds->objects()[sample];
    train::add_objects(plan.bank, plan.recipe.objects, plan.clouds->ground(sample), regulus::random_key(key, "objects"), lesson.cloud, objects);
    for (train::CloudObject& object : objects) object.box = regulus::viewed(view, object.box);
    lesson.truth = train::truth_in_range(objects, plan.model->facts.range, plan.training.targets.code);
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
        if (!plan_.clouds->judges()) return "";
        regulus::CompileOptions compile;
        compile.threads = plan_.course.threads;
        const regulus::AnyDetector3d detector(*make_backend("cpu"), plan_.graph, teacher_.learner().weights(), plan_.model->facts, compile);
        return ", validation " + plan_.clouds->judged(detector);
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

const regulus::PointDetectorSpec& model_to_teach(const std::string& name) {
    const regulus::PointDetectorSpec& model = regulus::find_point_detector(point_models(), name);
    if (model.facts.boxes != regulus::BoxConvention::length_first) throw regulus::ArgumentError("train: boxes of " + model.name + " are those of before mmdetection3d 1.0; choose the model of version 1");
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
    if (options.weight_decay >= 0) recipe.adam.decay.amount = options.weight_decay;
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
    course.optimiser = recipe.adam;
    course.schedule = recipe.schedule(recipe.learning_rate, course.all, course.steps);
    course.momentum = recipe.momentum(course.all);
    course.settings = {{"model", plan.model->name},
                       {"samples", std::to_string(samples)},
                       {"weights", options.weights.empty() ? "random" : file_identity(options.weights)},
                       {"iterations", std::to_string(course.all)},
                       {"batch", std::to_string(recipe.batch)},
                       {"at once", std::to_string(recipe.at_once)},
                       {"learning rate", number(recipe.learning_rate)},
                       {"weight decay", number(recipe.adam.decay.amount)},
                       {"clip", number(recipe.clip)},
                       {"kept every", std::to_string(course.leg)},
                       {"seed", std::to_string(options.run.seed)}};
    if (!options.backbone.empty()) course.settings["backbone"] = file_identity(options.backbone);
    if (!recipe.objects.wanted.empty()) course.settings["objects"] = std::to_string(recipe.objects.wanted.front());
    course.settings.merge(plan.clouds->settings());
}

/// Cuts the objects of all samples out of their clouds.
void fill_bank(Plan& plan) {
    const train::ObjectSampling& sampling = plan.recipe.objects;
    if (sampling.wanted.empty()) return;
    std::vector<std::vector<train::CutObject>> cut(plan.samples.size());
    in_parallel_or_throw(cut.size(), plan.course.threads, [&](std::size_t i) { cut[i] = train::cut_objects(plan.clouds->cloud(plan.samples[i]), plan.clouds->objects()[plan.samples[i]], sampling.least_points); });
    plan.bank.resize(sampling.wanted.size());
    for (std::vector<train::CutObject>& of_sample : cut) {
        for (train::CutObject& one : of_sample) plan.bank[std::size_t(one.object.label)].push_back(std::move(one));
    }
    std::string counts;
    for (std::size_t label = 0; label < plan.bank.size(); ++label) counts += (label == 0 ? "" : ", ") + plan.model->facts.class_name(int(label)) + " " + std::to_string(plan.bank[label].size());
    talk("train: objects of " + std::to_string(sampling.least_points) + " points or more that other clouds can get: " + counts + "\n");
}

Plan make_plan(const Options& options) {
    Plan plan;
    plan.course.threads = threads_of(options.run);
    plan.recipe = options.from.recipe;
    if (options.objects >= 0) plan.recipe.objects.wanted.assign(options.objects > 0 ? plan.recipe.objects.wanted.size() : 0, options.objects);
    plan.model = &model_to_teach(options.model);
    plan.clouds = options.from.open(*plan.model, plan.course.threads);
    plan.graph = regulus::recorded(*plan.model);
    plan.training = plan.recipe.training(plan.graph);
    plan.training.targets.threads = plan.course.threads;
    if (!options.backbone.empty()) plan.start = start_with_backbone(options, plan);
    else if (options.weights.empty()) plan.start = train::initial_weights(plan.graph, "mmdetection3d", options.run.seed, plan.course.threads);
    else plan.start = regulus::to_regulus(load_point_detector(options.model, options.weights).weights, plan.graph);
    for (std::size_t sample = 0; sample < plan.clouds->objects().size(); ++sample) {
        if (!plan.clouds->objects()[sample].empty()) plan.samples.push_back(sample);
    }
    if (plan.samples.empty()) throw regulus::ArgumentError("train: " + plan.clouds->annotations() + " marks no " + options.from.marked);
    fill_bank(plan);
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

}  // namespace

void add_taught_set(CLI::App& app, const TaughtSet& set, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    options->from = set;
    const train::Detector3dRecipe& recipe = set.recipe;
    const std::string& name = set.name;
    const auto default_of = [](const std::string& value) { return " (default: " + value + ")"; };
    CLI::App* command = app.add_subcommand(set.command, "A detector of point clouds learns from " + name + (name.back() == 's' ? "'" : "'s") + " " + set.files + ", by mmdetection3d's recipe (" +
                                                            std::to_string(recipe.epochs) + " epochs, AdamW).\n"
                                                            "Clouds are turned, stretched and mirrored" + (recipe.objects.wanted.empty() ? "" : " and get objects of others") + ". After each epoch (or --save-every) and on Ctrl-C the run is kept in OUT.run:\n"
                                                            "the same command with --resume goes on to the bits that an undisturbed run gives with as many threads.\n"
                                                            "The result is read by detect3d, eval " + set.command + " and convert with the same --model.\n"
                                                            "Example:\n"
                                                            "  regulus train " + set.command + " " + set.example + " --out pillars.safetensors");
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (regulus zoo list)")->required();
    set.add_options(*command);
    CLI::Option* weights = command->add_option("--weights", options->weights, "Start from this checkpoint of the model (default: everything is random)");
    command->add_option("--backbone", options->backbone, "Only the backbone, a RegNet, starts as in this classifier's checkpoint of any layout; its stem is left out")->excludes(weights);
    CLI::Option* epochs = command->add_option("--epochs", options->epochs, "How often each sample is seen" + default_of(std::to_string(recipe.epochs)))->check(CLI::Range(1, 1000000));
    command->add_option("--iterations", options->iterations, "How many steps are taken")->check(CLI::Range(1, 1000000000))->excludes(epochs);
    command->add_option("--batch", options->batch, "Clouds of a step" + default_of(std::to_string(recipe.batch)))->check(CLI::Range(1, 1 << 16));
    command->add_option("--at-once", options->at_once, "As many of them are in memory together and have one loss; the step's is the mean" + default_of(std::to_string(recipe.at_once)))->check(CLI::Range(1, 1 << 12));
    command->add_option("--lr", options->learning_rate, "Peak of the learning rate" + default_of(number(recipe.learning_rate)))->check(CLI::PositiveNumber);
    command->add_option("--weight-decay", options->weight_decay, "Of the parameters" + default_of(number(recipe.adam.decay.amount)))->check(CLI::Range(0.0, 1.0));
    command->add_option("--clip", options->clip, "Greatest norm of all gradients; 0: any" + default_of(number(recipe.clip)))->check(CLI::Range(0.0, 1e9));
    if (!recipe.objects.wanted.empty()) {
        command->add_option("--objects", options->objects, "Clouds get objects of others until they have as many of each class; 0: none" + default_of(std::to_string(recipe.objects.wanted.front())))->check(CLI::Range(0, 1000));
    }
    command->add_option("--save-every", options->save_every, "Keep the run and tell its losses after as many steps (default: after each epoch)")->check(CLI::Range(1, 1000000000));
    add_run_options(*command, options->run);
    command->callback([options, &outcome] { train_clouds(*options, outcome); });
}

}  // namespace tool
