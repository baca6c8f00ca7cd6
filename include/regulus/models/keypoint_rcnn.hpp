#pragma once
// Keypoint R-CNN with a feature pyramid.
#include <regulus/models/rcnn.hpp>

namespace regulus {

/// image [n, 3, H, W], image_info [n, 4]  ->  boxes, scores, labels, count, keypoints (models/names.hpp). The maps of logits become points by data/keypoints.hpp.
///
/// Source: He et al., Mask R-CNN, ICCV 2017 (human pose); as detectron2 builds it.
template <class Backbone, int FpnChannels = 256, int Classes = 1, const RcnnSizes& Sizes = rcnn_sizes>
struct KeypointRcnn : Rcnn<PyramidFeatures<Backbone, FpnChannels, Sizes>, Classes, Sizes, false, true> {
    static constexpr const char* kind = "keypoint_rcnn";
};

}  // namespace regulus
