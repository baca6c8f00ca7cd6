#pragma once
// How the published detectors were taught.
#include <cstdint>
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/detect_augment.hpp>
#include <regulus/data/preprocess.hpp>
#include <regulus/train/coco_truths.hpp>
#include <regulus/train/schedule.hpp>

namespace regulus::train {

/// All of a training but the network and the pictures. Rates and iterations are told for 16 pictures a step, whatever the batch: others are in proportion.
struct DetectorRecipe {
    std::string code_base;
    TruthRule truths = TruthRule::mmdetection;
    double learning_rate = 0.02;  ///< peak, for 16 pictures
    std::int64_t batch = 16;      ///< pictures of a step
    std::int64_t at_once = 2;     ///< of these, as many as one device saw
    std::int64_t epochs = 12;     ///< or 0: iterations of 16 pictures
    std::int64_t iterations = 0;
    std::vector<double> steps = {8. / 12, 11. / 12};  ///< parts of the training after which the rate falls to a tenth
    std::int64_t warm_up = 500;                       ///< steps
    double warm_up_from = 0.001;                      ///< part of the rate that it begins with
    double momentum = 0.9, weight_decay = 1e-4;
    bool norms_decay = true;
    double clip = 0;                   ///< greatest norm of all gradients; 0: any
    std::string norms = "stored";      ///< of a backbone that has learnt before: "stored" statistics, those of the "batch", or "fixed" as a whole
    std::vector<std::string> frozen = {"backbone.stem.", "backbone.s1."};  ///< parts of a backbone that has learnt before that learn no more
    std::int64_t least_keypoints = 0;  ///< labelled in a picture that is learnt from
    double repeat_threshold = 0;       ///< pictures of categories that are on a smaller part of all pictures are seen more often (repeat_factors); 0: all as often
    std::int64_t precise_samples = 0;  ///< pictures over which batch norms' statistics are averaged anew before a network is judged or written; 0: the running ones stay
    DetectAugmentation augmentation;

    /// The learning rate over `iterations` of the peak `learning_rate`, `epoch` of them an epoch; where `by_epochs` it falls between two epochs.
    Schedule schedule(double learning_rate, std::int64_t iterations, std::int64_t epoch, bool by_epochs) const;
};

/// The recipe by which a code base (mmdetection, detectron2, torchvision) taught a detector: `name` and `architecture` as the zoo has them, `is_dense` for RetinaNet. Throws
/// ArgumentError for another code base.
/// Sources: the configs of mmdetection 2 and 3, detectron2's model zoo and new baselines, torchvision's references/detection.
DetectorRecipe detector_recipe(const std::string& code_base, const std::string& name, const std::string& architecture, bool is_dense, const Preprocessing& preprocessing);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/detector_recipe-impl.hpp>
#endif
