// The definitions of zoo/mmdetection_faster_rcnn.
#include <regulus/zoo/mmdetection_faster_rcnn-impl.hpp>
