#pragma once
// How the published classifiers were taught.
#include <cstdint>
#include <string>

#include <regulus/core/config.hpp>
#include <regulus/data/classify_augment.hpp>
#include <regulus/train/optimiser.hpp>
#include <regulus/train/schedule.hpp>

namespace regulus::train {

/// All of a training but the network and the pictures.
struct ClassifierRecipe {
    std::string code_base;
    std::int64_t epochs = 100;
    std::int64_t batch = 1024;   ///< pictures of a step
    std::int64_t at_once = 128;  ///< of these, as many as one device saw: batch norms take the statistics of so many
    double learning_rate = 0.8;  ///< peak, for that batch; it is meant to grow with the batch
    std::int64_t warm_up = 5;    ///< epochs
    Schedule::Curve curve = Schedule::Curve::cosine;  ///< steps: a tenth every 30 epochs
    Sgd optimiser{0.9, true, {5e-5}};
    double label_smoothing = 0;
    ClassifyAugmentation augmentation;
    std::int64_t precise_samples = 0;  ///< pictures over which batch norms' statistics are averaged anew before a network is judged; 0: the running ones stay

    /// The schedule for other epochs and another peak.
    Schedule schedule(std::int64_t epochs, double peak) const;
};

/// The recipe of a code base (pycls, mmpretrain, torchvision) for a network by its zoo name ("RegNetX-3.2GF", "ResNet-50"). For timm, whose RegNets are mostly those
/// of pycls, that of pycls, with torchvision's augmentation; for its ResNets torchvision's. Throws ArgumentError for another code base and for a name without a size.
/// Sources: pycls's configs/dds_baselines, mmpretrain's configs, torchvision's references/classification (first weights, IMAGENET1K_V1).
ClassifierRecipe classifier_recipe(const std::string& code_base, const std::string& architecture);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/classifier_recipe-impl.hpp>
#endif
