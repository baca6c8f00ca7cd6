#pragma once
// RetinaNet.
#include <regulus/layers/dense_candidates.hpp>
#include <regulus/layers/fpn.hpp>
#include <regulus/layers/retina_head.hpp>
#include <regulus/models/names.hpp>
#include <regulus/models/recorded.hpp>
#include <regulus/models/regnet.hpp>
#include <regulus/models/resnet.hpp>

namespace regulus {

/// What is fixed at compile time, with the defaults of the published COCO models.
struct RetinaSizes {
    int anchors = 9;                            // a cell: scales per octave times ratios
    int tower_depth = 4;                        // 3x3 convolutions before the last
    int candidates = 1000;                      // kept per level before suppression
    int detections = 100;                       // per picture
    FpnExtra extra = FpnExtra::convs_on_input;  // how P6 and P7 are made
    int tower_norm_groups = 0;                  // the towers' convolutions have group norms of so many groups; 0: biases
};

inline constexpr RetinaSizes retina_sizes{};

/// What is chosen at run time. The defaults are mmdetection 3's.
struct RetinaSettings {
    AnchorRule anchor_rule = AnchorRule::mmdetection;
    double anchor_scale = 4;  // an anchor's side is about stride * scale * 2^(i / scales_per_octave)
    int scales_per_octave = 3;
    Numbers anchor_ratios{0.5, 1, 2};
    ops::BoxCoder coder{};
    float score_threshold = 0.05f;
    float iou_threshold = 0.5f;
    float min_size = 0.f;  // boxes must be wider and higher than this; < 0: any
    bool rescale = true;   // suppression in pixels of the original picture (mmdetection)
    bool anchors_by_best_class = false;  // candidates are all classes of the best anchors, not the best classes of all anchors (mmdetection 2)
};

/// The same detector as mmdetection 2 (2.11, spec B.9) runs it: per level the anchors with the best class, whatever its score, then all their
/// classes above the threshold; boxes without width or height stay. Weights and everything else are those of mmdetection 3.
constexpr RetinaSettings as_mmdetection2(RetinaSettings settings) {
    settings.anchors_by_best_class = true;
    settings.min_size = -1.f;
    return settings;
}

/// Where detectron2 differs: anchors in double and scale by scale, deltas clamped above only, no clipping before suppression,
/// suppression in network pixels. Its P6 and P7 have a ReLU between them: RetinaSizes{.extra = FpnExtra::convs_on_input_relu}.
inline constexpr RetinaSettings detectron2_retina{
    .anchor_rule = AnchorRule::detectron2, .coder = {.clamp_both_sides = false, .clip = false}, .min_size = -1.f, .rescale = false};
inline constexpr RetinaSizes detectron2_retina_sizes{.extra = FpnExtra::convs_on_input_relu};

/// Where torchvision differs: rounded anchors, deltas clamped above only, 300 detections; the first version of its weights has P6 from P5, the second
/// has it from C5 and group norms in the towers.
inline constexpr RetinaSettings torchvision_retina{
    .anchor_rule = AnchorRule::torchvision, .coder = {.clamp_both_sides = false}, .min_size = -1.f, .rescale = false};
inline constexpr RetinaSizes torchvision_retina_sizes{.detections = 300, .extra = FpnExtra::convs_on_output_relu};
inline constexpr RetinaSizes torchvision_retina_v2_sizes{.detections = 300, .extra = FpnExtra::convs_on_input_relu, .tower_norm_groups = 32};

/// image [n, 3, H, W], image_info [n, 4]  ->  boxes, scores, labels, count (models/names.hpp).
///
/// Backbone, pyramid P3..P7, two towers on every level, suppression over all levels within each class.
/// Source: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017; as mmdetection 3 builds it.
template <class Backbone, int FpnChannels = 256, int Classes = 80, const RetinaSizes& Sizes = retina_sizes>
struct RetinaNet {
    static constexpr const char* kind = "retina_net";
    static constexpr bool needs_image_info = true;
    static constexpr bool has_masks = false;
    static constexpr int classes = Classes;
    static constexpr RetinaSettings settings{};

    /// Whether boxes leave the graph in pixels of the original picture.
    static constexpr bool rescales(const RetinaSettings& chosen) { return chosen.rescale; }

    void operator()(const Scope& scope, const ImageInput<3>& input, const RetinaSettings& chosen) const {
        const auto maps = labelled_levels(Backbone{}(scope / "backbone", input.image));
        const auto pyramid = Fpn<typename Backbone::Widths, FpnChannels, Sizes.extra, 1>{}(scope / "neck", maps);
        const auto dense = RetinaHead<FpnChannels, Sizes.tower_depth, Sizes.anchors, Classes, (Sizes.tower_norm_groups > 0)>{}(scope.with_group_norm(Sizes.tower_norm_groups) / "head", pyramid);
        const CandidateSettings candidates{.anchors = {chosen.anchor_rule, chosen.anchor_scale, chosen.scales_per_octave, chosen.anchor_ratios},
                                           .limit = Sizes.candidates,
                                           .threshold = chosen.score_threshold,
                                           .anchors_by_best_class = chosen.anchors_by_best_class,
                                           .coder = chosen.coder,
                                           .rescale = chosen.rescale};
        const auto lists = dense_candidates(scope / "detections", dense, input.info, candidates);
        detection_outputs(scope.graph(), suppress<Sizes.detections>(scope / "detections.nms", lists, chosen.iou_threshold, chosen.min_size));
    }
};

}  // namespace regulus
