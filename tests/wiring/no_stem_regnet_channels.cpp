// expect: wiring: the layer declares another number of input channels
// numbers: 64 32
#include <regulus/models/regnet.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<32, 1> canvas) { return NoStemRegNet<regnetx_400mf, 64>{}(scope, canvas); }
