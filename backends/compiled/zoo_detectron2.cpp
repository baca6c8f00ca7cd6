// The definitions of zoo/detectron2.
#include <regulus/zoo/detectron2-impl.hpp>
