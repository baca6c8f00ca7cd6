#pragma once
// Region proposals alone.
#include <regulus/models/one_map_rcnn.hpp>

namespace regulus {

/// What an R-CNN looks at, and where: the proposals themselves are the result. Features are PyramidFeatures or OneMapFeatures.
///
/// image [n, 3, H, W], image_info [n, 4]  ->  boxes (network pixels), scores, labels, count (models/names.hpp); a box's label is its level, 0 the finest.
/// Source: Ren et al., Faster R-CNN, NeurIPS 2015 (the RPN); as detectron2 builds it.
template <class Features, const RcnnSizes& Sizes>
struct ProposalNetwork {
    static constexpr const char* kind = "rpn";
    static constexpr bool needs_image_info = true;
    static constexpr bool has_masks = false;
    static constexpr RcnnSettings settings = Features::roi_levels == 1 ? detectron2_one_map : detectron2_rcnn;

    /// Whether boxes leave the graph in pixels of the original picture.
    static constexpr bool rescales(const RcnnSettings&) { return false; }

    void operator()(const Scope& scope, const ImageInput<3>& input, const RcnnSettings& chosen) const {
        detection_outputs(scope.graph(), propose_regions<Features, Sizes>(scope, input, chosen).second);
    }
};

}  // namespace regulus
