#pragma once
// Faster R-CNN with a feature pyramid.
#include <regulus/models/rcnn.hpp>

namespace regulus {

/// image [n, 3, H, W], image_info [n, 4]  ->  boxes, scores, labels, count (models/names.hpp).
///
/// Sources: Ren et al., Faster R-CNN, NeurIPS 2015; Lin et al., Feature Pyramid Networks, CVPR 2017; as mmdetection 3 builds it.
template <class Backbone, int FpnChannels = 256, int Classes = 80, const RcnnSizes& Sizes = rcnn_sizes>
struct FasterRcnn : Rcnn<PyramidFeatures<Backbone, FpnChannels, Sizes>, Classes, Sizes, false> {
    static constexpr const char* kind = "faster_rcnn";
};

}  // namespace regulus
