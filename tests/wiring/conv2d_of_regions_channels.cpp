// expect: wiring: the layer declares another number of input channels
// numbers: 64 256
#include <regulus/layers/conv2d.hpp>
using namespace regulus;

auto wrong(const Scope& scope, RoiFeature<256, 14, 100> x) { return Conv2d<64, 64, 3>{}(scope, x); }
