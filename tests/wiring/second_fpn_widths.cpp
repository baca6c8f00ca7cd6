// expect: wiring: the layer declares another number of input channels
// numbers: 160 128
#include <regulus/models/second.hpp>
using namespace regulus;

auto wrong(const Scope& scope, StageMaps<2, 64, 128, 256> maps) { return SecondFpn<Widths<64, 160, 256>>{}(scope, maps); }
