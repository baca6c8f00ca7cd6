// Deformable convolutions at the shapes of RegNetX-3.2GF with mdconv in C3..C5 (800 x 1344 pixels), beside the ordinary ones that they replace. The
// offset convolution is timed with them.
#include <regulus/layers/conv_bn.hpp>
#include <regulus/layers/deform_conv.hpp>

#include "support/bench.hpp"
#include "support/feed.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

/// `prefix` with the stage, and the size of the output.
template <class Layer, int Channels, int Stride>
void bench_stage(const std::string& prefix, int stage) {
    Feed feed(prefix);
    const auto y = Layer{}(feed.scope() / "layer", feed.feature<Channels, Stride>(), Activation::relu);
    feed.give_out(y.id);
    bench_layer(sized(prefix + "/regnetx_3.2gf/stage" + std::to_string(stage), photograph.height / Stride, photograph.width / Stride), feed.graph, photograph);
}

template <int Channels, int Stride>
void bench_kinds(int stage) {
    constexpr int groups = Channels / 48;
    bench_stage<ConvBn<Channels, Channels, 3, 1, groups>, Channels, Stride>("conv_bn", stage);
    bench_stage<DeformConvBn<Channels, Channels, 3, 1, groups, 1, Deformable::offsets>, Channels, Stride>("deform_conv_bn/offsets", stage);
    bench_stage<DeformConvBn<Channels, Channels, 3, 1, groups, 1, Deformable::modulated>, Channels, Stride>("deform_conv_bn/modulated", stage);
}

const bool registered = [] {
    bench_kinds<192, 8>(2);
    bench_kinds<432, 16>(3);
    bench_kinds<1008, 32>(4);
    return true;
}();

}  // namespace
