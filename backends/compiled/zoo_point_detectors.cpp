// The definitions of zoo/point_detectors.
#include <regulus/zoo/point_detectors-impl.hpp>
