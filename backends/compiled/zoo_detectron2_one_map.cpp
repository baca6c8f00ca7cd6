// The definitions of zoo/detectron2_one_map.
#include <regulus/zoo/detectron2_one_map-impl.hpp>
