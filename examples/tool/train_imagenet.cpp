// regulus train imagenet: a classifier learns from pictures of known class.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/converters/convert.hpp>
#include <regulus/cpu/learning.hpp>
#include <regulus/data/classify_augment.hpp>
#include <regulus/pipeline/classifier.hpp>
#include <regulus/pipeline/classifier_head.hpp>
#include <regulus/train/classifier_recipe.hpp>
#include <regulus/train/epoch_order.hpp>
#include <regulus/train/initialise.hpp>
#include <regulus/train/learner.hpp>
#include <regulus/train/losses.hpp>
#include <regulus/train/precise_norms.hpp>
#include <regulus/zoo/classifier_facts.hpp>

#include "classifiers.hpp"
#include "eval_run.hpp"
#include "in_parallel.hpp"
#include "labelled_pictures.hpp"
#include "models.hpp"
#include "pictures.hpp"
#include "terminal.hpp"
#include "train_run.hpp"

namespace tool {

namespace {

namespace train = regulus::train;

struct Options {
    std::string model, weights, recipe;
    LabelledFolder pictures, validation;
    std::vector<std::string> frozen;
    std::int64_t epochs = 0, batch = 0, at_once = 0, crop = 0, warm_up = -1, precise = -1;
    double learning_rate = 0, weight_decay = -1, smoothing = -1;
    RunOptions run;
};

std::string percent(std::int64_t right, std::int64_t of) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f %%", of == 0 ? 0 : 100.0 * double(right) / double(of));
    return text;
}

/// The pictures' names and labels as one short text.
std::string identity_of(const std::vector<LabelledPicture>& pictures) {
    std::string text;
    for (const LabelledPicture& picture : pictures) text += picture.name + " " + std::to_string(picture.label) + "\n";
    return text_identity(text);
}

/// What a run is, before it begins.
struct Plan {
    const regulus::ClassifierSpec* model = nullptr;
    regulus::Graph graph;
    regulus::Weights start;
    regulus::ClassifierFacts facts;  // of the result
    train::ClassifierRecipe recipe;  // with the user's changes; its learning rate is the peak
    std::vector<LabelledPicture> pictures, validation;
    std::int64_t epochs = 0;
    Course course;
};

/// How many classes, and their names where they are known.
std::int64_t find_classes(const Options& options, const regulus::ClassifierSpec& model, std::vector<std::string>& names) {
    if (!options.pictures.names.empty()) names = read_lines(options.pictures.names);
    else if (options.pictures.list.empty()) names = class_folders(options.pictures.images);
    else return model.classes;
    return std::int64_t(names.size());
}

/// Random parameters, or the user's; a head of other classes, or none, begins anew.
void set_start(const Options& options, std::int64_t classes, Plan& plan) {
    plan.graph = regulus::recorded(*plan.model);
    if (classes != plan.model->classes) plan.graph = regulus::with_classes(std::move(plan.graph), classes);
    const std::string& rules = plan.model->code_base;
    if (options.weights.empty()) {
        plan.start = train::initial_weights(plan.graph, rules, options.run.seed, plan.course.threads);
        return;
    }
    const LoadedClassifier loaded = load_classifier(options.model, options.weights, true);
    const bool new_head = loaded.classes != classes;
    if (new_head) talk("train: the head begins anew, " + loaded.weights.source + (loaded.classes == 0 ? " has none" : " has one of " + count_of(std::size_t(loaded.classes), "class")) + "\n");
    plan.start = train::initial_weights(plan.graph, rules, options.run.seed, regulus::to_regulus(loaded.weights, loaded.graph), new_head ? std::vector<std::string>{"classifier."} : std::vector<std::string>{}, plan.course.threads);
    if (!new_head && plan.facts.class_names.empty()) plan.facts = regulus::facts_from_metadata(loaded.weights.metadata, plan.facts, loaded.weights.source);
}

void set_recipe(const Options& options, Plan& plan) {
    plan.recipe = train::classifier_recipe(options.recipe.empty() ? plan.model->code_base : options.recipe, plan.model->architecture);
    train::ClassifierRecipe& recipe = plan.recipe;
    const double rate_of_a_picture = recipe.learning_rate / double(recipe.batch);
    plan.epochs = options.epochs > 0 ? options.epochs : recipe.epochs;
    choose_batch(options.batch, options.at_once, plan.pictures.size(), count_of(plan.pictures.size(), "picture"), recipe.batch, recipe.at_once);
    recipe.learning_rate = options.learning_rate > 0 ? options.learning_rate : rate_of_a_picture * double(recipe.batch);
    recipe.warm_up = options.warm_up >= 0 ? options.warm_up : std::min(recipe.warm_up, plan.epochs / 10);
    if (recipe.warm_up >= plan.epochs) throw regulus::ArgumentError("train: --warm-up must be shorter than the " + count_of(std::size_t(plan.epochs), "epoch"));
    if (options.weight_decay >= 0) recipe.optimiser.decay.amount = options.weight_decay;
    if (options.smoothing >= 0) recipe.label_smoothing = options.smoothing;
    if (options.precise >= 0) recipe.precise_samples = options.precise;
    Course& course = plan.course;
    course.optimiser = recipe.optimiser;
    course.schedule = recipe.schedule(plan.epochs, recipe.learning_rate);
    course.steps = course.leg = std::int64_t(plan.pictures.size()) / recipe.batch;
    course.all = plan.epochs * course.steps;
    course.parts = recipe.batch / recipe.at_once;
    course.seed = options.run.seed;
}

Plan make_plan(const Options& options) {
    Plan plan;
    plan.course.threads = threads_of(options.run);
    plan.model = options.model.empty() ? load_classifier("", options.weights, true).model : &regulus::find_classifier(regulus::classifier_models(), options.model);
    plan.facts = plan.model->facts;
    std::vector<std::string> names;
    const std::int64_t classes = find_classes(options, *plan.model, names);
    if (!names.empty() || classes != plan.model->classes) plan.facts.class_names = names;
    regulus::ClassifyPreprocessing& eyes = plan.facts.preprocessing;
    if (options.crop > 0) {
        eyes.short_side = (eyes.short_side * options.crop + eyes.crop / 2) / eyes.crop;
        eyes.crop = options.crop;
    }
    plan.pictures = find_labelled(options.pictures, int(classes), plan.facts.class_names);
    if (!options.validation.images.empty()) {
        LabelledFolder folder = options.validation;
        folder.names = options.pictures.names;
        plan.validation = find_labelled(folder, int(classes), plan.facts.class_names);
    }
    set_recipe(options, plan);
    set_start(options, classes, plan);
    const train::ClassifierRecipe& recipe = plan.recipe;
    plan.course.settings = {{"model", plan.model->name},
                            {"classes", std::to_string(classes)},
                            {"pictures", identity_of(plan.pictures)},
                            {"weights", options.weights.empty() ? "random" : file_identity(options.weights)},
                            {"recipe", recipe.code_base},
                            {"epochs", std::to_string(plan.epochs)},
                            {"batch", std::to_string(recipe.batch)},
                            {"at once", std::to_string(recipe.at_once)},
                            {"learning rate", number(recipe.learning_rate)},
                            {"warm-up", std::to_string(recipe.warm_up)},
                            {"weight decay", number(recipe.optimiser.decay.amount)},
                            {"label smoothing", number(recipe.label_smoothing)},
                            {"crop", std::to_string(eyes.crop)},
                            {"seed", std::to_string(options.run.seed)}};
    for (const std::string& frozen : options.frozen) plan.course.settings["frozen"] += (plan.course.settings["frozen"].empty() ? "" : " ") + frozen;
    return plan;
}

/// The training pictures `items` of an epoch as the network sees them then.
regulus::Tensor load_views(const Plan& plan, std::uint64_t seed, std::int64_t epoch, const std::int64_t* items, std::int64_t count) {
    const regulus::ClassifyPreprocessing& eyes = plan.facts.preprocessing;
    regulus::Tensor input({count, 3, eyes.crop, eyes.crop}, regulus::DType::f32);
    const std::uint64_t key = regulus::random_key(regulus::random_key(seed, "views"), std::uint64_t(epoch));
    in_parallel_or_throw(std::size_t(count), plan.course.threads, [&](std::size_t i) {
        const regulus::Image image = regulus::read_classify_image(plan.pictures[std::size_t(items[i])].path, eyes);
        const regulus::ClassifyView view = regulus::random_view(image.size(), plan.recipe.augmentation, regulus::random_key(key, std::uint64_t(items[i])));
        regulus::write_view(image, view, eyes, input.data<float>() + std::int64_t(i) * 3 * eyes.crop * eyes.crop);
    });
    return input;
}

/// How many of the validation pictures a network of these weights names rightly.
std::int64_t count_right(const Plan& plan, const regulus::Weights& weights) {
    regulus::CompileOptions compile;
    compile.threads = plan.course.threads;
    const regulus::AnyClassifier classifier(*make_backend("cpu"), plan.graph, weights, plan.facts, compile);
    const regulus::ClassifyPreprocessing& eyes = plan.facts.preprocessing;
    const std::size_t batch = std::size_t(std::min<std::int64_t>(plan.recipe.at_once, 32));
    std::int64_t right = 0;
    for (std::size_t begin = 0; begin < plan.validation.size(); begin += batch) {
        const std::size_t count = std::min(batch, plan.validation.size() - begin);
        std::vector<regulus::Image> images(count);
        in_parallel_or_throw(count, plan.course.threads, [&](std::size_t i) { images[i] = regulus::read_classify_image(plan.validation[begin + i].path, eyes); });
        const std::vector<regulus::Classification> found = classifier(images);
        for (std::size_t i = 0; i < count; ++i) right += found[i].top(1).front().index == plan.validation[begin + i].label ? 1 : 0;
    }
    return right;
}

/// A classifier on pictures of known class.
class ClassifierLessons final : public Lessons {
public:
    ClassifierLessons(const Options& options, Plan plan) : options_(options), plan_(std::move(plan)), learner_(regulus::CpuLearning{}, plan_.graph, plan_.start, learner_options()) {
        plan_.start = {};  // the learner has its own
    }

    train::Learner& learner() override { return learner_; }

    train::StepLosses teach(std::int64_t epoch, std::int64_t step, std::int64_t part) override {
        const std::int64_t n = plan_.recipe.at_once;
        begin_epoch(epoch);
        const std::int64_t* const items = order_.data() + step % plan_.course.steps * plan_.recipe.batch + part * n;
        regulus::Tensor labels(regulus::Shape{n}, regulus::DType::i32), ones(regulus::Shape{n}, regulus::DType::f32);
        std::fill_n(ones.data<float>(), n, 1.0f);
        for (std::int64_t i = 0; i < n; ++i) labels.data<std::int32_t>()[i] = plan_.pictures[std::size_t(items[i])].label;
        const regulus::Outputs outputs = learner_.forward({load_views(plan_, options_.run.seed, epoch, items, n)});
        const regulus::Tensor& logits = outputs["logits"];
        const train::Loss loss = train::cross_entropy_loss(logits, labels, ones, double(n), plan_.recipe.label_smoothing);
        const std::int64_t classes = logits.shape()[1];
        for (std::int64_t i = 0; i < n; ++i) {
            const float* const row = logits.data<float>() + i * classes;
            right_ += std::max_element(row, row + classes) - row == labels.data<std::int32_t>()[i] ? 1 : 0;
        }
        learner_.backward({loss.gradient});
        judged_ = {};
        return {{{"loss_cls", loss.value}}};
    }

    std::string told() override { return ", top-1 " + percent(std::exchange(right_, 0), plan_.course.steps * plan_.recipe.batch); }

    std::string judged() override {
        if (plan_.validation.empty()) return "";
        judged_ = judged_weights();
        const std::int64_t right = count_right(plan_, judged_);
        return ", validation top-1 " + percent(right, std::int64_t(plan_.validation.size())) + " (" + std::to_string(right) + " of " + std::to_string(plan_.validation.size()) + ")";
    }

    std::map<std::string, double> memory() const override { return {{"right", double(right_)}}; }
    void remember(const std::map<std::string, double>& memory) override { right_ = std::int64_t(memory.at("right")); }

    void write_result(const std::string& run) override {
        begin_epoch(plan_.epochs - 1);
        write_trained(options_.run.out, judged_.empty() ? judged_weights() : judged_, regulus::facts_to_metadata(plan_.facts), plan_.model->name, run);
    }

    const Course& course() const { return plan_.course; }

private:
    train::LearnerOptions learner_options() const {
        train::LearnerOptions learner;
        learner.threads = plan_.course.threads;
        learner.frozen = options_.frozen;
        return learner;
    }

    void begin_epoch(std::int64_t epoch) {
        if (epoch_ == epoch) return;
        order_ = train::epoch_order(std::int64_t(plan_.pictures.size()), options_.run.seed, epoch);
        epoch_ = epoch;
    }

    /// The parameters, with statistics of norms averaged anew over pictures of the epoch where the recipe says so.
    regulus::Weights judged_weights() {
        const std::int64_t n = plan_.recipe.at_once, batches = std::min(plan_.recipe.precise_samples, std::int64_t(order_.size())) / n;
        if (batches == 0) return learner_.weights();
        return train::precise_norms(learner_, batches, [&](std::int64_t batch) { learner_.forward({load_views(plan_, options_.run.seed, epoch_, order_.data() + batch * n, n)}); });
    }

    const Options& options_;
    Plan plan_;
    train::Learner learner_;
    regulus::Weights judged_;          // since the last step, if it was judged
    std::vector<std::int64_t> order_;  // of the epoch
    std::int64_t epoch_ = -1;
    std::int64_t right_ = 0;  // of the pictures since the last line
};

void train_imagenet(const Options& options, Outcome& outcome) {
    const StopGuard guard;
    if (options.model.empty() && options.weights.empty()) throw regulus::ArgumentError("which network? Name it with --model (regulus zoo list), or give weights to start from with --weights FILE");
    const std::string path = run_file(options.run.out, options.run.resume);
    Plan plan = make_plan(options);
    char rate[32];
    std::snprintf(rate, sizeof rate, "%.6g", plan.recipe.learning_rate);
    talk("train: " + plan.model->name + ", " + count_of(plan.pictures.size(), "picture") + ", recipe of " + plan.recipe.code_base + ": " + count_of(std::size_t(plan.epochs), "epoch") + " of " +
         count_of(std::size_t(plan.course.steps), "step") + ", " + std::to_string(plan.recipe.batch) + " pictures a step, " + std::to_string(plan.recipe.at_once) + " at once, learning rate " + rate + "\n");
    ClassifierLessons lessons(options, std::move(plan));
    train_to_end(lessons, lessons.course(), options.run, path, outcome);
}

}  // namespace

void add_train_imagenet(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("imagenet", "A classifier learns from pictures of known class: a folder for each class, or --labels FILE, as eval imagenet has them.\n"
                                                       "What is not said is as the model's published recipe has it; the learning rate grows with the batch. After each epoch,\n"
                                                       "and on Ctrl-C, the run is kept in OUT.run: the same command with --resume goes on to the bits that an undisturbed\n"
                                                       "run gives with as many threads. The result is read by classify, eval imagenet and convert.\n"
                                                       "Examples:\n"
                                                       "  regulus train imagenet --model pycls/RegNetX-400MF --images imagenet/train --val imagenet/val --out regnet.safetensors\n"
                                                       "  regulus train imagenet --weights RegNetX-3.2GF_dds_8gpu.pyth --images flowers --out flowers.safetensors --epochs 20 --batch 64 --lr 0.01\n"
                                                       "  regulus train imagenet --model pycls/RegNetX-200MF --images digits --crop 64 --batch 128 --at-once 128 --out digits.safetensors");
    command->add_option("--model", options->model, "A zoo name or an unambiguous tail of one (default: what the weights say or fit)");
    command->add_option("--images", options->pictures.images, "Folder of the pictures, or of a folder for each class")->required();
    command->add_option("--labels", options->pictures.list, "Lines of a picture's name and its class: an index from 0, or a name of --classes");
    command->add_option("--classes", options->pictures.names, "Names of the classes, one a line (default: the folders; with --labels the model's)");
    CLI::Option* val = command->add_option("--val", options->validation.images, "Folder of validation pictures, judged after each epoch");
    command->add_option("--val-labels", options->validation.list, "Their classes, as --labels")->needs(val);
    command->add_option("--weights", options->weights, "Start from this checkpoint of any layout; a head of other classes begins anew");
    command->add_option("--frozen", options->frozen, "Parameters whose names begin so do not learn (backbone: the head alone does; backbone.stem backbone.s1)");
    command->add_option("--recipe", options->recipe, "Whose (default: the model's own)")->check(CLI::IsMember({"pycls", "mmpretrain", "torchvision"}));
    command->add_option("--epochs", options->epochs, "How often each picture is seen")->check(CLI::Range(1, 1000000));
    command->add_option("--batch", options->batch, "Pictures of a step; the last ones of an epoch that fill none are left out")->check(CLI::Range(1, 1 << 20));
    command->add_option("--at-once", options->at_once, "As many of them are in memory together, and batch norms see so many (default: as published, an eighth)")->check(CLI::Range(1, 1 << 16));
    command->add_option("--lr", options->learning_rate, "Peak of the learning rate (default: the published one times batch / published batch)")->check(CLI::PositiveNumber);
    command->add_option("--warm-up", options->warm_up, "Epochs of warm-up (default: as published, at most a tenth of all)")->check(CLI::Range(0, 1000000));
    command->add_option("--weight-decay", options->weight_decay, "Of all parameters")->check(CLI::Range(0.0, 1.0));
    command->add_option("--label-smoothing", options->smoothing, "Part of the answer that is spread over all classes")->check(CLI::Range(0.0, 0.999));
    command->add_option("--precise-norms", options->precise, "Pictures over which statistics of norms are averaged before a network is judged; 0: the running ones")->check(CLI::Range(0, 1 << 24));
    command->add_option("--crop", options->crop, "Height and width that the network sees (default: the model's own)")->check(CLI::Range(8, 1024));
    add_run_options(*command, options->run);
    command->callback([options, &outcome] { train_imagenet(*options, outcome); });
}

}  // namespace tool
