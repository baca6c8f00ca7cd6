// expect: wiring: the layer declares another number of input channels
// numbers: 1024 1008
#include <regulus/layers/linear.hpp>
#include <regulus/layers/pool.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<1008, 32> x) { return Linear<1024, 1000>{}(scope, GlobalAveragePool{}(scope, x)); }
