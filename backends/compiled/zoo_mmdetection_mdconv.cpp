// The definitions of zoo/mmdetection_mdconv.
#include <regulus/zoo/mmdetection_mdconv-impl.hpp>
