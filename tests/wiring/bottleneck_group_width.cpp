// expect: groups: the channels must be a multiple of the number of groups and of the group width
// numbers: 400 48
#include <regulus/layers/bottleneck.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<192, 8> x) { return Bottleneck<192, 400, 2, 48>{}(scope, x); }
