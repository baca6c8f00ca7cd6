// expect: levels: the layer needs more levels than the pyramid has
// numbers: 4 3
#include <regulus/layers/roi_extractor.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Pyramid<256, 8, 3> pyramid, Rois<1000> rois) { return RoiExtractor<7>{}(scope, pyramid, rois); }
