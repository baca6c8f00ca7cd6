#pragma once
// Mask R-CNN with a feature pyramid.
#include <regulus/models/rcnn.hpp>

namespace regulus {

/// image [n, 3, H, W], image_info [n, 4]  ->  boxes, scores, labels, count, masks (models/names.hpp).
/// Boxes are network pixels: mmdetection 3 resizes them after suppression when there are masks.
///
/// Source: He et al., Mask R-CNN, ICCV 2017; as mmdetection 3 builds it.
template <class Backbone, int FpnChannels = 256, int Classes = 80, const RcnnSizes& Sizes = rcnn_sizes>
struct MaskRcnn : Rcnn<PyramidFeatures<Backbone, FpnChannels, Sizes>, Classes, Sizes, true> {
    static constexpr const char* kind = "mask_rcnn";
};

}  // namespace regulus
