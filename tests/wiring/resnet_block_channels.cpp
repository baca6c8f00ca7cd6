// expect: wiring: the layer declares another number of input channels
// numbers: 256 64
#include <regulus/layers/resnet_block.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<64, 4> x) { return ResNetBlock<256, 64, 256>{}(scope, x); }
