// expect: groups: the channels must be a multiple of the number of groups and of the group width
// numbers: 192 5
#include <regulus/layers/deform_conv.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<192, 8> x) { return DeformConvBn<192, 192, 3, 1, 4, 1, Deformable::modulated, 5>{}(scope, x); }
