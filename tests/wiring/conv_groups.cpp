// expect: groups: the channels must be a multiple of the number of groups
// numbers: 400 48
#include <regulus/layers/conv_bn.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<400, 16> x) { return ConvBn<400, 400, 3, 1, 48>{}(scope, x); }
