// expect: pillars: the layer's grid stores another number of points in a pillar
// numbers: 20 64
#include <regulus/layers/pillars.hpp>
using namespace regulus;

inline constexpr PillarGrid lyft{{-80, -80, -5, 80, 80, 3}, {0.25f, 0.25f, 8}, 20, 60000};

auto wrong(const Scope& scope, const Pillars<60000, 64, 4>& pillars) { return PillarNet<lyft, PillarCentre::beside, 64>{}(scope, pillars); }
