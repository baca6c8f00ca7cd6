// expect: Voxelizer: a pillar is one cell high
// numbers: -
#include <regulus/layers/pillars.hpp>
using namespace regulus;

inline constexpr PillarGrid flat{{-80, -80, -5, 80, 80, 3}, {0.25f, 0.25f, 1}, 20, 60000};

auto wrong(const Scope& scope, Points<4> cloud) { return Voxelizer<flat>{}(scope, cloud); }
