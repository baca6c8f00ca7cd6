// Recipes as their code bases publish them (see the sources named in classifier_recipe.hpp).
#include <doctest/doctest.h>

#include <regulus/train/classifier_recipe.hpp>
#include <regulus/zoo/classifiers.hpp>

using namespace regulus;
using namespace regulus::train;

TEST_CASE("recipe: batches and rates by size") {
    struct Row {
        const char *code_base, *architecture;
        std::int64_t batch;
        double rate;
    };
    const Row rows[] = {{"pycls", "RegNetX-200MF", 1024, 0.8},      {"pycls", "RegNetX-1.6GF", 1024, 0.8},      {"pycls", "RegNetX-3.2GF", 512, 0.4},     {"pycls", "RegNetX-16GF", 512, 0.4},
                        {"pycls", "RegNetX-32GF", 256, 0.2},        {"pycls", "RegNetY-12GF", 512, 0.4},        {"pycls", "RegNetY-16GF", 256, 0.2},      {"pycls", "ResNet-50", 256, 0.2},
                        {"mmpretrain", "RegNetX-1.6GF", 1024, 0.8}, {"mmpretrain", "RegNetX-12GF", 512, 0.4},   {"mmpretrain", "ResNet-50", 256, 0.1},    {"torchvision", "RegNetY-400MF", 1024, 0.4},
                        {"torchvision", "RegNetX-400MF-tv", 1024, 0.8}, {"torchvision", "RegNetY-8.0GF-tv", 512, 0.4}, {"torchvision", "RegNetY-32GF", 256, 0.2}, {"torchvision", "ResNet-101", 256, 0.1}};
    for (const Row& row : rows) {
        CAPTURE(row.code_base);
        CAPTURE(row.architecture);
        const ClassifierRecipe recipe = classifier_recipe(row.code_base, row.architecture);
        CHECK(recipe.batch == row.batch);
        CHECK(recipe.at_once == row.batch / 8);
        CHECK(recipe.learning_rate == doctest::Approx(row.rate));
    }
}

TEST_CASE("recipe: what else differs") {
    const ClassifierRecipe pycls = classifier_recipe("pycls", "RegNetX-400MF"), mm = classifier_recipe("mmpretrain", "RegNetX-400MF"), tv = classifier_recipe("torchvision", "RegNetX-800MF");
    CHECK(pycls.optimiser.nesterov);
    CHECK(mm.optimiser.nesterov);
    CHECK_FALSE(tv.optimiser.nesterov);
    for (const ClassifierRecipe& recipe : {pycls, mm, tv}) {
        CHECK(recipe.optimiser.decay.amount == 5e-5);
        CHECK(recipe.optimiser.decay.norms);
        CHECK(recipe.epochs == 100);
    }
    CHECK(pycls.augmentation.rule == RandomCrop::pycls);
    CHECK(mm.augmentation.rule == RandomCrop::torchvision);
    CHECK(mm.augmentation.lighting == 0.1);
    CHECK(tv.augmentation.lighting == 0);
    CHECK(mm.precise_samples == 8192);
    CHECK(learning_rate(pycls.schedule(100, 0.8), 5, 0) == doctest::Approx(0.795075));
    CHECK(learning_rate(mm.schedule(100, 0.8), 4, 0) == doctest::Approx(0.8));
    CHECK(learning_rate(tv.schedule(100, 0.8), 4, 0) == doctest::Approx(0.656));

    const ClassifierRecipe resnet = classifier_recipe("torchvision", "ResNet-50");
    CHECK(resnet.epochs == 90);
    CHECK(resnet.optimiser.decay.amount == 1e-4);
    CHECK(learning_rate(resnet.schedule(90, 0.1), 29, 0) == doctest::Approx(0.1));
    CHECK(learning_rate(resnet.schedule(90, 0.1), 60, 0) == doctest::Approx(0.001));
    CHECK(learning_rate(classifier_recipe("mmpretrain", "ResNet-50").schedule(100, 0.1), 95, 0) == doctest::Approx(0.0001));
    CHECK(learning_rate(classifier_recipe("pycls", "ResNet-50").schedule(100, 0.2), 0, 0) == 0.2);
    CHECK(classifier_recipe("timm", "RegNetX-400MF").augmentation.lighting == 0);
}

TEST_CASE("recipe: every classifier of the zoo has one; unknown names are told") {
    for (const ClassifierSpec& spec : classifier_models()) {
        CAPTURE(spec.name);
        const ClassifierRecipe recipe = classifier_recipe(spec.code_base, spec.architecture);
        CHECK(recipe.batch % recipe.at_once == 0);
        CHECK(learning_rate(recipe.schedule(recipe.epochs, recipe.learning_rate), 10, 0) > 0);
    }
    CHECK_THROWS_WITH_AS(classifier_recipe("keras", "RegNetX-400MF"), "recipe: there is none of \"keras\", there are those of pycls, mmpretrain and torchvision", ArgumentError);
    CHECK_THROWS_WITH_AS(classifier_recipe("pycls", "RegNetX"), "recipe: \"RegNetX\" does not end in a size such as 3.2GF or 400MF", ArgumentError);
    CHECK_THROWS_AS(classifier_recipe("pycls", "RegNetX-4"), ArgumentError);
}
