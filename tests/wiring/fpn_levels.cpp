// expect: levels: the layer declares another number of levels than it is given
// numbers: 3 4
#include <regulus/layers/fpn.hpp>
using namespace regulus;

auto wrong(const Scope& scope, StageMaps<4, 96, 192, 432, 1008> maps) { return Fpn<Widths<192, 432, 1008>, 256>{}(scope, maps); }
