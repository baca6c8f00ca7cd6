// expect: Dc5FasterRcnn: give a network with a dilated last stage, such as resnet_50_caffe_dc5
// numbers: -
#include <regulus/models/one_map_rcnn.hpp>
using namespace regulus;

Graph wrong() { return recorded<Dc5FasterRcnn<resnet_50_caffe>>(); }
