// expect: wiring: the layer declares another number of input channels
// numbers: 192 96
#include <regulus/layers/deform_conv.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<96, 8> x) { return DeformConvBn<192, 192, 3, 1, 4>{}(scope, x); }
