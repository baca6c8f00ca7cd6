#pragma once
// How mmdetection3d's detectors of nuScenes, Lyft and KITTI were taught.
#include <cstdint>
#include <optional>
#include <vector>

#include <regulus/data/cloud_augment.hpp>
#include <regulus/train/detector3d_teacher.hpp>
#include <regulus/train/object_sampling.hpp>
#include <regulus/train/optimiser.hpp>
#include <regulus/train/schedule.hpp>

namespace regulus::train {

/// All of a training but the network and the clouds. The defaults are nuScenes'; see nuscenes_recipe(), lyft_recipe() and kitti_recipe().
struct Detector3dRecipe {
    double learning_rate = 1e-3;  ///< peak, of any batch
    std::int64_t batch = 32;      ///< clouds of a step
    std::int64_t at_once = 4;     ///< of these, as many as one device saw
    std::int64_t epochs = 24;
    std::vector<double> steps = {20. / 24, 23. / 24};  ///< parts of the training after which the rate falls to a tenth, between two epochs; none: it goes through one cycle
    std::int64_t warm_up = 1000;                       ///< iterations; at most a tenth of the training; a cycle has none
    AdamW adam{0.9, 0.999, 1e-8, {0.01, true, true}};  ///< decays norms and biases too
    double clip = 35;                                  ///< greatest norm of all gradients
    double norm_momentum = 0.01;
    int max_pillars = 30000;                           ///< of a cloud
    CloudAugmentation augmentation;
    ObjectSampling objects;                    ///< of other clouds that each cloud gets
    std::vector<Anchor3dAssigner> by_class{};  ///< as Anchor3dTraining's
    double box_loss = 1;                       ///< how often the boxes' loss counts

    /// The learning rate over `all` iterations of the peak `learning_rate`, `epoch` of them an epoch.
    Schedule schedule(double peak, std::int64_t all, std::int64_t epoch) const {
        if (steps.empty()) return cyclic_schedule(peak / 10, peak, peak * 1e-5, all);
        return stretched_schedule(peak, steps, all, epoch, warm_up);  // a thousandth grows to the peak, as in mmdetection3d
    }

    /// AdamW's beta1 over the same iterations, where it moves: against the learning rate.
    std::optional<Schedule> momentum(std::int64_t all) const {
        if (!steps.empty()) return std::nullopt;
        return cyclic_schedule(adam.beta1, 0.85 / 0.95 * adam.beta1, adam.beta1, all);
    }

    /// How the detector is taught. Throws as detector3d_training() does.
    Detector3dTraining training(const Graph& detector) const {
        Detector3dTraining training = detector3d_training(detector);
        training.targets.by_class = by_class;
        training.losses.boxes = box_loss;
        training.max_pillars = max_pillars;
        return training;
    }
};

/// nuScenes' models: eight devices saw four clouds each.
/// Source: mmdetection3d 1.4, configs/_base_: schedules/schedule-2x.py, datasets/nus-3d.py, models/pointpillars_hv_fpn_nus.py.
inline Detector3dRecipe nuscenes_recipe() { return {}; }

/// Lyft's models: eight devices saw two clouds each, with room for twice the pillars, at the same rate.
/// Source: mmdetection3d 1.4, configs/_base_: schedules/schedule-2x.py, datasets/lyft-3d.py, models/pointpillars_hv_fpn_lyft.py.
inline Detector3dRecipe lyft_recipe() {
    Detector3dRecipe recipe;
    recipe.batch = 16;
    recipe.at_once = 2;
    recipe.max_pillars = 60000;
    return recipe;
}

/// KITTI's model of three classes, Pedestrian, Cyclist and Car: eight devices saw six clouds each, 80 epochs of every frame twice. Each cloud gets objects of others until it has 15 of a
/// class; each class has its own anchors. The learning rate goes through one cycle and AdamW's beta1 against it, between 0.95 and 0.85 as the published checkpoint was trained (the
/// configuration of mmdetection3d 1.4 hands the ratios to a scheduler that takes them for values).
/// Source: mmdetection3d 1.4, configs/: pointpillars/pointpillars_hv_secfpn_8xb6-160e_kitti-3d-3class.py, _base_/models/pointpillars_hv_secfpn_kitti.py, _base_/schedules/cyclic-40e.py.
inline Detector3dRecipe kitti_recipe() {
    Detector3dRecipe recipe;
    recipe.learning_rate = 1e-2;
    recipe.batch = 48;
    recipe.at_once = 6;
    recipe.epochs = 160;
    recipe.steps.clear();
    recipe.warm_up = 0;
    recipe.adam.beta1 = 0.95;
    recipe.adam.beta2 = 0.99;
    recipe.max_pillars = 16000;
    recipe.augmentation = kitti_augmentation();
    recipe.objects = {{15, 15, 15}, 5};
    recipe.by_class = {{0.5f, 0.35f, 0.35f}, {0.5f, 0.35f, 0.35f}, {0.6f, 0.45f, 0.45f}};
    recipe.box_loss = 2;
    return recipe;
}

}  // namespace regulus::train
