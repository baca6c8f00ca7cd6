// expect: ResNetRoiStage: the last stage halves the maps of regions; use a network without dilation
// numbers: -
#include <regulus/models/one_map_rcnn.hpp>
using namespace regulus;

Graph wrong() { return recorded<C4FasterRcnn<resnet_50_caffe_dc5>>(); }
