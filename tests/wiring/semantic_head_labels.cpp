// expect: SemanticFpnHead: 1 .. 256 labels, a byte a pixel
// numbers: -
#include <regulus/layers/semantic_head.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Pyramid<256, 4, 5> pyramid) { return SemanticFpnHead<256, 128, 257>{}(scope, pyramid); }
