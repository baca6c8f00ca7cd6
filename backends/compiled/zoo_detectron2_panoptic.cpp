// The definitions of zoo/detectron2_panoptic.
#include <regulus/zoo/detectron2_panoptic-impl.hpp>
