#include "train_coco_plan.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <unistd.h>

#include <regulus/converters/convert.hpp>
#include <regulus/train/detect_order.hpp>
#include <regulus/train/initialise.hpp>

#include "categories.hpp"
#include "classifiers.hpp"
#include "eval_run.hpp"
#include "models.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

namespace train = regulus::train;
using Options = CocoOptions;
using Plan = CocoPlan;

bool has_label(const regulus::Graph& graph, const char* label) { return graph.find_label(label) != regulus::no_value; }

/// The annotations' categories of the model's classes by name. Empty when a category is none of the model's.
std::vector<std::int64_t> ids_by_name(const regulus::ModelFacts& facts, const std::vector<regulus::CocoCategory>& categories) {
    std::map<std::string, std::int64_t> ids = categories_by_name(categories, "train");
    std::vector<std::int64_t> result;
    for (const std::string& name : facts.class_names) {
        const auto found = ids.find(name);
        result.push_back(found == ids.end() ? std::numeric_limits<std::int64_t>::min() + std::int64_t(result.size()) : found->second);
        if (found != ids.end()) ids.erase(found);
    }
    return ids.empty() ? result : std::vector<std::int64_t>{};
}

/// Which category each class is; whether the classes are others than those of the weights.
bool choose_classes(const AnnotatedPictures& pictures, Plan& plan) {
    plan.category_ids = pictures.category_ids;
    if (!plan.category_ids.empty()) return false;
    std::vector<regulus::CocoCategory> categories = pictures.dataset.categories;
    std::sort(categories.begin(), categories.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    if (!plan.has_boxes) {  // regions have no class
        for (const regulus::CocoCategory& category : categories) plan.category_ids.push_back(category.id);
        return false;
    }
    plan.category_ids = ids_by_name(plan.facts, categories);
    if (!plan.category_ids.empty()) return false;
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
    plan.category_ids = plan.facts.category_ids;
    return true;
}

/// A classifier's last stage, where the detector looks at regions with it (C4).
regulus::Weights with_shared_head(const regulus::Weights& weights, const regulus::Graph& graph) {
    const std::string in_classifier = "backbone.s4.", in_detector = "shared_head.s4.";
    const std::map<std::string, regulus::Shape> shapes = parameter_shapes(graph);
    return renamed(weights, [&](const std::string& name) {
        const std::string moved = name.rfind(in_classifier, 0) == 0 ? in_detector + name.substr(in_classifier.size()) : "";
        return shapes.count(moved) > 0 && shapes.count(name) == 0 ? moved : name;
    });
}

/// The weights under our names: a detector's, or a classifier's for the backbone alone.
regulus::Weights read_start(const Options& options, const Plan& plan) {
    const regulus::Weights ours = regulus::to_regulus(load_weights(*plan.model, options.weights), plan.graph);
    const bool has_backbone = std::any_of(ours.entries().begin(), ours.entries().end(), [](const regulus::Weights::Entry& entry) { return entry.name.rfind("backbone.", 0) == 0; });
    return with_shared_head(has_backbone ? without_classifier(ours) : load_backbone(options.weights), plan.graph);
}

/// The layers that know the classes, by the beginnings of their parameters' names; those of a cascade too.
std::vector<std::string> last_layers(const regulus::Graph& graph) {
    std::set<std::string> layers;
    for (const auto& parameter : parameter_shapes(graph)) {
        const std::string layer = parameter.first.substr(0, parameter.first.rfind('.') + 1);
        const bool is_of_boxes = layer.rfind("box_head.", 0) == 0, is_head = is_of_boxes || layer.rfind("mask_head.", 0) == 0 || layer.rfind("head.", 0) == 0;
        if (is_head && (layer.ends_with(".logits.") || (is_of_boxes && layer.ends_with(".deltas.")))) layers.insert(layer);
    }
    return {layers.begin(), layers.end()};
}

/// Random parameters, or the user's; what they lack, and a head of other classes, begins anew.
void set_start(const Options& options, const AnnotatedPictures& pictures, Plan& plan) {
    if (options.weights.empty()) {
        choose_classes(pictures, plan);
        plan.start = train::initial_weights(plan.graph, plan.model->code_base, options.run.seed, plan.course.threads);
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
    if (choose_classes(pictures, plan)) {
        talk("train: the last layers of the heads begin anew, for the annotations' classes\n");
        for (const std::string& layer : last_layers(plan.graph)) anew.push_back(layer);
    }
    plan.start = train::initial_weights(plan.graph, plan.model->code_base, options.run.seed, given, anew, plan.course.threads);
}

void set_optimiser(const Options& options, Plan& plan) {
    train::DetectorRecipe& recipe = plan.recipe;
    const bool is_adam = options.optimiser == "adamw";
    if (is_adam) recipe.learning_rate = 1e-4, recipe.weight_decay = 0.05;
    if (options.weight_decay >= 0) recipe.weight_decay = options.weight_decay;
    if (options.clip >= 0) recipe.clip = options.clip;
    if (is_adam) plan.course.optimiser = train::AdamW{0.9, 0.999, 1e-8, {recipe.weight_decay, false, false}};
    else plan.course.optimiser = train::Sgd{recipe.momentum, false, {recipe.weight_decay, recipe.norms_decay}};
}

/// How many pictures a step has, how many steps there are, and how fast they go.
void set_course(const Options& options, Plan& plan) {
    train::DetectorRecipe& recipe = plan.recipe;
    const std::size_t pictures = plan.sizes.size();
    choose_batch(options.batch, options.at_once, pictures, count_of(pictures, "picture"), recipe.batch, recipe.at_once);
    std::int64_t shown[2] = {0, 0};  // in an epoch at least: pictures that are not wide, and wide ones
    for (std::size_t i = 0; i < pictures; ++i) shown[plan.sizes[i].width > plan.sizes[i].height ? 1 : 0] += plan.repeats.empty() ? 1 : std::int64_t(plan.repeats[i]);
    const auto groups_of = [&](std::int64_t count) { return (count + recipe.at_once - 1) / recipe.at_once; };
    plan.course.parts = recipe.batch / recipe.at_once;
    plan.course.steps = (groups_of(shown[0]) + groups_of(shown[1])) / plan.course.parts;
    plan.course.by_epochs = options.epochs > 0 || (options.iterations == 0 && recipe.epochs > 0);
    if (plan.course.by_epochs) plan.course.all = plan.course.steps * (options.epochs > 0 ? options.epochs : recipe.epochs);
    else plan.course.all = options.iterations > 0 ? options.iterations : std::max<std::int64_t>(1, recipe.iterations * 16 / recipe.batch);
    plan.course.leg = options.save_every > 0 ? options.save_every : plan.course.steps;
    plan.peak = options.learning_rate > 0 ? options.learning_rate : recipe.learning_rate * double(recipe.batch) / 16;
    plan.course.clip = recipe.clip;
    plan.course.seed = options.run.seed;
    plan.course.schedule = recipe.schedule(plan.peak, plan.course.all, plan.course.steps, plan.course.by_epochs);
}

void require_pictures(const regulus::CocoDataset& dataset, const std::vector<std::size_t>& places, const std::string& from) {
    if (places.empty()) throw regulus::ArgumentError("train: " + from + " has no picture with annotations to learn from");
    for (const std::size_t place : places) {
        const std::string& path = dataset.images[place].file_name;
        if (::access(path.c_str(), R_OK) != 0) throw regulus::FileError("train: " + path + " cannot be read; " + from + " names it");
    }
}

/// How often an epoch shows each picture, where rare categories are shown more often.
void set_repeats(const Options& options, Plan& plan) {
    if (options.repeat_threshold >= 0) plan.recipe.repeat_threshold = options.repeat_threshold;
    if (plan.recipe.repeat_threshold == 0) return;
    const regulus::CocoDataset& dataset = plan.truths->dataset();
    std::map<std::int64_t, std::vector<std::int64_t>> categories;  // on each picture
    for (const regulus::CocoAnnotation& annotation : dataset.annotations) categories[annotation.image_id].push_back(annotation.category_id);
    std::vector<std::vector<std::int64_t>> learnt;
    for (const std::size_t place : plan.truths->pictures()) learnt.push_back(categories[dataset.images[place].id]);
    plan.repeats = train::repeat_factors(learnt, plan.recipe.repeat_threshold);
}

/// The segments that a semantic head learns from.
void set_panoptic(const Options& options, Plan& plan) {
    if (!has_label(plan.graph, "semantic_logits")) {
        if (!options.panoptic.empty()) throw regulus::ArgumentError("train: " + plan.model->name + " has no semantic head; leave out --panoptic");
        return;
    }
    if (options.panoptic.empty()) throw regulus::ArgumentError("train: " + plan.model->name + " has a semantic head; give the pictures' segments with --panoptic FILE");
    const regulus::PanopticDataset dataset = regulus::read_coco_panoptic(options.panoptic);
    const std::map<std::string, std::int64_t> ids = categories_by_name(dataset.categories, plan.facts, plan.model->name, "train");
    for (const std::string& name : plan.facts.stuff_names) plan.stuff_ids.push_back(ids.count(name) > 0 ? ids.at(name) : std::numeric_limits<std::int64_t>::min());
    for (const regulus::PanopticAnnotation& annotation : dataset.annotations) plan.panoptic.emplace(annotation.image_id, annotation);
    for (const std::size_t place : plan.truths->pictures()) {
        const std::int64_t picture = plan.truths->dataset().images[place].id;
        if (plan.panoptic.count(picture) == 0) throw regulus::ArgumentError("train: " + options.panoptic + " has no segments of picture " + std::to_string(picture));
    }
    plan.segments = regulus::segment_files(options.segments.empty() ? std::filesystem::path(options.panoptic).replace_extension().string() : options.segments);
}

/// The boxes that a detector looks into which proposes none.
void set_proposals(const Options& options, Plan& plan) {
    plan.proposals = GivenProposals(options.proposals, plan.graph, plan.model->name);
    for (const std::size_t place : plan.truths->pictures()) {
        const regulus::CocoImage& image = plan.truths->dataset().images[place];
        plan.proposals.of(image.id, image.file_name);
    }
    if (options.validation.images.empty()) return;
    plan.validation_proposals = GivenProposals(options.validation_proposals, plan.graph, plan.model->name, "--val-proposals");
    for (const regulus::CocoImage& image : plan.validation_set.images) plan.validation_proposals.of(image.id, image.file_name);
}

/// A run's settings, so that it goes on as it began.
void set_settings(const Options& options, const std::string& annotations, Plan& plan) {
    const train::DetectorRecipe& recipe = plan.recipe;
    plan.course.settings = {{"model", plan.model->name},
                            {"annotations", annotations},
                            {"weights", options.weights.empty() ? "random" : file_identity(options.weights)},
                            {"rule", recipe.code_base},
                            {"optimiser", options.optimiser},
                            {"iterations", std::to_string(plan.course.all)},
                            {"batch", std::to_string(recipe.batch)},
                            {"at once", std::to_string(recipe.at_once)},
                            {"learning rate", number(plan.peak)},
                            {"weight decay", number(recipe.weight_decay)},
                            {"clip", number(recipe.clip)},
                            {"repeat threshold", number(recipe.repeat_threshold)},
                            {"norms", recipe.norms},
                            {"kept every", std::to_string(plan.course.leg)},
                            {"seed", std::to_string(options.run.seed)}};
    if (!options.proposals.empty()) plan.course.settings["proposals"] = file_identity(options.proposals);
    if (!options.panoptic.empty()) plan.course.settings["panoptic"] = file_identity(options.panoptic);
    for (const std::string& frozen : plan.frozen) plan.course.settings["frozen"] += (plan.course.settings["frozen"].empty() ? "" : " ") + frozen;
}

}  // namespace

AnnotatedPictures pictures_of(const PictureFiles& files, regulus::CocoDataset dataset) {
    AnnotatedPictures pictures{std::move(dataset), {}, files.annotations, file_identity(files.annotations)};
    for (regulus::CocoImage& image : pictures.dataset.images) {
        if (image.file_name.empty()) throw regulus::ArgumentError("train: " + files.annotations + ": picture " + std::to_string(image.id) + " has no file_name");
        image.file_name = files.images + "/" + image.file_name;
    }
    return pictures;
}

AnnotatedPictures read_coco_pictures(const PictureFiles& files) { return pictures_of(files, regulus::read_coco_annotations(files.annotations)); }

CocoPlan make_coco_plan(const CocoOptions& options) {
    CocoPlan plan;
    plan.course.threads = threads_of(options.run);
    plan.model = options.model.empty() ? load("", options.weights).model : &model_named(options.model);
    plan.graph = regulus::recorded(*plan.model);
    plan.facts = plan.model->facts;
    const bool is_dense = has_label(plan.graph, "cls_logits.0");
    plan.has_boxes = is_dense || !train::head_prefixes(plan.graph, "class_logits").empty();
    plan.has_masks = !train::head_prefixes(plan.graph, "mask_logits").empty();
    if (has_label(plan.graph, "keypoint_logits")) plan.mirrored = train::mirrored_keypoints(plan.facts.keypoint_names);
    const std::string rule = options.rule.empty() ? plan.model->code_base : options.rule;
    plan.training = train::detector_training(plan.graph, rule);
    plan.training.dense.threads = plan.course.threads;
    AnnotatedPictures pictures = options.read(*plan.model);
    set_start(options, pictures, plan);
    plan.recipe = train::detector_recipe(rule, plan.model->name, plan.model->architecture, is_dense, plan.facts.preprocessing);
    if (options.weights.empty()) plan.recipe.norms = "batch";
    if (!options.norms.empty()) plan.recipe.norms = options.norms;
    if (options.precise >= 0) plan.recipe.precise_samples = options.precise;
    plan.frozen = options.frozen;
    if (plan.frozen.empty() && !options.weights.empty()) plan.frozen = plan.recipe.frozen;
    if (plan.frozen == std::vector<std::string>{"none"}) plan.frozen.clear();
    set_optimiser(options, plan);

    plan.truths = std::make_unique<train::CocoTruths>(std::move(pictures.dataset), plan.category_ids, plan.recipe.truths, plan.recipe.least_keypoints,
                                                      has_label(plan.graph, "semantic_logits"));
    set_panoptic(options, plan);
    require_pictures(plan.truths->dataset(), plan.truths->pictures(), pictures.from);
    for (const std::size_t place : plan.truths->pictures()) plan.sizes.push_back({plan.truths->dataset().images[place].height, plan.truths->dataset().images[place].width});
    set_repeats(options, plan);
    set_course(options, plan);
    if (!options.validation.images.empty()) {
        if (!plan.has_boxes) throw regulus::ArgumentError("train: " + plan.model->name + " proposes regions without classes; judge the result with `regulus eval proposals`, without --val-images");
        plan.validation_set = read_coco_pictures(options.validation).dataset;
        plan.validation_ids = ids_by_name(plan.facts, plan.validation_set.categories);
        if (plan.validation_ids.empty()) throw regulus::ArgumentError("train: the categories of " + options.validation.annotations + " are not all among the classes that are learnt");
        std::vector<std::size_t> places(plan.validation_set.images.size());
        for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
        require_pictures(plan.validation_set, places, options.validation.annotations);
    }
    set_proposals(options, plan);
    set_settings(options, pictures.identity, plan);
    return plan;
}

}  // namespace tool
