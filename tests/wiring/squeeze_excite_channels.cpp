// expect: wiring: the layer declares another number of input channels
// numbers: 104 208
#include <regulus/layers/squeeze_excite.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<208, 16> x) { return SqueezeExcite<104, 26>{}(scope, x); }
