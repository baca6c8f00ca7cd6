#pragma once
// Fast R-CNN with a feature pyramid: what is in boxes that somebody else proposes.
#include <regulus/models/rcnn.hpp>

namespace regulus {

/// image [n, 3, H, W], image_info [n, 4], proposals rows [n * Sizes.proposals, 4], proposal_count [n]  ->  boxes, scores, labels, count (models/names.hpp).
///
/// Source: Girshick, Fast R-CNN, ICCV 2015; as detectron2 builds it.
template <class Backbone, int FpnChannels = 256, int Classes = 80, const RcnnSizes& Sizes = rcnn_sizes>
struct FastRcnn {
    static constexpr const char* kind = "fast_rcnn";
    static constexpr bool needs_image_info = true;
    static constexpr bool has_masks = false;
    static constexpr int classes = Classes;
    static constexpr RcnnSettings settings{};
    using Features = PyramidFeatures<Backbone, FpnChannels, Sizes>;

    /// Whether boxes leave the graph in pixels of the original picture.
    static constexpr bool rescales(const RcnnSettings& chosen) { return chosen.rescales(false); }

    void operator()(const Scope& scope, const ImageInput<3>& input, const RcnnSettings& chosen) const {
        const auto proposals = given_proposals<Sizes.proposals>(scope.graph());
        const auto pyramid = Features{}(scope, input);
        look_into_regions<Features, Classes, Sizes, false, false>(scope, pyramid, proposals, input.info, chosen);
    }
};

}  // namespace regulus
