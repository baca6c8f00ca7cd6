// The definitions of zoo/classifier_resnet.
#include <regulus/zoo/classifier_resnet-impl.hpp>
