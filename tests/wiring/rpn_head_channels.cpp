// expect: wiring: the layer declares another number of input channels
// numbers: 256 64
#include <regulus/layers/rpn_head.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Pyramid<64, 4, 5> pyramid) { return RpnHead<256, 3>{}(scope, pyramid); }
