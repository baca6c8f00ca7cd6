// Whole backbones and detectors on one photograph of 800 x 1344 pixels.
#include <regulus/models/faster_rcnn.hpp>
#include <regulus/models/mask_rcnn.hpp>
#include <regulus/models/retina_net.hpp>

#include "support/bench.hpp"

namespace {

using namespace regulus;
using namespace regulus::bench;

template <class Backbone>
Graph backbone() {
    Graph graph;
    graph.name = "backbone";
    const ImageInput<3> input{{&graph, record::image_input(graph, 3)}, no_value};
    graph.outputs = {{"s4", Backbone{}(Scope(graph) / "backbone", input.image).ids[3]}};
    return graph;
}

template <class Model>
Graph detector() {
    return recorded<Model>();
}

const bool registered = [] {
    const auto name = [](const char* model) { return sized(model, photograph.height, photograph.width); };
    bench_model(name("backbone/regnetx_400mf"), backbone<RegNet<regnetx_400mf>>, photograph);
    bench_model(name("backbone/regnetx_800mf"), backbone<RegNet<regnetx_800mf>>, photograph);
    bench_model(name("backbone/regnetx_3.2gf"), backbone<RegNet<regnetx_3_2gf>>, photograph);
    bench_model(name("backbone/regnetx_8.0gf"), backbone<RegNet<regnetx_8_0gf>>, photograph);
    bench_model(name("backbone/regnety_800mf"), backbone<RegNet<regnety_800mf>>, photograph);
    bench_model(name("backbone/resnet_50"), backbone<ResNet<resnet_50>>, photograph);
    bench_model(name("faster_rcnn/regnetx_400mf"), detector<FasterRcnn<RegNet<regnetx_400mf>>>, photograph);
    bench_model(name("mask_rcnn/regnetx_3.2gf"), detector<MaskRcnn<RegNet<regnetx_3_2gf>>>, photograph);
    bench_model(name("retina_net/regnetx_800mf"), detector<RetinaNet<RegNet<regnetx_800mf>>>, photograph);
    return true;
}();

}  // namespace
