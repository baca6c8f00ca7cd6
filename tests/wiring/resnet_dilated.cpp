// expect: ResNet: the maps of a dilated network do not halve from stage to stage; use ResNetTrunk
// numbers: -
#include <regulus/models/faster_rcnn.hpp>
using namespace regulus;

Graph wrong() { return recorded<FasterRcnn<ResNet<resnet_50_caffe_dc5>>>(); }
