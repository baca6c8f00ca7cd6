// expect: rois: the head declares another side of region maps than it is given
// numbers: 7 14
#include <regulus/layers/box_head.hpp>
using namespace regulus;

auto wrong(const Scope& scope, RoiFeature<256, 14, 1000> rois) { return BoxHead<256, 7, 1024, 80>{}(scope, rois); }
