// expect: wiring: the layer declares another number of input channels
// numbers: 256 64
#include <regulus/layers/mask_head.hpp>
using namespace regulus;

auto wrong(const Scope& scope, RoiFeature<64, 14, 100> rois) { return MaskHead<256, 256, 4, 80>{}(scope, rois); }
