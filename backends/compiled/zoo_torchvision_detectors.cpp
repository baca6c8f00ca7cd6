// The definitions of zoo/torchvision_detectors.
#include <regulus/zoo/torchvision_detectors-impl.hpp>
