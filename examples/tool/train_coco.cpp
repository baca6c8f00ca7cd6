// regulus train coco: a detector learns from pictures with annotated boxes and masks.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <regulus/converters/convert.hpp>
#include <regulus/cpu/learning.hpp>
#include <regulus/data/flip.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/pipeline/any_detector.hpp>
#include <regulus/train/detect_order.hpp>
#include <regulus/train/detector_teacher.hpp>
#include <regulus/train/initialise.hpp>
#include <regulus/train/snapshot.hpp>
#include <regulus/weights/write_safetensors.hpp>

#include "classifiers.hpp"
#include "detector_recipe.hpp"
#include "eval_detector.hpp"
#include "in_parallel.hpp"
#include "models.hpp"
#include "terminal.hpp"
#include "train.hpp"

namespace tool {

namespace {

namespace train = regulus::train;

struct Options {
    std::string model, weights, out, rule, norms, optimiser = "sgd";
    std::string images, annotations, val_images, val_annotations;
    std::vector<std::string> frozen;
    std::int64_t epochs = 0, iterations = 0, batch = 0, at_once = 0, save_every = 0;
    double learning_rate = 0, weight_decay = -1, clip = -1;
    std::uint64_t seed = 0;
    int threads = 0;
    bool resume = false;
};

/// Annotated pictures in a folder.
struct Pictures {
    std::string folder;
    std::vector<std::int64_t> category_ids;  // of each of the model's classes; below zero: the annotations have none
};

/// What a run is, before it begins.
struct Plan {
    const regulus::ModelSpec* model = nullptr;
    regulus::Graph graph;
    regulus::Weights start;
    regulus::ModelFacts facts;  // of the result
    DetectorRecipe recipe;      // with the user's changes
    train::OptimiserSettings optimiser;
    train::Schedule schedule;
    train::DetectorTraining training;
    std::vector<std::string> frozen;
    std::unique_ptr<train::CocoTruths> truths;
    Pictures pictures, validation;
    regulus::CocoDataset validation_set;
    std::vector<regulus::PictureSize> sizes;  // of truths->pictures()
    Settings settings;
    double peak = 0;
    std::int64_t groups = 0, steps = 0, all = 0;  // of an epoch, twice; of the training
    std::int64_t leg = 0;                         // steps after which the run is kept
    int threads = 1;
    bool by_epochs = true, has_boxes = false, has_masks = false;
};

bool has_label(const regulus::Graph& graph, const char* label) { return graph.find_label(label) != regulus::no_value; }

/// The annotations' categories of the model's classes by name. Empty when a category is none of the model's.
std::vector<std::int64_t> ids_by_name(const regulus::ModelFacts& facts, const std::vector<regulus::CocoCategory>& categories) {
    std::map<std::string, std::int64_t> ids;
    for (const regulus::CocoCategory& category : categories) {
        if (!ids.emplace(category.name, category.id).second) throw regulus::ArgumentError("train: the annotations have two categories \"" + category.name + "\", so classes cannot be told by name");
    }
    std::vector<std::int64_t> result;
    for (const std::string& name : facts.class_names) {
        const auto found = ids.find(name);
        result.push_back(found == ids.end() ? std::numeric_limits<std::int64_t>::min() + std::int64_t(result.size()) : found->second);
        if (found != ids.end()) ids.erase(found);
    }
    return ids.empty() ? result : std::vector<std::int64_t>{};
}

/// Which category each class is; whether the classes are others than those of the weights.
bool choose_classes(const regulus::CocoDataset& dataset, Plan& plan) {
    std::vector<regulus::CocoCategory> categories = dataset.categories;
    std::sort(categories.begin(), categories.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    if (!plan.has_boxes) {  // regions have no class
        for (const regulus::CocoCategory& category : categories) plan.pictures.category_ids.push_back(category.id);
        return false;
    }
    plan.pictures.category_ids = ids_by_name(plan.facts, categories);
    if (!plan.pictures.category_ids.empty()) return false;
    if (categories.size() != plan.facts.class_names.size()) {
        throw regulus::ArgumentError("train: the annotations have " + std::to_string(categories.size()) + " categories that are not all among the " + std::to_string(plan.facts.class_names.size()) + " classes of " +
                                     plan.model->name + "; its head has as many classes as its type says: categories must have the model's names, or be as many with names of their own");
    }
    plan.facts.class_names.clear();
    plan.facts.category_ids.clear();
    for (const regulus::CocoCategory& category : categories) {
        plan.facts.class_names.push_back(category.name);
        plan.facts.category_ids.push_back(category.id);
    }
    plan.pictures.category_ids = plan.facts.category_ids;
    return true;
}

/// The weights under our names: a detector's, or a classifier's for the backbone alone.
regulus::Weights read_start(const Options& options, const Plan& plan) {
    const auto has_backbone = [](const regulus::Weights& weights) {
        return std::any_of(weights.entries().begin(), weights.entries().end(), [](const regulus::Weights::Entry& entry) { return entry.name.rfind("backbone.", 0) == 0; });
    };
    regulus::Weights read = load_weights(*plan.model, options.weights);
    regulus::Weights ours = regulus::to_regulus(read, plan.graph);
    if (!has_backbone(ours)) {
        const LoadedClassifier classifier = load_classifier("", options.weights, true);
        ours = regulus::to_regulus(classifier.weights, classifier.graph);
    }
    regulus::Weights result;
    for (const regulus::Weights::Entry& entry : ours.entries()) {
        if (entry.name.rfind("classifier.", 0) != 0) result.add(entry.name, entry.tensor);
    }
    result.metadata = read.metadata;
    result.source = read.source;
    return result;
}

/// Parts of the network of which the weights have nothing begin anew: a classifier has none but the backbone.
std::vector<std::string> missing_parts(const regulus::Graph& graph, const regulus::Weights& weights) {
    std::set<std::string> parts, known;
    const auto part_of = [](const std::string& name) { return name.substr(0, name.find('.') + 1); };
    for (const regulus::Weights::Entry& entry : weights.entries()) known.insert(part_of(entry.name));
    for (const regulus::Node& node : graph.nodes) {
        for (const regulus::Parameter& parameter : node.parameters) parts.insert(part_of(parameter.name));
    }
    std::vector<std::string> missing;
    std::set_difference(parts.begin(), parts.end(), known.begin(), known.end(), std::back_inserter(missing));
    return missing;
}

/// Random parameters, or the user's; what they lack, and a head of other classes, begins anew.
void set_start(const Options& options, const regulus::CocoDataset& dataset, Plan& plan) {
    if (options.weights.empty()) {
        choose_classes(dataset, plan);
        plan.start = train::initial_weights(plan.graph, plan.model->code_base, options.seed, plan.threads);
        return;
    }
    const regulus::Weights given = read_start(options, plan);
    std::vector<std::string> anew = missing_parts(plan.graph, given);
    if (std::find(anew.begin(), anew.end(), "backbone.") != anew.end()) throw regulus::ArgumentError("train: " + options.weights + " has no backbone of " + plan.model->name);
    if (!anew.empty()) {
        std::string names;
        for (const std::string& part : anew) names += (names.empty() ? "" : ", ") + part.substr(0, part.size() - 1);
        talk("train: " + names + " of " + plan.model->name + " begin anew, " + options.weights + " has none\n");
    } else {
        plan.facts = regulus::facts_from_metadata(given.metadata, plan.facts, options.weights);
    }
    if (choose_classes(dataset, plan)) {
        talk("train: the last layers of the heads begin anew, for the annotations' classes\n");
        for (const char* layer : {"box_head.logits.", "box_head.deltas.", "mask_head.logits.", "head.logits."}) anew.emplace_back(layer);
    }
    plan.start = train::initial_weights(plan.graph, plan.model->code_base, options.seed, given, anew, plan.threads);
}

void set_optimiser(const Options& options, Plan& plan) {
    DetectorRecipe& recipe = plan.recipe;
    const bool is_adam = options.optimiser == "adamw";
    if (is_adam) recipe.learning_rate = 1e-4, recipe.weight_decay = 0.05;
    if (options.weight_decay >= 0) recipe.weight_decay = options.weight_decay;
    if (options.clip >= 0) recipe.clip = options.clip;
    if (is_adam) plan.optimiser = train::AdamW{0.9, 0.999, 1e-8, {recipe.weight_decay, false, false}};
    else plan.optimiser = train::Sgd{recipe.momentum, false, {recipe.weight_decay, recipe.norms_decay}};
}

/// How many pictures a step has, how many steps there are, and how fast they go.
void set_course(const Options& options, Plan& plan) {
    DetectorRecipe& recipe = plan.recipe;
    const std::size_t pictures = plan.sizes.size();
    if (options.batch > 0) recipe.batch = options.batch;
    if (std::size_t(recipe.batch) > pictures) throw regulus::ArgumentError("train: a batch of " + std::to_string(recipe.batch) + " is more than all " + count_of(pictures, "picture") + "; choose another with --batch");
    recipe.at_once = options.at_once > 0 ? options.at_once : std::min(recipe.batch, recipe.at_once);
    while (options.at_once == 0 && recipe.batch % recipe.at_once != 0) --recipe.at_once;
    if (recipe.batch % recipe.at_once != 0) throw regulus::ArgumentError("train: --at-once " + std::to_string(recipe.at_once) + " does not divide the batch of " + std::to_string(recipe.batch));
    const std::int64_t wide = std::count_if(plan.sizes.begin(), plan.sizes.end(), [](const regulus::PictureSize& size) { return size.width > size.height; });
    const auto groups_of = [&](std::int64_t count) { return (count + recipe.at_once - 1) / recipe.at_once; };
    plan.groups = groups_of(wide) + groups_of(std::int64_t(pictures) - wide);
    plan.steps = plan.groups / (recipe.batch / recipe.at_once);
    plan.by_epochs = options.epochs > 0 || (options.iterations == 0 && recipe.epochs > 0);
    if (plan.by_epochs) plan.all = plan.steps * (options.epochs > 0 ? options.epochs : recipe.epochs);
    else plan.all = options.iterations > 0 ? options.iterations : std::max<std::int64_t>(1, recipe.iterations * 16 / recipe.batch);
    plan.leg = options.save_every > 0 ? options.save_every : plan.steps;
    plan.peak = options.learning_rate > 0 ? options.learning_rate : recipe.learning_rate * double(recipe.batch) / 16;
    plan.schedule = detector_schedule(recipe, plan.peak, plan.all, plan.steps, plan.by_epochs);
}

void require_pictures(const std::string& folder, const regulus::CocoDataset& dataset, const std::vector<std::size_t>& places, const std::string& annotations) {
    if (places.empty()) throw regulus::ArgumentError("train: " + annotations + " has no picture with an annotation to learn from");
    for (const std::size_t place : places) {
        const regulus::CocoImage& image = dataset.images[place];
        if (image.file_name.empty()) throw regulus::ArgumentError("train: " + annotations + ": picture " + std::to_string(image.id) + " has no file_name");
        const std::string path = folder + "/" + image.file_name;
        if (::access(path.c_str(), R_OK) != 0) throw regulus::FileError("train: " + path + " cannot be read; " + annotations + " names it");
    }
}

/// A run's settings, so that it goes on as it began.
void set_settings(const Options& options, Plan& plan) {
    const DetectorRecipe& recipe = plan.recipe;
    plan.settings = {{"model", plan.model->name},
                     {"annotations", file_identity(options.annotations)},
                     {"weights", options.weights.empty() ? "random" : file_identity(options.weights)},
                     {"rule", recipe.rule},
                     {"optimiser", options.optimiser},
                     {"iterations", std::to_string(plan.all)},
                     {"batch", std::to_string(recipe.batch)},
                     {"at once", std::to_string(recipe.at_once)},
                     {"learning rate", number(plan.peak)},
                     {"weight decay", number(recipe.weight_decay)},
                     {"clip", number(recipe.clip)},
                     {"norms", recipe.norms},
                     {"kept every", std::to_string(plan.leg)},
                     {"seed", std::to_string(options.seed)}};
    for (const std::string& frozen : plan.frozen) plan.settings["frozen"] += (plan.settings["frozen"].empty() ? "" : " ") + frozen;
}

Plan make_plan(const Options& options) {
    Plan plan;
    plan.threads = options.threads > 0 ? options.threads : std::max(1, int(std::thread::hardware_concurrency()));
    plan.model = options.model.empty() ? load("", options.weights).model : &model_named(options.model);
    plan.graph = regulus::recorded(*plan.model);
    plan.facts = plan.model->facts;
    const bool is_dense = has_label(plan.graph, "cls_logits.0");
    plan.has_boxes = is_dense || has_label(plan.graph, "class_logits");
    plan.has_masks = has_label(plan.graph, "mask_logits");
    const std::string rule = options.rule.empty() ? plan.model->code_base : options.rule;
    plan.training = train::detector_training(plan.graph, rule);
    plan.training.dense.threads = plan.threads;
    regulus::CocoDataset dataset = regulus::read_coco_annotations(options.annotations);
    set_start(options, dataset, plan);
    plan.recipe = detector_recipe(rule, plan.model->name, plan.model->architecture, is_dense, plan.facts.preprocessing);
    if (options.weights.empty()) plan.recipe.norms = "batch";
    if (!options.norms.empty()) plan.recipe.norms = options.norms;
    plan.frozen = options.frozen;
    if (plan.frozen.empty() && !options.weights.empty()) plan.frozen = {"backbone.stem.", "backbone.s1."};
    if (plan.frozen == std::vector<std::string>{"none"}) plan.frozen.clear();
    set_optimiser(options, plan);

    plan.pictures.folder = options.images;
    plan.truths = std::make_unique<train::CocoTruths>(std::move(dataset), plan.pictures.category_ids, plan.recipe.truths);
    require_pictures(options.images, plan.truths->dataset(), plan.truths->pictures(), options.annotations);
    for (const std::size_t place : plan.truths->pictures()) plan.sizes.push_back({plan.truths->dataset().images[place].height, plan.truths->dataset().images[place].width});
    set_course(options, plan);
    if (!options.val_images.empty()) {
        if (!plan.has_boxes) throw regulus::ArgumentError("train: " + plan.model->name + " proposes regions without classes; judge the result with `regulus eval proposals`, without --val-images");
        plan.validation_set = regulus::read_coco_annotations(options.val_annotations);
        plan.validation = {options.val_images, ids_by_name(plan.facts, plan.validation_set.categories)};
        if (plan.validation.category_ids.empty()) throw regulus::ArgumentError("train: the categories of " + options.val_annotations + " are not all among the classes that are learnt");
        std::vector<std::size_t> places(plan.validation_set.images.size());
        for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
        require_pictures(options.val_images, plan.validation_set, places, options.val_annotations);
    }
    set_settings(options, plan);
    return plan;
}

/// A picture's part of a batch.
struct Prepared {
    regulus::PreparedBatch picture;
    train::PictureTruth truth;
};

/// The resized picture as in a mirror; what is padded stays.
void mirror(regulus::PreparedBatch& batch) {
    const std::int64_t rows = batch.input.shape()[1] * batch.input.shape()[2], width = batch.input.shape()[3];
    for (std::int64_t row = 0; row < rows; ++row) {
        float* const values = batch.input.data<float>() + row * width;
        std::reverse(values, values + batch.resized_sizes[0].width);
    }
}

/// Picture `item` of the data set's pictures, as the network sees it in this epoch.
Prepared prepare(const Plan& plan, std::uint64_t key, std::int64_t item) {
    const std::size_t place = plan.truths->pictures()[std::size_t(item)];
    const regulus::CocoImage& annotated = plan.truths->dataset().images[place];
    const std::string path = plan.pictures.folder + "/" + annotated.file_name;
    regulus::Image image = regulus::read_image(path);
    if (image.height != annotated.height || image.width != annotated.width) {
        throw regulus::FileError("train: " + path + " has " + std::to_string(image.height) + " x " + std::to_string(image.width) + " pixels, the annotations say " + std::to_string(annotated.height) + " x " +
                                 std::to_string(annotated.width));
    }
    const regulus::DetectView view = regulus::random_view(plan.recipe.augmentation, regulus::random_key(key, std::uint64_t(item)));
    const bool flips_first = plan.recipe.truths == train::TruthRule::torchvision;
    if (view.is_flipped && flips_first) image = regulus::flipped(image);
    Prepared prepared;
    prepared.picture = regulus::preprocess(image, regulus::with_size(plan.facts.preprocessing, view.size));
    if (view.is_flipped && !flips_first) mirror(prepared.picture);
    prepared.truth = plan.truths->truth(place, prepared.picture.resized_sizes[0], view.is_flipped, plan.has_masks);
    return prepared;
}

/// The training pictures `items` of an epoch, padded to the largest.
train::TrainingBatch load_batch(const Plan& plan, std::uint64_t seed, std::int64_t epoch, const std::vector<std::int64_t>& items) {
    const std::uint64_t key = regulus::random_key(regulus::random_key(seed, "views"), std::uint64_t(epoch));
    std::vector<Prepared> all(items.size());
    in_parallel_or_throw(items.size(), plan.threads, [&](std::size_t i) { all[i] = prepare(plan, key, items[i]); });
    std::int64_t height = 0, width = 0;
    for (const Prepared& one : all) {
        height = std::max(height, one.picture.input.shape()[2]);
        width = std::max(width, one.picture.input.shape()[3]);
    }
    train::TrainingBatch batch;
    batch.input = regulus::Tensor({std::int64_t(items.size()), 3, height, width}, regulus::DType::f32);
    batch.image_info = regulus::Tensor(regulus::Shape{std::int64_t(items.size()), 4}, regulus::DType::f32);
    std::fill_n(batch.input.data<float>(), batch.input.numel(), 0.f);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const regulus::Tensor& input = all[i].picture.input;
        const std::int64_t rows = input.shape()[2], columns = input.shape()[3];
        for (std::int64_t row = 0; row < 3 * rows; ++row) {
            std::copy_n(input.data<float>() + row * columns, columns, batch.input.data<float>() + ((std::int64_t(i) * 3 + row / rows) * height + row % rows) * width);
        }
        std::copy_n(all[i].picture.image_info.data<float>(), 4, batch.image_info.data<float>() + 4 * i);
        batch.truths.push_back(std::move(all[i].truth));
    }
    return batch;
}

/// ", validation box AP 49.49, mask AP 38.28", as eval coco judges.
std::string judged(const Plan& plan, const regulus::Weights& weights) {
    regulus::CompileOptions compile;
    compile.threads = plan.threads;
    const regulus::AnyDetector detector(*make_backend("cpu"), plan.graph, weights, plan.facts, compile);
    std::vector<regulus::CocoResult> results;
    for (const regulus::CocoImage& image : plan.validation_set.images) {
        regulus::DetectionList kept = detector(regulus::read_image(plan.validation.folder + "/" + image.file_name));
        std::erase_if(kept.items, [&](const regulus::Detection& detection) { return plan.validation.category_ids[std::size_t(detection.label)] < 0; });
        for (regulus::Detection& detection : kept.items) detection.category_id = plan.validation.category_ids[std::size_t(detection.label)];
        for (regulus::CocoResult& result : regulus::coco_results(kept, image.id)) results.push_back(std::move(result));
    }
    const std::vector<regulus::CocoDetection> detections = regulus::coco_detections(results);
    regulus::CocoSettings settings;
    settings.threads = plan.threads;
    std::string text = ", validation";
    for (const regulus::CocoKind kind : kinds_to_judge(plan.validation_set, detections)) {
        char number[48];
        std::snprintf(number, sizeof number, " AP %.2f", 100 * regulus::evaluate_coco(plan.validation_set, detections, kind, settings).number("AP"));
        text += (text.back() == 'n' ? " " : ", ") + std::string(kind == regulus::CocoKind::boxes ? "box" : "mask") + number;
    }
    return text;
}

/// A training from its first step, or the one where it stopped, to the last.
class Run {
public:
    Run(const Options& options, Plan plan, std::string path)
        : options_(options),
          plan_(std::move(plan)),
          path_(std::move(path)),
          teacher_(regulus::CpuLearning{}, plan_.graph, plan_.start, plan_.training, learner_options()),
          optimiser_(plan_.optimiser, plan_.threads) {
        plan_.start = {};  // the learner has its own
    }

    void resume() {
        const train::Snapshot snapshot = train::read_snapshot(path_);
        Settings kept = snapshot.notes;
        for (auto note = kept.begin(); note != kept.end();) {
            if (note->first.rfind("loss ", 0) == 0) sums_[note->first.substr(5)] = std::strtod(note->second.c_str(), nullptr);
            else if (note->first == "moving average") teacher_.set_moving_average(std::strtod(note->second.c_str(), nullptr));
            else {
                ++note;
                continue;
            }
            note = kept.erase(note);
        }
        require_same_settings(path_, kept, plan_.settings);
        train::restore(snapshot, teacher_.learner().parameters(), optimiser_);
        step_ = snapshot.iteration;
        talk("train: goes on after " + count_of(std::size_t(step_ / plan_.steps), "epoch") + " and " + count_of(std::size_t(step_ % plan_.steps), "step") + "\n");
    }

    /// False when the user stops it; the run's file is written then.
    bool finish() {
        const std::int64_t first = step_;
        Progress progress{std::size_t(plan_.all - first)};
        std::vector<std::vector<std::int64_t>> groups;
        std::int64_t ordered = -1;
        while (step_ < plan_.all) {
            const std::int64_t epoch = step_ / plan_.steps;
            if (StopGuard::asked()) {
                save();
                return false;
            }
            if (ordered != epoch) {
                const std::vector<std::int64_t> order = train::epoch_order(std::int64_t(plan_.sizes.size()), options_.seed, epoch);
                groups = train::batches_of_alike<regulus::PictureSize>(order, plan_.sizes, plan_.recipe.at_once);
                ordered = epoch;
            }
            const double loss = take_step(epoch, groups);
            char text[80];
            std::snprintf(text, sizeof text, "step %lld/%lld, loss %.4f", static_cast<long long>(step_), static_cast<long long>(plan_.all), loss);
            progress.show(std::size_t(step_ - first), text);
            if (step_ % plan_.leg != 0 && step_ != plan_.all) continue;
            progress.clear();
            end_leg();
        }
        return true;
    }

    void write_result() {
        regulus::Weights result = teacher_.learner().weights();
        regulus::bind_weights(plan_.graph, result);  // every part of the detector has learnt or was kept
        result.metadata = regulus::facts_to_metadata(plan_.facts);
        result.metadata["regulus.model"] = plan_.model->name;
        regulus::write_safetensors(options_.out, result);
        ::unlink(path_.c_str());
    }

    const std::string& path() const { return path_; }

private:
    train::LearnerOptions learner_options() const {
        train::LearnerOptions learner;
        learner.threads = plan_.threads;
        learner.frozen = plan_.frozen;
        if (plan_.recipe.norms == "stored") learner.stored_norms = {"backbone."};
        if (plan_.recipe.norms == "fixed") learner.fixed_norms = {"backbone."};
        return learner;
    }

    /// One batch, a part of it at once; gives its loss, the mean of its parts'.
    double take_step(std::int64_t epoch, const std::vector<std::vector<std::int64_t>>& groups) {
        const std::int64_t parts = plan_.recipe.batch / plan_.recipe.at_once, first = step_ % plan_.steps * parts;
        const std::uint64_t key = regulus::random_key(regulus::random_key(options_.seed, "samples"), std::uint64_t(step_));
        train::Learner& learner = teacher_.learner();
        std::map<std::string, double> sums;
        learner.clear_gradients();
        for (std::int64_t part = 0; part < parts; ++part) {
            const train::StepLosses losses = teacher_.step(load_batch(plan_, options_.seed, epoch, groups[std::size_t(first + part)]), regulus::random_key(key, std::uint64_t(part)));
            for (const auto& [name, value] : losses.parts) sums[name] += value / double(parts);
        }
        double loss = 0;
        for (const auto& [name, value] : sums) loss += value;
        if (!std::isfinite(loss)) {
            throw regulus::ArgumentError("train: the loss of step " + std::to_string(step_ + 1) + " is " + std::to_string(loss) + "; the training diverges, try a smaller --lr or --clip 35");
        }
        if (parts > 1) {
            for (train::LearnedParameter& parameter : learner.parameters()) {
                float* const values = parameter.gradient.numel() == 0 ? nullptr : parameter.gradient.data<float>();
                for (std::int64_t i = 0; values != nullptr && i < parameter.gradient.numel(); ++i) values[i] /= float(parts);
            }
        }
        if (plan_.recipe.clip > 0) train::clip_gradients(learner.parameters(), plan_.recipe.clip, plan_.threads);
        rate_ = train::learning_rate(plan_.schedule, epoch, step_);
        optimiser_.step(learner.parameters(), rate_);
        ++step_;
        for (const auto& [name, value] : sums) sums_[name] += value;
        return loss;
    }

    void end_leg() {
        const std::int64_t taken = step_ % plan_.leg == 0 ? plan_.leg : step_ % plan_.leg;
        double loss = 0;
        std::string parts;
        for (const auto& [name, sum] : sums_) {
            char text[64];
            std::snprintf(text, sizeof text, "%s %.6f", name.c_str(), sum / double(taken));
            parts += (parts.empty() ? "" : ", ") + std::string(text);
            loss += sum / double(taken);
        }
        char text[160];
        const bool whole = plan_.by_epochs && step_ % plan_.steps == 0;
        std::snprintf(text, sizeof text, "%s %lld of %lld: loss %.6f", whole ? "epoch" : "step", static_cast<long long>(whole ? step_ / plan_.steps : step_),
                      static_cast<long long>(whole ? plan_.all / plan_.steps : plan_.all), loss);
        std::string line = text + (" (" + parts + ")");
        std::snprintf(text, sizeof text, ", learning rate %.6g", rate_);
        line += text;
        sums_.clear();
        save();
        if (!plan_.validation.folder.empty()) line += judged(plan_, teacher_.learner().weights());
        print(line + "\n");
    }

    void save() {
        train::Snapshot snapshot = train::snapshot_of(teacher_.learner().parameters(), optimiser_, step_ / plan_.steps, step_, options_.seed);
        snapshot.notes = plan_.settings;
        const auto note = [&](const std::string& name, double value) {
            char text[40];
            std::snprintf(text, sizeof text, "%a", value);
            snapshot.notes[name] = text;
        };
        for (const auto& [name, sum] : sums_) note("loss " + name, sum);
        note("moving average", teacher_.moving_average());
        train::write_snapshot(path_, snapshot);
    }

    const Options& options_;
    Plan plan_;
    std::string path_;
    train::DetectorTeacher teacher_;
    train::Optimiser optimiser_;
    std::map<std::string, double> sums_;  // of the losses since the run was kept
    std::int64_t step_ = 0;               // steps that are done
    double rate_ = 0;
};

void train_coco(const Options& options, Outcome& outcome) {
    const StopGuard guard;
    if (options.model.empty() && options.weights.empty()) throw regulus::ArgumentError("which detector? Name it with --model (regulus zoo list), or give weights to start from with --weights FILE");
    const std::string path = run_file(options.out, options.resume);
    Plan plan = make_plan(options);
    talk("train: " + plan.model->name + ", " + count_of(plan.sizes.size(), "picture") + ", as " + plan.recipe.rule + " does: " + count_of(std::size_t(plan.all), "step") + ", " +
         count_of(std::size_t(plan.steps), "step") + " an epoch, " + count_of(std::size_t(plan.recipe.batch), "picture") + " a step, " + std::to_string(plan.recipe.at_once) + " at once, " + options.optimiser +
         ", learning rate " + number(plan.peak) + "\n");
    Run run(options, std::move(plan), path);
    train_to_end(run, options.out, options.resume, outcome);
}

}  // namespace

void add_train_coco(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("coco", "A detector learns from pictures with COCO annotations: RetinaNet, region proposal networks, Faster and Mask R-CNN.\n"
                                                   "What is not said is as the model's code base publishes it; the learning rate grows with the batch. After each epoch\n"
                                                   "(or --save-every) and on Ctrl-C the run is kept in OUT.run: the same command with --resume goes on to the bits that an\n"
                                                   "undisturbed run gives with as many threads. The result is read by detect, eval coco and convert.\n"
                                                   "Categories are the model's classes by name; others, if as many, get new last layers of the heads.\n"
                                                   "Examples:\n"
                                                   "  regulus train coco --weights fasteners.safetensors --images tray --annotations tray.json --batch 4 --epochs 6 --out tray.safetensors\n"
                                                   "  regulus train coco --model retinanet_r50_fpn_1x_coco --weights resnet50.pth --images train2017 --annotations instances_train2017.json --out retina.safetensors");
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (default: what the weights say or fit)");
    command->add_option("--images", options->images, "Folder of the pictures that the annotations name")->required();
    command->add_option("--annotations", options->annotations, "COCO annotations (JSON)")->required();
    CLI::Option* val = command->add_option("--val-images", options->val_images, "Folder of validation pictures, judged each time that the run is kept");
    CLI::Option* val_truth = command->add_option("--val-annotations", options->val_annotations, "Their annotations")->needs(val);
    val->needs(val_truth);
    command->add_option("--out", options->out, "The result, a file ending in .safetensors; OUT.run keeps the run until it is done")->required();
    command->add_option("--weights", options->weights, "Start from this checkpoint of any layout, a detector's or a classifier's; what it lacks begins anew (default: everything is random)");
    command->add_option("--rule", options->rule, "Whose losses, samples and recipe (default: the model's own)")->check(CLI::IsMember({"mmdetection", "detectron2", "torchvision"}));
    CLI::Option* epochs = command->add_option("--epochs", options->epochs, "How often each picture is seen")->check(CLI::Range(1, 1000000));
    command->add_option("--iterations", options->iterations, "How many steps are taken")->check(CLI::Range(1, 1000000000))->excludes(epochs);
    command->add_option("--batch", options->batch, "Pictures of a step (default: 16)")->check(CLI::Range(1, 1 << 16));
    command->add_option("--at-once", options->at_once, "As many of them are in memory together and have one loss; the step's is the mean (default: 2)")->check(CLI::Range(1, 1 << 12));
    command->add_option("--lr", options->learning_rate, "Peak of the learning rate (default: the published one times batch / 16; adamw: 0.0001)")->check(CLI::PositiveNumber);
    command->add_option("--optimiser", options->optimiser, "sgd with momentum 0.9, or adamw")->check(CLI::IsMember({"sgd", "adamw"}))->capture_default_str();
    command->add_option("--weight-decay", options->weight_decay, "Of the parameters (default: as published; adamw: 0.05, not of norms and biases)")->check(CLI::Range(0.0, 1.0));
    command->add_option("--clip", options->clip, "Greatest norm of all gradients; 0: any (default: as published)")->check(CLI::Range(0.0, 1e9));
    command->add_option("--frozen", options->frozen, "Parameters whose names begin so do not learn; none: all do (default, with --weights: backbone.stem.,backbone.s1.)")->delimiter(',')->allow_extra_args(false);
    command->add_option("--norms", options->norms, "Batch norms of the backbone: stored statistics, fixed as a whole, or statistics of the batch (default: as published with --weights, else batch)")
        ->check(CLI::IsMember({"stored", "fixed", "batch"}));
    command->add_option("--save-every", options->save_every, "Keep the run and tell its losses after as many steps (default: after each epoch)")->check(CLI::Range(1, 1000000000));
    command->add_option("--seed", options->seed, "Of everything random")->capture_default_str();
    command->add_flag("--resume", options->resume, "Go on with the run that OUT.run keeps");
    command->add_option("--threads", options->threads, "Threads; 0: as many as the machine has")->check(CLI::Range(0, 1024))->capture_default_str();
    command->callback([options, &outcome] { train_coco(*options, outcome); });
}

}  // namespace tool
