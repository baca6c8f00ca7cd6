// expect: rois: the two values belong to different lists of regions
// numbers: 1000 100
#include <regulus/layers/mask_head.hpp>
using namespace regulus;

auto wrong(const Scope& scope, RoiFeature<80, 28, 1000> logits, Rois<100> detections) { return select_masks(scope, logits, detections); }
