// The definitions of zoo/classifier_regnetx.
#include <regulus/zoo/classifier_regnetx-impl.hpp>
