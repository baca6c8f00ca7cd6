// expect: wiring: the layer declares another number of input channels
// numbers: 256 64
#include <regulus/layers/retina_head.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Pyramid<64, 8, 5> pyramid) { return RetinaHead<256, 4, 9, 80>{}(scope, pyramid); }
