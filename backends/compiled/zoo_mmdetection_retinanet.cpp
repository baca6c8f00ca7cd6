// The definitions of zoo/mmdetection_retinanet.
#include <regulus/zoo/mmdetection_retinanet-impl.hpp>
