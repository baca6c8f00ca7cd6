// The definitions of include/regulus/train/: two-stage detectors.
#include <regulus/train/two_stage-impl.hpp>
