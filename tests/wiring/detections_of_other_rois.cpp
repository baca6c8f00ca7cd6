// expect: rois: the two values belong to different lists of regions
// numbers: 1000 300
#include <regulus/layers/detections.hpp>
using namespace regulus;

auto wrong(const Scope& scope, BoxPredictions<80, 320, 1000> predictions, Rois<300> rois) { return Detections<100>{}(scope, predictions, rois, 0); }
