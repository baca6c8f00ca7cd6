#pragma once
#include <cstdlib>
#include <string>

#include <regulus/core/error.hpp>
#include <regulus/train/classifier_recipe.hpp>

namespace regulus::train {

namespace detail {

/// The size in a RegNet's name, in GF; 0 where there is none.
inline double regnet_size(const std::string& architecture) {
    const std::size_t dash = architecture.find('-');
    if (dash == std::string::npos) return 0;
    char* end = nullptr;
    const double number = std::strtod(architecture.c_str() + dash + 1, &end);
    const std::string unit = architecture.substr(std::size_t(end - architecture.c_str()), 2);
    if (!(number > 0)) return 0;
    return unit == "GF" ? number : unit == "MF" ? number / 1000 : 0;
}

inline void regnet_recipe(ClassifierRecipe& recipe, const std::string& architecture) {
    const double size = regnet_size(architecture);
    if (size == 0) throw ArgumentError("recipe: \"" + architecture + "\" does not end in a size such as 3.2GF or 400MF");
    const bool is_y = architecture[6] == 'Y';
    if (recipe.code_base == "mmpretrain") recipe.batch = size <= 1.6 ? 1024 : 512;
    else recipe.batch = size < 3.2 ? 1024 : size <= (is_y ? 12 : 16) ? 512 : 256;
    recipe.learning_rate = 0.1 * double(recipe.batch) / 128;
    if (recipe.code_base == "torchvision") {
        recipe.optimiser.nesterov = false;
        if (is_y && size == 0.4) recipe.learning_rate = 0.4;
    }
    if (recipe.code_base == "mmpretrain") recipe.precise_samples = 8192;
}

inline void resnet_recipe(ClassifierRecipe& recipe, const std::string& architecture) {
    recipe.batch = 256;
    recipe.warm_up = 0;
    if (recipe.code_base == "pycls") {
        recipe.learning_rate = 0.2;
        return;
    }
    recipe.learning_rate = 0.1;
    recipe.optimiser = {0.9, false, {1e-4}};
    recipe.curve = Schedule::Curve::steps;
    recipe.augmentation.lighting = 0;
    if (recipe.code_base != "mmpretrain" && architecture.rfind("ResNeXt", 0) != 0) recipe.epochs = 90;
}

}  // namespace detail

REGULUS_INLINE Schedule ClassifierRecipe::schedule(std::int64_t of_epochs, double peak) const {
    if (curve == Schedule::Curve::steps) {
        Schedule schedule;
        schedule.peak = peak;
        schedule.curve = curve;
        for (std::int64_t step = 30; step < of_epochs; step += 30) schedule.steps.push_back(double(step));
        schedule.warm_up = double(warm_up);
        return schedule;
    }
    return code_base == "torchvision" ? torchvision_schedule(peak, of_epochs, warm_up) : code_base == "mmpretrain" ? mmpretrain_schedule(peak, of_epochs, warm_up) : pycls_schedule(peak, of_epochs, warm_up);
}

REGULUS_INLINE ClassifierRecipe classifier_recipe(const std::string& code_base, const std::string& architecture) {
    ClassifierRecipe recipe;
    const bool is_regnet = architecture.rfind("RegNet", 0) == 0, is_timm = code_base == "timm";
    recipe.code_base = is_timm ? (is_regnet ? "pycls" : "torchvision") : code_base;
    if (recipe.code_base != "pycls" && recipe.code_base != "mmpretrain" && recipe.code_base != "torchvision") {
        throw ArgumentError("recipe: there is none of \"" + code_base + "\", there are those of pycls, mmpretrain and torchvision");
    }
    if (recipe.code_base != "pycls" || is_timm) recipe.augmentation.rule = RandomCrop::torchvision;
    if (recipe.code_base == "torchvision" || is_timm) recipe.augmentation.lighting = 0;
    if (is_regnet) detail::regnet_recipe(recipe, architecture);
    else detail::resnet_recipe(recipe, architecture);
    recipe.at_once = recipe.batch / 8;
    return recipe;
}

}  // namespace regulus::train
