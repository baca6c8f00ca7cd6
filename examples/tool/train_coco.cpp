// regulus train coco: a detector learns from pictures with annotated boxes and masks.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include <regulus/cpu/learning.hpp>
#include <regulus/data/flip.hpp>
#include <regulus/data/image_file.hpp>
#include <regulus/data/picture_change.hpp>
#include <regulus/evaluate/coco_evaluation.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/pipeline/any_detector.hpp>
#include <regulus/train/detect_order.hpp>
#include <regulus/train/precise_norms.hpp>

#include "eval_detector.hpp"
#include "in_parallel.hpp"
#include "models.hpp"
#include "stop_guard.hpp"
#include "terminal.hpp"
#include "train_coco.hpp"

namespace tool {

namespace {

namespace train = regulus::train;
using Options = CocoOptions;
using Plan = CocoPlan;

/// A picture's part of a batch.
struct Prepared {
    regulus::PreparedBatch picture;
    train::PictureTruth truth;
    regulus::Tensor proposals;
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
    const std::string& path = annotated.file_name;
    regulus::Image image = regulus::read_image(path);
    if (image.height != annotated.height || image.width != annotated.width) {
        throw regulus::FileError("train: " + path + " has " + std::to_string(image.height) + " x " + std::to_string(image.width) + " pixels, the annotations say " + std::to_string(annotated.height) + " x " +
                                 std::to_string(annotated.width));
    }
    const regulus::DetectView view = regulus::random_view(plan.recipe.augmentation, regulus::random_key(key, std::uint64_t(item)));
    const bool flips_first = plan.recipe.truths == train::TruthRule::torchvision;
    const regulus::PictureChange change = regulus::change_of(view, image.size(), plan.facts.preprocessing);
    regulus::Preprocessing preprocessing = regulus::with_size(plan.facts.preprocessing, view.size);
    if (view.is_flipped && flips_first) image = regulus::flipped(image);
    if (change.is_cut()) {
        image = regulus::cut_picture(image, change, preprocessing.interpolation);
        preprocessing.resize_rule = regulus::ResizeRule::none;
    }
    Prepared prepared;
    prepared.picture = regulus::preprocess(image, preprocessing);
    if (view.is_flipped && !flips_first) mirror(prepared.picture);
    prepared.truth = plan.truths->truth(place, change, plan.has_masks, plan.mirrored);
    if (const regulus::ProposalList* given = plan.proposals.of(annotated.id, path)) prepared.proposals = plan.truths->proposals(place, change, *given, plan.training.proposals.limit);
    if (plan.segments) {
        const regulus::PanopticAnnotation& segments = plan.panoptic.at(annotated.id);
        prepared.truth.semantic = train::semantic_truth(plan.segments(segments, annotated), segments, plan.stuff_ids, change);
    }
    return prepared;
}

/// The training pictures `items` of an epoch, padded to the largest.
train::TrainingBatch load_batch(const Plan& plan, std::uint64_t seed, std::int64_t epoch, const std::vector<std::int64_t>& items) {
    const std::uint64_t key = regulus::random_key(regulus::random_key(seed, "views"), std::uint64_t(epoch));
    std::vector<Prepared> all(items.size());
    in_parallel_or_throw(items.size(), plan.course.threads, [&](std::size_t i) { all[i] = prepare(plan, key, items[i]); });
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
        if (plan.proposals.are_given()) batch.proposals.push_back(std::move(all[i].proposals));
    }
    return batch;
}

/// ", validation box AP 49.49, mask AP 38.28", as eval coco judges.
std::string judged(const Plan& plan, const regulus::Weights& weights) {
    regulus::CompileOptions compile;
    compile.threads = plan.course.threads;
    const regulus::AnyDetector detector(*make_backend("cpu"), plan.graph, weights, plan.facts, compile);
    std::vector<regulus::CocoResult> results;
    for (const regulus::CocoImage& image : plan.validation_set.images) {
        if (StopGuard::asked()) return ", validation stopped";
        const regulus::ProposalList* const given = plan.validation_proposals.of(image.id, image.file_name);
        const regulus::Image picture = regulus::read_image(image.file_name);
        regulus::DetectionList kept = given == nullptr ? detector(picture) : detector(picture, *given);
        std::erase_if(kept.items, [&](const regulus::Detection& detection) { return plan.validation_ids[std::size_t(detection.label)] < 0; });
        for (regulus::Detection& detection : kept.items) detection.category_id = plan.validation_ids[std::size_t(detection.label)];
        for (regulus::CocoResult& result : regulus::coco_results(kept, image.id)) results.push_back(std::move(result));
    }
    const std::vector<regulus::CocoDetection> detections = regulus::coco_detections(results);
    regulus::CocoSettings settings;
    settings.threads = plan.course.threads;
    std::string text = ", validation";
    for (const regulus::CocoKind kind : kinds_to_judge(plan.validation_set, detections)) {
        char number[48];
        std::snprintf(number, sizeof number, " AP %.2f", 100 * regulus::evaluate_coco(plan.validation_set, detections, kind, settings).number("AP"));
        const char* const what = kind == regulus::CocoKind::boxes ? "box" : kind == regulus::CocoKind::masks ? "mask" : "keypoint";
        text += (text.back() == 'n' ? " " : ", ") + std::string(what) + number;
    }
    return text;
}

/// A detector on annotated pictures.
class CocoLessons final : public Lessons {
public:
    CocoLessons(const Options& options, Plan plan)
        : options_(options), plan_(std::move(plan)), teacher_(regulus::CpuLearning{}, plan_.graph, plan_.start, plan_.training, learner_options()) {
        plan_.start = {};  // the learner has its own
    }

    train::Learner& learner() override { return teacher_.learner(); }

    train::StepLosses teach(std::int64_t epoch, std::int64_t step, std::int64_t part) override {
        begin_epoch(epoch);
        judged_ = {};
        const std::int64_t group = step % plan_.course.steps * plan_.course.parts + part;
        const std::uint64_t key = regulus::random_key(regulus::random_key(options_.run.seed, "samples"), std::uint64_t(step));
        return teacher_.step(load_batch(plan_, options_.run.seed, epoch, groups_[std::size_t(group)]), regulus::random_key(key, std::uint64_t(part)));
    }

    std::string judged() override {
        if (plan_.validation_set.images.empty()) return "";
        judged_ = judged_weights();
        return tool::judged(plan_, judged_);
    }

    std::map<std::string, double> memory() const override { return {{"moving average", teacher_.moving_average()}}; }
    void remember(const std::map<std::string, double>& memory) override { teacher_.set_moving_average(memory.at("moving average")); }

    void write_result(const std::string& run) override {
        begin_epoch((plan_.course.all - 1) / plan_.course.steps);
        regulus::Weights result = judged_.empty() ? judged_weights() : judged_;
        regulus::bind_weights(plan_.graph, result);  // every part of the detector has learnt or was kept
        write_trained(options_.run.out, std::move(result), regulus::facts_to_metadata(plan_.facts), plan_.model->name, run);
    }

    const Course& course() const { return plan_.course; }

private:
    train::LearnerOptions learner_options() const {
        train::LearnerOptions learner;
        learner.threads = plan_.course.threads;
        learner.frozen = plan_.frozen;
        const std::vector<std::string> backbone{"backbone.", "shared_head."};  // C4's last stage looks at regions
        if (plan_.recipe.norms == "stored") learner.stored_norms = backbone;
        if (plan_.recipe.norms == "fixed") learner.fixed_norms = backbone;
        return learner;
    }

    void begin_epoch(std::int64_t epoch) {
        if (epoch_ == epoch) return;
        const std::vector<std::int64_t> order = plan_.repeats.empty() ? train::epoch_order(std::int64_t(plan_.sizes.size()), options_.run.seed, epoch) : train::repeated_order(plan_.repeats, options_.run.seed, epoch);
        groups_ = train::batches_of_alike<regulus::PictureSize>(order, plan_.sizes, plan_.recipe.at_once);
        epoch_ = epoch;
    }

    /// The parameters, with statistics of norms averaged anew over pictures of the epoch where the recipe says so.
    regulus::Weights judged_weights() {
        const std::int64_t batches = std::min(plan_.recipe.precise_samples / plan_.recipe.at_once, std::int64_t(groups_.size()));
        if (batches == 0) return teacher_.learner().weights();
        const std::uint64_t key = regulus::random_key(options_.run.seed, "precise norms");
        return train::precise_norms(teacher_.learner(), batches, [&](std::int64_t batch) {
            teacher_.look(load_batch(plan_, options_.run.seed, epoch_, groups_[std::size_t(batch)]), regulus::random_key(key, std::uint64_t(batch)));
        });
    }

    const Options& options_;
    Plan plan_;
    train::DetectorTeacher teacher_;
    regulus::Weights judged_;                        // since the last step, if it was judged
    std::vector<std::vector<std::int64_t>> groups_;  // of the epoch
    std::int64_t epoch_ = -1;
};

void train_coco(const Options& options, Outcome& outcome) {
    const StopGuard guard;
    if (options.model.empty() && options.weights.empty()) throw regulus::ArgumentError("which detector? Name it with --model (regulus zoo list), or give weights to start from with --weights FILE");
    const std::string path = run_file(options.run.out, options.run.resume);
    Plan plan = make_coco_plan(options);
    talk("train: " + plan.model->name + ", " + count_of(plan.sizes.size(), "picture") + ", as " + plan.recipe.code_base + " does: " + count_of(std::size_t(plan.course.all), "step") + ", " +
         count_of(std::size_t(plan.course.steps), "step") + " an epoch, " + count_of(std::size_t(plan.recipe.batch), "picture") + " a step, " + std::to_string(plan.recipe.at_once) + " at once, " + options.optimiser +
         ", learning rate " + number(plan.peak) + "\n");
    CocoLessons lessons(options, std::move(plan));
    train_to_end(lessons, lessons.course(), options.run, path, outcome);
}

}  // namespace

void add_picture_training(CLI::App& command, const std::shared_ptr<CocoOptions>& options, Outcome& outcome) {
    command.add_option("--model", options->model, "A zoo name or an unambiguous tail of one (default: what the weights say or fit)");
    command.add_option("--weights", options->weights, "Start from this checkpoint of any layout, a detector's or a classifier's; what it lacks begins anew (default: everything is random)");
    command.add_option("--rule", options->rule, "Whose losses, samples and recipe (default: the model's own)")->check(CLI::IsMember({"mmdetection", "detectron2", "torchvision"}));
    CLI::Option* epochs = command.add_option("--epochs", options->epochs, "How often each picture is seen")->check(CLI::Range(1, 1000000));
    command.add_option("--iterations", options->iterations, "How many steps are taken")->check(CLI::Range(1, 1000000000))->excludes(epochs);
    command.add_option("--batch", options->batch, "Pictures of a step (default: as published, mostly 16)")->check(CLI::Range(1, 1 << 16));
    command.add_option("--at-once", options->at_once, "As many of them are in memory together and have one loss; the step's is the mean (default: 2)")->check(CLI::Range(1, 1 << 12));
    command.add_option("--lr", options->learning_rate, "Peak of the learning rate (default: the published one, in proportion to the batch; adamw: 0.0001)")->check(CLI::PositiveNumber);
    command.add_option("--optimiser", options->optimiser, "sgd with momentum 0.9, or adamw")->check(CLI::IsMember({"sgd", "adamw"}))->capture_default_str();
    command.add_option("--weight-decay", options->weight_decay, "Of the parameters (default: as published; adamw: 0.05, not of norms and biases)")->check(CLI::Range(0.0, 1.0));
    command.add_option("--proposals", options->proposals, proposals_help);
    command.add_option("--clip", options->clip, "Greatest norm of all gradients; 0: any (default: as published)")->check(CLI::Range(0.0, 1e9));
    command.add_option("--repeat-threshold", options->repeat_threshold, "Pictures of categories that are on a smaller part of all pictures are shown more often; 0: all as often (default: as published: LVIS 0.001, others 0)")->check(CLI::Range(0.0, 1.0));
    command.add_option("--frozen", options->frozen, "Parameters whose names begin so do not learn; none: all do (default, with --weights: as published, mostly backbone.stem.,backbone.s1.)")->delimiter(',')->allow_extra_args(false);
    command.add_option("--norms", options->norms, "Batch norms of the backbone: stored statistics, fixed as a whole, or statistics of the batch (default: as published with --weights, else batch)")
        ->check(CLI::IsMember({"stored", "fixed", "batch"}));
    command.add_option("--precise-norms", options->precise, "Pictures over which statistics of batch norms are averaged before a network is judged or written; 0: the running ones (default: as published)")->check(CLI::Range(0, 1 << 24));
    command.add_option("--save-every", options->save_every, "Keep the run and tell its losses after as many steps (default: after each epoch)")->check(CLI::Range(1, 1000000000));
    add_run_options(command, options->run);
    command.callback([options, &outcome] { train_coco(*options, outcome); });
}

void add_train_coco(CLI::App& app, Outcome& outcome) {
    auto options = std::make_shared<Options>();
    auto files = std::make_shared<PictureFiles>();
    options->read = [files](const regulus::ModelSpec&) { return read_coco_pictures(*files); };
    CLI::App* command = app.add_subcommand("coco", "A detector learns from pictures with COCO annotations: RetinaNet, region proposal networks, Fast, Faster, Mask, Cascade and Keypoint R-CNN, Panoptic FPN.\n"
                                                   "What is not said is as the model's code base publishes it; the learning rate grows with the batch. After each epoch\n"
                                                   "(or --save-every) and on Ctrl-C the run is kept in OUT.run: the same command with --resume goes on to the bits that an\n"
                                                   "undisturbed run gives with as many threads. The result is read by detect, eval coco and convert.\n"
                                                   "Categories are the model's classes by name; others, if as many, get new last layers of the heads.\n"
                                                   "Examples:\n"
                                                   "  regulus train coco --weights fasteners.safetensors --images tray --annotations tray.json --batch 4 --epochs 6 --out tray.safetensors\n"
                                                   "  regulus train coco --model retinanet_r50_fpn_1x_coco --weights resnet50.pth --images train2017 --annotations instances_train2017.json --out retina.safetensors");
    command->add_option("--images", files->images, "Folder of the pictures that the annotations name")->required();
    command->add_option("--annotations", files->annotations, "COCO annotations (JSON)")->required();
    CLI::Option* panoptic = command->add_option("--panoptic", options->panoptic, "COCO panoptic annotations of the same pictures (JSON), for a semantic head");
    command->add_option("--segments", options->segments, "Folder of their PNG files (default: called as the annotations, without .json)")->needs(panoptic);
    CLI::Option* val = command->add_option("--val-images", options->validation.images, "Folder of validation pictures, judged each time that the run is kept");
    CLI::Option* val_truth = command->add_option("--val-annotations", options->validation.annotations, "Their annotations")->needs(val);
    val->needs(val_truth);
    command->add_option("--val-proposals", options->validation_proposals, "Likewise for the validation pictures")->needs(val);
    add_picture_training(*command, options, outcome);
}

}  // namespace tool
