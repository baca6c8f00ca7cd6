// expect: wiring: the layer declares another number of input channels
// numbers: 400 432
#include <regulus/layers/fpn.hpp>
#include <regulus/models/regnet.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Feature<3, 1> image) {
    const auto maps = RegNet<regnetx_3_2gf>{}(scope / "backbone", image);
    return Fpn<Widths<96, 192, 400, 1008>, 256>{}(scope / "neck", maps);
}
