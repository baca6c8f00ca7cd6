// expect: wiring: the layer declares another number of input channels
// numbers: 192 96
#include <regulus/layers/bottleneck.hpp>
#include <regulus/layers/stage.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<32, 2> x) { return Stage<Bottleneck<32, 96, 2, 48>, Bottleneck<192, 192, 1, 48>>{2}(scope, x); }
