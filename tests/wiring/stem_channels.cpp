// expect: wiring: the layer declares another number of input channels
// numbers: 3 1
#include <regulus/models/regnet.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<1, 1> grey) { return RegNet<regnetx_400mf>{}(scope, grey); }
