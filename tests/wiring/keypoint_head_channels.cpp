// expect: wiring: the layer declares another number of input channels
// numbers: 256 64
#include <regulus/layers/keypoint_head.hpp>
using namespace regulus;

auto wrong(const Scope& scope, RoiFeature<64, 14, 100> rois) { return KeypointHead<256, 512, 8, 17>{}(scope, rois); }
