// The definitions of zoo/mmdetection_mask_rcnn.
#include <regulus/zoo/mmdetection_mask_rcnn-impl.hpp>
