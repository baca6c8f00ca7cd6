// Detectors' recipes as their code bases publish them (see the sources named in detector_recipe.hpp).
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/train/detector3d_recipe.hpp>
#include <regulus/train/detector_recipe.hpp>
#include <regulus/zoo/point_detectors.hpp>
#include <regulus/zoo/zoo.hpp>

using namespace regulus;
using namespace regulus::train;

namespace {

DetectorRecipe recipe_of(const std::string& name, bool is_dense = false) {
    const ModelSpec& model = find_model(zoo_models(), name);
    return detector_recipe(model.code_base, model.name, model.architecture, is_dense, model.facts.preprocessing);
}

}  // namespace

TEST_CASE("recipe: detectors' rates, decays and lengths") {
    struct Row {
        const char* name;
        bool is_dense;
        double rate, decay, clip;
        std::int64_t epochs, iterations;
    };
    const Row rows[] = {{"faster_rcnn_r50_fpn_1x_coco", false, 0.02, 1e-4, 0, 12, 0},
                        {"faster_rcnn_regnetx-3.2GF_fpn_2x_coco", false, 0.02, 5e-5, 0, 24, 0},
                        {"retinanet_r50_fpn_1x_coco", true, 0.01, 1e-4, 0, 12, 0},
                        {"retinanet_regnetx-800MF_fpn_1x_coco", true, 0.02, 5e-5, 35, 12, 0},
                        {"mask_rcnn_regnetx-3.2GF_fpn_mstrain_3x_coco", false, 0.02, 5e-5, 35, 36, 0},
                        {"mask_rcnn_regnetx-800MF_fpn_mstrain-poly_3x_coco", false, 0.02, 5e-5, 35, 36, 0},
                        {"cascade_mask_rcnn_regnetx-400MF_fpn_mstrain_3x_coco", false, 0.02, 5e-5, 0, 36, 0},
                        {"COCO-Detection/retinanet_R_50_FPN_1x", true, 0.01, 1e-4, 0, 0, 90000},
                        {"COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x", false, 0.02, 1e-4, 0, 0, 270000},
                        {"COCO-Keypoints/keypoint_rcnn_R_50_FPN_3x", false, 0.02, 1e-4, 0, 0, 270000},
                        {"torchvision/fasterrcnn_resnet50_fpn", false, 0.02, 1e-4, 0, 26, 0},
                        {"torchvision/keypointrcnn_resnet50_fpn", false, 0.02, 1e-4, 0, 46, 0}};
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const DetectorRecipe recipe = recipe_of(row.name, row.is_dense);
        CHECK(recipe.learning_rate == row.rate);
        CHECK(recipe.weight_decay == row.decay);
        CHECK(recipe.clip == row.clip);
        CHECK(recipe.epochs == row.epochs);
        CHECK(recipe.iterations == row.iterations);
        CHECK(recipe.batch == 16);
        CHECK(recipe.at_once == 2);
    }
}

TEST_CASE("recipe: what a detector's backbone and pictures do") {
    const DetectorRecipe mm = recipe_of("mask_rcnn_r50_fpn_1x_coco"), d2 = recipe_of("COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x"), tv = recipe_of("torchvision/maskrcnn_resnet50_fpn");
    CHECK(mm.norms == "stored");
    CHECK(d2.norms == "fixed");
    CHECK(tv.norms == "fixed");
    CHECK(mm.norms_decay);
    CHECK_FALSE(d2.norms_decay);
    CHECK(mm.augmentation.sizes.size() == 1);
    CHECK_FALSE(mm.augmentation.between);
    for (const char* name : {"faster_rcnn_regnetx-3.2GF_fpn_mstrain_3x_coco", "mask_rcnn_regnetx-3.2GF_fpn_mstrain_3x_coco"}) {
        CHECK_FALSE(recipe_of(name).augmentation.between);
        CHECK(recipe_of(name).augmentation.sizes.size() == 6);
        CHECK(recipe_of(name).steps == std::vector<double>{28. / 36, 34. / 36});
    }
    for (const char* name : {"faster_rcnn_regnetx-400MF_fpn_mstrain_3x_coco", "cascade_mask_rcnn_regnetx-3.2GF_fpn_mstrain_3x_coco", "cascade_mask_rcnn_regnetx-400MF_fpn_mstrain_3x_coco", "mask_rcnn_regnetx-800MF_fpn_mstrain-poly_3x_coco"}) {
        CHECK(recipe_of(name).augmentation.between);
        CHECK(recipe_of(name).steps == std::vector<double>{27. / 36, 33. / 36});
    }
    CHECK(d2.augmentation.sizes.size() == 6);
    CHECK(tv.truths == TruthRule::torchvision);
    CHECK(d2.least_keypoints == 0);
    CHECK(recipe_of("COCO-Keypoints/keypoint_rcnn_R_50_FPN_1x").least_keypoints == 1);
    CHECK(recipe_of("torchvision/keypointrcnn_resnet50_fpn").least_keypoints == 10);
    CHECK(recipe_of("torchvision/keypointrcnn_resnet50_fpn").augmentation.sizes.size() == 6);
    CHECK_THROWS_AS(detector_recipe("timm", "a", "b", false, Preprocessing{}), ArgumentError);
}

TEST_CASE("recipe: detectron2's other models, by their configs") {
    struct Row {
        const char* name;
        std::int64_t batch, iterations;  // of the config
        double rate;                     // of the config
        double first_fall;               // of the config's iterations
        const char* norms;
        std::size_t frozen;
    };
    const Row rows[] = {{"Misc/panoptic_fpn_R_101_dconv_cascade_gn_3x", 32, 135000, 0.04, 105000, "fixed", 2},
                        {"Misc/cascade_mask_rcnn_X_152_32x8d_FPN_IN5k_gn_dconv", 128, 50000, 0.16, 35000, "fixed", 2},
                        {"Misc/mask_rcnn_R_50_FPN_3x_gn", 16, 270000, 0.02, 210000, "fixed", 2},
                        {"Misc/mask_rcnn_R_50_FPN_3x_syncbn", 16, 270000, 0.02, 210000, "batch", 2},
                        {"Misc/scratch_mask_rcnn_R_50_FPN_3x_gn", 16, 270000, 0.02, 210000, "fixed", 0},
                        {"Misc/scratch_mask_rcnn_R_50_FPN_9x_syncbn", 64, 202500, 0.08, 187500, "batch", 0},
                        {"PascalVOC-Detection/faster_rcnn_R_50_C4", 16, 18000, 0.02, 12000, "fixed", 2},
                        {"Cityscapes/mask_rcnn_R_50_FPN", 8, 24000, 0.01, 18000, "fixed", 2},
                        {"LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x", 16, 90000, 0.02, 60000, "fixed", 2},
                        {"new_baselines/mask_rcnn_R_50_FPN_100ep_LSJ", 64, 184375, 0.1, 163889, "batch", 0},
                        {"new_baselines/mask_rcnn_regnety_4gf_dds_FPN_400ep_LSJ", 64, 4 * 184375, 0.1, 4 * 163889, "batch", 0}};
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const DetectorRecipe recipe = recipe_of(row.name);
        CHECK(recipe.batch == row.batch);
        CHECK(recipe.iterations * 16 == row.iterations * row.batch);
        CHECK(recipe.learning_rate * double(row.batch) / 16 == doctest::Approx(row.rate));
        CHECK(recipe.steps[0] * double(row.iterations) == doctest::Approx(row.first_fall));
        CHECK(recipe.norms == row.norms);
        CHECK(recipe.frozen.size() == row.frozen);
        CHECK(recipe.precise_samples == (std::string(row.name).ends_with("_syncbn") ? 200 * row.batch : 0));  // PRECISE_BN of 200 iterations
    }
    CHECK(recipe_of("Cityscapes/mask_rcnn_R_50_FPN").steps.size() == 1);
    CHECK(recipe_of("Cityscapes/mask_rcnn_R_50_FPN").augmentation.sizes.size() == 8);
    CHECK(recipe_of("Cityscapes/mask_rcnn_R_50_FPN").augmentation.sizes[7] == DetectAugmentation::Size{2048, 1024});
    CHECK(recipe_of("PascalVOC-Detection/faster_rcnn_R_50_C4").augmentation.sizes.size() == 11);
    CHECK(recipe_of("PascalVOC-Detection/faster_rcnn_R_50_C4").warm_up == 100);
    CHECK(recipe_of("LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x").repeat_threshold == 0.001);
    CHECK(recipe_of("COCO-InstanceSegmentation/mask_rcnn_regnetx_4gf_dds_fpn_1x").weight_decay == 5e-5);
    CHECK(recipe_of("Misc/cascade_mask_rcnn_X_152_32x8d_FPN_IN5k_gn_dconv").augmentation.least_part == 0.9);
    const DetectorRecipe jittered = recipe_of("new_baselines/mask_rcnn_regnetx_4gf_dds_FPN_200ep_LSJ");
    CHECK(jittered.weight_decay == 4e-5);
    REQUIRE(jittered.augmentation.jitter);
    CHECK(jittered.augmentation.jitter->side == 1024);
    const Schedule schedule = jittered.schedule(0.1, 368750, 1844, false);
    CHECK(learning_rate(schedule, 0, 0) == doctest::Approx(0.0067));
    CHECK(learning_rate(schedule, 0, 1000) == doctest::Approx(0.1));
    CHECK(learning_rate(schedule, 0, 327777) == doctest::Approx(0.1));
    CHECK(learning_rate(schedule, 0, 327778) == doctest::Approx(0.01));
    CHECK(recipe_of("torchvision/maskrcnn_resnet50_fpn_v2").norms == "batch");
}

TEST_CASE("recipe: a detector's rate warms up and falls twice to a tenth, between epochs where it is told so") {
    const DetectorRecipe recipe = recipe_of("faster_rcnn_r50_fpn_1x_coco");
    const auto rate = [&](const Schedule& schedule, std::int64_t step) { return learning_rate(schedule, 0, step); };
    const Schedule whole = recipe.schedule(0.02, 120000, 10000, true), part = recipe.schedule(0.02, 100, 12, true), free = recipe.schedule(0.02, 100, 12, false);
    CHECK(rate(whole, 0) < 0.001);
    CHECK(rate(whole, 500) == doctest::Approx(0.02));
    CHECK(rate(whole, 79999) == doctest::Approx(0.02));
    CHECK(rate(whole, 80000) == doctest::Approx(0.002));
    CHECK(rate(whole, 109999) == doctest::Approx(0.002));
    CHECK(rate(whole, 110000) == doctest::Approx(0.0002));
    CHECK(rate(part, 10) == doctest::Approx(0.02));  // a tenth of all steps
    CHECK(rate(part, 71) == doctest::Approx(0.02));
    CHECK(rate(part, 72) == doctest::Approx(0.002));
    CHECK(rate(free, 66) == doctest::Approx(0.02));
    CHECK(rate(free, 67) == doctest::Approx(0.002));
}

TEST_CASE("recipe: mmdetection's configurations with \"poly\" in their names learn from rings, the others from bitmaps") {
    CHECK(recipe_of("mask_rcnn_regnetx-800MF_fpn_mstrain-poly_3x_coco").truths == TruthRule::mmdetection_rings);
    CHECK(recipe_of("mask_rcnn_regnetx-3.2GF_fpn_1x_coco").truths == TruthRule::mmdetection);
    CHECK(recipe_of("COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x").truths == TruthRule::detectron2);
}

TEST_CASE("recipe: mmdetection3d's 24 epochs of AdamW, a tenth after 20 and 23, from a thousandth") {
    const Detector3dRecipe recipe = nuscenes_recipe();
    const Schedule schedule = recipe.schedule(recipe.learning_rate, 24 * 900, 900);
    CHECK(learning_rate(schedule, 0, 0) == doctest::Approx(1e-6));
    CHECK(learning_rate(schedule, 1, 1000) == doctest::Approx(1e-3));
    CHECK(learning_rate(schedule, 19, 20 * 900 - 1) == doctest::Approx(1e-3));
    CHECK(learning_rate(schedule, 20, 20 * 900) == doctest::Approx(1e-4));
    CHECK(learning_rate(schedule, 23, 23 * 900) == doctest::Approx(1e-5));
    CHECK(recipe.schedule(1, 20, 5).warm_up == 2);
    const AdamW& adam = recipe.adam;
    CHECK(adam.beta2 == 0.999);
    CHECK_FALSE(recipe.momentum(24 * 900));
    for (const auto kind : {LearnedParameter::Kind::weight, LearnedParameter::Kind::bias, LearnedParameter::Kind::norm_bias}) CHECK(adam.decay.of(kind) == 0.01);
}

TEST_CASE("recipe: mmdetection3d's models of Lyft see half as many clouds a step, with room for twice the pillars, at nuScenes' rate") {
    const Detector3dRecipe nuscenes = nuscenes_recipe(), lyft = lyft_recipe();
    CHECK(nuscenes.batch == 32);
    CHECK(nuscenes.at_once == 4);
    CHECK(nuscenes.max_pillars == 30000);
    CHECK(lyft.batch == 16);
    CHECK(lyft.at_once == 2);
    CHECK(lyft.max_pillars == 60000);
    CHECK(lyft.learning_rate == nuscenes.learning_rate);
    CHECK(lyft.epochs == nuscenes.epochs);
}

TEST_CASE("recipe: mmdetection3d's KITTI model goes through one cycle of the learning rate, and of AdamW's beta1 against it") {
    const Detector3dRecipe recipe = kitti_recipe();
    const std::int64_t all = 160 * 77;  // 4928 iterations up
    const Schedule rate = recipe.schedule(recipe.learning_rate, all, 77), momentum = recipe.momentum(all).value();
    // mmcv's annealing_cos(start, end, i / iterations), in Python.
    struct Point {
        std::int64_t step;
        double rate, momentum;
    };
    const Point points[] = {{0, 0.001, 0.95}, {1, 0.0010000009144098, 0.94999998983989}, {1232, 0.0023180194846605, 0.93535533905933}, {2464, 0.0055, 0.9}, {4928, 0.01, 0.85},
                            {8624, 0.00500005, 0.9}, {12319, 1.0045155586571e-07, 0.9499999954844}};
    for (const Point& point : points) {
        CAPTURE(point.step);
        CHECK(learning_rate(rate, 0, point.step) == doctest::Approx(point.rate).epsilon(1e-10).scale(0));
        CHECK(learning_rate(momentum, 0, point.step) == doctest::Approx(point.momentum).epsilon(1e-10).scale(0));
    }
    CHECK(recipe.batch % recipe.at_once == 0);
    CHECK(recipe.by_class.size() == 3);
    CHECK(recipe.objects.wanted == std::vector<int>{15, 15, 15});
    const Detector3dTraining training = recipe.training(find_point_detector(point_detectors(), "kitti-3d-3class").record());
    CHECK(training.targets.by_class[2].positive == 0.6f);
    CHECK(training.losses.boxes == 2);
    CHECK(training.max_pillars == 16000);
    CHECK(training.targets.direction_offset == doctest::Approx(-1.5707963));
}
