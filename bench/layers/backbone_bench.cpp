// The layers of backbones at the shapes that they have in published detectors (800 x 1344 pixels).
#include <regulus/layers/bottleneck.hpp>
#include <regulus/layers/resnet_block.hpp>
#include <regulus/layers/stage.hpp>
#include <regulus/layers/stem.hpp>
#include <regulus/models/regnet_descriptors.hpp>

#include "support/bench.hpp"
#include "support/feed.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

/// One layer on a map of `In` channels at `Stride`; the name ends in the size of its output.
template <int In, int Stride, class Layer>
void bench_map_layer(const std::string& prefix, const Layer& layer) {
    Feed feed(prefix);
    const auto y = layer(feed.scope() / "layer", feed.feature<In, Stride>());
    feed.give_out(y.id);
    bench_layer(sized(prefix, (photograph.height + y.stride - 1) / y.stride, (photograph.width + y.stride - 1) / y.stride), feed.graph, photograph);
}

/// First block, further block and whole stage `I` (0..3) of a RegNet.
template <const RegNetStages& Net, int I>
void bench_stage(const std::string& net) {
    constexpr int in = I == 0 ? Net.stem_width : Net.widths[I == 0 ? 0 : I - 1], out = Net.widths[I];
    constexpr int stride = 2 << I;
    using First = Bottleneck<in, out, 2, Net.group_widths[I], Net.first_squeezes[I], Net.middle_widths[I]>;
    using Rest = Bottleneck<out, out, 1, Net.group_widths[I], Net.other_squeezes[I], Net.middle_widths[I]>;
    const std::string stage = net + "/stage" + std::to_string(I + 1);
    bench_map_layer<in, stride>("bottleneck_first/" + stage, First{});
    bench_map_layer<out, 2 * stride>("bottleneck/" + stage, Rest{});
    bench_map_layer<in, stride>("stage/" + stage, Stage<First, Rest>{Net.depths[I]});
    if constexpr (Net.other_squeezes[I] > 0) bench_map_layer<out, 2 * stride>("squeeze_excite/" + stage, SqueezeExcite<out, Net.other_squeezes[I]>{});
}

template <const RegNetStages& Net>
void bench_stages(const std::string& net) {
    bench_stage<Net, 0>(net);
    bench_stage<Net, 1>(net);
    bench_stage<Net, 2>(net);
    bench_stage<Net, 3>(net);
}

const bool registered = [] {
    bench_map_layer<64, 4>("conv_bn/1x1/in:64/out:64", ConvBn<64, 64, 1>{});
    bench_map_layer<64, 4>("conv_bn/3x3/in:64/out:64", ConvBn<64, 64, 3>{});
    bench_map_layer<192, 8>("conv_bn/3x3/in:192/out:192/group_width:48", ConvBn<192, 192, 3, 1, 4>{});
    bench_map_layer<192, 8>("conv_bn/3x3/in:192/out:432/stride:2", ConvBn<192, 432, 3, 2>{});
    bench_map_layer<3, 1>("stem/regnet", RegNetStem<3, 32>{});
    bench_map_layer<3, 1>("stem/resnet", ResNetStem<3, 64>{});
    bench_stages<regnetx_400mf>("regnetx_400mf");
    bench_stages<regnetx_3_2gf>("regnetx_3.2gf");
    bench_stages<regnety_800mf>("regnety_800mf");
    bench_map_layer<256, 4>("resnet_block/resnet_50/stage1", ResNetBlock<256, 64, 256>{});
    bench_map_layer<256, 4>("resnet_block/resnet_50/stage2_first", ResNetBlock<256, 128, 512, 2>{});
    bench_map_layer<1024, 16>("resnet_block/resnet_50/stage3", ResNetBlock<1024, 256, 1024>{});
    bench_map_layer<256, 4>("resnet_block/resnext_101_64x4d/stage1", ResNetBlock<256, 256, 256, 1, 64>{});
    bench_map_layer<1024, 16>("resnet_block/resnext_101_64x4d/stage3", ResNetBlock<1024, 1024, 1024, 1, 64>{});
    return true;
}();

}  // namespace
