// The definitions of zoo/detectron2_keypoints.
#include <regulus/zoo/detectron2_keypoints-impl.hpp>
