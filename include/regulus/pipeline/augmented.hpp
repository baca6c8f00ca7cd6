#pragma once
// Test-time augmentation: what a detector finds at several sizes of a picture, and in the mirror, merged.
#include <cstdint>
#include <vector>

#include <regulus/pipeline/any_detector.hpp>

namespace regulus {

/// The defaults are detectron2's.
struct AugmentedSettings {
    std::vector<std::int64_t> short_sides{400, 500, 600, 700, 800, 900, 1000, 1100, 1200};  ///< of the versions, by the model's rule of sizes
    std::int64_t long_side = 4000;                                                           ///< limit of each
    bool mirrors = true;                                                                     ///< each version once more, left and right exchanged
    float score_threshold = 1e-8f;                                                           ///< of the merged boxes; scores must exceed it
    float iou_threshold = 0.5f;                                                              ///< of their suppression
    int detections = 100;                                                                    ///< kept
};

/// Runs a detector on versions of a picture, made from the picture at the detector's own size, and suppresses all their boxes together within each class,
/// in pixels of the picture and clipped to it. Scores stay as they are. A detector with masks then looks at the merged boxes in every version; a mask's
/// probabilities are the means over the versions. Keypoints are left out.
///
/// Source: detectron2, GeneralizedRCNNWithTTA.
class AugmentedDetector {
public:
    /// As AnyDetector; throws ArgumentError, too, for settings without a size, with sizes or counts < 1, for thresholds that are not finite, and for a model
    /// that resizes normalised values (torchvision's), whose versions are no pictures.
    AugmentedDetector(const Backend& backend, const Graph& graph, const Weights& weights, const ModelFacts& facts, const AugmentedSettings& settings = {}, const CompileOptions& options = {});
    AugmentedDetector(const Backend& backend, const ModelSpec& model, const Weights& weights, const AugmentedSettings& settings = {}, const CompileOptions& options = {})
        : AugmentedDetector(backend, recorded(model), weights, model.facts, settings, options) {}

    /// Objects on a picture, falling score. Throws ShapeError for an empty picture, BackendError over the memory budget.
    DetectionList operator()(const Image& image) const;

    const ModelFacts& facts() const { return detector_.facts(); }

private:
    bool has_masks() const;

    AugmentedSettings settings_;
    AnyDetector detector_;
};

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/augmented-impl.hpp>
#endif
