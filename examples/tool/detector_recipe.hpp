#pragma once
// How the published detectors were taught, as the defaults of `regulus train coco`.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/data/detect_augment.hpp>
#include <regulus/train/coco_truths.hpp>
#include <regulus/train/optimiser.hpp>
#include <regulus/train/schedule.hpp>

namespace tool {

/// A published training, of 16 pictures a step on 8 GPUs of two.
struct DetectorRecipe {
    std::string rule;                        // "mmdetection", "detectron2" or "torchvision"
    regulus::train::TruthRule truths = regulus::train::TruthRule::mmdetection;
    double learning_rate = 0.02;             // for 16 pictures
    std::int64_t batch = 16, at_once = 2;
    std::int64_t epochs = 12;                // or 0: iterations of 16 pictures
    std::int64_t iterations = 0;
    std::vector<double> steps = {8. / 12, 11. / 12};  // parts of the training after which the rate falls to a tenth
    std::int64_t warm_up = 500;              // iterations
    double momentum = 0.9, weight_decay = 1e-4;
    bool norms_decay = true;
    double clip = 0;                         // of the gradients' norm; 0: none
    std::string norms = "stored";            // of the backbone, on given weights
    regulus::DetectAugmentation augmentation;
};

/// The recipe of a model: `name` as the zoo has it, `is_dense` for RetinaNet. Throws regulus::ArgumentError for another rule.
inline DetectorRecipe detector_recipe(const std::string& rule, const std::string& name, const std::string& architecture, bool is_dense, const regulus::Preprocessing& eyes) {
    const auto says = [&](const char* word) { return name.find(word) != std::string::npos; };
    const bool is_regnet = architecture.find("RegNet") != std::string::npos;
    DetectorRecipe recipe;
    recipe.rule = rule;
    recipe.augmentation.sizes = {{eyes.long_side, eyes.short_side}};
    const bool is_published_size = eyes.long_side == 1333 && eyes.short_side == 800;
    if (is_dense) recipe.learning_rate = 0.01;
    if (rule == "mmdetection") {
        if (is_regnet) recipe.learning_rate = 0.02, recipe.weight_decay = 5e-5;
        if (says("2x")) recipe.epochs = 24;
        if (says("3x")) recipe.epochs = 36, recipe.steps = {28. / 36, 34. / 36};
        const bool many_sizes = says("mstrain") || says("ms-");
        if (is_regnet && (is_dense || (many_sizes && says("mask")))) recipe.clip = 35;
        if (many_sizes && is_published_size) recipe.augmentation = regulus::detectron2_augmentation();  // the same six
    } else if (rule == "detectron2") {
        recipe.truths = regulus::train::TruthRule::detectron2;
        recipe.epochs = 0, recipe.iterations = 90000, recipe.steps = {60. / 90, 80. / 90}, recipe.warm_up = 1000;
        if (says("3x")) recipe.iterations = 270000, recipe.steps = {210. / 270, 250. / 270};
        recipe.norms_decay = false, recipe.norms = "fixed";
        if (is_published_size) recipe.augmentation = regulus::detectron2_augmentation();
    } else if (rule == "torchvision") {
        recipe.truths = regulus::train::TruthRule::torchvision;
        recipe.epochs = 26, recipe.steps = {16. / 26, 22. / 26}, recipe.warm_up = 1000;
        recipe.norms = "fixed";
    } else {
        throw regulus::ArgumentError("train: detectors are taught as by mmdetection, detectron2 or torchvision, not \"" + rule + "\"; choose with --rule");
    }
    return recipe;
}

/// The learning rate over `all` iterations, `epoch` of them an epoch; where `by_epochs` it falls between two epochs.
inline regulus::train::Schedule detector_schedule(const DetectorRecipe& recipe, double peak, std::int64_t all, std::int64_t epoch, bool by_epochs) {
    std::vector<double> steps;
    for (const double part : recipe.steps) steps.push_back(by_epochs ? double(epoch) * std::round(part * double(all) / double(epoch)) : std::round(part * double(all)));
    return regulus::train::detectron2_schedule(peak, std::move(steps), std::min(recipe.warm_up, all / 10));
}

}  // namespace tool
