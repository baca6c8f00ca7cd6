// expect: Cascade: the regions of a next stage need one box for all classes
// numbers: -
#include <regulus/models/cascade_rcnn.hpp>
using namespace regulus;

const Graph wrong = recorded<CascadeRcnn<RegNet<regnetx_200mf>, 256, 80, rcnn_sizes>>();
