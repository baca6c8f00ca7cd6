// The definitions of zoo/classifier_regnety.
#include <regulus/zoo/classifier_regnety-impl.hpp>
