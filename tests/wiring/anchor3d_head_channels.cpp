// expect: wiring: the layer declares another number of input channels
// numbers: 384 256
#include <regulus/layers/anchor3d_head.hpp>
using namespace regulus;

auto wrong(const Scope& scope, const Pyramid<256, 2, 3>& pyramid) { return Anchor3dHead<384, 8, 10, 9>{}(scope, pyramid); }
