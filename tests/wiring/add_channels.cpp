// expect: add: both features need the same number of channels
// numbers: 192 96
#include <regulus/layers/add.hpp>
using namespace regulus;

auto wrong(Feature<192, 8> x, Feature<96, 8> y) { return relu(x + y); }
