#pragma once
#include <regulus/core/error.hpp>
#include <regulus/train/detector_recipe.hpp>

namespace regulus::train {

namespace detail {

/// What the configs of detectron2's models say beyond their base, by their names.
template <class Says>
void set_detectron2_recipe(DetectorRecipe& recipe, const Says& says, const Preprocessing& preprocessing) {
    recipe.truths = TruthRule::detectron2;
    recipe.norms_decay = false, recipe.norms = "fixed";
    recipe.epochs = 0, recipe.iterations = 90000, recipe.steps = {60. / 90, 80. / 90}, recipe.warm_up = 1000;
    if (says("3x")) recipe.iterations = 270000, recipe.steps = {210. / 270, 250. / 270};
    if (says("9x")) recipe.batch = 64, recipe.iterations = 810000, recipe.steps = {187.5 / 202.5, 197.5 / 202.5};
    if (says("scratch")) recipe.frozen.clear();
    if (says("syncbn")) recipe.norms = "batch", recipe.precise_samples = 200 * recipe.batch;
    if (says("dds")) recipe.weight_decay = 5e-5;
    if (says("keypoint")) recipe.least_keypoints = 1;
    if (preprocessing.long_side == 1333 && preprocessing.short_side == 800) recipe.augmentation = detectron2_augmentation();
    if (says("dconv_cascade_gn")) recipe.batch = 32, recipe.steps = {105. / 135, 125. / 135};
    if (says("X_152")) {
        recipe.batch = 128, recipe.iterations = 400000, recipe.steps = {35. / 50, 45. / 50};
        recipe.augmentation.sizes = {{1440, 640}, {1440, 864}}, recipe.augmentation.between = true, recipe.augmentation.least_part = 0.9;
    }
    if (says("PascalVOC")) recipe.iterations = 18000, recipe.steps = {12. / 18, 16. / 18}, recipe.warm_up = 100, recipe.augmentation = detectron2_augmentation(480);
    if (says("Cityscapes")) recipe.batch = 8, recipe.iterations = 12000, recipe.steps = {18. / 24}, recipe.augmentation = detectron2_augmentation(800, 1024, 2048);
    if (says("LVIS")) recipe.repeat_threshold = 0.001;
    if (says("LVISv1")) recipe.iterations = 180000, recipe.steps = {120. / 180, 160. / 180};
    if (says("LSJ")) {
        const std::int64_t times = says("400ep") ? 4 : says("200ep") ? 2 : 1;
        recipe.batch = 64, recipe.learning_rate = 0.025, recipe.iterations = 737500 * times, recipe.steps = {163889. / 184375, 177546. / 184375};
        recipe.warm_up = 500 * times, recipe.warm_up_from = 0.067, recipe.weight_decay = 4e-5;
        recipe.norms = "batch", recipe.frozen.clear(), recipe.augmentation.jitter = DetectAugmentation::Jitter{};
    }
}

}  // namespace detail

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
        if (says("poly")) recipe.truths = TruthRule::mmdetection_rings;
        // Sizes between two: all but the first of them, those of May 2020.
        if (many_sizes && (is_cascade || !says("3.2GF"))) recipe.steps = {27. / 36, 33. / 36}, recipe.augmentation.between = true;
    } else if (code_base == "detectron2") {
        detail::set_detectron2_recipe(recipe, says, preprocessing);
    } else if (code_base == "torchvision") {
        recipe.truths = TruthRule::torchvision;
        recipe.epochs = 26, recipe.steps = {16. / 26, 22. / 26}, recipe.warm_up = 1000;
        recipe.norms = says("_v2") ? "batch" : "fixed";
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
    return stretched_schedule(peak, steps, all, by_epochs ? epoch : 1, warm_up, warm_up_from);
}

}  // namespace regulus::train
