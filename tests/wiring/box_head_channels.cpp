// expect: wiring: the layer declares another number of input channels
// numbers: 256 64
#include <regulus/layers/box_head.hpp>
using namespace regulus;

auto wrong(const Scope& scope, RoiFeature<64, 7, 1000> rois) { return BoxHead<256, 7, 1024, 80>{}(scope, rois); }
