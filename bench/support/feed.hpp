#pragma once
// What feeds a layer under test: maps of any stride and width, pyramids, and as many regions as asked for. All of it is recorded under the scope
// "feed", which bench_layer neither times nor counts.
#include <regulus/layers/dense_candidates.hpp>
#include <regulus/layers/levels.hpp>

namespace regulus::bench {

struct Feed {
    Graph graph;
    ValueId image = no_value, info = no_value;

    explicit Feed(const std::string& name, bool with_info = false) {
        graph.name = name;
        image = record::image_input(graph, 3);
        if (with_info) info = record::image_info_input(graph);
    }
    Feed(const Feed&) = delete;

    Scope scope() { return Scope(graph); }

    /// A map of `channels` channels at this stride of the picture, after ReLU as backbones give it.
    ValueId map(int channels, int stride) {
        ops::Conv2d op;
        op.in_channels = 3;
        op.out_channels = channels;
        op.stride = stride;
        op.activation = Activation::relu;
        return record::conv2d(scope() / "feed" / ("map" + std::to_string(++maps_)), op, image);
    }

    template <int Channels, int Stride>
    Feature<Channels, Stride> feature() {
        return {&graph, map(Channels, Stride)};
    }

    /// Maps of strides FinestStride, 2 FinestStride, ...
    template <int FinestStride, int... Channels>
    StageMaps<FinestStride, Channels...> stages(Widths<Channels...>) {
        StageMaps<FinestStride, Channels...> maps{&graph, {}};
        for (std::size_t i = 0; i < maps.ids.size(); ++i) maps.ids[i] = map(maps.channels[i], FinestStride << i);
        return maps;
    }

    template <int Channels, int FinestStride, int Levels>
    Pyramid<Channels, FinestStride, Levels> pyramid() {
        Pyramid<Channels, FinestStride, Levels> levels{&graph, {}};
        for (std::size_t i = 0; i < std::size_t(Levels); ++i) levels.ids[i] = map(Channels, FinestStride << i);
        return levels;
    }

    /// Max boxes with sides from 23 to 724 pixels all over the picture; none is suppressed.
    template <int Max>
    Rois<Max> rois() {
        ops::DecodeAnchors decode;
        for (const double ratio : {0.5, 1.0, 2.0}) {
            for (const Anchor& anchor : base_anchors(AnchorRule::mmdetection, 32, {1, 2, 4, 8, 16}, {ratio})) decode.anchors.push_back(anchor);
        }
        decode.stride = 32;
        ops::Conv2d op;
        op.in_channels = 3;
        op.stride = 32;
        op.out_channels = int(decode.anchors.size());
        const ValueId logits = record::conv2d(scope() / "feed" / "logits", op, image);
        op.out_channels *= 4;
        const ValueId deltas = record::conv2d(scope() / "feed" / "deltas", op, image);
        ops::TopK top_k;
        top_k.limit = Max;
        decode.coder.stds = {0.1f, 0.1f, 0.1f, 0.1f};
        return suppress<Max>(scope() / "feed" / "rois", {record::anchor_candidates(scope() / "feed" / "list", top_k, decode, logits, deltas, info)}, 1.f, 0.f);
    }

    /// Makes `value` an output, so that the layer is not dead.
    void give_out(ValueId value) { graph.outputs.emplace_back("y" + std::to_string(graph.outputs.size()), value); }

private:
    int maps_ = 0;
};

}  // namespace regulus::bench
