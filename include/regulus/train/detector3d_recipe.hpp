#pragma once
// How mmdetection3d's detectors of nuScenes and Lyft were taught.
#include <cstdint>
#include <vector>

#include <regulus/data/cloud_augment.hpp>
#include <regulus/train/optimiser.hpp>
#include <regulus/train/schedule.hpp>

namespace regulus::train {

/// All of a training but the network and the clouds: its schedule "2x". See nuscenes_recipe() and lyft_recipe().
struct Detector3dRecipe {
    double learning_rate = 1e-3;  ///< peak, of any batch
    std::int64_t batch = 32;      ///< clouds of a step
    std::int64_t at_once = 4;     ///< of these, as many as one device saw
    std::int64_t epochs = 24;
    std::vector<double> steps = {20. / 24, 23. / 24};  ///< parts of the training after which the rate falls to a tenth, between two epochs
    std::int64_t warm_up = 1000;                       ///< iterations; at most a tenth of the training
    double weight_decay = 0.01;                        ///< AdamW's, of norms and biases too
    double clip = 35;                                  ///< greatest norm of all gradients
    double norm_momentum = 0.01;
    int max_pillars = 30000;                           ///< of a cloud
    CloudAugmentation augmentation;

    OptimiserSettings optimiser() const { return AdamW{0.9, 0.999, 1e-8, {weight_decay, true, true}}; }

    /// The learning rate over `all` iterations of the peak `learning_rate`, `epoch` of them an epoch.
    Schedule schedule(double peak, std::int64_t all, std::int64_t epoch) const {
        return stretched_schedule(peak, steps, all, epoch, warm_up);  // a thousandth grows to the peak, as in mmdetection3d
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

}  // namespace regulus::train
