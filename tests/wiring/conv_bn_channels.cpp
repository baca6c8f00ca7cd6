// expect: wiring: the layer declares another number of input channels
// numbers: 400 432
#include <regulus/layers/conv_bn.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<432, 16> x) { return ConvBn<400, 432, 1>{}(scope, x); }
