#pragma once
#include <regulus/core/error.hpp>
#include <regulus/train/detector_recipe.hpp>

namespace regulus::train {

REGULUS_INLINE DetectorRecipe detector_recipe(const std::string& code_base, const std::string& name, const std::string& architecture, bool is_dense, const Preprocessing& preprocessing) {
    const auto says = [&](const char* word) { return name.find(word) != std::string::npos; };
    const bool is_regnet = architecture.find("RegNet") != std::string::npos;
    const bool is_published_size = preprocessing.long_side == 1333 && preprocessing.short_side == 800;
    DetectorRecipe recipe;
    recipe.code_base = code_base;
    recipe.augmentation.sizes = {{preprocessing.long_side, preprocessing.short_side}};
    if (is_dense) recipe.learning_rate = 0.01;
    if (code_base == "mmdetection") {
        if (is_regnet) recipe.learning_rate = 0.02, recipe.weight_decay = 5e-5;
        if (says("2x")) recipe.epochs = 24;
        if (says("3x")) recipe.epochs = 36, recipe.steps = {28. / 36, 34. / 36};
        const bool many_sizes = says("mstrain") || says("ms-"), is_cascade = says("cascade");
        if (is_regnet && !is_cascade && (is_dense || (many_sizes && says("mask")))) recipe.clip = 35;
        if (many_sizes && is_published_size) recipe.augmentation = detectron2_augmentation();  // the same six
        if (many_sizes && (is_cascade || says("poly"))) recipe.steps = {27. / 36, 33. / 36}, recipe.augmentation.between = true;
    } else if (code_base == "detectron2") {
        recipe.truths = TruthRule::detectron2;
        recipe.epochs = 0, recipe.iterations = 90000, recipe.steps = {60. / 90, 80. / 90}, recipe.warm_up = 1000;
        if (says("3x")) recipe.iterations = 270000, recipe.steps = {210. / 270, 250. / 270};
        recipe.norms_decay = false, recipe.norms = "fixed";
        if (says("keypoint")) recipe.least_keypoints = 1;
        if (is_published_size) recipe.augmentation = detectron2_augmentation();
    } else if (code_base == "torchvision") {
        recipe.truths = TruthRule::torchvision;
        recipe.epochs = 26, recipe.steps = {16. / 26, 22. / 26}, recipe.warm_up = 1000;
        recipe.norms = "fixed";
        if (says("keypoint")) {
            recipe.epochs = 46, recipe.steps = {36. / 46, 43. / 46}, recipe.least_keypoints = 10;
            if (is_published_size) recipe.augmentation = detectron2_augmentation();  // the same six
        }
    } else {
        throw ArgumentError("recipe: detectors are taught as by mmdetection, detectron2 or torchvision, not \"" + code_base + "\"");
    }
    return recipe;
}

REGULUS_INLINE Schedule DetectorRecipe::schedule(double peak, std::int64_t all, std::int64_t epoch, bool by_epochs) const {
    return stretched_schedule(peak, steps, all, by_epochs ? epoch : 1, warm_up);
}

}  // namespace regulus::train
