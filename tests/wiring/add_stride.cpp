// expect: add: both features need the same stride relative to the picture
// numbers: 8 16
#include <regulus/layers/add.hpp>
using namespace regulus;

auto wrong(Feature<192, 8> x, Feature<192, 16> y) { return x + y; }
