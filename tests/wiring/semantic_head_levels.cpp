// expect: levels: the layer needs more levels than the pyramid has
// numbers: 4 3
#include <regulus/layers/semantic_head.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Pyramid<256, 4, 3> pyramid) { return SemanticFpnHead<256, 128, 54>{}(scope, pyramid); }
