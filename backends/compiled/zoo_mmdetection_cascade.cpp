// The definitions of zoo/mmdetection_cascade.
#include <regulus/zoo/mmdetection_cascade-impl.hpp>
